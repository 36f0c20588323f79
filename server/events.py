"""The append-only event log of a session: the one source that every reader follows by `seq`."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from server import protocol


class EventLog:
    """Events as wire text, numbered 1, 2, 3 …; any number of readers, each at its own place."""

    def __init__(self) -> None:
        self._events: list[str] = []
        self._closed = False
        self._grown = asyncio.Event()

    def __len__(self) -> int:
        """The `seq` of the last event."""
        return len(self._events)

    @property
    def closed(self) -> bool:
        return self._closed

    def append(self, type_: str, **fields: Any) -> int:
        """Adds an event and returns its `seq`."""
        assert not self._closed, "an event after the last one"
        self._events.append(protocol.event(type_, len(self._events) + 1, **fields))
        self._wake()
        return len(self._events)

    def close(self) -> None:
        """Nothing follows: readers end after the last event."""
        self._closed = True
        self._wake()

    async def follow(self, after: int) -> AsyncIterator[str]:
        """Every event with a `seq` above `after`, those to come included, until the log is closed."""
        cursor = after
        while True:
            while cursor < len(self._events):
                cursor += 1
                yield self._events[cursor - 1]
            if self._closed:
                return
            await self._grown.wait()

    def _wake(self) -> None:
        # Each reader waits on the event of its time: a fresh one for those that come back for more.
        self._grown.set()
        self._grown = asyncio.Event()
