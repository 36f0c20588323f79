"""Sessions that are being erased in the store: it is asked again until it has forgotten them."""

import asyncio
import logging

from server.store.sharing import STORE_RETRY_S, Shared, StoreDown

logger = logging.getLogger(__name__)

ERASE_S = 2.0
"""The longest wait for the store to erase a session. The store is asked again after that, but whoever asked for the
session to be erased is told that the store is away."""


class Erasing:
    """Erases sessions in the store, each in a task of its own.

    A connection that withdraws the consent ends with the session, so it cannot do that itself.
    """

    def __init__(self) -> None:
        self._tasks: dict[str, asyncio.Task[None]] = {}  # by the id of the session

    def __contains__(self, session_id: str) -> bool:
        return session_id in self._tasks

    def __len__(self) -> int:
        return len(self._tasks)

    def begin(self, store: Shared, session_id: str) -> None:
        """Erases a session, unless that has begun."""
        if session_id not in self._tasks:
            task = asyncio.create_task(self._erase(store, session_id))
            self._tasks[session_id] = task
            task.add_done_callback(lambda _: self._tasks.pop(session_id))

    async def done(self, session_id: str) -> None:
        """Waits until the store holds nothing of a session whose erasing has begun.

        Raises StoreDown if that takes longer than `ERASE_S`; the erasing goes on.
        """
        task = self._tasks.get(session_id)
        if task is not None:
            await asyncio.wait([task], timeout=ERASE_S)
            if not task.done():
                raise StoreDown("a session is not erased in the store yet")

    async def close(self) -> None:
        """Waits for the store once more, and gives up."""
        if self._tasks:
            await asyncio.wait(list(self._tasks.values()), timeout=ERASE_S)
        if self._tasks:
            logger.error(
                "%d sessions were erased here and not in the store, which does not answer: it forgets them when their "
                "time is over",
                len(self._tasks),
            )
        for task in self._tasks.values():
            task.cancel()

    async def _erase(self, store: Shared, session_id: str) -> None:
        while True:
            try:
                await store.erase(session_id)
            except StoreDown:
                await asyncio.sleep(STORE_RETRY_S)
            else:
                return
