"""A proxy on this machine that counts what TCP carries, and can be as far away as a distant server."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass

Travelling = asyncio.Queue[tuple[float, bytes]]
"""Bytes with the time at which they arrive; none at all is the end."""


@dataclass(slots=True)
class Counts:
    """Bytes of TCP's payload toward the server and back; connections in all, now, and at most at once."""

    up: int = 0
    down: int = 0
    connections: int = 0
    open: int = 0
    peak: int = 0


@asynccontextmanager
async def counting(target: int, rtt_s: float = 0.0) -> AsyncIterator[tuple[int, Callable[[], Counts]]]:
    """A proxy before a local port: its own port, and what has passed so far.

    `rtt_s` delays each direction by half of it, and the first byte of a connection by one round trip more.
    """
    counts = Counts()
    connections: set[asyncio.Task[None]] = set()

    async def read(reader: asyncio.StreamReader, travelling: Travelling, way: str) -> None:
        while True:
            try:
                data = await reader.read(1 << 16)
            except ConnectionError:
                data = b""
            setattr(counts, way, getattr(counts, way) + len(data))
            travelling.put_nowait((time.monotonic() + rtt_s / 2, data))
            if not data:
                return

    async def arrive(writer: asyncio.StreamWriter, travelling: Travelling) -> None:
        with closing(writer), suppress(ConnectionError):
            while True:
                due, data = await travelling.get()
                await asyncio.sleep(due - time.monotonic())
                if not data:
                    return
                writer.write(data)
                await writer.drain()

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        counts.connections += 1
        counts.open += 1
        counts.peak = max(counts.peak, counts.open)
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        try:
            with closing(writer):
                await asyncio.sleep(rtt_s)
                there_reader, there_writer = await asyncio.open_connection("127.0.0.1", target)
                with closing(there_writer):
                    async with asyncio.TaskGroup() as ways:
                        for come, go, way in ((reader, there_writer, "up"), (there_reader, writer, "down")):
                            travelling: Travelling = asyncio.Queue()
                            ways.create_task(read(come, travelling, way))
                            ways.create_task(arrive(go, travelling))
        finally:
            counts.open -= 1
            connections.discard(task)

    server = await asyncio.start_server(connection, "127.0.0.1", 0, backlog=1024)
    try:
        yield server.sockets[0].getsockname()[1], lambda: counts
    finally:
        server.close()
        left = [*connections]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
