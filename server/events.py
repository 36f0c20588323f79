"""The append-only event log of a session: the one source that every reader follows by `seq`."""

import asyncio
from bisect import bisect_right
from collections.abc import AsyncIterator
from typing import Any

from server import protocol

NEWEST = 500
"""Events at the end of the log that are all kept: of chunks of 3 s some ten minutes, more than a lost client misses."""


class EventLog:
    """Events as wire text, numbered 1, 2, 3 …; any number of readers, each at its own place.

    Older than the `newest` events, what a later one has made worthless is dropped: `progress`, and partials whose
    segment was said again. So a log grows with what was said and not with how it was cut into chunks. A `seq` is never
    given twice and never changes; readers that come late see gaps.
    """

    def __init__(self, newest: int = NEWEST) -> None:
        self._newest = newest
        self._slack = max(1, newest // 2)  # dropping in strides costs an event next to nothing
        self._seqs: list[int] = []
        self._texts: list[bytes] = []
        self._swept = 0  # leading entries that have been looked through
        self._worthless: set[int] = set()  # of those behind them, the `seq` of what may go
        self._partials: dict[str, int] = {}  # segment id: `seq` of what was last shown of it
        self._last = 0
        self._closed = False
        self._grown = asyncio.Event()

    def __len__(self) -> int:
        """The `seq` of the last event."""
        return self._last

    @property
    def closed(self) -> bool:
        return self._closed

    def append(self, type_: str, **fields: Any) -> int:
        """Adds an event and returns its `seq`."""
        assert not self._closed, "an event after the last one"
        text = protocol.event(type_, self._last + 1, **fields)  # before anything changes: it may raise
        self._last += 1
        self._seqs.append(self._last)
        self._texts.append(text)
        if type_ == "progress":
            self._worthless.add(self._last)
        elif type_ == "transcript":
            self._note_partial(fields["segment"])
        if len(self._seqs) - self._swept >= self._newest + self._slack:
            self._sweep()
        self._grown.set()
        return self._last

    def close(self) -> None:
        """Nothing follows: readers end after the last event."""
        self._closed = True
        self._grown.set()

    def kept(self) -> list[bytes]:
        """What is kept of the events so far, in order."""
        return list(self._texts)

    async def follow(self, after: int) -> AsyncIterator[bytes]:
        """What is kept of the events with a `seq` above `after`, and those to come, until the log is closed."""
        cursor = after
        while True:
            # Looked up for every event: places move when the log is swept while the reader is away.
            while (at := bisect_right(self._seqs, cursor)) < len(self._seqs):
                cursor = self._seqs[at]
                yield self._texts[at]
            if self._closed:
                return
            # No reader is left behind by another one's clear: all that wait have been woken by `set`.
            self._grown.clear()
            await self._grown.wait()

    def _note_partial(self, segment: dict[str, Any]) -> None:
        shown = self._partials.pop(segment["id"], None)
        if shown is not None:
            self._worthless.add(shown)
        if not segment["final"]:
            self._partials[segment["id"]] = self._last

    def _sweep(self) -> None:
        """Drops what is worthless among the entries that are no longer of the newest."""
        until = len(self._seqs) - self._newest
        kept = [at for at in range(self._swept, until) if self._seqs[at] not in self._worthless]
        self._texts[self._swept : until] = [self._texts[at] for at in kept]
        self._seqs[self._swept : until] = [self._seqs[at] for at in kept]
        self._swept += len(kept)
        first = self._seqs[self._swept]
        self._worthless = {seq for seq in self._worthless if seq >= first}
