"""How large batches may be, and how many may run at once, after the device's memory ran out. Pure: times are handed in.

What fits depends on the kind of work (a batch of long spans needs more) and on who else uses the device, so a limit
belongs to a kind and is not for ever: after a while a batch twice as large is tried.
"""

from collections.abc import Hashable
from dataclasses import dataclass, field

GROW_S = 300.0
"""A limit doubles after this long without another failure. A try that fails costs the time of one batch."""


@dataclass(slots=True)
class BatchLimits:
    """`max_batch` items in a batch and `workers` batches at once, until `ran_out` is called."""

    max_batch: int
    workers: int
    grow_s: float = GROW_S
    _limits: dict[Hashable, tuple[int, float]] = field(default_factory=dict)  # kind -> (items, since)
    _single_since: float | None = None  # when one batch at a time became the rule

    def most(self, kind: Hashable, now: float) -> int:
        """Items that a batch of this kind may hold."""
        limit, since = self._limits.get(kind, (self.max_batch, now))
        return min(self.max_batch, limit << int((now - since) / self.grow_s))

    def at_once(self, now: float) -> int:
        """Batches that may run at once."""
        single = self._single_since is not None and now - self._single_since < self.grow_s
        return 1 if single else self.workers

    def smallest(self, now: float) -> int:
        """Items of the smallest limit of all kinds."""
        return min((self.most(kind, now) for kind in self._limits), default=self.max_batch)

    def ran_out(self, kind: Hashable, size: int, now: float) -> None:
        """Notes that a batch of `size` items did not fit.

        Half of them may next time. A single item that did not fit beside other batches runs alone next time.
        """
        self._limits[kind] = (min(self.most(kind, now), max(1, size // 2)), now)
        if size == 1:
            self._single_since = now
