"""How often a client may say something in its session: what it costs the others is bounded. Pure."""

from dataclasses import dataclass


@dataclass(slots=True)
class Allowance:
    """A bucket of `at_once` messages that fills again with `per_s` of them each second."""

    per_s: float
    at_once: int
    _used: float = 0.0
    _at: float = 0.0

    def take(self, now: float) -> float:
        """Takes one message at the monotonic time `now`: 0, or the seconds until there is one, and none is taken."""
        self._used = max(0.0, self._used - (now - self._at) * self.per_s)
        self._at = now
        over = self._used + 1 - self.at_once
        if over > 0:
            return over / self.per_s
        self._used += 1
        return 0.0
