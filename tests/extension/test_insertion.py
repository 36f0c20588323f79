"""Putting the note into a web record: in a real browser, through the extension, in every kind of field."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web
from playwright.async_api import Error, Frame, Page, expect

from tests.extension.support.chromium import Chromium, installed
from tests.support.browser import CHROMIUM

if CHROMIUM is None:
    pytest.skip("needs the browser: apt-get install chromium", allow_module_level=True)

pytestmark = pytest.mark.asyncio(loop_scope="module")  # one browser for all of them

RECORD = Path(__file__).parent / "support" / "record.html"
FRAME = "<!doctype html><title>frame</title><textarea id=field style='width: 95%'></textarea>"
TEXT = "Symptoms:\nsore throat\nNo fever"
LINE = "Symptoms: sore throat; No fever"


class Record:
    """A web record in front, and a page of the extension that puts text into it as the panel does."""

    def __init__(self, chromium: Chromium, page: Page, panel: Page) -> None:
        self.chromium, self.page, self.panel = chromium, page, panel

    async def put(self, text: str = TEXT) -> dict[str, object]:
        await self.page.bring_to_front()
        told: dict[str, object] = await self.panel.evaluate(
            """async (text) => {
              const { putInto } = await import("./insertion.js");
              const [tab] = await chrome.tabs.query({ active: true, currentWindow: true });
              const { depth, ...told } = await putInto(tab.id, text);
              return told;
            }""",
            text,
        )
        return told

    async def click(self, selector: str, caret: int | None = None, frame: Frame | Page | None = None) -> None:
        """Puts the caret there, as a person's click does."""
        field = (frame or self.page).locator(selector)
        await self.page.bring_to_front()
        await field.click()
        await field.focus()  # a headless click into a frame of another process may end beside its field
        if caret is not None:
            await field.evaluate("(field, at) => field.setSelectionRange(at, at)", caret)

    async def value(self, selector: str, frame: Frame | Page | None = None) -> str:
        return await (frame or self.page).locator(selector).input_value()

    def frame(self, name: str) -> Frame:
        return next(frame for frame in self.page.frames if frame.url.endswith(f"?{name}"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site() -> AsyncIterator[str]:
    async def page(_request: web.Request) -> web.FileResponse:
        return web.FileResponse(RECORD)

    async def frame(_request: web.Request) -> web.Response:
        return web.Response(text=FRAME, content_type="text/html")

    app = web.Application()
    app.router.add_get("/", page)
    app.router.add_get("/frame", frame)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    await web.TCPSite(runner, "127.0.0.2", port).start()
    yield f"http://127.0.0.1:{port}/"
    await runner.cleanup()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Chromium]:
    """Its user has allowed one more origin: no test can answer Chrome's question for it, so that the manifest does."""
    allowed = {"host_permissions": ["http://127.0.0.2/*"]}
    async with installed(tmp_path_factory.mktemp("insertion"), changes=allowed) as chromium:
        yield chromium


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pages(chromium: Chromium, site: str) -> Record:
    page = await chromium.context.new_page()
    await page.goto(site)
    panel = await chromium.open("panel/panel.html")
    await chromium.press_icon(page)
    return Record(chromium, page, panel)


@pytest_asyncio.fixture(loop_scope="module")
async def record(pages: Record) -> AsyncIterator[Record]:
    """The record as it was at first: an invitation lasts as long as its tab stays at one origin."""
    await pages.page.reload()
    yield pages
    assert await pages.page.evaluate("submitted") == 0, "never saved by us"


async def test_a_plain_field_gets_the_text_at_the_caret_on_one_line_and_loses_nothing(record: Record) -> None:
    await record.click("#plain", caret=6)
    assert await record.put() == {"placed": True}
    assert await record.value("#plain") == f"Known: {LINE} asthma"
    await record.click("#search")
    assert await record.put("No fever") == {"placed": True}
    assert await record.value("#search") == "No fever"


async def test_a_text_area_keeps_the_lines_and_what_was_selected(record: Record) -> None:
    await record.click("#area")
    await record.page.locator("#area").evaluate("area => area.setSelectionRange(0, 7)")
    assert await record.put() == {"placed": True}
    assert await record.value("#area") == f"Before.\n{TEXT} After."
    assert await record.page.evaluate("byId('area').selectionEnd") == len(f"Before.\n{TEXT}")


@pytest.mark.parametrize(("field", "expected"), [("controlled", LINE), ("controlled-area", TEXT)])
async def test_a_field_that_a_framework_controls_takes_the_text_into_its_state(
    record: Record, field: str, expected: str
) -> None:
    await record.click(f"#{field}")
    assert await record.put() == {"placed": True}
    await record.page.evaluate("id => byId(id).draw()", field)
    assert await record.value(f"#{field}") == expected
    assert await record.page.evaluate("id => states[id]", field) == expected


async def test_a_bare_value_is_lost_on_such_a_field_so_that_the_test_above_can_fail(record: Record) -> None:
    await record.page.evaluate("""() => {
        byId("controlled").value = "lost";
        byId("controlled").dispatchEvent(new InputEvent("input", { bubbles: true }));
    }""")
    assert await record.value("#controlled") == ""


async def test_an_editor_gets_it_as_if_typed_and_undo_takes_it_back(record: Record) -> None:
    await record.click("#editor")
    await record.page.evaluate("getSelection().setPosition(byId('editor').firstChild, 11)")
    assert await record.put() == {"placed": True}
    shown = await record.page.locator("#editor").inner_text()
    assert " ".join(shown.split()) == "Seen today. Symptoms: sore throat No fever Plan follows."
    await record.click("#editor")
    for _ in range(20):
        await record.page.keyboard.press("Control+z")
    assert await record.page.locator("#editor").inner_text() == "Seen today. Plan follows."


async def test_a_frame_of_the_same_origin_gets_it_and_no_other_frame(record: Record) -> None:
    await record.click("#area")
    same = record.frame("same")
    await record.click("#field", frame=same)
    assert await record.put() == {"placed": True}
    assert await record.value("#field", same) == TEXT
    assert await record.value("#area") == "Before. After."


async def test_an_editor_in_a_frame_of_its_own_gets_it(record: Record) -> None:
    rich = next(frame for frame in record.page.frames if frame.url == "about:blank")
    await record.page.bring_to_front()
    await rich.locator("body").click()
    assert await record.put("No fever") == {"placed": True}
    assert await rich.locator("body").inner_text() in ("Letter: No fever", "No fever Letter:")


async def test_a_field_in_a_closed_shadow_root_gets_it(record: Record) -> None:
    await record.page.bring_to_front()
    await record.page.evaluate("inside.focus()")
    assert await record.put() == {"placed": True}
    assert await record.page.evaluate("inside.value") == TEXT


async def test_a_frame_of_another_origin_is_told_with_its_origin_and_left_alone(record: Record) -> None:
    other = record.frame("other")
    await record.click("#field", frame=other)
    origin = other.url.split("/frame")[0]
    assert origin.startswith("http://localhost:")
    assert await record.put() == {"refused": "foreign", "origin": origin}
    assert await record.value("#field", other) == ""


@pytest.mark.parametrize(
    ("field", "told", "after"),
    [
        ("locked", {"refused": "read_only"}, "Signed"),
        ("short", {"refused": "too_long", "most": 10}, ""),
        ("number", {"refused": "kind"}, "37"),
        ("refuses", {"refused": "kept"}, "as it was"),
        ("changes", {"refused": "changed"}, LINE.upper()),
        ("replaced", {"refused": "replaced"}, ""),
    ],
)
async def test_a_field_that_refuses_is_told_and_keeps_what_it_had(
    record: Record, field: str, told: dict[str, object], after: str
) -> None:
    await record.click(f"#{field}")
    assert await record.put() == told
    assert await record.value(f"#{field}") == after


SHOW = """async () => {
  const { NoteView } = await import("./note_view.js");
  const allow = document.getElementById("allow-frame");
  allow.replaceWith(allow.cloneNode(true)); // the panel's own view listens to it
  const finding = { kind: "symptom", text: "sore throat", status: "present", temporality: "current", experiencer: "patient" };
  new NoteView().show([{ finding: { ...finding, attributes: {}, evidence: [], codes: [] } }]);
}"""


async def test_the_panel_says_in_words_what_became_of_the_text_and_what_to_do(record: Record, site: str) -> None:
    panel = await record.chromium.open("panel/panel.html")
    await panel.evaluate(SHOW)
    put, told = panel.locator(".part button"), panel.locator("#put")

    async def tells(words: str, page: Page = record.page) -> None:
        await page.bring_to_front()
        await put.evaluate("button => button.click()")
        await expect(told).to_contain_text(words)

    await record.click("#area")
    await tells("Symptoms: put in, and read back the same. Nothing is saved yet.")
    for field, words in {
        "locked": "This field is locked in the record. Unlock it there, or choose another one.",
        "short": "This field holds at most 10 characters",
        "number": "This field takes no running text. Click into a text field",
        "refuses": "The record refused the text: the field is as it was. Type it there yourself",
        "changes": "The record changed what was put in. Compare the field with the note",
        "replaced": "Look whether it is there before you try again.",
    }.items():
        await record.click(f"#{field}")
        await tells(words)
    await record.page.evaluate("document.activeElement.blur()")
    await tells("Click into the field of the record where this belongs, then press Put again.")

    await record.click("#field", frame=record.frame("other"))
    await tells("Allow drTranscribe to write there, then press Put again.")
    await panel.evaluate("chrome.permissions.request = async () => false")  # a question that no test can answer
    await panel.locator("#allow-frame").evaluate("button => button.click()")
    await expect(told).to_have_text("Not allowed. The note cannot be put into this field; copy it from here instead.")
    await expect(panel.locator("#allow-frame")).to_be_hidden()

    stranger = await record.chromium.context.new_page()
    await stranger.goto(site.replace("127.0.0.1", "localhost"))
    await tells("press the drTranscribe icon in the toolbar once", stranger)
    await stranger.close()
    await panel.close()


async def test_an_editor_that_refuses_and_a_page_without_a_caret_are_told(record: Record) -> None:
    await record.click("#deaf")
    assert await record.put() == {"refused": "kept"}
    await record.page.evaluate("document.activeElement.blur()")
    assert await record.put() == {"refused": "no_caret"}
    await record.page.evaluate("byId('save').focus()")
    assert await record.put() == {"refused": "kind"}


async def test_a_page_whose_user_has_not_pressed_the_icon_is_closed_to_the_extension(pages: Record, site: str) -> None:
    page = await pages.chromium.context.new_page()
    await page.goto(site.replace("127.0.0.1", "localhost"))
    stranger = Record(pages.chromium, page, pages.panel)
    await stranger.click("#area")
    with pytest.raises(Error, match="Cannot access contents of"):
        await stranger.put()
    assert await stranger.value("#area") == "Before. After."
    await page.close()


async def test_a_frame_of_another_origin_gets_it_once_that_origin_is_allowed(record: Record) -> None:
    allowed = record.frame("allowed")
    assert allowed.url.startswith("http://127.0.0.2:")
    await record.click("#field", frame=allowed)
    assert await record.put() == {"placed": True}
    assert await record.value("#field", allowed) == TEXT


async def test_an_editor_that_puts_the_text_in_itself_is_left_to_it(record: Record) -> None:
    await record.click("#own")
    await record.page.evaluate("getSelection().setPosition(byId('own'), 1)")
    assert await record.put("No fever") == {"placed": True}
    assert await record.page.locator("#own").inner_text() == "Own: No fever"


async def test_a_german_browser_has_a_german_panel_and_note_until_the_settings_say_otherwise(
    chromium: Chromium,
) -> None:
    german = "Object.defineProperty(navigator, 'languages', { get: () => ['de-AT'] })"
    panel = await chromium.open("panel/panel.html", german)
    assert await panel.locator("html").get_attribute("lang") == "de"
    await expect(panel.locator("#start")).to_have_text("Beginnen")
    await expect(panel.locator("#start-hint")).to_have_text("Bestätigen Sie zum Beginnen das Einverständnis.")
    await expect(panel.locator("#settings")).to_have_text("Einstellungen")
    fever = {"kind": "symptom", "text": "fever", "status": "absent", "temporality": "current", "experiencer": "patient"}
    throat = {**fever, "text": "sore throat", "status": "present"}
    entries = [{"finding": each | {"attributes": {}, "evidence": [], "codes": []}} for each in (fever, throat)]
    write = "(entries) => import('./note.js').then(({ sections }) => sections(entries))"
    (note,) = await panel.evaluate(write, entries)
    assert (note["title"], note["text"]) == ("Subjektiv", "Beschwerden:\nsore throat\nverneint fever")
    settings = await chromium.open("settings/options.html", german)
    await expect(settings).to_have_title("drTranscribe: Einstellungen")
    await expect(settings.locator("#chunk option").first).to_have_text("0,5 Sekunden")
    await settings.locator("#language").select_option("en")
    await expect(settings.locator("#chunk option").first).to_have_text("0.5 seconds")
    await expect(panel.locator("#settings")).to_have_text("Settings")
    await expect(panel.locator("#start")).to_have_text("Start")
    assert await panel.locator("html").get_attribute("lang") == "en"
    (note,) = await panel.evaluate(write, entries)
    assert (note["title"], note["text"]) == ("Subjective", "Symptoms:\nsore throat\ndenies fever")
    await settings.evaluate("localStorage.clear()")
    await settings.close()
    await panel.close()
