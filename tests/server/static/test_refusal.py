"""A key that is refused in the middle of a visit: nothing is lost or doubled, and the page says what to do."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio
from aiohttp import web
from numpy.typing import NDArray
from playwright.async_api import Browser, Page, expect

from inference.config import EngineConfig
from inference.extraction.rules.engine import RulesExtractor
from inference.pipeline import Pipeline
from server.access.keys import remove
from server.app import SESSIONS
from tests.conftest import SCREENSHOTS
from tests.extension.support.relay import Relay
from tests.server.static.test_visits import opened, visited
from tests.server.test_page import CHUNK_BYTES, FakeServer, play, start_file
from tests.support.access import key, text_of
from tests.support.browser import KEPT_ROWS, SAMPLE_RATE, agree_and_start, heard_for, profile, write_wav
from tests.support.live import Server, samples_of, serving, until

pytestmark = pytest.mark.asyncio(loop_scope="package")

SECONDS = 30
REFUSED = "Access refused … sound is kept"


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of a keys file that is read again at once."""
    monkeypatch.setattr("server.access.keyring.LOOK_EVERY_S", 0.0)
    return tmp_path / "keys.json"


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytearray]:
    return samples_of(monkeypatch)


@pytest_asyncio.fixture(loop_scope="package")
async def server(vad, tiny, path: Path) -> AsyncIterator[Server]:
    key(path, "ward-3")
    remove(path, "ward-3")
    async with serving(Pipeline(vad, tiny, [RulesExtractor()], EngineConfig()), keys_file=path) as running:
        yield running


@pytest.fixture
def said(dual_consultation: NDArray[np.float32]) -> NDArray[np.int16]:
    """The beginning of the consultation: the clinician left, the patient right."""
    return (dual_consultation[:, : SECONDS * SAMPLE_RATE].T * 32767).astype(np.int16)


@pytest.fixture
def noise() -> NDArray[np.int16]:
    return np.random.default_rng(5).integers(-9000, 9000, 20 * SAMPLE_RATE, dtype=np.int16)


@asynccontextmanager
async def signed_in(browser: Browser, port: int | str, text: str, **options: str) -> AsyncIterator[Page]:
    async with profile(browser, **options) as context:
        page = await opened(context, f"http://localhost:{port}/?chunk_s=1")
        await sign_in(page, text)
        await expect(page.locator("#setup")).to_be_visible()
        yield page


async def sign_in(page: Page, text: str) -> None:
    await page.locator("#key").fill(text)
    await page.locator("#enter").click()


async def words(page: Page) -> list[str]:
    await expect(page.locator("#summary")).to_contain_text("Consultation finished.")
    return await page.locator("#finals > .segment").all_inner_texts()


def port_of(server: Server) -> str:
    return server.url.rpartition(":")[2]


async def test_a_revoked_key_ends_no_visit_and_a_new_one_of_the_same_owner_goes_on_without_loss(
    server: Server, browser: Browser, path: Path, heard: dict[str, bytearray], said: NDArray[np.int16], tmp_path: Path
) -> None:
    file = write_wav(tmp_path / "said.wav", said)
    first, other = text_of(key(path, "ward-3")), text_of(key(path, "ward-4"))
    async with signed_in(browser, port_of(server), first) as page:
        await play(page, file, speed="2")
        undisturbed = await words(page)

    async with signed_in(browser, port_of(server), first) as page:
        await play(page, file, speed="2")
        await expect(page.locator("#finals > .segment").first).to_be_attached()
        shown = await page.locator("#finals > .segment").first.inner_text()
        remove(path, "ward-3")
        why = page.locator("#sign-in-why")
        await expect(why).to_contain_text(
            "The server no longer accepts your sign-in: the key has run out or was withdrawn."
        )
        await expect(why).to_contain_text(re.compile(r"Sign in with a valid key by \d+:\d\d:\d\d.[AP]M"))
        await expect(page.locator("#connection")).to_have_text(REFUSED)
        await expect(page.locator("#phase")).to_have_text("Listening")
        await page.screenshot(path=SCREENSHOTS / "page-refused.png")
        await sign_in(page, first)
        await expect(page.locator("#sign-in-hint")).to_contain_text("The server does not know this key")
        await sign_in(page, other)
        await expect(why).to_contain_text("it belongs to somebody else. What is shown stays here")
        await expect(page.locator("#user")).to_have_text("ward-4")
        await expect(page.locator("#finals > .segment").first).to_have_text(re.compile(re.escape(shown.split()[-1])))
        assert server.app[SESSIONS].open_count == 1
        await sign_in(page, text_of(key(path, "ward-3 of May", owner="ward-3")))
        await expect(page.locator("#connection")).to_have_text("Connected")
        await expect(page.locator("#sign-in")).to_be_hidden()
        await expect(page.locator("#user")).to_have_text("ward-3 of May")
        assert await words(page) == undisturbed
        await expect(page.locator("#finals .gap")).to_have_count(0)
        assert await page.evaluate(KEPT_ROWS) == 0
    assert len(undisturbed) > 2
    assert [bytes(pcm) == said.tobytes() for pcm in heard.values()] == [True, True]


async def test_a_key_that_is_revoked_while_the_network_is_away_is_told_in_german_and_ends_no_visit(
    server: Server, browser: Browser, path: Path, heard: dict[str, bytearray], said: NDArray[np.int16], tmp_path: Path
) -> None:
    file = write_wav(tmp_path / "said.wav", said)
    text = text_of(key(path, "ward-3"))
    async with (
        Relay(int(port_of(server))) as relay,
        signed_in(browser, relay.port, text, locale="de") as page,
    ):
        await page.locator("input[value=file]").check()
        await page.locator("#file").set_input_files(file)
        await page.locator("#dual").check()
        await page.locator("#consent").check()
        await page.locator("#start").click()
        await until(lambda: len(heard) == 1)
        relay.cut()
        await expect(page.locator("#connection")).to_have_attribute("data-state", "waiting")
        remove(path, "ward-3")
        await heard_for(page, 5)
        relay.mend()
        await expect(page.locator("#sign-in-why")).to_contain_text("Der Server nimmt Ihre Anmeldung nicht mehr an")
        await expect(page.locator("#connection")).to_have_text("Zugang verweigert … der Ton bleibt erhalten")
        await page.locator("#stop").click()  # the words that wait are not lost with the end either
        await expect(page.locator("#sign-in")).to_be_visible()
        recorded = await page.locator("#elapsed").inner_text()
        await sign_in(page, text_of(key(path, "ward-3")))
        await expect(page.locator("#summary")).to_contain_text("Gespräch beendet.")
        await expect(page.locator("#summary-text")).to_contain_text(recorded)
    (pcm,) = heard.values()
    assert len(pcm) >= 5 * 4 * SAMPLE_RATE
    assert said.tobytes().startswith(bytes(pcm))


async def test_a_page_that_is_reloaded_while_its_key_is_refused_goes_on_after_the_sign_in(
    server: Server, browser: Browser, path: Path
) -> None:
    async with signed_in(browser, port_of(server), text_of(key(path, "ward-3"))) as page:
        await agree_and_start(page)
        await heard_for(page, 3)
        (session,) = server.app[SESSIONS]._sessions.values()
        remove(path, "ward-3")
        await expect(page.locator("#sign-in-why")).to_contain_text("no longer accepts your sign-in")
        await page.reload()
        await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        await sign_in(page, text_of(key(path, "ward-3 of May", owner="ward-3")))
        await expect(page.locator("#connection")).to_have_text("Connected")
        await expect(page.locator("#phase")).to_have_text("Listening")
        assert list(server.app[SESSIONS]._sessions) == [session.id]


async def test_a_visit_that_nobody_signs_in_for_ends_when_the_server_no_longer_waits_and_keeps_what_was_shown(
    browser: Browser, path: Path
) -> None:
    text = text_of(key(path, "ward-3"))
    async with serving(keys_file=path, resume_ttl_s=2) as server, signed_in(browser, port_of(server), text) as page:
        await agree_and_start(page)
        await until(lambda: any(each.received_samples for each in server.app[SESSIONS]._sessions.values()))
        remove(path, "ward-3")
        await expect(page.locator("#connection")).to_have_text(REFUSED)
        await expect(page.locator("#summary")).to_contain_text("Consultation cut short.")
        await expect(page.get_by_role("alert").first).to_contain_text("The server does not know who you are any more")
        await expect(page.locator("#finals .gap")).to_contain_text("the last sound never reached the server")
        await expect(page.locator("#sign-in")).to_be_hidden()
        assert await page.evaluate(KEPT_ROWS) == 0


class SignOn(FakeServer):
    """A sign-on stands before the server, and refuses handshakes with 401 when it is `over`."""

    over = False
    answers_401 = True

    async def me(self, request: web.Request) -> web.StreamResponse:
        if self.over and self.answers_401:
            raise web.HTTPUnauthorized
        if self.over:
            raise web.HTTPFound("http://sign-on.example/")
        return web.json_response({"name": "mei", "owner": "user:mei", "scopes": ["speak"], "sign_in": "proxy"})

    async def session(self, request: web.Request) -> web.WebSocketResponse:
        if self.over:
            raise web.HTTPUnauthorized
        return await super().session(request)


@pytest.mark.parametrize("answers_401", [True, False])
async def test_a_sign_on_that_is_over_at_the_upgrade_is_told_and_a_return_to_the_page_goes_on(
    browser: Browser, tmp_path: Path, noise: NDArray[np.int16], answers_401: bool
) -> None:
    server = SignOn()
    server.answers_401 = answers_401
    async with visited(server, browser) as (context, url):
        page = await opened(context, url)
        await start_file(page, write_wav(tmp_path / "noise.wav", noise), speed="2")
        await server.heard(CHUNK_BYTES)
        server.over = True
        await server.drop(lost_bytes=CHUNK_BYTES // 4)
        await expect(page.locator("#sign-in-why")).to_contain_text("Open this page in a new tab and sign on there")
        await expect(page.locator("#key-field")).to_be_hidden()
        server.over = False
        await page.evaluate("window.dispatchEvent(new Event('focus'))")
        await expect(page.locator("#connection")).to_have_text("Connected")
        await expect(page.locator("#summary")).to_contain_text("Consultation finished.")
    assert np.array_equal(np.frombuffer(bytes(server.pcm), "<i2"), noise)
