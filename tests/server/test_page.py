"""The web client in a real browser, against a server that the test drives: docs/protocol.md is what both must keep."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytest_asyncio
from aiohttp import WSMsgType, web
from numpy.typing import NDArray
from playwright.async_api import Browser, Page, expect

from tests.support.browser import CHROMIUM, SAMPLE_RATE, chromium, faultless, heard_for, listening, write_wav
from tools.screenshot import play, show

if CHROMIUM is None:
    pytest.skip("needs the browser: apt-get install chromium", allow_module_level=True)

pytestmark = pytest.mark.asyncio(loop_scope="module")  # one browser for all of them

STATIC = Path(__file__).parents[2] / "server" / "static"
POLICY = {"Content-Security-Policy": "default-src 'self'"}
TONE_HZ = 440
CHUNK_BYTES = 3 * SAMPLE_RATE * 2
TEXT = "I have a sore throat, but no fever."
SUSPECT = "The sound may be unusable. Check the microphone: it may be far too loud, or the wrong one."


class FakeServer:
    """One session of drtranscribe.v1; the test says what it sends, and when the connection drops.

    `progress` stays one frame behind, so that a dropped connection may lose the last frame, as a real one can.
    """

    def __init__(self) -> None:
        self.start: dict[str, Any] = {}
        self.resumed: list[dict[str, Any]] = []
        self.requests: list[dict[str, Any]] = []
        self.frames: list[int] = []
        self.pcm = bytearray()
        self.log: list[dict[str, Any]] = []
        self.refusal: dict[str, Any] | None = None
        self.changed = asyncio.Condition()
        self.socket: web.WebSocketResponse | None = None
        self.kept = True
        self.addresses: list[str] = []  # of the server to go on with, which has the audio up to the mark alone
        self.ports: list[int] = []  # of each connection
        self.mark = 0
        self.omissions: list[dict[str, Any]] = []

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/", self.page)
        app.router.add_get("/v1/me", self.me)
        app.router.add_get("/v1/templates", self.templates)
        app.router.add_get("/ws", self.session)
        app.router.add_get("/v1/sessions/{id}/record", self.record)
        app.router.add_static("/static", STATIC)
        app.on_response_prepare.append(self.add_policy)
        return app

    async def add_policy(self, _request: web.Request, response: web.StreamResponse) -> None:
        response.headers.update(POLICY)
        if self.addresses:
            response.headers["Content-Security-Policy"] += f"; connect-src 'self' {self.addresses[0]}"

    async def page(self, _request: web.Request) -> web.FileResponse:
        return web.FileResponse(STATIC / "index.html")

    async def me(self, _request: web.Request) -> web.Response:
        return web.json_response({"name": None, "scopes": [], "sign_in": "none"})

    async def templates(self, _request: web.Request) -> web.Response:
        return web.json_response({"templates": []})

    async def record(self, request: web.Request) -> web.Response:
        if not self.kept:
            return web.json_response({"message": "no such session, its record is gone"}, status=404)
        return web.Response(text=f"{request.match_info['id']} as {request.query['format']}")

    async def session(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(protocols=["drtranscribe.v1"])
        await socket.prepare(request)
        self.ports.append(request.url.port or 80)
        if self.refusal:
            await socket.send_json(self.refusal)
            await socket.close(code=1013)
            return socket
        async for message in socket:
            if message.type == WSMsgType.BINARY:
                if self.socket is not socket:  # what still comes over a line that was cut has not arrived
                    break
                await self.audio(message.data)
                continue
            told = json.loads(message.data)
            if told["type"] in (
                "start_session",
                "resume_session",
            ):  # a page that waits for long opens several, and greets one
                self.socket = socket
            await self.request(told)
        return socket

    async def audio(self, frame: bytes) -> None:
        received = len(self.pcm)
        async with self.changed:
            self.pcm += frame
            self.frames.append(len(frame))
            self.changed.notify_all()
        count = self.frame_count(received)
        self.mark = max(self.mark, count - 2 * CHUNK_BYTES // 2) if self.addresses else count
        await self.send("progress", received_samples=count, durable_samples=self.mark, transcribed_s=0.0, lag_ms=840)

    async def request(self, message: dict[str, Any]) -> None:
        async with self.changed:
            self.requests.append(message)
            self.changed.notify_all()
        match message["type"]:
            case "start_session":
                self.start = message
                limits = {"max_frame_bytes": 960_000, "resume_ttl_s": 120}
                told = {"session_id": "x", "resume_token": "token", "limits": limits, "models": {}}
                await self.send("session_started", **told, addresses=self.addresses)
            case "resume_session":
                self.resumed.append(message)
                assert self.socket is not None
                if self.addresses:
                    del self.pcm[2 * self.mark :]
                missed = [event for event in self.log if event["seq"] > message["last_seq"]]
                resumed = {"type": "session_resumed", "received_samples": self.frame_count(len(self.pcm))}
                for event in [resumed, *missed]:
                    await self.socket.send_json(event)
            case "pause_session":
                await self.send("session_paused")
            case "continue_session":
                await self.send("session_continued")
            case "review_note":
                await self.send("omissions", items=self.omissions, left_out=[], request=message["request"])
            case "stop_session":
                audio_s = self.frame_count(len(self.pcm)) / SAMPLE_RATE
                await self.send("session_stopped", reason="client", audio_s=audio_s, segments=1, findings=2)

    def frame_count(self, size: int) -> int:
        return size // 2 // int(self.start["audio"]["channels"])

    def event(self, kind: str, **fields: object) -> dict[str, Any]:
        self.log.append({"type": kind, "seq": len(self.log) + 1, **fields})
        return self.log[-1]

    async def send(self, kind: str, **fields: object) -> None:
        """Logs the event, and sends it if somebody is there."""
        event = self.event(kind, **fields)
        if self.socket is not None and not self.socket.closed:
            await self.socket.send_json(event)

    async def heard(self, size: int) -> None:
        async with self.changed:
            await self.changed.wait_for(lambda: len(self.pcm) >= size)

    async def asked(self, kind: str) -> dict[str, Any]:
        async with self.changed:
            await self.changed.wait_for(lambda: any(request["type"] == kind for request in self.requests))
        return next(request for request in self.requests if request["type"] == kind)

    async def drop(self, lost_bytes: int) -> None:
        """Cuts the line; of the last frame, so many bytes never arrived."""
        socket, self.socket = self.socket, None
        assert socket is not None
        del self.pcm[len(self.pcm) - lost_bytes :]
        await socket.close(code=1001)


def segment(text: str, final: bool, number: int = 1) -> dict[str, Any]:
    start = 3.0 * number
    return {"id": f"s{number}", "speaker": "patient", "start": start, "end": start + 2, "text": text, "final": final}


def finding(number: int, text: str, quote: str, status: str = "present", source: str = "model") -> dict[str, Any]:
    start = TEXT.index(quote)
    evidence = {"segment": "s1", "quote": quote, "start": start, "end": start + len(quote), "from_s": 3.4, "to_s": 4.0}
    return {
        "id": f"f{number}",
        "kind": "symptom",
        "text": text,
        "status": status,
        "temporality": "current",
        "experiencer": "patient",
        "attributes": {},
        "evidence": [{**evidence, "speaker": "patient"}],
        "source": source,
        "confidence": 0.9,
        "codes": [],
    }


@asynccontextmanager
async def opened(server: FakeServer, browser: Browser, expected: str = "nothing") -> AsyncIterator[Page]:
    """The page, in a profile of its own; fails at the end if the browser complained of anything but what is `expected`."""
    async with listening(server.app()) as (runner, url), faultless(browser, expected) as page:
        if server.addresses:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            server.addresses = [f"ws://127.0.0.1:{runner.addresses[1][1]}/ws"]
        await page.goto(url)
        yield page


async def start_file(page: Page, path: Path, speed: str = "8") -> None:
    await page.get_by_label("Audio file", exact=True).first.check()
    await page.locator("#file").set_input_files(path)
    await page.get_by_label("Speed").select_option(speed)
    await page.get_by_label("The patient agrees").check()
    await page.get_by_role("button", name="Start").click()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Browser]:
    """Chromium, whose microphone hears a tone."""
    time_s = np.arange(30 * SAMPLE_RATE) / SAMPLE_RATE
    tone = (8000 * np.sin(2 * np.pi * TONE_HZ * time_s)).astype(np.int16)
    path = write_wav(tmp_path_factory.mktemp("microphone") / "tone.wav", tone)
    async with chromium(path) as browser:
        yield browser


@pytest.fixture
def server() -> FakeServer:
    return FakeServer()


@pytest.fixture
def noise() -> NDArray[np.int16]:
    return np.random.default_rng(5).integers(-9000, 9000, 20 * SAMPLE_RATE, dtype=np.int16)


async def test_nothing_starts_before_the_patient_has_agreed(server: FakeServer, browser: Browser) -> None:
    async with opened(server, browser) as page:
        start = page.get_by_role("button", name="Start")
        await expect(start).to_be_disabled()
        await expect(page.locator("#start-hint")).to_have_text("Tick the patient's agreement to start.")
        await page.get_by_label("The patient agrees").check()
        await expect(start).to_be_enabled()
        await page.get_by_label("Audio file", exact=True).first.check()
        await expect(start).to_be_disabled()
        await expect(page.locator("#start-hint")).to_have_text("Choose a file to start.")
    assert server.requests == []


async def test_the_microphone_arrives_as_pcm_of_the_declared_rate(server: FakeServer, browser: Browser) -> None:
    async with opened(server, browser) as page:
        await page.get_by_label("Patient's name").fill("Ada Example")
        await page.get_by_label("Age").fill("54")
        await page.get_by_label("The patient agrees").check()
        await page.get_by_role("button", name="Start").click()
        await server.heard(CHUNK_BYTES)
        await expect(page.locator("#connection")).to_have_text("Connected")
        await expect(page.locator("#lag")).to_have_text("0.8 s behind")

        await page.get_by_role("button", name="Pause").click()
        await server.asked("pause_session")
        await expect(page.locator("#phase")).to_have_text("Paused")
        before_pause = len(server.pcm)
        await page.get_by_role("button", name="Continue").click()
        await server.asked("continue_session")
        assert len(server.pcm) == before_pause

        await server.heard(before_pause + CHUNK_BYTES)
        await page.get_by_role("button", name="Stop").click()
        await expect(page.locator("#summary")).to_contain_text("Consultation finished.")
    assert server.start["consent"] is True
    assert server.start["mode"] == "ambient"
    assert server.start["patient"] == {"name": "Ada Example", "age": 54}
    assert server.start["audio"] == {"encoding": "pcm_s16le", "sample_rate": SAMPLE_RATE, "channels": 1}
    assert server.frames[0] == CHUNK_BYTES
    heard = np.frombuffer(bytes(server.pcm[SAMPLE_RATE : SAMPLE_RATE * 5]), "<i2")
    peak_hz = np.argmax(np.abs(np.fft.rfft(heard))) * SAMPLE_RATE / heard.size
    assert peak_hz == pytest.approx(TONE_HZ, abs=2)


async def test_a_lost_microphone_pauses_and_continue_opens_it_again(server: FakeServer, browser: Browser) -> None:
    async with opened(server, browser) as page:
        await page.evaluate("""() => {
            const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
            window.tracks = [];
            navigator.mediaDevices.getUserMedia = async (wanted) => {
              const stream = await ask(wanted);
              tracks.push(stream.getAudioTracks()[0]);
              return stream;
            };
        }""")
        await page.get_by_label("The patient agrees").check()
        await page.get_by_role("button", name="Start").click()
        await heard_for(page, 1)
        await page.evaluate("tracks[0].stop(); tracks[0].dispatchEvent(new Event('ended'))")
        await expect(page.get_by_role("alert")).to_contain_text("Press Continue to try it again.")
        await server.asked("pause_session")
        before = len(server.pcm)
        await page.get_by_role("button", name="Continue").click()
        await server.asked("continue_session")
        await server.heard(before + CHUNK_BYTES)
        await expect(page.get_by_role("alert")).to_be_hidden()
        assert await page.evaluate("tracks.length") == 2
    assert before >= SAMPLE_RATE * 2


async def test_a_dropped_connection_loses_and_repeats_no_sample(
    server: FakeServer, browser: Browser, noise: NDArray[np.int16], tmp_path: Path
) -> None:
    async with opened(server, browser) as page:
        await start_file(page, write_wav(tmp_path / "noise.wav", noise))
        await server.heard(2 * CHUNK_BYTES)
        await server.drop(lost_bytes=CHUNK_BYTES // 4)
        await server.send("transcript", segment=segment(TEXT, final=True))
        await expect(page.locator("#finals")).to_contain_text(TEXT)
        await expect(page.locator("#connection")).to_have_text("Connected")
        await server.heard(3 * CHUNK_BYTES)
        await server.drop(lost_bytes=0)
        await expect(page.locator("#summary")).to_contain_text("0:20 of sound")
        await expect(page.locator("#finals > li")).to_have_count(1)
    assert len(server.resumed) >= 2  # a page that has no answer in time tries again
    assert {(message["session_id"], message["resume_token"]) for message in server.resumed} == {("x", "token")}
    assert np.array_equal(np.frombuffer(bytes(server.pcm), "<i2"), noise)


async def test_the_page_goes_on_at_the_next_address_with_the_audio_from_the_mark_on(
    server: FakeServer, browser: Browser, noise: NDArray[np.int16], tmp_path: Path
) -> None:
    server.addresses = ["known when it listens"]
    async with opened(server, browser) as page:
        await start_file(page, write_wav(tmp_path / "noise.wav", noise))
        await server.heard(4 * CHUNK_BYTES)
        await server.drop(lost_bytes=0)
        await expect(page.locator("#summary")).to_contain_text("0:20 of sound")
    assert server.ports[1] != server.ports[0]
    assert server.mark > 0
    assert np.array_equal(np.frombuffer(bytes(server.pcm), "<i2"), noise)


async def test_two_channels_arrive_interleaved_in_dual_mode(
    server: FakeServer, browser: Browser, noise: NDArray[np.int16], tmp_path: Path
) -> None:
    stereo = noise.reshape(-1, 2)
    async with opened(server, browser) as page:
        await page.get_by_label("Audio file", exact=True).first.check()
        await page.get_by_label("Two channels").check()
        await start_file(page, write_wav(tmp_path / "stereo.wav", stereo))
        await expect(page.locator("#summary")).to_contain_text("0:10 of sound")
    assert server.start["mode"] == "dual"
    assert server.start["audio"]["channels"] == 2
    assert np.array_equal(np.frombuffer(bytes(server.pcm), "<i2"), stereo.reshape(-1))


async def test_silence_and_wrong_sound_are_told_until_somebody_is_heard(
    server: FakeServer, browser: Browser, tmp_path: Path
) -> None:
    async with opened(server, browser) as page:
        await start_file(page, write_wav(tmp_path / "long.wav", np.zeros(60 * SAMPLE_RATE, np.int16)), speed="1")
        await server.asked("start_session")
        await server.send("notice", code="no_speech", message="nobody is heard: check the microphone")
        await server.send("notice", code="no_speech", message="the patient's microphone is dead", speaker="patient")
        await server.send("notice", code="audio_suspect", message="the sound looks like 8-bit samples")
        notices = page.locator("#notices li")
        await expect(notices).to_have_count(3)
        await expect(notices.first).to_have_text("Nobody is heard: check the microphone.")
        await expect(notices.last).to_have_text(SUSPECT)
        await server.send("notice", code="no_speech", message="nobody is heard any more")
        await expect(notices).to_have_count(3)
        await server.send("transcript", segment={**segment("I have", final=False), "speaker": "clinician"}, timings={})
        await expect(notices).to_have_text(["The patient is not heard: check that microphone.", SUSPECT])
        await server.send("transcript", segment=segment(TEXT, final=True), timings={})
        await expect(notices).to_have_count(0)


async def test_a_final_replaces_its_partial_and_a_finding_shows_its_words(
    server: FakeServer, browser: Browser, noise: NDArray[np.int16], tmp_path: Path
) -> None:
    async with opened(server, browser) as page:
        await start_file(page, write_wav(tmp_path / "noise.wav", noise), speed="1")
        await server.asked("start_session")
        partials, finals = page.locator("#partials > li"), page.locator("#finals > li")
        await server.send("transcript", segment=segment("I have a", final=False))
        await expect(partials).to_contain_text("I have a")
        await server.send("transcript", segment=segment("I have a sore", final=False))
        await expect(partials).to_contain_text("I have a sore")
        await expect(partials).to_have_count(1)
        await server.send("transcript", segment=segment(TEXT, final=True))
        await expect(finals).to_contain_text(TEXT)
        await expect(partials).to_have_count(0)
        await server.send("transcript", segment=segment("um", final=False, number=2))
        await expect(partials).to_contain_text("um")
        await server.send("transcript", segment=segment("", final=True, number=2))
        await expect(partials).to_have_count(0)
        await expect(finals).to_have_count(1)

        ops = [
            {"op": "add", "finding": finding(1, "sore throat", "sore throat")},
            {"op": "add", "finding": finding(2, "fever", "no fever", status="absent")},
        ]
        await server.send("extraction", revision=1, ops=ops)
        absent = page.get_by_role("button", name=re.compile("^No fever.*no fever.*0:03$"))
        await expect(page.locator("#groups").get_by_role("heading", name="Symptoms")).to_be_visible()
        await absent.click()
        await expect(absent).to_have_attribute("aria-pressed", "true")
        await expect(page.locator("mark")).to_have_text("no fever")
        await page.keyboard.press("Escape")
        await expect(page.locator("mark")).to_have_count(0)
        await expect(finals).to_contain_text(TEXT)

        present = page.get_by_role("button", name=re.compile("^sore throat"))
        await present.click()
        await expect(page.locator("mark")).to_have_text("sore throat")
        await page.get_by_role("button", name="Confirm: sore throat").click()
        assert (await server.asked("confirm_finding"))["finding_id"] == "f1"
        confirmed = finding(1, "sore throat", "sore throat", source="clinician")
        await server.send("extraction", revision=2, ops=[{"op": "update", "finding": confirmed}])
        await expect(page.get_by_text("Confirmed")).to_be_visible()
        await absent.click()
        await page.get_by_role("button", name="Remove: No fever").click()
        assert (await server.asked("dismiss_finding"))["finding_id"] == "f2"
        await server.send("extraction", revision=3, ops=[{"op": "retract", "finding": ops[1]["finding"]}])
        await expect(page.locator(".finding")).to_have_count(1)
        await expect(page.locator("mark")).to_have_count(0)


async def test_the_script_that_takes_the_picture_of_the_readme_finds_what_it_presses_and_waits_for(
    server: FakeServer, browser: Browser, noise: NDArray[np.int16], tmp_path: Path
) -> None:
    async with opened(server, browser) as page:
        await play(page, write_wav(tmp_path / "stereo.wav", noise.reshape(-1, 2)), speed="1")
        await server.asked("start_session")
        await server.send("transcript", segment=segment(TEXT, final=True))
        ops = [{"op": "add", "finding": finding(1, "sore throat", "sore throat")}]
        await server.send("extraction", revision=1, ops=ops)
        await show(page, finals=1, finding="sore throat")
        await expect(page.locator("mark")).to_have_text("sore throat")
    assert server.start["mode"] == "dual"


async def test_a_dose_in_doubt_and_a_limit_are_told_in_words(server: FakeServer, browser: Browser) -> None:
    attributes = {"dose": "5", "check": "dose: no unit", "maximum": "8 tablets a day"}
    async with opened(server, browser) as page:
        sentence = (
            "import('/static/words/words.js').then(({ sentence }) => sentence({ text: 'warfarin', attributes: %s }))"
        )
        told = await page.evaluate(sentence % json.dumps(attributes))
    assert told == "warfarin (5, please check: the dose has no unit, at most: 8 tablets a day)"


async def test_what_people_say_is_never_markup(
    server: FakeServer, browser: Browser, noise: NDArray[np.int16], tmp_path: Path
) -> None:
    markup = "<img src=x onerror=alert(1)><b>bold</b>"
    async with opened(server, browser) as page:
        await start_file(page, write_wav(tmp_path / "noise.wav", noise), speed="1")
        await server.asked("start_session")
        await server.send("transcript", segment=segment(markup, final=True))
        await expect(page.locator("#finals .words")).to_have_text(markup)
        assert await page.locator("#finals img, #finals b").count() == 0


async def test_save_writes_the_consultation_to_a_file_and_the_browser_keeps_nothing(
    server: FakeServer, browser: Browser, noise: NDArray[np.int16], tmp_path: Path
) -> None:
    async with opened(server, browser) as page:
        await page.get_by_label("Patient's name").fill("Ada Example")
        await start_file(page, write_wav(tmp_path / "noise.wav", noise[: 3 * SAMPLE_RATE]))
        await server.asked("start_session")
        await server.send("transcript", segment=segment(TEXT, final=True))
        added = {"op": "add", "finding": finding(1, "sore throat", "sore throat")}
        await server.send("extraction", revision=1, ops=[added])
        async with page.expect_download() as download:
            await page.get_by_role("button", name="Save", exact=True).click()
        saved = await download.value
        path = tmp_path / "saved.json"
        await saved.save_as(path)
        await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        await page.get_by_role("button", name="Copy as text").click()
        await expect(page.locator("#saved")).to_have_text("Copied.")
        text = await page.evaluate("navigator.clipboard.readText()")
        assert await page.evaluate("localStorage.length + sessionStorage.length + document.cookie.length") == 0
    assert f"Symptoms\n- sore throat\n\nTranscript\n[0:03] Patient: {TEXT}\n" in text
    record = json.loads(path.read_text())
    assert "Ada" not in saved.suggested_filename
    assert "resume_token" not in path.read_text()
    assert record["patient"] == {"name": "Ada Example"}
    assert [each["text"] for each in record["segments"]] == [TEXT]
    assert [each["id"] for each in record["findings"]] == ["f1"]


async def test_the_servers_note_goes_to_the_downloads_or_it_is_told_why_not(
    server: FakeServer, browser: Browser, noise: NDArray[np.int16], tmp_path: Path
) -> None:
    async with opened(server, browser, expected="404 (Not Found)") as page:
        await start_file(page, write_wav(tmp_path / "noise.wav", noise[: 3 * SAMPLE_RATE]))
        await server.asked("stop_session")
        await server.send("session_stopped", reason="client", audio_s=3.0, segments=0, findings=0)
        for name, form, ending in (("Note as PDF", "pdf", ".pdf"), ("Note as FHIR", "fhir", ".fhir.json")):
            async with page.expect_download() as download:
                await page.get_by_role("button", name=name).click()
            saved = await download.value
            assert saved.suggested_filename.endswith(ending)
            assert (await saved.path()).read_text().endswith(f" as {form}")
        await expect(page.locator("#saved")).to_have_text("Saved to your downloads.")
        server.kept = False
        await page.get_by_role("button", name="Note as PDF").click()
        await expect(page.locator("#saved")).to_contain_text("its record is gone. Save keeps what this page holds.")


async def test_a_refusal_is_told_in_the_words_of_the_page_and_the_form_comes_back(
    server: FakeServer, browser: Browser, noise: NDArray[np.int16], tmp_path: Path
) -> None:
    server.refusal = {"type": "error", "code": "full", "message": "raise --max-sessions", "fatal": True}
    server.refusal["retry_after_s"] = 20
    async with opened(server, browser) as page:
        await start_file(page, write_wav(tmp_path / "noise.wav", noise))
        told = "The server is busy: all its places are taken. Try again in 20 seconds."
        await expect(page.locator("#alert-text")).to_have_text(told)
        await expect(page.get_by_role("button", name="Start")).to_be_enabled()
