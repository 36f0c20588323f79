"""The moment that a benchmark must not outlast, and what was left out for it."""

import time
from dataclasses import dataclass, field


@dataclass(slots=True)
class Deadline:
    """`at` in seconds of time.monotonic(); `skipped` tells what did not fit."""

    at: float
    skipped: list[str] = field(default_factory=list)
    part: str = ""

    @staticmethod
    def after(seconds: float) -> "Deadline":
        return Deadline(time.monotonic() + seconds)

    def left_s(self) -> float:
        return self.at - time.monotonic()

    def within(self, seconds: float, part: str) -> "Deadline":
        """An earlier one for a part; what the part leaves out is told in the same list."""
        return Deadline(min(self.at, time.monotonic() + seconds), self.skipped, part)

    def allows(self, seconds: float, what: str) -> bool:
        """Whether so much time is left; notes `what` as skipped where it is not."""
        if self.left_s() >= seconds:
            return True
        self.skipped.append(f"{self.part}: {what}" if self.part else what)
        return False
