"""Consultations with the extension in a real browser: real engines, real speech, and what goes wrong."""

import os
import re
import wave
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytest_asyncio
from aiohttp import web
from playwright.async_api import Locator, Page, expect

from inference.audio.decoding import Samples
from inference.config import EngineConfig
from inference.extraction.rules.engine import RulesExtractor
from inference.pipeline import Pipeline
from server.app import SESSIONS
from server.sessions.session import Session
from tests.extension.chromium import ORIGIN, Chromium, installed, set_up
from tests.extension.relay import Relay
from tests.support.access import key, text_of
from tests.support.browser import CHROMIUM
from tests.support.live import Server, serving
from tests.support.speech import pcm

if CHROMIUM is None:
    pytest.skip("needs the browser: apt-get install chromium", allow_module_level=True)

pytestmark = pytest.mark.asyncio(loop_scope="module")  # one browser and one server for all of them

SAMPLE_RATE = 16_000
CLINICIAN_S, PATIENT_S = (35.16, 40.34), (3.46, 6.01)
"""Where the sample has the two sentences that are said again and again."""
SOON_MS = 60_000
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

    def __init__(self, server: Server, relay: Relay, site: str, secret: str, chromium: Chromium) -> None:
        self.server, self.relay, self.site, self.secret, self.chromium = server, relay, site, secret, chromium

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

    async def trouble(self, name: str, text: str) -> None:
        await expect(self.panel.locator(f"[data-trouble={name}] p")).to_contain_text(text, timeout=SOON_MS)


async def press(page: Page, selector: str) -> None:
    """A click in a tab that may be behind another one, where no mouse reaches."""
    await page.eval_on_selector(selector, "element => element.click()")


async def alert(panel: Page, text: str) -> None:
    await expect(panel.locator("#alert-text")).to_contain_text(text, timeout=SOON_MS)


async def badge(panel: Page, text: str) -> None:
    """Waits until the icon shows a text."""
    shown = "async (text) => (await chrome.action.getBadgeText({})) === text"
    await panel.wait_for_function(shown, arg=text, polling=100, timeout=SOON_MS)


async def picture(take: Callable[..., Any], name: str) -> None:
    """Keeps a screenshot in the folder that SCREENSHOTS names, for people to look at."""
    if folder := os.environ.get("SCREENSHOTS"):
        await take(path=Path(folder) / f"{name}.png")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def clinic(
    vad: Any, tiny: Any, dual_consultation: Samples, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Clinic]:
    folder = tmp_path_factory.mktemp("clinic")
    microphone = repeated(folder / "clinician.wav", dual_consultation, CLINICIAN_S, 0)
    patient = repeated(folder / "patient.wav", dual_consultation, PATIENT_S, 1)
    secret = text_of(key(folder / "keys", "ward-3"))

    async def call(_request: web.Request) -> web.Response:
        return web.Response(text=CALL, content_type="text/html")

    async def voice(_request: web.Request) -> web.FileResponse:
        return web.FileResponse(patient)

    app = web.Application()
    app.router.add_get("/", call)
    app.router.add_get("/patient.wav", voice)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    engines = Pipeline(vad, tiny, [RulesExtractor()], EngineConfig())
    async with (
        serving(engines, keys_file=folder / "keys", allowed_origins=(ORIGIN,)) as server,
        Relay(int(server.url.rpartition(":")[2])) as relay,
        installed(folder, f"--use-file-for-fake-audio-capture={microphone}") as chromium,
    ):
        yield Clinic(server, relay, f"http://127.0.0.1:{runner.addresses[0][1]}/", secret, chromium)
    await runner.cleanup()


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
async def visit(clinic: Clinic, mode: str = "dual", **settings: object) -> AsyncIterator[Visit]:
    """A consultation from its start to the end of the offscreen document."""
    async with tabs(clinic, **settings) as (call, panel):
        await clinic.chromium.press_icon(call)
        await press(panel, f"input[value={mode}]")
        await press(panel, "#consent")
        await press(panel, "#start")
        running = Visit(clinic, panel, call)
        try:
            await running.phase("Listening")
            yield running
        finally:
            await panel.evaluate("chrome.runtime.sendMessage({ to: 'worker', do: 'close' })")
    assert not clinic.chromium.faults


async def test_a_video_visit_is_heard_on_two_channels_and_its_note_goes_into_the_record(clinic: Clinic) -> None:
    async with visit(clinic) as running:
        assert running.call is not None
        await running.words("patient", "throat|cough")
        await running.words("clinician", "viral|infection|chest")
        assert await running.panel.evaluate("chrome.action.getBadgeText({})") == "REC"
        await press(running.panel, "#stop")
        await running.phase("Finished")
        await expect(running.panel.get_by_role("button", name="New consultation")).to_be_visible(timeout=SOON_MS)
        part = running.panel.locator(".part").filter(has_text=re.compile("sore throat", re.IGNORECASE)).first
        await expect(part).to_be_attached(timeout=SOON_MS)
        shown = await part.locator("p").inner_text()
        await running.call.bring_to_front()
        await running.call.locator("#field").click()
        await part.locator("button").evaluate("button => button.click()")
        await expect(running.panel.locator("#put")).to_contain_text("put in, and read back the same", timeout=SOON_MS)
        assert await running.call.locator("#field").input_value() == shown
        await picture(running.call.screenshot, "record")
        await running.panel.bring_to_front()
        await picture(running.panel.screenshot, "note")
        await press(running.panel, "[data-view=transcript]")
        await picture(running.panel.screenshot, "transcript")
        await press(running.panel, "[data-view=findings]")
        await picture(running.panel.screenshot, "findings")
    assert list(clinic.sessions.values())[-1].options.mode == "dual"


async def test_a_stopped_worker_and_a_closed_panel_change_nothing(clinic: Clinic) -> None:
    async with visit(clinic) as running:
        await running.words("patient", "throat|cough")
        await clinic.chromium.stop_worker()
        await running.words_again("patient", "throat|cough")
        assert not await clinic.chromium.targets("service_worker"), "it was not needed"
        before = await running.count("clinician") + await running.count("patient")
        later = await clinic.chromium.open("panel/panel.html")
        assert running.call is not None
        await running.call.bring_to_front()
        shown = later.locator("#finals .segment")
        await expect(shown.nth(before - 1)).to_be_attached(timeout=SOON_MS)
        await running.panel.reload()
        await running.words("patient", "throat|cough")
        await clinic.chromium.stop_worker()
        await press(later, "#pause")
        await running.phase("Paused")
        await badge(later, "II")
        assert await clinic.chromium.targets("service_worker"), "it was woken for the icon"
        await press(later, "#pause")
        await running.phase("Listening")
        await later.close()


async def test_a_network_that_is_lost_and_comes_back_loses_no_sound(clinic: Clinic) -> None:
    async with visit(clinic) as running:
        await running.words("patient", "throat|cough")
        connection = running.panel.locator("#connection")
        clinic.relay.cut()
        await expect(connection).to_have_text("Reconnecting … sound is kept", timeout=SOON_MS)
        await picture(running.panel.screenshot, "reconnecting")
        await running.talk(3)
        clinic.relay.mend()
        await expect(connection).to_have_text("Connected", timeout=SOON_MS)
        await running.words_again("patient", "throat|cough")
        heard_s = await running.heard_s()
        await press(running.panel, "#stop")
        await running.phase("Finished")
        assert heard_s <= await running.heard_s() <= heard_s + 5, "the second one is what the server has received"
        session = list(clinic.sessions.values())[-1]
        assert int(session.received_samples / SAMPLE_RATE) == await running.heard_s()


async def test_a_closed_tab_is_told_and_the_microphone_goes_on(clinic: Clinic) -> None:
    async with visit(clinic) as running:
        assert running.call is not None
        await running.words("patient", "throat|cough")
        await running.call.close()
        await running.trouble("tab", "the patient is not heard any more. Your microphone still is.")
        await picture(running.panel.screenshot, "tab-closed")
        await running.words_again("clinician", "viral|infection|chest")
        await running.phase("Listening")


async def test_an_unplugged_microphone_pauses_in_the_room_and_only_warns_in_a_video_visit(clinic: Clinic) -> None:
    unplug = "tracks.at(-1).stop(); tracks.at(-1).dispatchEvent(new Event('ended'))"
    watch = """(() => {
        const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
        globalThis.tracks = [];
        navigator.mediaDevices.getUserMedia = async (wanted) => {
          const stream = await ask(wanted);
          tracks.push(stream.getAudioTracks()[0]);
          return stream;
        };
    })()"""
    async with visit(clinic, "ambient") as running:
        await clinic.chromium.in_offscreen(watch)
        await press(running.panel, "#stop")
        await running.phase("Finished")
        for mode, told in (("ambient", "then press Continue"), ("dual", "you are not heard. The patient still is.")):
            assert running.call is not None
            await running.call.bring_to_front()
            start = {"to": "worker", "do": "start", "mode": mode, "wording": "Yes."}
            await running.panel.evaluate(
                """async (start) => {
                  const [tab] = await chrome.tabs.query({ active: true, currentWindow: true });
                  return chrome.runtime.sendMessage({ ...start, tabId: tab.id });
                }""",
                start,
            )
            await running.phase("Listening")
            await clinic.chromium.in_offscreen(unplug)
            await running.trouble("microphone", told)
            if mode == "ambient":
                await running.phase("Paused")
                await press(running.panel, "#pause")
                await running.phase("Listening")
            else:
                await running.words("patient", "throat|cough")
                await press(running.panel, "[data-trouble=microphone] button")
            await expect(running.panel.locator("[data-trouble=microphone]")).to_have_count(0, timeout=SOON_MS)
            await running.words("clinician" if mode == "dual" else "unknown", "viral|infection|chest")
            await press(running.panel, "#stop")
            await running.phase("Finished")


async def test_a_tab_without_sound_is_told_while_it_lasts(clinic: Clinic) -> None:
    async with visit(clinic) as running:
        assert running.call is not None
        await running.call.evaluate("audio.pause()")
        await running.trouble("tab_silent", "No sound comes from the tab.")
        await running.call.evaluate("audio.play()")
        await expect(running.panel.locator("[data-trouble=tab_silent]")).to_have_count(0, timeout=SOON_MS)


async def test_a_patient_who_withdraws_leaves_nothing_in_the_browser_or_on_the_server(clinic: Clinic) -> None:
    async with visit(clinic) as running:
        await running.words("patient", "throat|cough")
        sessions = set(clinic.sessions)
        await running.panel.evaluate("globalThis.confirm = () => true")
        await press(running.panel, "#withdraw")
        await running.trouble("server", "erased, here and on the server")
        await expect(running.panel.locator("#finals li")).to_have_count(0)
        assert len(sessions - set(clinic.sessions)) == 1


async def test_the_settings_page_says_whether_each_server_is_ready_and_what_its_operator_has_to_do(
    clinic: Clinic,
) -> None:
    page = await clinic.chromium.open("settings/options.html")
    await page.evaluate("chrome.permissions.request = async () => true")  # a question that no test can answer
    told = page.locator("#told")

    async def check(addresses: str, secret: str) -> None:
        await page.locator("#addresses").fill(addresses)
        await page.locator("#key").fill(secret)
        await page.get_by_role("button", name="Save and check").click()

    host = clinic.address.split("/")[2]
    await check("http://scribe.example", "")
    await expect(told).to_have_text(
        '"http://scribe.example" is not encrypted. Enter an address that begins with https://'
    )
    await check(clinic.address, "")
    await expect(told).to_contain_text("This server asks for a key.", timeout=SOON_MS)
    await page.evaluate("chrome.permissions.request = async () => false")
    await check(clinic.address, clinic.secret)
    await expect(told).to_contain_text("Chrome was not allowed to reach these servers", timeout=SOON_MS)
    await expect(told).to_contain_text(f"{host} is ready.", timeout=SOON_MS)
    await page.evaluate("void (chrome.permissions.request = async () => { throw new Error('Only in a click.') })")
    await check(clinic.address, "drt_wrong")
    await expect(told).to_contain_text("Chrome was not allowed to reach these servers", timeout=SOON_MS)
    await page.evaluate("chrome.permissions.request = async () => true")
    await check(clinic.address, "drt_wrong")
    await expect(told).to_contain_text("The server does not take this key", timeout=SOON_MS)
    await check(f"{clinic.address} {clinic.site}", clinic.secret)
    await expect(told).to_contain_text(f"{host} is ready.", timeout=SOON_MS)
    await expect(told).to_contain_text(f"{clinic.site.split('/')[2]}", timeout=SOON_MS)
    await expect(page.locator("#origin")).to_have_text(f"For the server's operator: --allowed-origins {ORIGIN}")
    assert await page.locator("#addresses").input_value() == f"{clinic.address}\n{clinic.site}"
    await picture(page.screenshot, "settings")
    stored = await page.evaluate("chrome.storage.local.get()")
    assert (stored["addresses"][0], stored["key"]) == (clinic.address, clinic.secret)
    assert await page.evaluate("chrome.storage.sync === undefined || chrome.storage.sync.get()") in (True, {})
    await page.close()


async def refusal(clinic: Clinic, text: str, mode: str = "ambient", **settings: object) -> None:
    """Starts, and expects that the panel says why it did not, with its form to try again."""
    async with tabs(clinic, **settings) as (call, panel):
        await call.bring_to_front()
        assert await panel.locator("#start").is_disabled(), "nobody has agreed yet"
        await expect(panel.locator("#start-hint")).to_have_text("Tick the patient's agreement to start.")
        await press(panel, f"input[value={mode}]")
        await press(panel, "#consent")
        await press(panel, "#start")
        await alert(panel, text)
        await expect(panel.locator("#setup")).to_be_visible(timeout=SOON_MS)


async def test_what_keeps_a_consultation_from_starting_is_told_with_what_to_do(clinic: Clinic) -> None:
    await refusal(clinic, "No server is set.", addresses=[])
    await refusal(clinic, "This server asks for a key.", key="")
    await refusal(clinic, "The server does not take this key", key="drt_wrong")
    await refusal(
        clinic,
        "does not answer. Check that this computer is on the clinic's network",
        addresses=["http://127.0.0.1:9/"],
    )
    await refusal(clinic, "press the drTranscribe icon in the toolbar once", mode="dual")
    async with serving(max_sessions=1, allowed_origins=(ORIGIN,)) as full, full.connect() as other:
        await other.start()
        await other.say(bytes(3200))
        await other.hear("progress")
        await refusal(clinic, "Try again in", addresses=[f"{full.url}/"])
    async with serving() as strange:
        await refusal(clinic, "does not", addresses=[f"{strange.url}/"])


async def test_a_microphone_or_a_network_that_chrome_blocks_is_told_with_where_to_allow_it(clinic: Clinic) -> None:
    try:
        await clinic.chromium.allow("local-network-access")
        await refusal(clinic, "Chrome may not use the microphone.")
        (page,) = [each for each in clinic.chromium.context.pages if each.url.endswith("microphone/microphone.html")]
        await page.get_by_role("button", name="Allow the microphone").click()
        await expect(page.locator("#told")).to_contain_text("Chrome blocks the microphone.", timeout=SOON_MS)
        await clinic.chromium.allow("microphone", "local-network-access")
        await page.get_by_role("button", name="Allow the microphone").click()
        await expect(page.locator("#told")).to_contain_text("Allowed.", timeout=SOON_MS)
        none = (
            "void (navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('', 'NotFoundError') })"
        )
        await page.evaluate(none)
        await page.get_by_role("button", name="Allow the microphone").click()
        await expect(page.locator("#told")).to_have_text("No microphone was found. Plug one in, then try again.")
        await page.close()
        await clinic.chromium.allow("microphone")
        # Chromium lets extensions through to its own computer: only the words of a failure show what it denies.
        await refusal(clinic, "Chrome blocks the clinic's network", addresses=["http://127.0.0.1:9/"])
        await clinic.chromium.in_offscreen(none)
        await refusal(clinic, "No microphone was found. Plug one in, then try again.")
        panel = await clinic.panel()
        await panel.evaluate("chrome.runtime.sendMessage({ to: 'worker', do: 'close' })")  # and its lack of microphones
        await panel.close()
    finally:
        await clinic.chromium.allow("microphone", "local-network-access")
