"""What a client has sent and its session has not taken yet."""

import asyncio
import time

from inference.stream import Control
from inference.timing import Timings
from server.sessions.intake.arrivals import Arrivals
from server.sessions.intake.incoming import Frame
from server.sessions.patience import patience

Item = tuple[Frame, Timings] | Control


class Inbox:
    """Frames and controls in the order in which they came, `most` at a time: who sends more is held back."""

    def __init__(self, most: int) -> None:
        self.held_back = False
        """Whether somebody waits for room."""
        self._items: asyncio.Queue[Item] = asyncio.Queue(most)
        self._awaited = False
        self._turn = asyncio.Lock()  # a full queue does not keep the order of those who wait; a lock does
        self._arrivals = Arrivals()

    @property
    def behind(self) -> bool:
        """Whether the session, and not its client, sets the pace at which audio comes."""
        return self._arrivals.behind or self.held_back

    @property
    def idle(self) -> bool:
        """Whether the session waits for the next item."""
        return self._awaited and self._items.empty()

    def begin(self) -> None:
        """Another connection sends from here on: what the one before left in its socket does not come any more."""
        self._arrivals.behind = False

    def timed(self, now: float, duration_s: float, waited_s: float) -> Timings:
        """When a frame of `duration_s` arrived that is read `now`, on the monotonic clock, after `waited_s` for it."""
        arrived = self._arrivals.note(now, duration_s, waited_s, patience.gap_since(now - waited_s))
        return Timings(received_at=(time.time() - now + arrived) * 1000, _received=arrived)

    async def put(self, item: Item) -> None:
        """Waits while there is no room."""
        async with self._turn:
            if self._items.full():
                self.held_back = self._arrivals.behind = True
            try:
                await self._items.put(item)
            finally:
                self.held_back = False

    async def take(self) -> Item:
        """The oldest item; waits for one."""
        self._awaited = True
        try:
            return await self._items.get()
        finally:
            self._awaited = False

    def drop(self) -> None:
        """Forgets what nobody takes any more."""
        while not self._items.empty():
            self._items.get_nowait()
