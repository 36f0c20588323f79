"""What cannot work is told in words that say what to do, and the form comes back."""

import numpy as np
import pytest
from playwright.async_api import expect

from tests.server.static.test_visits import ShyServer, opened, visited
from tests.support.browser import SAMPLE_RATE, agree_and_start, write_wav

pytestmark = pytest.mark.asyncio(loop_scope="package")

PICTURE = bytes.fromhex("89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489")


@pytest.fixture
def server() -> ShyServer:
    return ShyServer()


async def test_a_file_without_audio_or_a_hostile_one_is_told_and_another_can_be_chosen(server, browser, tmp_path):
    whole = write_wav(tmp_path / "whole.wav", np.zeros(SAMPLE_RATE, np.int16)).read_bytes()
    files = {
        "empty.wav": b"",
        "letter.mp3": b"Dear colleague, thank you for seeing this patient.",
        "picture.flac": PICTURE,
        "noise.ogg": np.random.default_rng(3).bytes(5000),
        "lying.wav": whole[:20] + b"\xff" * 24 + whole[44:],  # a format with 65535 channels
    }
    async with visited(server, browser) as (context, url):
        page = await opened(context, url)
        await page.get_by_label("Audio file", exact=True).first.check()
        await page.get_by_label("The patient agrees").check()
        told = page.locator("#alert")
        for name, content in files.items():
            (tmp_path / name).write_bytes(content)
            await page.locator("#file").set_input_files(tmp_path / name)
            await page.evaluate("document.getElementById('alert').hidden = true")
            await page.get_by_role("button", name="Start").click()
            await expect(told).to_contain_text("This file could not be read as audio. Choose a WAV, FLAC, MP3,")
            await expect(told).to_be_visible()
            await expect(page.get_by_role("button", name="Start")).to_be_enabled()
        assert server.requests == []
        await page.locator("#file").set_input_files(tmp_path / "whole.wav")
        await page.get_by_role("button", name="Start").click()
        await server.asked("start_session")
        await expect(told).to_be_hidden()


async def test_a_server_that_is_away_and_a_network_that_the_browser_blocks_are_told_apart(server, browser):
    server.away = True
    async with visited(server, browser) as (context, url):
        page = await opened(context, url)
        await agree_and_start(page)
        await expect(page.locator("#alert")).to_contain_text("The server did not answer. Check that it is running")
        await expect(page.get_by_role("button", name="Start")).to_be_enabled()
        await context.clear_permissions()
        await context.grant_permissions(["microphone"])  # Chromium denies every other one
        await page.get_by_role("button", name="Start").click()
        await expect(page.locator("#alert")).to_contain_text("allow access to the local network")
        await page.get_by_label("Shown in").select_option("de")
        await expect(page.locator("#alert")).to_contain_text("erlauben Sie den Zugriff auf das lokale Netzwerk")
