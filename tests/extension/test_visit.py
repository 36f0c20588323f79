"""Consultations with the extension in a real browser: real engines, real speech, and what goes wrong."""

import re

import pytest
from playwright.async_api import Page, expect

from server.app import SESSIONS
from tests.extension.support.chromium import ORIGIN
from tests.extension.support.clinic import SAMPLE_RATE, SOON_MS, Clinic, alert, badge, picture, press, tabs, visit
from tests.extension.support.relay import Relay
from tests.support.browser import CHROMIUM
from tests.support.live import serving

if CHROMIUM is None:
    pytest.skip("needs the browser: apt-get install chromium", allow_module_level=True)

pytestmark = pytest.mark.asyncio(loop_scope="package")  # one browser and one server for all of them


async def pasted(page: Page) -> str:
    """What a person pastes into the field of the record now."""
    await page.bring_to_front()
    await page.locator("#field").fill("")
    await page.locator("#field").press("Control+V")
    return await page.locator("#field").input_value()


async def test_a_video_visit_is_heard_on_two_channels_and_its_note_goes_into_the_record(clinic: Clinic) -> None:
    async with visit(clinic) as running:
        assert running.call is not None
        await running.words("patient", "throat|cough")
        await running.words("clinician", "viral|infection|chest")
        assert await running.panel.evaluate("chrome.action.getBadgeText({})") == "REC"
        await running.finish()
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
        await running.panel.get_by_role("button", name=re.compile("^Copy: ")).first.click()
        await expect(running.panel.locator("#put")).to_have_text("Copied as text.")
        part_copied = await pasted(running.call)
        assert shown in part_copied
        await running.panel.bring_to_front()
        await running.panel.get_by_role("button", name="Copy the note").click()
        whole = await pasted(running.call)
        assert whole.startswith("Draft, made by a machine and not reviewed: check it before use.\n\nSubjective\n")
        assert part_copied in whole
        await running.panel.bring_to_front()
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
        await badge(running.panel, "!", "drTranscribe: something is wrong. Open the side panel to see what.")
        await clinic.chromium.stop_worker()
        await running.talk(3)
        clinic.relay.mend()
        await expect(connection).to_have_text("Connected", timeout=SOON_MS)
        await badge(running.panel, "REC")
        await running.words_again("patient", "throat|cough")
        heard_s = await running.heard_s()
        await running.finish()
        assert heard_s <= await running.heard_s() <= heard_s + 5, "the second one is what the server has received"
        session = list(clinic.sessions.values())[-1]
        assert int(session.received_samples / SAMPLE_RATE) == await running.heard_s()


async def test_a_closed_tab_is_told_the_microphone_goes_on_and_the_transcript_keeps_the_gap(clinic: Clinic) -> None:
    async with visit(clinic) as running:
        assert running.call is not None
        await running.words("patient", "throat|cough")
        await running.call.close()
        await running.trouble("tab", "the patient is not heard any more. Your microphone still is.")
        await badge(running.panel, "!")
        await picture(running.panel.screenshot, "tab-closed")
        await running.words_again("clinician", "viral|infection|chest")
        await running.phase("Listening")
        gap = running.panel.locator("#finals .gap")
        await press(running.panel, "#pause")
        await running.phase("Paused")
        await expect(gap).to_contain_text("the patient's tab was closed or showed another page")
        paused = await gap.inner_text()
        await press(running.panel, "#pause")
        await running.phase("Listening")
        await running.talk(2)
        await running.finish()
        await expect(gap).to_contain_text(re.compile(r"One speaker was not recorded for \d+ seconds"))
        assert paused != await gap.inner_text(), "one line, which grows with the gap"
        await running.panel.reload()
        await expect(gap).to_have_count(1, timeout=SOON_MS)


SMALL_OUTBOX = """import("/page/visit/outbox.js").then(({ Outbox }) => {
  const add = Outbox.prototype.addAudio;
  Outbox.prototype.addAudio = function (pcm) {
    this.limit = 6 * 16_000;
    return add.call(this, pcm);
  };
})"""
"""Keeps six seconds of sound instead of ten minutes."""


async def test_sound_that_could_not_be_kept_is_a_gap_where_it_was(clinic: Clinic) -> None:
    async with visit(clinic, "ambient") as running:
        await running.talk(2)
        await clinic.chromium.in_offscreen(SMALL_OUTBOX)
        clinic.relay.cut()
        await running.talk(11)
        clinic.relay.mend()
        await expect(running.panel.locator("#connection")).to_have_text("Connected", timeout=SOON_MS)
        gap = running.panel.locator("#finals .gap")
        await expect(gap).to_contain_text("the server was out of reach for longer than this page can keep sound")
        lost_s = int(re.findall(r"recorded for (\d+) second", await gap.inner_text())[0])
        assert 1 <= lost_s <= 11
        await running.finish()
        session = list(clinic.sessions.values())[-1]
        assert int(session.received_samples / SAMPLE_RATE) == await running.heard_s(), "silence has its place"
        await expect(gap).to_have_count(1)


async def test_sound_that_never_reached_the_server_is_a_gap_at_the_end(clinic: Clinic) -> None:
    async with (
        serving(resume_ttl_s=2, allowed_origins=(ORIGIN,)) as server,
        Relay(int(server.url.rpartition(":")[2])) as relay,
        visit(clinic, "ambient", addresses=[f"http://127.0.0.1:{relay.port}/"]) as running,
    ):
        await running.talk(4)
        relay.cut()
        await running.phase("Cut short")
        gap = running.panel.locator("#finals .gap")
        await expect(gap).to_contain_text("the connection was lost, and the last sound never reached the server")
        heard_s = await running.heard_s()
        lost_s = int(re.findall(r"recorded for (\d+) second", await gap.inner_text())[0])
        (session,) = server.app[SESSIONS]._sessions.values()
        assert abs(session.received_samples / SAMPLE_RATE + lost_s - heard_s) <= 1 + 2, "but for the chunk under way"


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
        await running.finish()
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
                await badge(running.panel, "!")
                await press(running.panel, "#pause")
                await running.phase("Listening")
            else:
                await running.words("patient", "throat|cough")
                await badge(running.panel, "!")
                await press(running.panel, "[data-trouble=microphone] button")
            await badge(running.panel, "REC")
            await expect(running.panel.locator("[data-trouble=microphone]")).to_have_count(0, timeout=SOON_MS)
            await running.words("clinician" if mode == "dual" else "unknown", "viral|infection|chest")
            await running.finish()


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
