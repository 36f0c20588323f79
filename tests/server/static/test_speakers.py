"""Clinician and patient on channels of their own: one device with two channels, or two devices."""

import json
import re

import numpy as np
import pytest
from playwright.async_api import Page, expect

from tests.server.static.test_visits import ShyServer, opened, visited
from tests.server.test_page import CHUNK_BYTES, TEXT, finding, segment
from tests.support.browser import LEFT_HZ, RIGHT_HZ, agree_and_start, loudest_hz

pytestmark = pytest.mark.asyncio(loop_scope="package")

TWO_MICROPHONES = f"""
const context = new AudioContext();
window.tracks = {{}};
navigator.mediaDevices.enumerateDevices = async () => [
  {{ kind: "audioinput", deviceId: "desk", label: "Desk microphone" }},
  {{ kind: "audioinput", deviceId: "lapel", label: "Lapel microphone" }},
];
navigator.mediaDevices.getUserMedia = async ({{ audio: {{ deviceId }} }}) => {{
  await context.resume();
  const id = deviceId?.exact ?? "desk";
  const tone = context.createOscillator();
  tone.frequency.value = id === "lapel" ? {RIGHT_HZ} : {LEFT_HZ};
  const out = context.createMediaStreamDestination();
  tone.connect(out);
  tone.start();
  const [track] = out.stream.getAudioTracks();
  track.getSettings = () => ({{ deviceId: id, channelCount: 1 }});
  tracks[id] = track;
  return out.stream;
}};
"""


NAMELESS = """
const { mediaDevices } = navigator;
const [list, ask] = [mediaDevices.enumerateDevices.bind(mediaDevices), mediaDevices.getUserMedia.bind(mediaDevices)];
let asked = false;
const nameless = ({ kind }) => ({ kind, deviceId: "", label: "" });
mediaDevices.enumerateDevices = async () => (asked ? await list() : (await list()).map(nameless));
mediaDevices.getUserMedia = (wanted) => { asked = true; return ask(wanted); };
"""
"""A browser names no device to a page that has not used one."""


@pytest.fixture
def server() -> ShyServer:
    return ShyServer()


async def choose_two(page: Page, clinician: str, patient: str) -> None:
    await page.get_by_label("Speakers").select_option("two")
    await page.get_by_label("Clinician's microphone").select_option(label=clinician)
    await page.get_by_label("Patient's microphone").select_option(label=patient)


def channels(server: ShyServer) -> np.ndarray:
    return np.frombuffer(bytes(server.pcm[: len(server.pcm) // 4 * 4]), "<i2").reshape(-1, 2)[8000:]


async def test_a_device_with_two_channels_has_the_clinician_left_and_the_patient_right(server, browser):
    async with visited(server, browser) as (context, url):
        page = await opened(context, url)
        await page.get_by_label("Speakers").select_option("stereo")
        await agree_and_start(page)
        await server.heard(2 * CHUNK_BYTES)
        await expect(page.get_by_text("Clinician", exact=True)).to_be_visible()
        await expect(page.get_by_role("meter")).to_have_count(2)
        for meter in await page.get_by_role("meter").all():
            await expect(meter).to_have_attribute("aria-valuenow", re.compile(r"^[1-9]\d$"))
        await server.send("transcript", segment=segment("I have a sore throat.", final=True))
        await expect(page.locator("#finals .speaker")).to_have_text("Patient")
    assert server.start["mode"] == "dual"
    assert server.start["audio"]["channels"] == 2
    left, right = channels(server).T
    assert (round(loudest_hz(left)), round(loudest_hz(right))) == (LEFT_HZ, RIGHT_HZ)


async def test_two_microphones_become_two_channels_and_one_that_is_lost_leaves_the_other(server, browser):
    async with visited(server, browser) as (context, url):
        page = await context.new_page()
        await page.add_init_script(TWO_MICROPHONES)
        await page.goto(url)
        await choose_two(page, "Lapel microphone", "Desk microphone")
        await agree_and_start(page)
        await server.heard(2 * CHUNK_BYTES)
        left, right = channels(server).T
        assert (round(loudest_hz(left)), round(loudest_hz(right))) == (RIGHT_HZ, LEFT_HZ)

        await page.evaluate("tracks.desk.stop(); tracks.desk.dispatchEvent(new Event('ended'))")
        await expect(page.locator("#notices")).to_contain_text("The patient's microphone is unplugged.")
        await expect(page.locator("#phase")).to_have_text("Listening")
        await server.heard(len(server.pcm) + 2 * CHUNK_BYTES)
        assert np.abs(channels(server)[-8000:, 1]).max() <= 1
        assert round(loudest_hz(channels(server)[-16_000:, 0])) == RIGHT_HZ

        await page.get_by_role("button", name="Pause").click()
        await server.asked("pause_session")
        await page.get_by_role("button", name="Continue").click()
        gap = page.locator("#finals .gap")
        await expect(gap).to_contain_text("One speaker was not recorded for")
        await expect(gap).to_contain_text("the patient's microphone was lost; the clinician's was heard")
        await server.heard(len(server.pcm) + CHUNK_BYTES)
        assert round(loudest_hz(channels(server)[-8000:, 1])) == LEFT_HZ

        await page.evaluate("tracks.desk.stop(); tracks.desk.dispatchEvent(new Event('ended'))")
        await server.heard(len(server.pcm) + 2 * CHUNK_BYTES)
        await expect(gap).to_have_count(1)
        await page.get_by_role("button", name="Stop").click()
        await expect(gap).to_have_count(2)  # although the microphone never came back


async def test_one_microphone_for_two_people_and_a_device_of_one_channel_are_refused_with_a_way_out(server, browser):
    async with visited(server, browser) as (context, url):
        page = await context.new_page()
        await page.add_init_script(TWO_MICROPHONES)
        await page.goto(url)
        await choose_two(page, "Desk microphone", "Desk microphone")
        await agree_and_start(page)
        await expect(page.locator("#alert")).to_contain_text("Clinician and patient have the same microphone.")
        await page.get_by_label("Speakers").select_option("stereo")
        await page.get_by_role("button", name="Start").click()
        await expect(page.locator("#alert")).to_contain_text("This microphone gives one channel")
    assert server.requests == []


async def test_a_wrong_speaker_is_corrected_by_a_press_or_a_key_in_transcript_note_and_text_also_after_a_reload(
    server, browser
):
    async with visited(server, browser) as (context, url):
        page = await opened(context, url)
        await page.get_by_label("Speakers").select_option("stereo")
        await agree_and_start(page)
        await server.heard(CHUNK_BYTES)
        for number in (1, 2):
            await server.send("transcript", segment=segment(TEXT, final=True, number=number))
        await server.send("transcript", segment=segment("and", final=False, number=3))
        ops = [{"op": "add", "finding": finding(1, "sore throat", "sore throat")}]
        await server.send("extraction", revision=1, ops=ops)
        labels, said_at = page.locator("#finals button.speaker"), page.locator("#note .said-at")
        await expect(labels).to_have_text(["Patient", "Patient"])
        await expect(page.locator("#partials .speaker")).to_have_text("Patient")
        await expect(page.locator("#partials button")).to_have_count(0)
        await expect(said_at).to_have_text("[00:03 patient]")

        await labels.last.focus()
        await page.keyboard.press("ArrowUp")
        await expect(labels.first).to_be_focused()
        assert await labels.evaluate_all("(all) => all.map(({ tabIndex }) => tabIndex)") == [0, -1]
        assert await labels.first.get_attribute("title") == "Press if this is the clinician"
        await page.keyboard.press("Enter")
        await expect(labels).to_have_text(["Clinician corrected", "Patient"])
        await expect(page.locator("#finals .segment").first).to_have_attribute("data-speaker", "clinician")
        await expect(said_at).to_have_text("[00:03 clinician]")

        await page.reload()
        await expect(page.locator("#connection")).to_have_text("Connected")
        await expect(labels).to_have_text(["Clinician corrected", "Patient"])
        await expect(said_at).to_have_text("[00:03 clinician]")
        await labels.last.click()
        await labels.last.click()
        await expect(labels).to_have_text(["Clinician corrected", "Patient"])
        await page.get_by_role("button", name="Stop").click()
        await expect(page.locator("#summary")).to_be_visible()
        async with page.expect_download() as saving:
            await page.get_by_role("button", name="Save").click()
        saved = json.loads((await (await saving.value).path()).read_text())
        assert [each["speaker"] for each in saved["segments"]] == ["clinician", "patient"]
        assert saved["speakers"] == {"s1": "clinician"}
        assert saved["findings"][0]["evidence"][0]["speaker"] == "clinician"
        await labels.last.click()
        await expect(page.locator("#saved")).to_contain_text("Not saved yet")
        await page.get_by_role("button", name="Note as PDF").click()
        await expect(page.locator("#saved")).to_contain_text("with the speakers as the server heard them")
        page.on("dialog", lambda dialog: dialog.accept())
        await page.get_by_role("button", name="New consultation").click()
        await agree_and_start(page)
        await expect(page.locator("#connection")).to_have_text("Connected")
        await server.send("transcript", segment=segment(TEXT, final=True))
        await expect(labels).to_have_text(["Patient"])


async def test_the_choice_of_microphones_stays_for_the_next_patient_and_names_are_asked_for(server, browser):
    async with visited(server, browser) as (context, url):
        page = await context.new_page()
        await page.add_init_script(NAMELESS)
        await page.goto(url)
        await expect(page.get_by_role("button", name="Show microphones")).to_be_visible()
        await page.get_by_role("button", name="Show microphones").click()
        await expect(page.get_by_role("button", name="Show microphones")).to_be_hidden()
        await page.get_by_label("Speakers").select_option("stereo")
        options = page.get_by_label("Which microphone").locator("option")
        chosen = await options.nth(1).inner_text()
        await page.get_by_label("Which microphone").select_option(label=chosen)
        await agree_and_start(page)
        await server.heard(CHUNK_BYTES)
        await page.get_by_role("button", name="Stop").click()
        page.on("dialog", lambda dialog: dialog.accept())
        await page.get_by_role("button", name="New consultation").click()
        await expect(page.get_by_label("Speakers")).to_have_value("stereo")
        await expect(page.get_by_label("Which microphone").locator("option:checked")).to_have_text(chosen)
