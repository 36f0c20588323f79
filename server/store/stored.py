"""What goes into a store and comes out of it. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

Standing = Literal["OK", "TAKEN", "ERASED"]
Answer = Literal["OK", "TAKEN", "GONE", "ERASED"] | int
"""What became of a write. A number: the store has lost its newest events, and this is the last that it has."""


class StoreDown(Exception):
    """The store does not answer or takes nothing. `full`: its memory or its disk is used up."""

    def __init__(self, reason: str, full: bool = False) -> None:
        super().__init__(reason)
        self.full = full


@dataclass(frozen=True, slots=True)
class Batch:
    """What is written in one step. `meta` is there where the session may be unknown to the store."""

    writer: str
    stored: int
    events: Sequence[tuple[int, bytes]]
    dropped: Sequence[int] = ()
    checkpoint: bytes | None = None
    meta: bytes | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """What the store holds of a session."""

    meta: bytes
    checkpoint: bytes | None
    events: tuple[tuple[int, bytes], ...]


@dataclass(frozen=True, slots=True)
class Newer:
    """The stored events behind a number. `last` is the newest event of the session, whether it is among them or not."""

    events: tuple[tuple[int, bytes], ...]
    last: bytes


class Store(Protocol):
    """Where sessions outlive a server. Every method raises StoreDown; `take`, `meta` and `newer` raise KeyFault too."""

    retention_s: float

    async def write(self, session_id: str, batch: Batch, keep_s: float) -> Answer:
        """Stores a batch, all of it or nothing, if the writer is the session's."""
        ...

    async def meta(self, session_id: str) -> bytes | None:
        """What was declared of the session; None if the store does not have it."""
        ...

    async def standing(self, session_id: str, writer: str) -> Standing:
        """Whether the session is still this writer's: TAKEN by another one, or ERASED; OK if it is not stored."""
        ...

    async def take(self, session_id: str, writer: str) -> Kept | None:
        """Makes `writer` the only one that writes the session, and returns what is stored."""
        ...

    async def newer(self, session_id: str, seq: int, most: int) -> Newer | None:
        """Events above `seq`, `most` of them at most, for who only reads; None if the store has no such session."""
        ...

    async def erase(self, session_id: str) -> int:
        """Deletes all that is stored of a session, and returns how many keys there were."""
        ...

    async def close(self) -> None: ...
