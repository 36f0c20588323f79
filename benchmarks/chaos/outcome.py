"""What a scenario found: the sentences that must not be true, and its figures."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmarks.attack.target import Target
from benchmarks.load.consultation import Told, faults, others


@dataclass(slots=True)
class Outcome:
    """A scenario has held if it ends with no fault. Nothing here repeats what was said in a session."""

    faults: list[str] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)

    def expect(self, holds: bool, fault: str) -> None:
        """Notes a fault, once for each wording."""
        if not holds and fault not in self.faults:
            self.faults.append(fault)

    def same(self, what: str, told: Told, undisturbed: Told, leave_out: tuple[str, ...] = ()) -> None:
        """Expects that two runs of one consultation are equal, and adds up what differs."""
        if not told.events or told.events[-1]["type"] != "session_stopped":
            self.expect(False, f"{what}: the consultation did not come to its end")
            return
        self.counted(what, {name: n for name, n in faults(told, undisturbed).items() if name not in leave_out})
        for other in others(told, undisturbed):
            self.figures.setdefault("finals_other_at", []).append(f"{what}: {other}")
        self.add("finals", len(undisturbed.finals))
        self.add("findings", len(undisturbed.findings))

    def survived(self, server: Target) -> None:
        """Expects that a server still runs, and that no exception stands in its log."""
        self.expect(server.alive, "the server ended")
        self.expect("Traceback" not in server.log(), "the server's log holds a traceback")

    def counted(self, what: str, differences: Mapping[str, int]) -> None:
        """Expects that every one of these counts is 0."""
        for name, count in differences.items():
            self.add(name, count)
            self.expect(not count, f"{what}: {count} {name.replace('_', ' ')}")

    def add(self, name: str, count: float) -> None:
        self.figures[name] = self.figures.get(name, 0) + count
