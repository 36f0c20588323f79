"""The client at the other end of a socket: what it is sent, and whether it still reads."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass

from aiohttp import WSMessage, WSMsgType, web

from server.sessions.patience import patience

PROBE_S = 2.0
"""How long a silent socket has to prove that it is alive before another one may take its session over."""

GOODBYE_S = 1.0
"""For the answer to a close, of a client that is not listened to any more."""


@dataclass(frozen=True, slots=True)
class Farewell:
    """How a connection is closed. `brief`: the server waits for the client's answer for `GOODBYE_S` at most.

    `last_words` is a message that goes out before the close frame.
    """

    code: int
    reason: str
    last_words: bytes | None = None
    brief: bool = True


class Peer:
    """The client at the other end of one socket: what is sent to it and comes from it, and its signs of life.

    A client that does not read leaves what it is sent in the buffers of two kernels, which hold minutes of events
    before a send waits. It cannot answer a ping, though. aiohttp's own heartbeat does not do: it takes audio for an
    answer, and ends a connection whose pong waits behind audio that the session is not ready for.
    """

    def __init__(self, ws: web.WebSocketResponse, limit_s: float, transport: asyncio.Transport | None = None) -> None:
        self.listening = True  # for the client; False while its last message waits for the session
        self._ws = ws
        self._transport = transport
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

    async def receive(self) -> WSMessage:
        """The next message of the client; pings and pongs are taken care of."""
        while True:
            self.listening = True
            # `receive` does not wait while messages are left, and others have to get their turn.
            await asyncio.sleep(0)
            message = await self._ws.receive()
            self.listening = False
            if message.type is WSMsgType.PING:
                with suppress(ConnectionError):  # then the next message says that it is closed
                    await self._ws.pong(message.data)
            elif message.type is WSMsgType.PONG:
                self.answered()
            else:
                return message

    async def close(self, farewell: Farewell) -> None:
        """Closes the socket with the handshake. To be called while nobody receives."""
        try:
            async with asyncio.timeout(GOODBYE_S if farewell.brief else None):
                with suppress(ConnectionError):
                    if farewell.last_words is not None:
                        await self.send(farewell.last_words)
                    await self._close(farewell.code, farewell.reason)
        except TimeoutError:
            if self._transport is not None and self._transport.get_write_buffer_size():
                self._transport.abort()  # it reads nothing, and would keep the connection for as long as it likes

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

    async def _close(self, code: int, reason: str) -> None:
        self._sending, self._blocked_s = True, 0.0
        try:
            await self._ws.close(code=code, message=reason.encode())
        finally:
            self._sending = False

    async def _ping(self) -> None:
        with suppress(ConnectionError):  # the loops of the socket see for themselves that it is gone
            await self._ws.ping()
