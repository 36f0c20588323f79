"""Signed statements of this server to itself: the cookie of a sign-in, and tickets."""

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from server.access.keyring import Keyring
from server.access.principal import Principal, user

Purpose = Literal["cookie", "ticket"]

TICKET_S = 60
SKEW_S = 60
"""By which the clocks of two servers with one secret may differ."""

LONGEST = 2048
"""Characters of a statement; more is not looked at."""


@dataclass(slots=True)
class Signer:
    """Signs who somebody is, until when, and for what purpose. `secret` has 32 bytes or more."""

    secret: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    clock: Callable[[], float] = time.time
    _spent: dict[str, float] = field(default_factory=dict)  # tickets: until when each would be valid

    def sign(self, purpose: Purpose, principal: Principal, lasts_s: float) -> str:
        """A statement in characters that cookies and subprotocols may have."""
        said: dict[str, Any] = {"until": int(self.clock() + lasts_s), "once": secrets.token_urlsafe(16)}
        said |= {"key": principal.key_id} if principal.key_id else {"user": principal.name}
        body = _encoded(json.dumps(said, separators=(",", ":")).encode())
        return f"{body}.{_encoded(self._mac(purpose, body))}"

    def read(self, purpose: Purpose, text: str, keyring: Keyring | None, spend: bool = True) -> Principal | None:
        """Whom a statement is about; None if it is not ours, too old, spent, or its key is no longer in force.

        Reading a ticket spends it, unless `spend` is False.
        """
        said = self._said(purpose, text)
        if said is None or said["until"] <= self.clock():
            return None
        if purpose == "ticket" and said["until"] > self.clock() + TICKET_S + SKEW_S:
            return None  # the clock was set back since: it would be good for as long again
        if purpose == "ticket" and not self._unspent(said["once"], said["until"], spend):
            return None
        if "key" in said:
            return keyring.holder(said["key"]) if keyring is not None else None
        return user(said["user"])

    def _said(self, purpose: Purpose, text: str) -> Mapping[str, Any] | None:
        body, _, mac = text.partition(".")
        if len(text) > LONGEST or not text.isascii():
            return None
        if not hmac.compare_digest(_encoded(self._mac(purpose, body)), mac):
            return None
        said: Mapping[str, Any] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        return said

    def _mac(self, purpose: Purpose, body: str) -> bytes:
        return hmac.new(self.secret, f"drtranscribe {purpose} {body}".encode(), hashlib.sha256).digest()

    def _unspent(self, once: str, until: float, spend: bool) -> bool:
        """Whether this ticket was not used before. Used ones are remembered as long as they would be valid."""
        now = self.clock()
        if once in self._spent or not spend:
            return once not in self._spent
        if len(self._spent) >= 1024:
            self._spent = {ticket: end for ticket, end in self._spent.items() if end > now}
        self._spent[once] = until
        return True


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
