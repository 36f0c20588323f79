"""What the tests of the page share: the browser's flags, sound files, a page that counts its complaints, a network to cut."""

import asyncio
import shutil
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from playwright.async_api import Browser, BrowserContext, Page

CHROMIUM = shutil.which("chromium")
SAMPLE_RATE = 16_000
LEFT_HZ = 440
RIGHT_HZ = 880
MICROPHONE_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]

KEPT_ROWS = """async () => {
  const open = indexedDB.open("drtranscribe");
  const db = await new Promise((done) => { open.onsuccess = () => done(open.result); });
  const names = [...db.objectStoreNames];
  if (!names.length) return 0;
  const transaction = db.transaction(names);
  const counts = names.map((name) => new Promise((done) => {
    const count = transaction.objectStore(name).count();
    count.onsuccess = () => done(count.result);
  }));
  const rows = (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
  db.close();
  return rows;
}"""
"""JavaScript: the rows that the browser keeps of visits."""


def write_wav(path: Path, samples: NDArray[np.int16]) -> Path:
    """Writes [samples] or [samples, channels] at 16 kHz."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1 if samples.ndim == 1 else samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(samples.tobytes())
    return path


def loudest_hz(samples: NDArray[np.int16]) -> float:
    return float(np.argmax(np.abs(np.fft.rfft(samples.astype(float))))) * SAMPLE_RATE / samples.size


@asynccontextmanager
async def profile(browser: Browser, **options: Any) -> AsyncIterator[BrowserContext]:
    """A browser profile of its own, whose pages may use the microphone."""
    context = await browser.new_context(**options)
    await context.grant_permissions(["microphone"])
    try:
        yield context
    finally:
        await context.close()


async def agree_and_start(page: Page) -> None:
    await page.get_by_label("The patient agrees").check()
    await page.get_by_role("button", name="Start").click()


class Relay:
    """A network between the browser and the server that can be cut: connections break, and new ones are refused."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._pairs: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._listener: asyncio.Server | None = None
        self.port = 0

    async def __aenter__(self) -> Self:
        await self.restore()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.cut()

    async def restore(self) -> None:
        self._listener = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._listener.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        if self._listener is not None:
            self._listener.close()
        self._listener = None
        for writer in [*self._pairs]:
            writer.transport.abort()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._target)
        ways = [self._carry(reader, there_writer), self._carry(there_reader, writer)]
        for way in ways:
            task = asyncio.ensure_future(way)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._pairs.add(writer)
        with suppress(ConnectionError):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        self._pairs.discard(writer)
        writer.close()
