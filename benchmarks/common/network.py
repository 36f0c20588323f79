"""A network between a browser and a server on this machine that can be cut, or that can swallow what is sent."""

import asyncio
from contextlib import suppress
from typing import Self


class Relay:
    """Carries bytes between a port of 127.0.0.1 and the server's.

    `cut` breaks the connections and refuses new ones. `swallow` keeps them and carries nothing. `restore` ends either.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._listener: asyncio.Server | None = None
        self._carrying = asyncio.Event()
        self.port = 0
        """Where the browser connects, once the relay has begun."""

    async def __aenter__(self) -> Self:
        await self.restore()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._carrying.set()
        await self.cut()

    async def restore(self) -> None:
        self._carrying.set()
        if self._listener is None:
            self._listener = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
            self.port = self._listener.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        if self._listener is not None:
            self._listener.close()
        self._listener = None
        for writer in list(self._writers):
            writer.transport.abort()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def swallow(self) -> None:
        self._carrying.clear()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._target)
        for source, sink in ((reader, there_writer), (there_reader, writer)):
            task = asyncio.create_task(self._carry(source, sink))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        with suppress(ConnectionError):
            while data := await reader.read(65_536):
                await self._carrying.wait()
                writer.write(data)
                await writer.drain()
        self._writers.discard(writer)
        writer.close()
