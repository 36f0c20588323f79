"""The page for everybody: axe finds nothing, the keyboard reaches everything, and a page that is zoomed in only grows longer."""

import asyncio
from importlib.resources import files
from typing import Any

import pytest
from aiohttp import web
from playwright.async_api import Page, expect

from tests.server.page.visiting import NoteServer
from tests.server.static.test_visits import crash, opened, visited
from tests.server.test_page import CHUNK_BYTES, TEXT, FakeServer, finding, segment
from tests.server.viewers.test_watch_page import OMITTED, talk, watching
from tests.support.browser import agree_and_start
from tests.support.live import serving

pytestmark = pytest.mark.asyncio(loop_scope="package")

AXE = (files("axe_playwright_python") / "axe.min.js").read_text()
ZOOMED = [(640, 400), (320, 256)]  # a window of 1280 x 800 at 200 %, one of 1280 x 1024 at 400 %


class SlowServer(FakeServer):
    """Answers the start and the stop of a session when it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.starts, self.stops = asyncio.Event(), asyncio.Event()
        self.signed_in = True

    async def me(self, request: web.Request) -> web.Response:
        if not self.signed_in:
            return web.json_response({"name": None, "scopes": [], "sign_in": "key"})
        return await super().me(request)

    async def request(self, message: dict[str, Any]) -> None:
        if message["type"] == "start_session":
            await self.starts.wait()
        if message["type"] == "stop_session":
            await self.stops.wait()
        await super().request(message)


@pytest.fixture
def server() -> SlowServer:
    return SlowServer()


async def faults(page: Page) -> dict[str, list[str]]:
    """What axe finds, by its rule, in light and in dark."""
    if not await page.evaluate("typeof axe === 'object'"):
        await page.evaluate(AXE)
    found: dict[str, list[str]] = {}
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # a colour on its way is no colour
        result = await page.evaluate("axe.run(document)")
        for each in result["violations"]:
            found[f"{scheme} {each['id']}"] = [node["html"] for node in each["nodes"]]
    return found


async def fill(server: FakeServer) -> None:
    await server.send("transcript", segment=segment(TEXT, final=True))
    await server.send("transcript", segment=segment("and my", final=False, number=2))
    await server.send("notice", code="no_speech", message="nobody is heard: check the microphone")
    added = [
        {"op": "add", "finding": finding(1, "sore throat", "sore throat")},
        {"op": "add", "finding": finding(2, "fever", "no fever", status="absent", source="clinician")},
        {"op": "add", "finding": {**finding(3, "cough", "sore", status="possible"), "kind": "allergy"}},
    ]
    await server.send("extraction", revision=1, ops=added)


async def test_axe_finds_nothing_in_any_phase_of_the_page_in_light_and_in_dark(server, browser):
    async with visited(server, browser) as (context, url):
        server.signed_in = False
        page = await opened(context, url)
        await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        found = {"sign in": await faults(page)}
        server.signed_in = True
        await page.goto(url)
        await page.get_by_label("Speakers").select_option("two")
        found["form"] = await faults(page)
        await page.get_by_role("button", name="Shortcuts").click()
        found["list of shortcuts"] = await faults(page)
        await page.keyboard.press("Escape")
        await page.get_by_label("Audio file", exact=True).first.check()
        found["form for a file"] = await faults(page)
        await page.goto(url)
        await page.get_by_label("Speakers").select_option("stereo")
        await agree_and_start(page)
        await expect(page.locator("#phase")).to_have_text("Starting …")
        found["starting"] = await faults(page)
        server.starts.set()
        await server.heard(CHUNK_BYTES)
        await fill(server)
        await page.evaluate(
            "document.getElementById('alert-text').textContent = 'Told.'; document.getElementById('alert').hidden = false"
        )
        await page.locator(".finding .show").first.click()
        await expect(page.locator("mark")).to_have_count(1)
        found["listening"] = await faults(page)
        server.signed_in = False
        assert server.socket is not None
        await server.socket.close(code=4401)
        await expect(page.locator("#sign-in-why")).not_to_be_empty()
        found["signed out in a visit"] = await faults(page)
        server.signed_in = True
        await page.evaluate("window.dispatchEvent(new Event('focus'))")
        await expect(page.locator("#connection")).to_have_text("Connected")
        await page.get_by_role("button", name="Pause").click()
        await expect(page.locator("#phase")).to_have_text("Paused")
        found["paused"] = await faults(page)
        await crash(page)
        page = await opened(context, url)
        await expect(page.locator("#interrupted")).to_be_visible()
        found["interrupted"] = await faults(page)
        await page.get_by_role("button", name="End it and keep the record").click()
        await expect(page.locator("#phase")).to_have_text("Finishing …")
        found["finishing"] = await faults(page)
        server.stops.set()
        await expect(page.locator("#summary")).to_be_visible()
        found["ended"] = await faults(page)
    assert {phase: each for phase, each in found.items() if each} == {}


async def test_axe_finds_nothing_in_what_a_clinician_opens_during_a_visit(browser):
    """The form of an edit, a note by a template, the text to copy by hand, and what was said and not noted."""
    server = NoteServer()
    server.omissions = OMITTED
    async with visited(server, browser) as (context, url):
        page = await opened(context, url)
        await agree_and_start(page)
        await server.heard(CHUNK_BYTES)
        await fill(server)
        await page.get_by_label("Form of the note").select_option("Referral letter")
        await expect(page.locator(".note-line").filter(has_text="sore throat")).to_be_visible()
        found = {"note by a template": await faults(page)}
        await page.evaluate("""() => {
            navigator.clipboard.writeText = () => Promise.reject(new DOMException("", "NotAllowedError"));
            document.execCommand = () => false;
        }""")
        await page.get_by_role("button", name="Copy the note").click()
        await expect(page.get_by_role("dialog", name="Copy by hand")).to_be_visible()
        found["copy by hand"] = await faults(page)
        await page.keyboard.press("Escape")
        await page.locator(".finding .show").first.click()
        await page.get_by_role("button", name="Edit: ").first.click()
        await expect(page.locator(".editor")).to_be_visible()
        found["edit"] = await faults(page)
        await page.keyboard.press("Escape")
        await page.get_by_role("button", name="Stop").click()
        await expect(page.locator("#phase")).to_have_text("Check the note, then finish")
        await expect(page.locator(".omission")).to_have_count(2)
        found["check of the note"] = await faults(page)
    assert {part: each for part, each in found.items() if each} == {}


async def test_axe_finds_nothing_on_the_second_screen(browser):
    async with serving() as server, server.connect() as client:
        session_id = await talk(client)
        async with watching(server, browser, session_id, expected="404") as page:
            await page.locator(".finding .show").click()
            await expect(page.locator("#finals mark")).to_have_count(1)
            found = {"watching": await faults(page)}
            await client.finish()
            await expect(page.locator("#connection")).to_have_text("Finished")
            found["finished"] = await faults(page)
            await page.evaluate("location.hash = 'nobody'")
            await expect(page.get_by_role("alert")).to_contain_text("This consultation is not here")
            found["not there"] = await faults(page)
    assert {part: each for part, each in found.items() if each} == {}


async def reached(page: Page) -> set[str]:
    """Presses Tab until the focus comes round: what had it. Fails where the focus cannot be seen."""
    names: dict[int, str] = {}
    for _ in range(60):
        await page.keyboard.press("Tab")
        place, name, outline = await page.evaluate("""() => {
            const { activeElement: node } = document;
            const place = [...document.querySelectorAll("*")].indexOf(node);
            return [place, node.id || node.className || node.tagName, getComputedStyle(node).outlineStyle];
        }""")
        if place in names:
            break
        if name != "BODY":  # the end of the page: its beginning follows
            assert outline != "none", name
            names[place] = name
    return {*names.values()}


async def test_the_keyboard_alone_leads_from_the_form_to_the_summary(server, browser):
    server.starts.set()
    server.stops.set()
    async with visited(server, browser) as (context, url):
        page = await opened(context, url)
        form = {"keyboard", "speakers", "microphone-1", "name", "age", "consent"}
        assert form <= await reached(page)
        await page.locator("#consent").focus()
        await page.keyboard.press("Space")
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await server.heard(CHUNK_BYTES)
        await fill(server)
        await expect(page.locator(".finding")).to_have_count(3)
        assert {"withdraw", "pause", "stop", "transcript", "groups", "show"} <= await reached(page)
        await page.keyboard.press("Alt+Shift+P")
        await expect(page.locator("#phase")).to_have_text("Paused")
        await page.keyboard.press("Alt+Shift+T")
        await expect(page.locator("#transcript")).to_be_focused()
        await page.keyboard.press("Alt+Shift+F")
        await expect(page.locator("#groups")).to_be_focused()
        await page.keyboard.press("Alt+Shift+K")
        await expect(page.get_by_role("dialog")).to_contain_text("Alt + Shift + P")
        await expect(page.get_by_role("dialog")).to_contain_text("Pause, or continue")
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("dialog")).to_be_hidden()
        await page.keyboard.press("Alt+Shift+S")
        await expect(page.locator("#summary")).to_be_focused()
        assert {"save", "copy", "pdf", "fhir", "again"} <= await reached(page)


async def test_a_zoomed_page_does_not_scroll_sideways_and_less_motion_is_none(server, browser):
    server.starts.set()
    server.stops.set()
    async with visited(server, browser) as (context, url):
        page = await opened(context, url)
        await page.emulate_media(reduced_motion="reduce")

        async def wide() -> list[str]:
            too_wide: list[str] = []
            for width, height in ZOOMED:
                await page.set_viewport_size({"width": width, "height": height})
                too_wide += await page.evaluate("""() => {
                    const { clientWidth: width } = document.documentElement;
                    if (document.documentElement.scrollWidth <= width) return [];
                    const beyond = (node) => node.getBoundingClientRect().right > width && node.checkVisibility();
                    return [...document.querySelectorAll("body *")].filter(beyond).map((node) => `${width}: ${node.outerHTML.slice(0, 80)}`);
                }""")
            return too_wide

        await page.get_by_label("Speakers").select_option("two")
        found = {"form": await wide()}
        await page.get_by_label("Speakers").select_option("stereo")
        await agree_and_start(page)
        await server.heard(CHUNK_BYTES)
        await fill(server)
        await expect(page.locator(".finding")).to_have_count(3)
        found["listening"] = await wide()
        assert await page.evaluate("document.getAnimations().length") == 0
        await page.get_by_role("button", name="Stop").click()
        await expect(page.locator("#summary")).to_be_visible()
        found["ended"] = await wide()
    assert found == {"form": [], "listening": [], "ended": []}
