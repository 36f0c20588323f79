"""Who sent a request: the one place that decides it, for the routes and for the door before them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from aiohttp import web

from server.access.keyring import Keyring
from server.access.networks import Network, client_address, forwarded_scheme, user_name, within
from server.access.principal import ANYBODY, KeyLimits, Principal, Scope, user
from server.access.quotas import Quotas
from server.access.signing import Signer
from server.access.strangers import Strangers

PLAIN_COOKIE, SECURE_COOKIE = "drtranscribe", "__Host-drtranscribe"
"""The second name is one that a browser takes over HTTPS alone, and from no other host name."""

TICKET_PREFIX = "bearer."
_COOKIE = re.compile(rf"(?:^|;)\s*({PLAIN_COOKIE}|{SECURE_COOKIE})=([^;\s]+)")
_BEARER = re.compile(r"(?:Bearer|Token) +(\S+) *", re.IGNORECASE)
_OFFERED_KEY = re.compile(r"\s*(?:bearer|token)\s*,\s*([^\s,]+)\s*", re.IGNORECASE)
"""Deepgram's clients in browsers offer two subprotocols: a word, and behind it the key (server/compat/deepgram/)."""

NO_KEY = (
    "show who you are: send the header Authorization: Bearer KEY, a ticket of POST /v1/tickets as the subprotocol "
    "bearer.TICKET, or sign in on the page; the server's operator makes keys with drtranscribe keys create"
)
BAD_KEY = "this key, ticket or sign-in is not in force: ask the server's operator for a key, or sign in again"
BAD_PROXY = "the header that names a user is taken from the trusted proxy alone: connect through it, or show a key"
BAD_USER = "the proxy's header names no user: it must hold 1 to 128 printable characters"


class Denied(Exception):
    """A request is refused; `status` is that of HTTP. `str()` says what to do and repeats nothing of the request."""

    def __init__(self, status: int, code: str, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.explained = True
        """False where so many come without a key that nothing more than the status is said."""
        self.retry_after_s = retry_after_s


@dataclass(slots=True)
class Access:
    """What the operator has set, and the keys in force. Without keys and a user header, everybody may do everything."""

    keyring: Keyring | None = None
    user_header: str | None = None
    proxies: Sequence[Network] = ()
    tls: bool = False
    """The server itself speaks TLS."""
    sign_in_s: float = 43_200.0
    """How long a sign-in on the page lasts."""
    signer: Signer = field(default_factory=Signer)
    quotas: Quotas = field(default_factory=lambda: Quotas(KeyLimits()))
    strangers: Strangers = field(default_factory=Strangers)

    @property
    def open(self) -> bool:
        return self.keyring is None and self.user_header is None

    def address_of(self, request: web.Request) -> str | None:
        """Where a request comes from, for audits and for the limits of strangers."""
        return client_address(_peer(request), request.headers, self.proxies)

    def identify(self, request: web.Request) -> Principal:
        """Who sent the request. Raises Denied."""
        return self.holder(request.headers, _peer(request))

    def holder(self, headers: Mapping[str, str], peer: str | None, spend: bool = True) -> Principal:
        """Who sent these headers from the address `peer`. `spend` False leaves a ticket to be used. Raises Denied."""
        if self.open:
            return ANYBODY
        if self.user_header is not None and (named := headers.get(self.user_header)) is not None:
            if not within(peer, self.proxies):
                raise Denied(403, "proxy_not_trusted", BAD_PROXY)
            if (name := user_name(named)) is None:
                raise Denied(401, "not_authorised", BAD_USER)
            return user(name)
        found, shown = self._shown(headers, spend)
        if found is None:
            raise Denied(401, "not_authorised", BAD_KEY if shown else NO_KEY)
        return found

    def in_force(self, principal: Principal) -> bool:
        """Whether who came in some time ago would still come in."""
        if principal.key_id is None:
            return True
        return self.keyring is not None and self.keyring.holds(principal.key_id)

    def secure(self, headers: Mapping[str, str]) -> bool:
        """Whether the browser used TLS, to us or to the proxy before us."""
        return self.tls or forwarded_scheme(headers) == "https"

    def cookie_name(self, headers: Mapping[str, str]) -> str:
        return SECURE_COOKIE if self.secure(headers) else PLAIN_COOKIE

    def _shown(self, headers: Mapping[str, str], spend: bool) -> tuple[Principal | None, bool]:
        """Whom the credentials of a request are of, and whether there are any. The first kind that is shown counts."""
        if (authorization := headers.get("Authorization")) is not None:
            key = _BEARER.fullmatch(authorization)
            return self.keyring.find(key[1]) if key and self.keyring is not None else None, True
        protocols = headers.get("Sec-WebSocket-Protocol", "")
        if (pair := _OFFERED_KEY.fullmatch(protocols)) is not None:
            found = self.keyring.find(pair[1]) if self.keyring is not None else None
            return found or self.signer.read("ticket", pair[1], self.keyring, spend), True
        for offered in protocols.split(","):
            if offered.strip().startswith(TICKET_PREFIX):
                ticket = offered.strip().removeprefix(TICKET_PREFIX)
                return self.signer.read("ticket", ticket, self.keyring, spend), True
        wanted = self.cookie_name(headers)
        for name, value in _COOKIE.findall(headers.get("Cookie", "")):
            if name == wanted:
                return self.signer.read("cookie", value, self.keyring), True
        return None, False


ACCESS = web.AppKey("access", Access)
PRINCIPAL = web.RequestKey("principal", Principal)
"""Who sent a request, in the handlers that ask for a scope."""


def demand(principal: Principal, *scopes: Scope) -> None:
    """Raises Denied if the principal may not do what needs one of the scopes."""
    if not any(principal.allows(scope) for scope in scopes):
        lacks = f"this key lacks the scope {' or '.join(scopes)}"
        raise Denied(403, "scope_missing", f"{lacks}: use one that the operator made with it")


def _peer(request: web.Request) -> str | None:
    name = request.transport.get_extra_info("peername") if request.transport is not None else None
    return str(name[0]) if isinstance(name, tuple) else None
