"""A clock for what the server waits for from its clients: it counts only while the server itself was running.

A process that was stopped, as by SIGSTOP, a paused virtual machine or a swap storm, has heard nobody meanwhile, and
must not blame its clients for that.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

LONGEST_S = 0.75
"""More than this between two ticks counts as this much: the process, or its event loop, did not run."""


class Patience:
    """`tick` it more often than every `LONGEST_S`; one watcher does that for the whole server."""

    def __init__(self) -> None:
        self.ticking = False
        """Whether somebody ticks; without that nothing is known of gaps."""
        self._counted = 0.0
        self._seen = time.monotonic()
        self._gap = (0.0, 0.0)  # the last one, from and to, in monotonic time

    def tick(self) -> float:
        """Counts what passed since the last tick, and returns `now`."""
        at = time.monotonic()
        if at - self._seen > LONGEST_S:
            self._gap = (self._seen, at)
        self._counted += min(at - self._seen, LONGEST_S)
        self._seen = at
        return self._counted

    def now(self) -> float:
        """Seconds that counted so far; never falls."""
        return self._counted + min(time.monotonic() - self._seen, LONGEST_S)

    def gap_since(self, monotonic_s: float) -> float | None:
        """The monotonic time at which the server last stood still, if that ended after `monotonic_s`, else None."""
        if not self.ticking:
            return None
        if time.monotonic() - self._seen > LONGEST_S:
            return self._seen
        begun, ended = self._gap
        return begun if ended > monotonic_s else None

    @asynccontextmanager
    async def timeout(self, limit_s: float) -> AsyncIterator[asyncio.Timeout]:
        """As `asyncio.timeout`, but the seconds count on this clock. Raises TimeoutError."""
        ends_at = self.now() + limit_s
        async with asyncio.timeout(limit_s) as bound:
            bound.reschedule(None)
            loop = asyncio.get_running_loop()
            timer = loop.call_later(limit_s, lambda: look_again())

            def look_again() -> None:
                # After a stall less than `limit_s` has counted: the rest is waited for before the block is cancelled.
                nonlocal timer
                left_s = ends_at - self.now()
                if left_s > 0:
                    timer = loop.call_later(left_s, look_again)
                else:
                    bound.reschedule(loop.time())

            try:
                yield bound
            finally:
                timer.cancel()


patience = Patience()
"""The clock of this process."""
