"""A key that is refused in the middle of a consultation: the extension says what to do, and goes on with another one."""

import hashlib
import re

import pytest
from playwright.async_api import Page, expect

from server.access.keys import remove
from tests.extension.support.chromium import ORIGIN
from tests.extension.support.clinic import SAMPLE_RATE, SOON_MS, Clinic, Visit, badge, picture, press, visit
from tests.support.access import key, text_of
from tests.support.browser import CHROMIUM
from tests.support.live import samples_of, serving

if CHROMIUM is None:
    pytest.skip("needs the browser: apt-get install chromium", allow_module_level=True)

pytestmark = pytest.mark.asyncio(loop_scope="package")

KEPT = "Access refused … sound is kept"
WATCH = """import("/page/sound/chunker.js").then(({ Chunker }) => {
  const push = Chunker.prototype.push;
  globalThis.pushed = [];
  Chunker.prototype.push = function (samples) {
    pushed.push(samples.slice());
    return push.call(this, samples);
  };
})"""
"""Keeps what the sources give from now on."""
TOLD = """(async () => {
  const bytes = await new Blob(pushed).arrayBuffer();
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return { size: bytes.byteLength, sha256: [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("") };
})()"""


@pytest.fixture(autouse=True)
def read_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The keys file."""
    monkeypatch.setattr("server.access.keyring.LOOK_EVERY_S", 0.0)


async def save(page: Page, secret: str) -> None:
    """Enters a key in the settings page."""
    await page.evaluate("chrome.permissions.request = async () => true")  # a question that no test can answer
    await page.locator("#key").fill(secret)
    await press(page, "button[type=submit]")


async def connected(running: Visit, text: str) -> None:
    await expect(running.panel.locator("#connection")).to_have_text(text, timeout=SOON_MS)


async def test_a_key_that_is_revoked_while_the_network_is_away_ends_nothing_and_a_new_one_loses_no_sample(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions = samples_of(monkeypatch)
    first, other = text_of(key(clinic.keys, "ward-5")), text_of(key(clinic.keys, "ward-6"))
    async with visit(clinic, key=first) as running:
        await clinic.chromium.in_offscreen(WATCH)
        await running.words("patient", "throat|cough")
        clinic.relay.cut()
        remove(clinic.keys, "ward-5")
        await connected(running, "Reconnecting … sound is kept")
        clinic.relay.mend()
        await running.trouble(
            "key", "The server does not take this key: it was mistyped, has run out or was withdrawn."
        )
        await running.trouble(
            "key", "The consultation is not over: what is shown stays here and its sound is kept. Until"
        )
        await connected(running, KEPT)
        await running.phase("Listening")
        await picture(running.panel.screenshot, "key-refused")
        await running.talk(2)
        await clinic.chromium.stop_worker()
        async with clinic.chromium.context.expect_page() as opening:
            await press(running.panel, "[data-trouble=key] button")
        settings = await opening.value
        await settings.wait_for_selector("#microphone option", state="attached")
        await save(settings, first)
        await expect(settings.locator("#told")).to_contain_text("The server does not take this key", timeout=SOON_MS)
        await save(settings, other)
        await running.trouble("key", "it belongs to another owner. Enter a key of the owner who began it in Settings.")
        await running.words("patient", "throat|cough")
        await save(settings, text_of(key(clinic.keys, "ward-5 of May", owner="ward-5")))
        await connected(running, "Connected")
        await expect(running.panel.locator("[data-trouble=key]")).to_have_count(0)
        await settings.close()
        await running.words_again("patient", "throat|cough")
        await running.finish()
        told = await clinic.chromium.in_offscreen(TOLD)
        heard_s = await running.heard_s()
    (pcm,) = sessions.values()
    assert len(pcm) // (4 * SAMPLE_RATE) == heard_s
    assert told["size"] > 4 * 4 * SAMPLE_RATE
    assert hashlib.sha256(pcm[-told["size"] :]).hexdigest() == told["sha256"], "nothing is lost or doubled"


async def test_a_key_that_is_revoked_while_connected_is_told_in_german_and_the_stop_waits_for_a_new_one(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions = samples_of(monkeypatch)
    async with visit(clinic, "ambient", key=text_of(key(clinic.keys, "ward-7"))) as running:
        await clinic.chromium.in_offscreen(WATCH)
        settings = await clinic.chromium.open("settings/options.html")
        try:
            await settings.locator("#language").select_option("de")
            await running.words("unknown", "viral|infection|chest")
            remove(clinic.keys, "ward-7")
            await running.trouble("key", "Der Server nimmt diesen Schlüssel nicht an")
            await running.trouble("key", "Das Gespräch ist nicht beendet")
            await connected(running, "Zugang verweigert … der Ton bleibt erhalten")
            await badge(running.panel, "!")
            await running.talk(2)
            await press(running.panel, "#stop")
            await running.phase("Notiz wird geprüft …")
            await running.phase("Wird beendet …")
            await save(settings, text_of(key(clinic.keys, "ward-7")))
            await running.phase("Beendet")
        finally:
            await settings.locator("#language").select_option("en")
            await settings.close()
        told = await clinic.chromium.in_offscreen(TOLD)
    (pcm,) = sessions.values()
    assert hashlib.sha256(pcm[-told["size"] :]).hexdigest() == told["sha256"]


async def test_a_consultation_for_which_no_key_comes_ends_when_the_server_no_longer_waits_and_stays_on_the_screen(
    clinic: Clinic,
) -> None:
    secret = text_of(key(clinic.keys, "ward-8"))
    async with (
        serving(keys_file=clinic.keys, allowed_origins=(ORIGIN,), resume_ttl_s=3) as server,
        visit(clinic, "ambient", addresses=[f"{server.url}/"], key=secret) as running,
    ):
        said = running.panel.locator("#finals .segment")
        await expect(said.first).to_be_attached(timeout=SOON_MS)
        remove(clinic.keys, "ward-8")
        await connected(running, KEPT)
        await running.phase("Cut short")
        await running.trouble("server", "The server does not know who you are any more.")
        await expect(running.panel.locator("[data-trouble=key]")).to_have_count(0)
        await expect(said.first).to_have_text(re.compile(r"\w"))
