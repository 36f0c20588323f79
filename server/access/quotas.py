"""What one key, or one user of the proxy, may take of the server."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from server.access.principal import KeyLimits, Principal
from server.sessions.allowance import Allowance

FORGET_EVERY = 1024
MINUTE_S = 60.0


@dataclass(slots=True)
class _Used:
    connections: Allowance
    received: Allowance

    def full(self, now: float) -> bool:
        return self.connections.full(now) and self.received.full(now)


@dataclass(slots=True)
class Quotas:
    """Limits by owner. `usual` applies where a key has none of its own; None is no limit."""

    usual: KeyLimits
    clock: Callable[[], float] = time.monotonic
    _used: dict[tuple[str, KeyLimits], _Used] = field(default_factory=dict)

    def sessions(self, principal: Principal) -> int | None:
        """Sessions at once."""
        return principal.limits.sessions or self.usual.sessions if principal.owner is not None else None

    def connect(self, principal: Principal) -> float:
        """Counts a connection or a request. Returns 0, or the seconds until one more is allowed."""
        used = self._of(principal)
        return used.connections.take(self.clock()) if used is not None else 0.0

    def receive(self, principal: Principal, size: int) -> float:
        """Counts the bytes of a frame of audio. Returns 0, or the seconds until it may be sent again."""
        used = self._of(principal)
        return used.received.take(self.clock(), size) if used is not None else 0.0

    def charge(self, principal: Principal, size: int) -> None:
        """Counts what a frame has turned out to cost beyond its bytes; the next one may have to wait for it."""
        used = self._of(principal) if size else None
        if used is not None:
            used.received.charge(self.clock(), size)

    def _of(self, principal: Principal) -> _Used | None:
        if principal.owner is None:
            return None
        limits = principal.limits
        found = self._used.get((principal.owner, limits))
        if found is None:
            if len(self._used) >= FORGET_EVERY:
                self._forget()
            found = self._used[principal.owner, limits] = _Used(
                _per_minute(limits.connections_per_minute or self.usual.connections_per_minute),
                _per_minute(limits.bytes_per_minute or self.usual.bytes_per_minute),
            )
        return found

    def _forget(self) -> None:
        """Drops the counts that are full again: a new one would be the same."""
        now = self.clock()
        self._used = {owner: used for owner, used in self._used.items() if not used.full(now)}


def _per_minute(limit: int | None) -> Allowance:
    at_once = limit if limit is not None else 1 << 60
    return Allowance(at_once / MINUTE_S, at_once)
