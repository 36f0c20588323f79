"""A TCP relay on loopback that breaks the connections that go through it, as a network does."""

import asyncio
import random
import socket
import struct
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Literal, Self

from benchmarks.attack.attacks.floods import masked
from benchmarks.chaos.frames import FrameEnds

Kind = Literal["reset", "end", "close", "server half-open", "client half-open", "freeze", "stall", "deaf"]
"""reset: both sides get RST. end: both get FIN, without a close frame. close: the receiving side gets a close frame.
server half-open: the client gets RST and the server hears nothing more. client half-open: the other way round.
freeze: nothing is forwarded for a while, then both get RST. stall: nothing is forwarded for a while, then all of it.
deaf: the client reads nothing for a while, then both get RST; what it sends is forwarded."""

DRAWN: Mapping[Kind, int] = {"reset": 8, "end": 4, "close": 4, "server half-open": 2, "freeze": 2}
"""The kinds of disconnects, and how often each is drawn."""

BLOCK = 1 << 16
GOING_AWAY = struct.pack("!H", 1001)
CLIENT_CLOSE = masked(0x88, GOING_AWAY)
SERVER_CLOSE = bytes((0x88, len(GOING_AWAY))) + GOING_AWAY
ARRIVE_S = 0.05
"""For what was sent last: an abort right behind it would overtake it."""

SMALL_BUFFER = 4096
"""Of the sockets of a deaf or slow client: large ones of the kernel would hide for minutes that nobody reads."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to a connection once `after_bytes` have gone one way, the handshake included."""

    kind: Kind
    after_bytes: int
    downstream: bool = False
    """Whether the bytes from the server to the client count."""
    hold_s: float = 1.0


def drawn(chance: random.Random, most_up: int, most_down: int) -> Fault:
    """A disconnect by chance: mostly inside a frame, since these are long."""
    downstream = chance.random() < 0.5
    after = chance.randrange(1, most_down if downstream else most_up)
    (kind,) = chance.choices(tuple(DRAWN), tuple(DRAWN.values()))
    return Fault(kind, after, downstream, chance.uniform(0.05, 1.0))


@dataclass(slots=True)
class Proxy:
    """An async context manager. `next_fault` is asked once for each connection; None lets it be.

    `rate` bounds the bytes a second to each client.
    """

    server_port: int
    next_fault: Callable[[], Fault | None] = lambda: None
    rate: float | None = None
    port: int = 0
    happened: Counter[str] = field(default_factory=Counter)
    """How often each kind of fault has happened."""
    _links: set["asyncio.Task[None]"] = field(default_factory=set)
    _listener: asyncio.Server | None = None

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ws"

    async def __aenter__(self) -> Self:
        self._listener = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._listener.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._listener is not None
        self._listener.close()
        for link in self._links:
            link.cancel()
        await asyncio.gather(*self._links, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = asyncio.create_task(self._serve(reader, writer))
        self._links.add(link)
        link.add_done_callback(self._links.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        fault = self.next_fault()
        narrow = self.rate is not None or (fault is not None and fault.kind == "deaf")
        upstream = socket.socket()
        upstream.setblocking(False)
        if narrow:
            upstream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
        try:
            await asyncio.get_running_loop().sock_connect(upstream, ("127.0.0.1", self.server_port))
            limit = SMALL_BUFFER if narrow else BLOCK
            server_reader, server_writer = await asyncio.open_connection(sock=upstream, limit=limit)
        except OSError:
            upstream.close()
            writer.transport.abort()
            return
        link = Link(self, fault, reader, writer, server_reader, server_writer)
        try:
            await link.run()
        finally:
            writer.transport.abort()
            server_writer.transport.abort()


@dataclass(slots=True)
class Link:
    """One connection of a client, and the one to the server behind it."""

    proxy: Proxy
    fault: Fault | None
    client_reader: asyncio.StreamReader
    client_writer: asyncio.StreamWriter
    server_reader: asyncio.StreamReader
    server_writer: asyncio.StreamWriter
    _open: asyncio.Event = field(default_factory=asyncio.Event)
    """Cleared while nothing is forwarded."""
    _gone: asyncio.StreamWriter | None = None
    """The side that has left the other one half-open."""

    async def run(self) -> None:
        self._open.set()
        up = asyncio.create_task(self._relay(self.client_reader, self.server_writer, downstream=False))
        down = asyncio.create_task(self._relay(self.server_reader, self.client_writer, downstream=True))
        try:
            done, _ = await asyncio.wait((up, down), return_when=asyncio.FIRST_COMPLETED)
            if self._gone is not None:
                await (down if self._gone is self.client_writer else up)
            elif not any(task.result() for task in done):
                # One side has ended: the other one is told so, and what is on its way arrives.
                with suppress(OSError):
                    (self.server_writer if up in done else self.client_writer).write_eof()
                await asyncio.wait((up, down), timeout=2.0)
        finally:
            up.cancel()
            down.cancel()
            await asyncio.gather(up, down, return_exceptions=True)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, downstream: bool) -> bool:
        """Forwards until one side ends, or the connection is broken; returns whether it is."""
        fault = self.fault if self.fault is not None and self.fault.downstream == downstream else None
        ends, passed, rate = FrameEnds(), 0, self.proxy.rate if downstream else None
        with suppress(OSError, RuntimeError):  # RuntimeError: this side was told that nothing follows
            while data := await reader.read(BLOCK if rate is None else max(1, int(rate / 10))):
                await self._open.wait()
                if fault is not None:
                    at = cut(fault, passed, len(data), ends.take(data))
                    passed += len(data)
                    if at is not None:
                        await self._forward(writer, data[:at])
                        if await self._break(fault):
                            return True
                        data, fault = data[at:], None
                await self._forward(writer, data)
                if rate is not None:
                    await asyncio.sleep(len(data) / rate)
        return False

    async def _forward(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        if writer is not self._gone:  # what is sent to a side that has gone is lost
            writer.write(data)
            await writer.drain()

    async def _break(self, fault: Fault) -> bool:
        """Lets the fault happen. Returns whether the connection is over."""
        self.proxy.happened[fault.kind] += 1
        match fault.kind:
            case "end":
                for writer in (self.client_writer, self.server_writer):
                    writer.write_eof()
                await asyncio.sleep(ARRIVE_S)
            case "close":
                writer = self.client_writer if fault.downstream else self.server_writer
                writer.write(SERVER_CLOSE if fault.downstream else CLIENT_CLOSE)
                await writer.drain()
                await asyncio.sleep(ARRIVE_S)
            case "server half-open" | "client half-open":
                self._gone = self.client_writer if fault.kind == "server half-open" else self.server_writer
                self._gone.transport.abort()
                return False
            case "freeze" | "stall":
                self._open.clear()
                await asyncio.sleep(fault.hold_s)
                self._open.set()
                return fault.kind == "freeze"
            case "deaf":
                await asyncio.sleep(fault.hold_s)
        return True


def cut(fault: Fault, passed: int, size: int, places: list[int]) -> int | None:
    """Where in the next `size` bytes the fault happens, `passed` having gone before; None if not yet.

    A close frame can only stand between two frames.
    """
    least = max(0, fault.after_bytes - passed)
    if least > size:
        return None
    if fault.kind != "close":
        return least
    return next((place for place in places if place >= least), None)
