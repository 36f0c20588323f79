"""Refusals that repeat: the first of a kind is a line at once, those that follow within a minute are one line together.

A flood of a thousand attempts a second would otherwise write a gigabyte an hour, and hide the line that matters.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from server.audit.chain import Note

EVERY_S = 60.0
MOST_KINDS = 1024
"""Kinds that are told apart; beyond them, as in a flood from many addresses, the address is left out."""

MANY = "many addresses"

Kind = tuple[str, str, str | None, str]


@dataclass(slots=True)
class Repeats:
    """Pure but for its clock."""

    clock: Callable[[], float] = time.monotonic
    _since: dict[Kind, float] = field(default_factory=dict)
    _held: dict[Kind, Note] = field(default_factory=dict)

    def take(self, note: Note) -> Note | None:
        """The note, if it is to be written now; None if it is counted until its minute is over."""
        kind = _kind(note)
        if kind not in self._since and len(self._since) >= MOST_KINDS:
            note = replace(note, address=MANY)
            kind = _kind(note)
        if kind not in self._since:
            self._since[kind] = self.clock()
            return note
        held = self._held.get(kind)
        self._held[kind] = replace(note, count=note.count + (held.count if held is not None else 0))
        return None

    def due(self, every: bool = False) -> list[Note]:
        """What was counted for a minute, or `every` count at the end; a kind that was silent for one is forgotten."""
        now = self.clock()
        over = [kind for kind, since in self._since.items() if every or now - since >= EVERY_S]
        notes = []
        for kind in over:
            held = self._held.pop(kind, None)
            if held is None:
                del self._since[kind]
            else:
                notes.append(held)
                self._since[kind] = now
        return notes


def _kind(note: Note) -> Kind:
    return note.action, note.actor, note.address, note.outcome
