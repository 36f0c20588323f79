"""A microphone that is silent, muted, lost or refused is told in words, while it happens; a gap has its seconds."""

import re

import pytest
from playwright.async_api import expect

from tests.server.static.test_visits import ShyServer, opened, visited
from tests.server.test_page import CHUNK_BYTES
from tests.support.browser import agree_and_start

pytestmark = pytest.mark.asyncio(loop_scope="package")

OWN_MICROPHONE = """
const context = new AudioContext();
window.gain = context.createGain();
const tone = context.createOscillator();
tone.connect(gain);
tone.start();
window.tracks = [];
navigator.mediaDevices.getUserMedia = async () => {
  await context.resume();
  const out = context.createMediaStreamDestination();
  gain.connect(out);
  tracks.push(out.stream.getAudioTracks()[0]);
  return out.stream;
};
"""
"""A microphone whose sound the test turns on and off."""

TOLD_AT = """() => {
  const { notices, elapsed } = Object.fromEntries(["notices", "elapsed"].map((id) => [id, document.getElementById(id)]));
  window.toldAt = null;
  new MutationObserver(() => { window.toldAt ??= elapsed.textContent; }).observe(notices, { childList: true, subtree: true });
}"""
"""Keeps what the clock of the page shows when the first notice comes: a test that looks later sees a later time."""

LATER_BY = re.compile(r"Nothing was recorded for 1 min [1-5]\d")
"""75 seconds, and the few that the test itself takes."""


@pytest.fixture
def server() -> ShyServer:
    return ShyServer()


async def test_a_microphone_without_any_sound_is_told_after_eight_seconds_until_it_is_heard(server, browser):
    async with visited(server, browser) as (context, url):
        page = await context.new_page()
        await page.add_init_script(OWN_MICROPHONE)
        await page.goto(url)
        await page.evaluate("gain.gain.value = 0")
        await page.evaluate(TOLD_AT)
        await agree_and_start(page)
        notice = page.locator("#notices li")
        await expect(notice).to_contain_text("The microphone gives no sound at all.")
        assert await page.evaluate("toldAt") == "0:08"
        await page.evaluate("gain.gain.value = 1")
        await expect(notice).to_have_count(0)
        await page.evaluate("tracks[0].dispatchEvent(new Event('mute'))")
        await expect(notice).to_contain_text("The microphone is muted by this computer or by a switch on it.")
        await page.evaluate("tracks[0].dispatchEvent(new Event('unmute'))")
        await expect(notice).to_have_count(0)


async def test_a_lost_microphone_leaves_a_gap_with_its_seconds_in_transcript_and_text(server, browser):
    async with visited(server, browser) as (context, url):
        page = await context.new_page()
        await page.add_init_script(OWN_MICROPHONE)
        await page.goto(url)
        await agree_and_start(page)
        await server.heard(CHUNK_BYTES)
        await page.evaluate("tracks[0].stop(); tracks[0].dispatchEvent(new Event('ended'))")
        await server.asked("pause_session")
        await page.evaluate("const now = Date.now; Date.now = () => now() + 75_000")
        await page.get_by_role("button", name="Continue").click()
        await expect(page.locator("#finals .gap")).to_contain_text(LATER_BY)
        await expect(page.locator("#finals .gap")).to_contain_text("the microphone was lost")
        await server.heard(len(server.pcm) + CHUNK_BYTES)
        await page.get_by_role("button", name="Stop").click()
        await context.grant_permissions(["clipboard-read", "clipboard-write"])
        await page.get_by_role("button", name="Copy as text").click()
        await expect(page.locator("#saved")).to_have_text("Copied.")
        assert LATER_BY.search(await page.evaluate("navigator.clipboard.readText()"))


@pytest.mark.parametrize(
    ("before", "words"),
    [
        ("refuse('NotAllowedError')", "The browser may not use the microphone."),
        ("refuse('NotFoundError')", "No microphone was found."),
        ("refuse('NotReadableError')", "Another program is using the microphone."),
        ("refuse('OverconstrainedError')", "The chosen microphone is not there any more."),
        (
            "Object.defineProperty(BaseAudioContext.prototype, 'state', { get: () => 'suspended' })",
            "has not started to listen.",
        ),
        ("delete globalThis.AudioWorkletNode", "This browser is too old to listen."),
        ("Object.defineProperty(navigator, 'mediaDevices', { value: undefined })", "secure pages only."),
    ],
)
async def test_each_reason_why_the_microphone_cannot_be_had_says_what_to_do(server, browser, before, words):
    async with visited(server, browser) as (context, url):
        page = await context.new_page()
        await page.add_init_script(
            "const refuse = (name) => { navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('', name) } };"
            + before
        )
        await page.goto(url)
        await agree_and_start(page)
        await expect(page.locator("#alert")).to_contain_text(words)
        await expect(page.get_by_role("button", name="Start")).to_be_enabled()
    assert server.requests == []


async def test_a_browser_that_cannot_run_the_page_is_told_so(server, browser):
    async with visited(server, browser) as (context, url):
        page = await context.new_page()
        await page.route(
            "**/app.js", lambda route: route.fulfill(body="class Old { #; }", content_type="text/javascript")
        )
        await page.goto(url)
        await expect(page.locator("#too-old")).to_contain_text("This page does not work in this browser")


async def test_silence_is_a_constant_value_of_one_channel_and_not_a_quiet_room(server, browser):
    async with visited(server, browser) as (context, url):
        page = await opened(context, url)
        told = await page.evaluate("""() => import("/static/sound/silence.js").then(({ SilenceWatch }) => {
            const told = [];
            const watch = new SilenceWatch(2, (channel, silent) => told.push([second, channel, silent]));
            let second = 0;
            const hear = (left, right) => {
                second += 1;
                const samples = new Int16Array(2 * 100);
                for (let at = 0; at < 100; at++) samples.set([left(at), right(at)], 2 * at);
                watch.hear(samples, 100);
            };
            const room = (at) => 20 * (at % 2);
            const dead = (at) => 700 + (at % 3);
            for (let each = 0; each < 12; each++) hear(room, dead);
            hear(room, room);
            for (let each = 0; each < 8; each++) hear(room, room);
            return told;
        })""")
    assert told == [[8, 1, True], [13, 1, False]]


async def test_sound_that_stays_away_is_a_gap_and_sound_that_comes_late_is_none(server, browser):
    async with visited(server, browser) as (context, url):
        page = await opened(context, url)
        told = await page.evaluate("""() => import("/static/sound/pace.js").then(({ Pace }) => {
            const told = [];
            let now = 100;
            const pace = new Pace(now);
            const pass = (seconds, sound = true) => {
                for (let each = 0; each < seconds; each++) {
                    now += 1;
                    if (sound) pace.heard(1, now - 0.1);
                    const { stalled_s, gap } = pace.check(now);
                    if (stalled_s) told.push(["stalled", now]);
                    if (gap) told.push([gap.at, Math.round(gap.seconds)]);
                }
            };
            pass(10);
            pass(6, false);     // asleep: nothing was recorded
            pass(10);
            now += 7;           // busy: what was recorded comes late, in one piece
            pace.heard(7, now);
            pass(10);
            for (let each = 0; each < 3600; each++) { now += 1.0001; pace.heard(1, now); if (pace.check(now).gap) told.push("drift"); }
            return told;
        })""")
    assert told == [["stalled", 114], ["stalled", 115], ["stalled", 116], [10, 6]]
