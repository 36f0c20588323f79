"""The order in which events reach the program: each `seq` once, over any number of connections. Pure."""

from dataclasses import dataclass
from typing import Any

Message = dict[str, Any]


@dataclass(slots=True)
class EventOrder:
    """Drops what a resumed connection repeats. `last_seq` is the newest event that was given."""

    last_seq: int = 0
    _resumed: Message | None = None

    def due(self, event: Message) -> list[Message]:
        """The events that are due now: none twice, and `session_resumed` (which comes first) after what it replays."""
        seq = event.get("seq")
        ready: list[Message] = []
        if event["type"] == "session_resumed":
            self._resumed = event if isinstance(seq, int) and seq > self.last_seq else None
        elif not isinstance(seq, int):
            return [event]
        elif seq <= self.last_seq:
            return []
        else:
            if self._resumed and self._resumed["seq"] <= seq:
                ready = [self._resumed] if self._resumed["seq"] < seq else []
                self._resumed = None
            ready.append(event)
            self.last_seq = seq
        if self._resumed and self._resumed["seq"] == self.last_seq + 1:
            ready.append(self._resumed)
            self.last_seq += 1
            self._resumed = None
        return ready
