"""A visit that was interrupted by a reload or a crash goes on, loses nothing, and leaves nothing in the browser."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
import pytest
from aiohttp import web
from numpy.typing import NDArray
from playwright.async_api import Browser, BrowserContext, Dialog, Page, expect

from tests.server.test_page import CHUNK_BYTES, TEXT, FakeServer, segment, start_file
from tests.support.browser import (
    KEPT_ROWS,
    LEFT_HZ,
    RIGHT_HZ,
    SAMPLE_RATE,
    agree_and_start,
    heard_for,
    listening,
    profile,
    write_wav,
)

pytestmark = pytest.mark.asyncio(loop_scope="package")

OFFER = "A visit was interrupted at"


class ShyServer(FakeServer):
    """Refuses connections while it is `away`."""

    away = False

    async def session(self, request: web.Request) -> web.WebSocketResponse:
        if self.away:
            raise web.HTTPServiceUnavailable
        return await super().session(request)

    async def leave(self) -> None:
        self.away = True
        assert self.socket is not None
        await self.socket.close(code=1001)


@pytest.fixture
def server() -> ShyServer:
    return ShyServer()


@asynccontextmanager
async def visited(server: ShyServer, browser: Browser) -> AsyncIterator[tuple[BrowserContext, str]]:
    """A profile, and the address of the page."""
    async with listening(server.app()) as (_, url), profile(browser) as context:
        yield context, url


async def opened(context: BrowserContext, url: str) -> Page:
    page = await context.new_page()
    await page.goto(url)
    return page


async def crash(page: Page) -> None:
    crashed = asyncio.ensure_future(page.wait_for_event("crash"))
    cdp = await page.context.new_cdp_session(page)
    task = asyncio.ensure_future(cdp.send("Page.crash"))
    await crashed
    task.cancel()


def broken_at(pcm: bytes | bytearray) -> NDArray[np.int64]:
    """The samples at which the two tones of the microphone break off: elsewhere, this filter leaves nothing of them."""
    rest = np.frombuffer(bytes(pcm), "<i2").astype(float)
    for hz in (LEFT_HZ, RIGHT_HZ):
        rest = np.convolve(rest, [1, -2 * np.cos(2 * np.pi * hz / SAMPLE_RATE), 1], mode="valid")
    return np.flatnonzero(np.abs(rest) > 300)


async def test_a_reloaded_page_goes_on_by_itself_loses_nothing_and_tells_the_gap(server, browser):
    async with visited(server, browser) as (context, url):
        page = await opened(context, url)
        await page.get_by_label("Patient's name").fill("Ada Example")
        await agree_and_start(page)
        await server.heard(CHUNK_BYTES)
        await server.send("transcript", segment=segment(TEXT, final=True))
        await expect(page.locator("#finals")).to_contain_text(TEXT)
        await server.leave()
        await heard_for(page, 6)
        await page.reload()
        server.away = False
        await expect(page.locator("#connection")).to_have_text("Connected")
        await expect(page.locator("#phase")).to_have_text("Listening")
        await expect(page.locator("#finals")).to_contain_text(TEXT)
        gap = page.locator("#finals .gap")
        await expect(gap).to_have_text(
            re.compile(r"\d:\d\d\s*Nothing was recorded for \d+ seconds?: this page was closed")
        )
        before = len(server.pcm)
        await server.heard(before + CHUNK_BYTES)
        await page.get_by_role("button", name="Stop").click()
        await expect(page.locator("#summary")).to_contain_text("Consultation finished.")
        assert await page.evaluate(KEPT_ROWS) == 0
    assert server.resumed[0]["last_seq"] == 0, "a page that begins anew asks for every event"
    assert before >= 2 * 5.5 * SAMPLE_RATE
    broken = broken_at(server.pcm[2 * SAMPLE_RATE :])
    assert np.ptp(broken) < SAMPLE_RATE  # at the gap alone, wherever in a second it lies
    # A request that has no answer when its connection is lost comes again under its number.
    requests = {(message["request"], message["type"]) for message in server.requests if "request" in message}
    assert len(dict(requests)) == len(requests), "no number was used twice"


async def test_after_a_crash_the_page_offers_to_end_the_visit_with_everything_that_was_recorded(server, browser):
    async with visited(server, browser) as (context, url):
        page = await opened(context, url)
        await agree_and_start(page)
        await server.heard(CHUNK_BYTES)
        await server.leave()
        await heard_for(page, 5)
        await crash(page)
        server.away = False
        after = await opened(context, url)
        await expect(after.get_by_role("heading", name=OFFER)).to_be_visible()
        await after.get_by_role("button", name="End it and keep the record").click()
        await expect(after.locator("#summary")).to_contain_text("Consultation finished.")
        await expect(after.locator("#interrupted")).to_be_hidden()
        assert await after.evaluate(KEPT_ROWS) == 0
    assert len(server.pcm) >= 2 * 4.5 * SAMPLE_RATE
    assert server.requests[-1]["type"] == "stop_session"


async def test_a_paused_visit_that_is_taken_up_after_a_crash_stays_paused_until_continue(server, browser):
    async with visited(server, browser) as (context, url):
        page = await opened(context, url)
        await agree_and_start(page)
        await server.heard(CHUNK_BYTES)
        await page.get_by_role("button", name="Pause").click()
        await server.asked("pause_session")
        await crash(page)
        after = await opened(context, url)
        await after.get_by_role("button", name="Go on with it").click()
        await expect(after.locator("#phase")).to_have_text("Paused")
        paused_at = len(server.pcm)
        await after.get_by_role("button", name="Continue").click()
        await server.asked("continue_session")
        await server.heard(paused_at + CHUNK_BYTES)
        await expect(after.locator("#finals .gap")).to_have_count(0)
    # A page that crashed before it had the answer asks again under the same number, and the server acts once.
    asked = {message["request"]: message["type"] for message in server.requests if "request" in message}
    assert [asked[number] for number in sorted(asked)] == ["pause_session", "continue_session"]


async def test_a_visit_that_was_played_from_a_file_can_only_be_ended(server, browser, tmp_path):
    async with visited(server, browser) as (context, url):
        page = await opened(context, url)
        await start_file(page, write_wav(tmp_path / "long.wav", np.ones(60 * SAMPLE_RATE, np.int16)), speed="2")
        await server.heard(CHUNK_BYTES)
        await crash(page)
        after = await opened(context, url)
        await expect(after.locator("#interrupted-text")).to_contain_text("It was played from a file")
        await expect(after.get_by_role("button", name="Go on with it")).to_be_hidden()
        await after.get_by_role("button", name="End it and keep the record").click()
        await expect(after.locator("#summary")).to_contain_text("Consultation finished.")


async def test_a_withdrawal_erases_the_sound_at_once_and_is_told_after_a_reload(server, browser):
    async with visited(server, browser) as (context, url):
        page = await opened(context, url)
        asked: list[str] = []

        async def agree(dialog: Dialog) -> None:
            asked.append(dialog.type)
            await dialog.accept()

        page.on("dialog", agree)
        await agree_and_start(page)
        await server.heard(CHUNK_BYTES)
        await server.leave()
        await page.get_by_role("button", name="Patient withdraws").click()
        await expect(page.locator("#phase")).to_have_text("Finishing …")
        await page.reload()
        server.away = False
        await server.asked("withdraw_consent")
        await server.send("session_stopped", reason="withdrawn", audio_s=0.0, segments=0, findings=0)
        await expect(page.get_by_role("alert").first).to_contain_text("The patient withdrew consent.")
        await expect(page.locator("#setup")).to_be_visible()
        assert await page.evaluate(KEPT_ROWS) == 0
    assert asked.count("confirm") == 1  # whether to withdraw, and not whether to forget what is not saved
    assert len(server.pcm) <= 2 * CHUNK_BYTES


async def test_what_is_older_than_the_server_waits_is_erased_and_told(server, browser):
    async with visited(server, browser) as (context, url):
        page = await opened(context, url)
        await agree_and_start(page)
        await server.heard(CHUNK_BYTES)
        await crash(page)
        page = await context.new_page()
        await page.add_init_script("const now = Date.now; Date.now = () => now() + 121_000")
        await page.goto(url)
        await expect(page.get_by_role("alert").first).to_contain_text("too long ago to go on")
        await expect(page.locator("#interrupted")).to_be_hidden()
        assert await page.evaluate(KEPT_ROWS) == 0


async def test_a_visit_is_offered_to_no_other_user_and_not_while_another_tab_has_it_and_sign_out_erases_it(
    server, browser
):
    async with visited(server, browser) as (context, url):
        page = await opened(context, url)
        await agree_and_start(page)
        await server.heard(CHUNK_BYTES)
        look = """(user) => import("/static/visit/visits.js").then(async ({ Visits }) => {
            const { visit } = await new Visits().interrupted(user);
            visit?.release();
            return visit?.session_id ?? null;
        })"""
        other = await opened(context, url)
        assert await other.evaluate(look, "") is None
        await expect(other.locator("#interrupted")).to_be_hidden()
        await crash(page)
        assert await other.evaluate(look, "somebody else") is None
        assert await other.evaluate(look, "") == "x"
        await other.goto(url)  # a reload would go on by itself
        await expect(other.locator("#interrupted")).to_be_visible()
        await other.evaluate("document.getElementById('sign-out').click()")
        await expect(other.locator("#interrupted")).to_be_hidden()
        await other.wait_for_function(f"({KEPT_ROWS})().then((rows) => rows === 0)")


async def test_a_browser_that_keeps_nothing_is_told_and_the_visit_works(server, browser):
    async with visited(server, browser) as (context, url):
        page = await context.new_page()
        await page.add_init_script("indexedDB.open = () => { throw new DOMException('', 'SecurityError') }")
        await page.goto(url)
        await agree_and_start(page)
        await server.heard(CHUNK_BYTES)
        await expect(page.locator("#notices")).to_contain_text("This browser keeps nothing of this visit")
        await page.get_by_role("button", name="Stop").click()
        await expect(page.locator("#summary")).to_contain_text("Consultation finished.")


async def test_sound_beyond_what_the_page_can_keep_is_one_gap_where_it_was(server, browser):
    async with visited(server, browser) as (context, url):
        page = await opened(context, url)
        told = await page.evaluate("""() => import("/static/visit/outbox.js").then(({ Outbox }) => {
            const outbox = new Outbox(1, 40);
            outbox.acknowledge(10, 10);
            for (let chunk = 0; chunk < 8; chunk++) outbox.addAudio(new Int16Array(10).fill(chunk + 1));
            const again = new Outbox(2, 1000);
            const rows = [{ at: 4, pcm: new Int16Array(8).fill(1) }, { at: 8, pcm: new Int16Array(8).fill(2) }, { at: 14, pcm: new Int16Array(4).fill(3) }];
            const request = { number: 7, at: 8, message: { type: "pause_session", request: 7 } };
            again.restore({ visit: { numbered: 7 }, audio: rows, requests: [request], journal: null });
            const next = again.addRequest({ type: "stop_session" }).request;
            const replayed = [...again.replay(5)].map((item) => item.type ?? [...item].join(""));
            return { holes: outbox.holes, sent: again.sent, next, replayed };
        })""")
    assert told["holes"] == [{"at": 10, "length": 30}]
    assert (told["sent"], told["next"]) == (16, 8)
    assert told["replayed"] == ["111111", "pause_session", "22222222", "0000", "3333", "stop_session"]
