"""The client at the other end of a socket: what it is sent, and whether it still reads."""

import asyncio
from contextlib import suppress

from aiohttp import WSMsgType, web

from server.sessions.patience import patience

PROBE_S = 2.0
"""How long a silent socket has to prove that it is alive before another one may take its session over."""


class Peer:
    """The client at the other end of one socket: what is sent to it, and its signs of life.

    A client that does not read leaves what it is sent in the buffers of two kernels, which hold minutes of events
    before a send waits. It cannot answer a ping, though. aiohttp's own heartbeat does not do: it takes audio for an
    answer, and ends a connection whose pong waits behind audio that the session is not ready for.
    """

    def __init__(self, ws: web.WebSocketResponse, limit_s: float) -> None:
        self.listening = True  # for the client; False while its last message waits for the session
        self._ws = ws
        self._limit_s = limit_s
        self._sending = False
        self._blocked_s = 0.0  # since this send began
        self._checked_at = patience.now()
        self._ping_at = self._checked_at + limit_s / 2
        self._unanswered_s: float | None = None  # listened since the last ping, without its answer
        self._pinging: asyncio.Task[None] | None = None
        self._pong = asyncio.Event()

    async def send(self, text: bytes) -> None:
        """Sends an event. Raises ConnectionError."""
        self._sending, self._blocked_s = True, 0.0
        try:
            await self._ws.send_frame(text, WSMsgType.TEXT)
        finally:
            self._sending = False

    async def close(self, code: int, reason: str) -> None:
        """Closes the socket with the handshake. Raises ConnectionError."""
        self._sending, self._blocked_s = True, 0.0
        try:
            await self._ws.close(code=code, message=reason.encode())
        finally:
            self._sending = False

    def answered(self) -> None:
        """A pong came."""
        self._pong.set()
        self._unanswered_s = None

    def stopped(self, now: float) -> bool:
        """Whether the client has not read for `limit_s`. To be asked every second or so; pings by itself."""
        # A process that stood still itself has to look again before it blames its clients.
        since, self._checked_at = min(now - self._checked_at, self._limit_s / 4), now
        if self._sending:
            self._blocked_s += since
            return self._blocked_s > self._limit_s
        if self._unanswered_s is not None:
            if self.listening:  # what is held back may hold the answer
                self._unanswered_s += since
            return self._unanswered_s > self._limit_s
        if now >= self._ping_at:
            self._ping_at = now + self._limit_s / 2
            self._unanswered_s = 0.0
            self._pinging = asyncio.create_task(self._ping())
        return False

    async def answers(self) -> bool:
        """Whether the client answers now."""
        if self._ws.closed:
            return False
        self._pong.clear()
        try:
            async with patience.timeout(PROBE_S):
                await self._ws.ping()
                await self._pong.wait()
                return True
        except ConnectionError:
            return False
        except TimeoutError:
            return not self.listening and not self._ws.closed  # held back by flow control, it cannot see a pong

    async def _ping(self) -> None:
        with suppress(ConnectionError):  # the loops of the socket see for themselves that it is gone
            await self._ws.ping()
