"""Where the events that viewers see come from: the log of a session that runs here, or the store of all servers."""

import asyncio
from collections.abc import AsyncIterator
from typing import Protocol

from server.sessions.events import EventLog
from server.store.sharing import STORE_RETRY_S, Shared, StoreDown
from server.viewers.frames import STOPPED, frame

POLL_S = 0.25
"""How often the store is asked for new events of a session, whatever the number of its viewers here."""

MOST_AT_ONCE = 100


class Source(Protocol):
    """The events of one session, as texts of the wire in the order of their `seq`."""

    async def after(self, seq: int, most: int) -> list[bytes]:
        """Those above `seq` that are there, `most` of them at most. Raises StoreDown."""
        ...

    async def end(self) -> tuple[int, bool]:
        """The number of the last event so far, and whether it is the last of all. Raises StoreDown."""
        ...

    def follow(self, seq: int) -> AsyncIterator[bytes]:
        """Those above `seq`, and those to come, until the session has ended or is gone."""
        ...


class LogSource:
    """A session of this server."""

    def __init__(self, log: EventLog) -> None:
        self._log = log

    async def after(self, seq: int, most: int) -> list[bytes]:
        return self._log.readable(seq, most)

    async def end(self) -> tuple[int, bool]:
        return len(self._log), self._log.closed

    def follow(self, seq: int) -> AsyncIterator[bytes]:
        return self._log.follow(seq)


class StoredSource:
    """A session that another server of the store has, or had."""

    def __init__(self, store: Shared, session_id: str) -> None:
        self._store = store
        self._session_id = session_id

    async def after(self, seq: int, most: int) -> list[bytes]:
        newer = await self._store.newer(self._session_id, seq, most)
        return [text for _, text in newer.events] if newer is not None else []

    async def end(self) -> tuple[int, bool]:
        newer = await self._store.newer(self._session_id, 0, 1)
        if newer is None or not newer.last:
            return 0, newer is None
        return frame(newer.last).seq, newer.last.startswith(STOPPED)

    async def follow(self, seq: int) -> AsyncIterator[bytes]:
        while True:
            try:
                newer = await self._store.newer(self._session_id, seq, MOST_AT_ONCE)
            except StoreDown:
                await asyncio.sleep(STORE_RETRY_S)
                continue
            if newer is None:  # erased, or kept for long enough
                return
            for number, text in newer.events:
                yield text
                seq = number
            if not newer.events:
                if newer.last.startswith(STOPPED):
                    return
                await asyncio.sleep(POLL_S)
