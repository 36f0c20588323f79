"""The append-only event log of a session: the one source that every reader follows by `seq`."""

import asyncio
from bisect import bisect_right
from collections import deque
from collections.abc import AsyncIterator
from typing import Any

from server import protocol

NEWEST_REFUSALS = 5
"""Refusals that are kept: whoever sends junk learns from these, and must not fill the memory with them."""

PASSING = frozenset({"progress", "marker", "session_paused", "session_continued"})
"""Events that nobody needs who comes late: the state of a moment, and answers, which are asked for again."""

NEWEST = 500
"""Events at the end of the log that are all kept: of chunks of 3 s some ten minutes, more than a lost client misses."""


class EventLog:
    """Events as wire text, numbered 1, 2, 3 …; any number of readers, each at its own place.

    Older than the `newest` events, what a later one has made worthless is dropped: `progress`, answers to controls, and
    partials whose segment was said again. So a log grows with what was said and not with how it was cut into chunks. Of
    refusals only the newest few are kept at all. A `seq` is never given twice and never changes; readers that come late
    see gaps.
    """

    def __init__(self, newest: int = NEWEST) -> None:
        self._newest = newest
        self._slack = max(1, newest // 2)  # dropping in strides costs an event next to nothing
        self._seqs: list[int] = []
        self._texts: list[bytes] = []
        self._swept = 0  # leading entries that have been looked through
        self._worthless: set[int] = set()  # of those behind them, the `seq` of what may go
        self._partials: dict[str, int] = {}  # segment id: `seq` of what was last shown of it
        self._refusals: deque[int] = deque()  # the `seq` of those that are kept
        self._last = 0
        self.written_bytes = 0
        """Of all events so far, the dropped ones too."""
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
        self.written_bytes += len(text)
        if type_ in PASSING:
            self._worthless.add(self._last)
        elif type_ == "transcript":
            self._note_partial(fields["segment"])
        if len(self._seqs) - self._swept >= self._newest + self._slack:
            self._sweep()
        self._grown.set()
        return self._last

    def refuse(self, **fields: Any) -> int:
        """Adds an `error` that says why a message was not taken, in place of the oldest of the newest few."""
        self._refusals.append(self.append("error", **fields))
        if len(self._refusals) > NEWEST_REFUSALS:
            self._drop(self._refusals.popleft())
        return self._last

    def erase(self) -> None:
        """Forgets every event so far. Numbers go on, so that a reader does not take the next event for an old one."""
        self._seqs.clear()
        self._texts.clear()
        self._worthless.clear()
        self._partials.clear()
        self._refusals.clear()
        self._swept = 0

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

    def _drop(self, seq: int) -> None:
        at = bisect_right(self._seqs, seq) - 1
        assert self._seqs[at] == seq
        del self._seqs[at], self._texts[at]
        self._swept -= at < self._swept

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
