"""How often a client may say something in its session: what it costs the others is bounded. Pure."""

from dataclasses import dataclass


@dataclass(slots=True)
class Allowance:
    """A bucket of `at_once` messages that fills again with `per_s` of them each second."""

    per_s: float
    at_once: int
    _used: float = 0.0
    _at: float = 0.0

    def take(self, now: float, amount: float = 1) -> float:
        """Takes one message, or `amount`, at the monotonic time `now`.

        Returns 0, or the seconds until there is room, and nothing is taken.
        """
        wait_s = self.wait_s(now, amount)
        if not wait_s:
            self._used += amount
        return wait_s

    def charge(self, now: float, amount: float) -> None:
        """Takes `amount` whether there is room or not: what follows has to wait for it."""
        self.wait_s(now)
        self._used += amount

    def wait_s(self, now: float, amount: float = 1) -> float:
        """What `take` would return; takes nothing."""
        self._used = max(0.0, self._used - (now - self._at) * self.per_s)
        self._at = now
        return max(0.0, self._used + amount - self.at_once) / self.per_s

    def full(self, now: float) -> bool:
        """Whether nothing is used: a new bucket would be the same."""
        self.wait_s(now)
        return self._used == 0.0
