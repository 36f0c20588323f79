"""Who begins a TLS handshake when: a signature holds the event loop, and a flood of handshakes would hold it for good.

So many handshakes begin at once and then in each second; the others wait their turn. Addresses take turns, so that a
client waits for the number of addresses that flood the server and not for the number of their connections.
"""

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Callable

from server.sessions.allowance import Allowance

PER_S, AT_ONCE = 150.0, 100
"""Handshakes that begin: of about a millisecond each, so a flood of them takes a seventh of the event loop."""


class Turns:
    """`take` returns when it is the turn of a connection."""

    def __init__(
        self, per_s: float = PER_S, at_once: int = AT_ONCE, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._allowance = Allowance(per_s, at_once)
        self._clock = clock
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        """Connections that wait."""
        return sum(map(len, self._waiting.values()))

    async def take(self, address: str) -> None:
        """Waits for a turn of a connection from that address."""
        if not self._waiting and not self._allowance.take(self._clock()):
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(address, deque()).append(turn)
        self._look_later()
        await turn

    def _give(self) -> None:
        """Gives the turns that are due, one to each address and then from the first one again."""
        self._timer = None
        while self._waiting and not self._allowance.wait_s(self._clock()):
            address, queue = self._waiting.popitem(last=False)
            turn = queue.popleft()
            if queue:
                self._waiting[address] = queue
            if not turn.done():  # its client may have gone
                self._allowance.take(self._clock())
                turn.set_result(None)
        self._look_later()

    def _look_later(self) -> None:
        if self._waiting and self._timer is None:
            wait_s = self._allowance.wait_s(self._clock())
            self._timer = asyncio.get_running_loop().call_later(wait_s, self._give)
