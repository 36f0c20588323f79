"""The append-only event log of a session: the one source that every reader follows by `seq`."""

import asyncio
from bisect import bisect_right
from collections import deque
from collections.abc import AsyncIterator, Sequence
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

    Older than the `newest` events, what a later one has made worthless is dropped: `progress`, answers to controls,
    partials whose segment was said again, and lists of omissions but for the newest. So a log grows with what was said
    and not with how it was cut into chunks. Of refusals only the newest few are kept at all. A `seq` is never given
    twice and never changes; readers that come late see gaps.

    A log that is `held` gives an event to its readers once it is released: when it is stored. `wake` and `written` are
    for the one who stores; `dropped` are the numbers of what it may drop too.
    """

    def __init__(self, newest: int = NEWEST, held: bool = False) -> None:
        self._newest = newest
        self._slack = max(1, newest // 2)  # dropping in strides costs an event next to nothing
        self._seqs: list[int] = []
        self._texts: list[bytes] = []
        self._swept = 0  # leading entries that have been looked through
        self._worthless: set[int] = set()  # of those behind them, the `seq` of what may go
        self._partials: dict[str, int] = {}  # segment id: `seq` of what was last shown of it
        self._omissions = 0  # the `seq` of the newest
        self._refusals: deque[int] = deque()  # the `seq` of those that are kept
        self._last = 0
        self.written_bytes = 0
        """Of all events so far, the dropped ones too."""
        self._closed = False
        self._grown = asyncio.Event()
        self._held = self._stored_too = held
        self._released = 0
        self._to_store = asyncio.Event()
        self.dropped: list[int] = []

    @classmethod
    def restored(cls, events: Sequence[tuple[int, bytes]], last: int) -> "EventLog":
        """A held log that goes on behind the events of an earlier one; `last` is the number that was given last."""
        log = cls(held=True)
        log._seqs, log._texts = [seq for seq, _ in events], [text for _, text in events]
        log._swept = len(events)  # what was worthless before is in the store for as long as the session
        log._last = log._released = max([last, *log._seqs])
        log.written_bytes = sum(map(len, log._texts))
        return log

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
        elif type_ == "omissions":
            if self._omissions:
                self._worthless.add(self._omissions)
            self._omissions = self._last
        if len(self._seqs) - self._swept >= self._newest + self._slack:
            self._sweep()
        self._to_store.set()
        if not self._held:
            self.release(self._last)
        return self._last

    def refuse(self, **fields: Any) -> int:
        """Adds an `error` that says why a message was not taken, in place of the oldest of the newest few."""
        self._refusals.append(self.append("error", **fields))
        # One that is held has reached nobody yet, and its client waits for the answer.
        while len(self._refusals) > NEWEST_REFUSALS and self._refusals[0] <= self._released:
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

    def close(self, abandoned: bool = False) -> None:
        """Nothing follows: readers end after the last event, and in an abandoned log after the last released one."""
        self._closed = True
        if abandoned:
            self._last = self._released
        self._grown.set()
        self._to_store.set()

    def release(self, upto: int) -> None:
        """Gives the events up to number `upto` to the readers."""
        self._released = max(self._released, upto)
        self._grown.set()

    def let_go(self) -> None:
        """Releases every event at once from here on."""
        self._held = False
        self.release(self._last)

    def hold(self) -> None:
        """Keeps events from their readers again until they are released."""
        self._held = True

    def wake(self) -> None:
        """Lets `written` return."""
        self._to_store.set()

    async def written(self) -> None:
        """Returns when there is something to store: an event, or what `wake` was called for."""
        await self._to_store.wait()
        self._to_store.clear()

    def after(self, seq: int, most: int) -> list[tuple[int, bytes]]:
        """The kept events with a number above `seq`, the oldest first, `most` of them at most."""
        at = bisect_right(self._seqs, seq)
        return list(zip(self._seqs[at : at + most], self._texts[at : at + most], strict=True))

    def readable(self, seq: int, most: int) -> list[bytes]:
        """The texts of the kept events above `seq` that readers may have by now, `most` of them at most."""
        at, until = bisect_right(self._seqs, seq), bisect_right(self._seqs, self._released)
        return self._texts[at : min(until, at + most)]

    def kept(self) -> list[bytes]:
        """What is kept of the events so far, in order."""
        return list(self._texts)

    async def follow(self, after: int) -> AsyncIterator[bytes]:
        """What is kept of the events with a `seq` above `after`, and those to come, until the log is closed."""
        cursor = after
        while True:
            # Looked up for every event: places move when the log is swept while the reader is away.
            while (at := bisect_right(self._seqs, cursor)) < len(self._seqs) and self._seqs[at] <= self._released:
                cursor = self._seqs[at]
                yield self._texts[at]
            if self._closed and self._released >= self._last:
                return
            # No reader is left behind by another one's clear: all that wait have been woken by `set`.
            self._grown.clear()
            await self._grown.wait()

    def _drop(self, seq: int) -> None:
        at = bisect_right(self._seqs, seq) - 1
        assert self._seqs[at] == seq
        self._drop_stored([seq])
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
        self._drop_stored([seq for seq in self._seqs[self._swept : until] if seq in self._worthless])
        self._texts[self._swept : until] = [self._texts[at] for at in kept]
        self._seqs[self._swept : until] = [self._seqs[at] for at in kept]
        self._swept += len(kept)
        first = self._seqs[self._swept]
        self._worthless = {seq for seq in self._worthless if seq >= first}

    def _drop_stored(self, seqs: list[int]) -> None:
        if self._stored_too:
            self.dropped += seqs
