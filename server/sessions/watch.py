"""The one timer that looks after all sessions and sockets of a server.

A timer for each of them would wake up a thousand times a second.
"""

import asyncio
import time
from typing import Protocol

from server.sessions import garbage
from server.sessions.patience import patience

WATCH_S = 0.25
"""How often sessions and sockets are looked at."""

GIVE_BACK_S = 5.0
"""Between two times that the memory of ended sessions is given back to the system, at least."""


class Watched(Protocol):
    """A socket, as far as the watch over all of them needs it."""

    def check(self, now: float) -> None:
        """Looks after the socket; `now` is that of `patience`. It must not wait and must not raise."""
        ...


class Freeing(Watched, Protocol):
    """What frees memory now and then."""

    freed: bool
    """Set when memory was freed, and cleared when the system has it back."""


async def watch(sessions: Freeing, shortest_limit_s: float) -> None:
    """Looks after everything until cancelled; often enough for the shortest of the limits in seconds."""
    patience.tick()
    patience.ticking = True
    given_back = time.monotonic()
    try:
        while True:
            await asyncio.sleep(min(WATCH_S, shortest_limit_s / 4))
            sessions.check(patience.tick())
            if sessions.freed and time.monotonic() - given_back > GIVE_BACK_S:
                sessions.freed, given_back = False, time.monotonic()
                await asyncio.to_thread(garbage.give_back)
    finally:
        patience.ticking = False
