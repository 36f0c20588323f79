"""A clinic for the extension's tests: a server, a call in a tab, a line that can be cut, and consultations that run."""

import asyncio
import re
import wave
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
from playwright.async_api import Locator, Page, expect

from inference.audio.decoding import Samples
from server.app import SESSIONS
from server.sessions.session import Session
from tests.conftest import SCREENSHOTS
from tests.extension.support.chromium import Chromium, set_up
from tests.extension.support.relay import Relay
from tests.support.live import Server
from tests.support.speech import pcm

SAMPLE_RATE = 16_000
CLINICIAN_S, PATIENT_S = (35.16, 40.34), (3.46, 6.01)
"""Where the sample has the two sentences that are said again and again."""
SOON_MS = 60_000
DOCUMENT = """chrome.offscreen.createDocument({
  url: "offscreen/offscreen.html", reasons: ["USER_MEDIA"], justification: "a test prepares it",
})"""
CHECK = "Check the note, then finish"
"""The phase in which what was said and not noted is offered."""
HURRIED = """void (() => {
  const { setTimeout: later, setInterval: often } = globalThis;
  globalThis.setTimeout = (act, ms) => later(act, ms === 120_000 ? 3000 : ms === 20_000 ? 600_000 : ms);
  globalThis.setInterval = (act, ms) => often(act, ms === 10_000 ? 200 : ms);
})()"""
"""Two minutes without a panel pass in three seconds. The time for the server's answer never passes."""
CALL = """<!doctype html><title>A call</title><style>body { font: 1.2rem sans-serif; margin: 2rem }</style>
<h1>Video visit</h1><audio id="audio" src="/patient.wav" loop></audio>
<label>Note of the record <textarea id="field" rows="8" cols="60"></textarea></label>"""


def repeated(path: Path, samples: Samples, span_s: tuple[float, float], channel: int) -> Path:
    """A WAV of one sentence and a second and a half of silence, to be played in a circle."""
    said = samples[channel, round(span_s[0] * SAMPLE_RATE) : round(span_s[1] * SAMPLE_RATE)]
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, SAMPLE_RATE, 0, "NONE", ""))
        file.writeframes(pcm(np.concatenate([said, np.zeros(round(1.5 * SAMPLE_RATE), np.float32)])))
    return path


class Clinic:
    """A server with a key, a line to it that can be cut, a call in a tab, and a browser with the extension."""

    def __init__(self, server: Server, relay: Relay, site: str, keys: Path, secret: str, chromium: Chromium) -> None:
        self.server, self.relay, self.site, self.chromium = server, relay, site, chromium
        self.keys, self.secret = keys, secret  # the keys file, and a key of it

    @property
    def sessions(self) -> dict[str, Session]:
        """What the server still has, in the order of their beginnings."""
        return self.server.app[SESSIONS]._sessions

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.relay.port}/"

    async def call(self) -> Page:
        page = await self.chromium.context.new_page()
        await page.goto(self.site)
        await page.evaluate("audio.play()")
        return page

    async def panel(self, **settings: object) -> Page:
        """The side panel in a tab of its own: Playwright sees no side panels."""
        panel = await self.chromium.open("panel/panel.html")
        await panel.set_viewport_size({"width": 400, "height": 760})
        known = {"addresses": [self.address], "key": self.secret, "chunk_s": 2, "microphone": ""}
        await set_up(panel, **(known | settings))
        return panel


class Visit:
    """A consultation that runs, as its panel shows it."""

    def __init__(self, clinic: Clinic, panel: Page, call: Page | None) -> None:
        self.clinic, self.panel, self.call = clinic, panel, call

    async def words(self, speaker: str, pattern: str, more: int = 0) -> None:
        """Waits until a final of the speaker matches; `more` of them were there before."""
        await expect(self._said(speaker, pattern).nth(more)).to_be_attached(timeout=SOON_MS)

    async def words_again(self, speaker: str, pattern: str) -> None:
        """Waits until one more final matches than now."""
        await self.words(speaker, pattern, more=await self._said(speaker, pattern).count())

    async def heard_s(self) -> int:
        """What the clock of the panel shows."""
        minutes, seconds = map(int, (await self.panel.locator("#elapsed").inner_text()).split(":"))
        return 60 * minutes + seconds

    async def talk(self, seconds: int) -> None:
        """Waits until so many more seconds were heard."""
        shown = "(end_s) => elapsed.textContent.split(':').reduce((sum, part) => 60 * sum + Number(part), 0) >= end_s"
        end_s = await self.heard_s() + seconds
        await self.panel.wait_for_function(shown, arg=end_s, polling=100, timeout=SOON_MS)

    def _said(self, speaker: str, pattern: str) -> Locator:
        said = self.panel.locator(f"#finals .segment[data-speaker={speaker}] .words")
        return said.filter(has_text=re.compile(pattern, re.IGNORECASE))

    async def count(self, speaker: str) -> int:
        return await self.panel.locator(f"#finals .segment[data-speaker={speaker}]").count()

    async def phase(self, text: str) -> None:
        await expect(self.panel.locator("#phase")).to_have_text(text, timeout=SOON_MS)

    async def finish(self) -> None:
        """Stops, and leaves out what is offered for the note, if anything is."""
        await press(self.panel, "#stop")
        await expect(self.panel.locator("#phase")).to_have_text(re.compile(f"^({CHECK}|Finished)$"), timeout=SOON_MS)
        if await self.panel.locator("#phase").inner_text() == CHECK:
            await press(self.panel, "#stop")
        await self.phase("Finished")

    async def trouble(self, name: str, text: str) -> None:
        await expect(self.panel.locator(f"[data-trouble={name}] p")).to_contain_text(text, timeout=SOON_MS)


async def press(page: Page, selector: str) -> None:
    """A click in a tab that may be behind another one, where no mouse reaches."""
    await page.eval_on_selector(selector, "element => element.click()")


async def alert(panel: Page, text: str) -> None:
    await expect(panel.locator("#alert-text")).to_contain_text(text, timeout=SOON_MS)


async def badge(panel: Page, text: str, title: str = "") -> None:
    """Waits until the icon shows a text and a title."""
    shown: list[str] = []
    async with asyncio.timeout(SOON_MS / 1000):
        while not shown or shown[0] != text or not shown[1].startswith(title):
            await asyncio.sleep(0.1)
            shown = await panel.evaluate("Promise.all([chrome.action.getBadgeText({}), chrome.action.getTitle({})])")


async def picture(take: Callable[..., Any], name: str) -> None:
    """Keeps a screenshot for people to look at."""
    await take(path=SCREENSHOTS / f"extension-{name}.png")


@asynccontextmanager
async def tabs(clinic: Clinic, **settings: object) -> AsyncIterator[tuple[Page, Page]]:
    """The call and the panel, which are closed even after a failure: the next test finds its own tab by its address."""
    async with AsyncExitStack() as opened:
        call = await clinic.call()
        opened.push_async_callback(call.close)  # closes one that is closed once more, which is no fault
        panel = await clinic.panel(**settings)
        opened.push_async_callback(panel.close)
        yield call, panel


@asynccontextmanager
async def visit(clinic: Clinic, mode: str = "dual", before: str = "", **settings: object) -> AsyncIterator[Visit]:
    """A consultation from its start to the end of the offscreen document; the script `before` runs there at first."""
    clinic.chromium.faults.clear()  # those of a test that cut the network on purpose
    async with tabs(clinic, **settings) as (call, panel):
        if before:
            await panel.evaluate(DOCUMENT)
            await clinic.chromium.in_offscreen(before)
        await clinic.chromium.press_icon(call)
        await press(panel, f"input[value={mode}]")
        await press(panel, "#consent")
        await press(panel, "#start")
        running = Visit(clinic, panel, call)
        try:
            await running.phase("Listening")
            yield running
        finally:
            last = await clinic.chromium.open("panel/panel.html")  # its own panel may be closed
            await last.evaluate("chrome.runtime.sendMessage({ to: 'worker', do: 'close' })")
            await last.close()
    assert not clinic.chromium.faults
