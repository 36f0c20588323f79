"""The second screen and the cards of what was not noted, in a real browser."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio
from numpy.typing import NDArray
from playwright.async_api import Browser, Page, expect

from server.app import SESSIONS
from server.viewers.viewer import Viewer
from tests.server.test_page import (
    CHUNK_BYTES,
    TEXT,
    FakeServer,
    finding,
    opened,
    segment,
    start_file,
)
from tests.support.access import key, text_of
from tests.support.browser import SAMPLE_RATE, chromium, faultless, write_wav
from tests.support.fakes import speech
from tests.support.live import Client, Server, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")  # one browser for all of them


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


@asynccontextmanager
async def watching(server: Server, browser: Browser, session_id: str, expected: str = "nothing") -> AsyncIterator[Page]:
    """The second screen; fails at the end if the browser complained of anything but what is `expected`."""
    async with faultless(browser, expected) as page:
        await page.goto(f"{server.url}/watch#{session_id}")
        yield page


async def talk(client: Client) -> str:
    started = await client.start()
    await say(client, 1)
    session_id: str = started["session_id"]
    return session_id


async def say(client: Client, number: int) -> None:
    """Words that are others for each number."""
    await client.say(speech((0.5, 0), (1.0 + number, 0.5 / number), (1.5, 0)))
    await client.say({"type": "marker", "id": number})
    await client.hear("marker")


def cut(server: Server) -> int:
    """Ends the connections of all viewers as a lost network does."""
    viewers = [socket for socket in server.app[SESSIONS]._sockets if isinstance(socket, Viewer)]
    for viewer in viewers:
        viewer.drop("slow")
    return len(viewers)


async def test_the_second_screen_shows_words_and_findings_as_they_come_and_goes_on_after_a_cut(
    browser: Browser,
) -> None:
    async with serving() as server, server.connect() as client:
        session_id = await talk(client)
        async with watching(server, browser, session_id, expected="ERR_") as page:
            await expect(page.locator("#finals .segment")).to_have_count(1)
            await expect(page.locator(".finding")).to_have_count(1)
            await expect(page.locator("#connection")).to_have_text("Watching")
            box = await page.locator("#language").bounding_box()
            assert box is not None
            assert box["width"] < 250, "the choice of the language has a line of its own"
            await page.locator(".finding .show").click()
            await expect(page.locator("#finals mark")).to_have_count(1)
            assert await page.get_by_role("button", name="Remove").count() == 0
            assert cut(server) == 1
            await say(client, 2)
            await expect(page.locator("#finals .segment")).to_have_count(2)
            await expect(page.locator(".finding")).to_have_count(2)
            await expect(page.locator("#connection")).to_have_text("Watching")
            await client.say({"type": "dismiss_finding", "finding_id": "f1"})
            await expect(page.locator(".finding")).to_have_count(1)
            await client.finish()
            await expect(page.locator("#connection")).to_have_text("Finished")
            assert session_id not in await page.evaluate("location.pathname + location.search")


async def test_who_has_no_key_signs_in_first_and_who_signs_out_leaves_nothing_on_the_screen(
    browser: Browser, tmp_path: Path
) -> None:
    keys = tmp_path / "keys"
    speaks = key(keys, "clinic", "speak", owner="clinic")
    screen = key(keys, "screen", "read", owner="clinic")
    async with serving(keys_file=keys) as server, server.connect(headers=speaks) as client:
        session_id = await talk(client)
        async with watching(server, browser, session_id) as page:
            await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
            await page.locator("#key").fill(text_of(screen))
            await page.get_by_role("button", name="Sign in").click()
            await expect(page.locator("#finals .segment")).to_have_count(1)
            await page.get_by_role("button", name="Sign out").click()
            await expect(page.locator("#finals .segment")).to_have_count(0)
            await expect(page.locator(".finding")).to_have_count(0)


async def test_a_withdrawn_consultation_is_taken_off_the_screen_and_one_that_is_not_there_is_told(
    browser: Browser,
) -> None:
    async with serving() as server, server.connect() as client:
        session_id = await talk(client)
        async with watching(server, browser, session_id, expected="404") as page:
            await expect(page.locator(".finding")).to_have_count(1)
            await client.say({"type": "withdraw_consent"})
            await expect(page.get_by_role("alert")).to_contain_text("The consultation was erased.")
            await expect(page.locator("#finals .segment")).to_have_count(0)
            await expect(page.locator(".finding")).to_have_count(0)
            await page.evaluate("location.hash = 'nobody'")
            await expect(page.get_by_role("alert")).to_contain_text("This consultation is not here")


OMITTED = [
    {
        "id": f"o-s1-{number}",
        "kind": "symptom",
        "text": text,
        "status": status,
        "temporality": "current",
        "experiencer": "patient",
        "attributes": {},
        "evidence": finding(1, text, quote, status)["evidence"],
        "source": "rules",
    }
    for number, text, quote, status in (
        (1, "sore throat", "sore throat", "present"),
        (2, "fever", "no fever", "absent"),
    )
]


async def test_what_was_said_and_not_noted_is_offered_at_the_stop_and_added_or_left_out(
    browser: Browser, tmp_path: Path
) -> None:
    server = FakeServer()
    server.omissions = OMITTED
    path = write_wav(tmp_path / "visit.wav", speech_samples())
    async with opened(server, browser) as page:
        await start_file(page, path, speed="1")
        link = page.get_by_role("link", name="Second screen")
        await expect(link).to_be_visible()
        assert (await link.get_attribute("href") or "").endswith("/watch#x")
        await server.heard(CHUNK_BYTES)
        await server.send("transcript", segment=segment(TEXT, True))
        await page.get_by_role("button", name="Stop").click()
        await server.asked("pause_session")
        await expect(page.locator("#omissions")).to_be_focused()
        await expect(page.locator(".omission")).to_have_count(2)
        await expect(page.locator(".omission .marker")).to_have_text("No")
        await page.locator(".omission .show").first.click()
        await expect(page.locator("#finals mark")).to_have_text("sore throat")
        assert not any(request["type"] == "stop_session" for request in server.requests)

        await page.get_by_role("button", name="Add to the note: sore throat").click()
        asked = await server.asked("add_finding")
        assert asked["evidence"] == [{"segment": "s1", "quote": "sore throat", "start": TEXT.index("sore throat")}]
        assert asked["fields"]["text"] == "sore throat"
        added = {**finding(5, "sore throat", "sore throat"), "source": "clinician"}
        await server.send("extraction", revision=1, ops=[{"op": "add", "finding": added}], request=asked["request"])
        await expect(page.locator("#groups .finding")).to_have_count(1)
        await expect(page.locator(".omission")).to_have_count(1)

        await page.get_by_role("button", name="Leave out: fever").click()
        asked = await server.asked("leave_out")
        assert asked["omission_id"] == "o-s1-2"
        await server.send("omissions", items=[], left_out=["o-s1-2"], request=asked["request"])
        await expect(page.locator("#omissions")).to_be_hidden()
        await page.get_by_role("button", name="Finish").click()
        await server.asked("stop_session")
        await expect(page.locator("#summary")).to_contain_text("Consultation finished.")
        await expect(link).to_be_hidden()


async def test_where_nothing_is_missing_the_consultation_ends_at_once(browser: Browser, tmp_path: Path) -> None:
    server = FakeServer()
    async with opened(server, browser) as page:
        await start_file(page, write_wav(tmp_path / "visit.wav", speech_samples()), speed="1")
        await server.heard(CHUNK_BYTES)
        await page.get_by_role("button", name="Stop").click()
        await server.asked("stop_session")
        await expect(page.locator("#summary")).to_contain_text("Consultation finished.")
        await expect(page.locator("#omissions")).to_be_hidden()


def speech_samples() -> NDArray[np.int16]:
    return np.random.default_rng(5).integers(-9000, 9000, 20 * SAMPLE_RATE, dtype=np.int16)
