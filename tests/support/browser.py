"""What the tests of the page share: the browser, its pages, the port of a test's server, and sound files."""

import shutil
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
from aiohttp import web
from numpy.typing import NDArray
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

CHROMIUM = shutil.which("chromium")
SAMPLE_RATE = 16_000
PATIENCE_MS = 60_000
"""How long a page may take for what it does at once on an idle machine."""

expect.set_options(timeout=PATIENCE_MS)
LEFT_HZ = 440
RIGHT_HZ = 880
FLAGS = [
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

STILL: dict[str, Any] = {"reduced_motion": "reduce"}
"""Options of a profile: without the page's animations, Chromium draws a frame only when something has changed."""

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
async def chromium(microphone: Path | None = None) -> AsyncIterator[Browser]:
    """The browser, whose microphones hear the sound file; without one, the browser's own beep."""
    flags = [*FLAGS, f"--use-file-for-fake-audio-capture={microphone}"] if microphone else FLAGS
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def listening(app: web.Application) -> AsyncIterator[tuple[web.AppRunner, str]]:
    """The server of a test on a port of this machine, with the address of its page."""
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield runner, f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def faultless(browser: Browser, expected: str = "nothing", **options: Any) -> AsyncIterator[Page]:
    """An empty page in a profile of its own, where the options are those of Playwright's `new_context`.

    Fails at the end if the browser complained of anything but what is `expected`.
    """
    complaints: list[str] = []
    context = await browser.new_context(**(STILL | options))
    context.set_default_timeout(PATIENCE_MS)
    page = await context.new_page()
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    try:
        yield page
    finally:
        await context.close()
    assert [complaint for complaint in complaints if expected not in complaint] == []


@asynccontextmanager
async def profile(browser: Browser, **options: Any) -> AsyncIterator[BrowserContext]:
    """A browser profile of its own, whose pages may use the microphone and the local network."""
    context = await browser.new_context(**(STILL | options))
    context.set_default_timeout(PATIENCE_MS)
    try:
        await context.grant_permissions(["microphone", "local-network-access"])
        yield context
    finally:
        await context.close()


async def heard_for(page: Page, seconds: int) -> None:
    """Waits until the page has recorded so many seconds, or more: a test that is late misses single seconds."""
    shown = """(least_s) => {
      const [minutes, seconds] = document.getElementById("elapsed").textContent.split(":").map(Number);
      return 60 * minutes + seconds >= least_s;
    }"""
    await page.wait_for_function(shown, arg=seconds, timeout=PATIENCE_MS)


async def agree_and_start(page: Page) -> None:
    await page.get_by_label("The patient agrees").check()
    await page.get_by_role("button", name="Start").click()
