"""The page in a real browser against the real server: a key, a cookie, a WebSocket with its Origin, and a foreign page."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from aiohttp import web
from playwright.async_api import Browser, Page, expect

from server.access.access import ACCESS
from server.access.keys import remove
from server.app import SESSIONS
from tests.support.access import key, text_of
from tests.support.browser import CHROMIUM, chromium
from tests.support.live import Server, serving, until

if CHROMIUM is None:
    pytest.skip("needs the browser: apt-get install chromium", allow_module_level=True)

pytestmark = pytest.mark.asyncio(loop_scope="module")  # one browser for all of them


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="module")
async def page(browser) -> AsyncIterator[Page]:
    context = await browser.new_context()
    yield await context.new_page()
    await context.close()


async def sign_in(page: Page, text: str) -> None:
    await page.get_by_label("Key").fill(text)
    await page.get_by_role("button", name="Sign in").click()


async def start(page: Page) -> None:
    await page.get_by_label("The patient agrees").check()
    await page.get_by_role("button", name="Start").click()


def own_url(server: Server) -> str:
    return server.url.replace("127.0.0.1", "localhost") + "/"


async def test_a_key_signs_in_and_the_cookie_carries_the_consultation_and_its_record(page, tmp_path):
    path = tmp_path / "keys.json"
    text = text_of(key(path, "ward-3"))
    async with serving(keys_file=path) as server:
        await page.goto(own_url(server))
        await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        await expect(page.locator("#setup")).to_be_hidden()
        await sign_in(page, text[:-1] + ("A" if text[-1] != "A" else "B"))
        await expect(page.locator("#sign-in-hint")).to_contain_text("The server does not know this key")
        await sign_in(page, text)
        await expect(page.locator("#user")).to_have_text("ward-3")
        assert await page.locator("#key").input_value() == ""
        assert await page.evaluate("document.cookie + JSON.stringify({ ...localStorage, ...sessionStorage })") == "{}"
        (cookie,) = await page.context.cookies()
        assert (cookie["httpOnly"], cookie["sameSite"], cookie["expires"] > 0) == (True, "Strict", True)

        await start(page)
        await expect(page.locator("#connection")).to_have_text("Connected")
        (session,) = server.app[SESSIONS]._sessions.values()
        assert session.owner == "key:ward-3"
        await until(lambda: session.received_samples > 0)
        await page.get_by_role("button", name="Stop").click()
        await expect(page.locator("#summary")).to_contain_text("Consultation finished.")
        record = await page.evaluate(f"fetch('/v1/sessions/{session.id}/record').then((answer) => answer.json())")
        assert record["consent"]["by"] == "ward-3"
        assert record["consent"]["wording"] == "The patient agrees that this conversation is transcribed."

        await page.reload()
        await expect(page.locator("#user")).to_have_text("ward-3")
        await page.get_by_role("button", name="Sign out").click()
        await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        assert await page.context.cookies() == []
        assert await page.evaluate(f"fetch('/v1/sessions/{session.id}/record').then((answer) => answer.status)") == 401


async def test_a_sign_in_that_is_over_sends_the_page_back_to_it(page, tmp_path, monkeypatch):
    monkeypatch.setattr("server.access.keyring.LOOK_EVERY_S", 0.0)
    path = tmp_path / "keys.json"
    text = text_of(key(path, "ward-3"))
    async with serving(keys_file=path) as server:
        await page.goto(own_url(server))
        await sign_in(page, text)
        await expect(page.locator("#user")).to_have_text("ward-3")
        remove(path, "ward-3")
        await start(page)
        await expect(page.get_by_role("alert")).to_contain_text("The server does not know who you are any more")
        await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        assert server.app[SESSIONS].open_count == 0


async def test_a_flood_of_strangers_does_not_hide_the_sign_in(page, tmp_path):
    path = tmp_path / "keys.json"
    text = text_of(key(path, "ward-3"))
    async with serving(keys_file=path) as server:
        strangers = server.app[ACCESS].strangers
        clock = strangers.clock()
        strangers.clock = lambda: clock
        number = 0
        while not strangers.crowded("127.0.0.1"):
            number += 1
            strangers.refused(f"198.51.100.{number % 250}")
        await page.goto(own_url(server))
        await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        await sign_in(page, text)
        await expect(page.locator("#user")).to_have_text("ward-3")


async def test_a_page_of_another_origin_gets_no_socket_with_the_cookie(page, tmp_path):
    """The attacker's page is on another port of the same host, which SameSite takes for the same site."""
    path = tmp_path / "keys.json"
    text = text_of(key(path, "ward-3"))

    async def foreign(_request: web.Request) -> web.Response:
        return web.Response(text="<!doctype html><title>foreign</title>", content_type="text/html")

    app = web.Application()
    app.router.add_get("/", foreign)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        async with serving(keys_file=path) as server:
            await page.goto(own_url(server))
            await sign_in(page, text)
            await expect(page.locator("#user")).to_have_text("ward-3")
            connect = """(url) => new Promise((done) => {
                const socket = new WebSocket(url, ["drtranscribe.v1"]);
                socket.onopen = () => { socket.close(); done("open"); };
                socket.onerror = () => done("refused");
            })"""
            socket = own_url(server).replace("http", "ws") + "ws"
            assert await page.evaluate(connect, socket) == "open"
            await page.goto(f"http://localhost:{runner.addresses[0][1]}/")
            assert await page.evaluate(connect, socket) == "refused"
    finally:
        await runner.cleanup()


async def test_a_consent_that_is_taken_back_leaves_nothing_on_the_page_or_on_the_server(page):
    async with serving() as server:
        await page.goto(own_url(server))
        await start(page)
        await expect(page.locator("#connection")).to_have_text("Connected")
        (session,) = server.app[SESSIONS]._sessions.values()
        await until(lambda: session.received_samples > 0)
        page.once("dialog", lambda dialog: dialog.accept())
        await page.get_by_role("button", name="Patient withdraws").click()
        await expect(page.get_by_role("alert")).to_contain_text("was erased, here and on the server")
        await expect(page.locator("#setup")).to_be_visible()
        await expect(page.locator("#connection")).to_have_text("Not connected")
        assert server.app[SESSIONS]._sessions == {}
        assert (await server.get(f"/v1/sessions/{session.id}/record"))[0] == 404
