"""A microphone that is muted, dead, lost or stalled is told while it happens, and a gap with its seconds; the tab stays audible."""

import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.extension.support.chromium import ORIGIN
from tests.extension.support.clinic import SOON_MS, Clinic, Visit, badge, press, visit
from tests.support.browser import CHROMIUM
from tests.support.live import Server, serving

if CHROMIUM is None:
    pytest.skip("needs the browser: apt-get install chromium", allow_module_level=True)

pytestmark = pytest.mark.asyncio(loop_scope="package")

OWN_MICROPHONE = """void (() => {
  const context = new AudioContext({ sampleRate: 16_000 });
  globalThis.gain = context.createGain();
  globalThis.offset = new ConstantSourceNode(context, { offset: 0 });
  const tone = context.createOscillator();
  tone.connect(gain);
  tone.start();
  offset.start();
  const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  globalThis.tracks = [];
  globalThis.tab = null;
  navigator.mediaDevices.getUserMedia = async (wanted) => {
    if (wanted.audio.mandatory) return (globalThis.tab = await ask(wanted));
    await context.resume();
    const out = context.createMediaStreamDestination();
    gain.connect(out);
    offset.connect(out);
    tracks.push(out.stream.getAudioTracks()[0]);
    return out.stream;
  };
  globalThis.links = []; // what was connected: [from, to]
  const { connect } = AudioNode.prototype;
  AudioNode.prototype.connect = function (to, ...ports) {
    links.push([this, to]);
    return connect.call(this, to, ...ports);
  };
})()"""
"""A microphone whose sound the test makes, and a list of what is connected with what."""
STALL = "void links.filter(([, to]) => to instanceof AudioWorkletNode).forEach(([from]) => from.disconnect())"
"""No sample comes any more, as from a driver that hangs."""
RESUME = "void links.filter(([, to]) => to instanceof AudioWorkletNode).forEach(([from, to]) => from.connect(to))"
AUDIBLE = """(async () => {
  const out = links.filter(([, to]) => to instanceof AudioDestinationNode);
  const [source] = out.map(([from]) => from).filter(({ mediaStream }) => mediaStream === tab);
  const analyser = source.context.createAnalyser();
  source.connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  for (let tries = 0; tries < 200; tries++) {
    analyser.getFloatTimeDomainData(samples);
    if (samples.some((sample) => Math.abs(sample) > 0.01)) break;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const peak = Math.max(...samples.map(Math.abs));
  return { outputs: out.length, state: source.context.state, rate: source.context.sampleRate, heard: peak > 0.01 };
})()"""
"""What goes to the loudspeakers, and whether there is anything in it."""


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def server() -> AsyncIterator[Server]:
    async with serving(allowed_origins=(ORIGIN,)) as server:
        yield server


async def over(running: Visit, trouble: str) -> None:
    await expect(running.panel.locator(f"[data-trouble={trouble}]")).to_have_count(0, timeout=SOON_MS)


async def test_a_microphone_that_is_muted_or_gives_one_constant_value_is_told_until_it_is_heard(
    clinic: Clinic, server: Server
) -> None:
    async with visit(clinic, "ambient", before=OWN_MICROPHONE, addresses=[f"{server.url}/"]) as running:
        offscreen = clinic.chromium.in_offscreen
        await running.talk(1)
        await offscreen("void tracks[0].dispatchEvent(new Event('mute'))")
        await running.trouble("microphone_muted", "Your microphone is muted by this computer or by a switch on it")
        await badge(running.panel, "!")
        await offscreen("void tracks[0].dispatchEvent(new Event('unmute'))")
        await over(running, "microphone_muted")
        await badge(running.panel, "REC")
        for value in (0, 0.25):
            await offscreen(f"void (gain.gain.value = 0, offset.offset.value = {value})")
            before_s = await running.heard_s()
            await running.trouble("microphone_silent", "Nothing comes from your microphone.")
            assert await running.heard_s() - before_s >= 7
            await offscreen("void (gain.gain.value = 1)")
            await over(running, "microphone_silent")
        await press(running.panel, "#stop")
        await running.phase("Finished")


async def test_sound_that_stops_is_told_with_its_gap_even_where_pause_and_continue_end_it(
    clinic: Clinic, server: Server
) -> None:
    async with visit(clinic, "ambient", before=OWN_MICROPHONE, addresses=[f"{server.url}/"]) as running:
        gaps = running.panel.locator("#finals .gap")
        seconds = re.compile(r"Nothing was recorded for ([4-9]|\d\d) seconds: no sound reached")
        await running.talk(1)
        await clinic.chromium.in_offscreen(STALL)
        await running.trouble("stalled", "No sound arrives any more, and nothing is recorded.")
        await badge(running.panel, "!")
        await clinic.chromium.in_offscreen(RESUME)
        await expect(gaps).to_have_text([seconds], timeout=SOON_MS)
        await over(running, "stalled")
        await running.talk(1)
        await clinic.chromium.in_offscreen(STALL)
        await running.trouble("stalled", "press Pause, then Continue")
        await press(running.panel, "#pause")
        await running.phase("Paused")
        await clinic.chromium.in_offscreen(RESUME)
        await over(running, "stalled")
        await press(running.panel, "#pause")
        await running.phase("Listening")
        await running.talk(1)
        await expect(gaps).to_have_text([seconds, seconds])
        await running.panel.reload()
        await expect(gaps).to_have_text([seconds, seconds], timeout=SOON_MS)
        await press(running.panel, "#stop")
        await running.phase("Finished")
        await expect(gaps).to_have_text([seconds, seconds])


async def test_a_microphone_that_was_lost_leaves_a_gap_for_its_speaker(clinic: Clinic, server: Server) -> None:
    unplug = "void (tracks.at(-1).stop(), tracks.at(-1).dispatchEvent(new Event('ended')))"
    for mode, told in (
        ("dual", "One speaker was not recorded for"),
        ("ambient", "Nothing was recorded for"),
    ):
        async with visit(clinic, mode, before=OWN_MICROPHONE, addresses=[f"{server.url}/"]) as running:
            await running.talk(1)
            await clinic.chromium.in_offscreen(unplug)
            await running.trouble("microphone", "The microphone was unplugged")
            if mode == "dual":
                await running.talk(3)
                await press(running.panel, "[data-trouble=microphone] button")
            else:
                await running.phase("Paused")
                await press(running.panel, "#pause")
            await over(running, "microphone")
            await expect(running.panel.locator("#finals .gap")).to_contain_text(told, timeout=SOON_MS)
            await running.talk(1)
            await press(running.panel, "#stop")
            await running.phase("Finished")


async def test_the_tab_that_is_recorded_stays_audible_for_its_user(clinic: Clinic, server: Server) -> None:
    async with visit(clinic, before=OWN_MICROPHONE, addresses=[f"{server.url}/"]) as running:
        await running.talk(1)
        told = await clinic.chromium.in_offscreen(AUDIBLE)
        assert told["rate"] > 16_000, "in full quality, not as the recogniser hears it"
        assert (told["outputs"], told["state"], told["heard"]) == (1, "running", True), "the microphone is not played"
        await press(running.panel, "#pause")
        await running.phase("Paused")
        told = await clinic.chromium.in_offscreen(AUDIBLE)
        assert (told["outputs"], told["state"], told["heard"]) == (1, "running", True), (
            "a pause is no silence for the user"
        )
