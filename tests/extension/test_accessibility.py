"""The extension for everybody: axe finds nothing, the arrow keys lead through the tabs, and nothing scrolls sideways."""

import pytest
from playwright.async_api import Page, ViewportSize, expect

from tests.extension.support.clinic import CHECK, HURRIED, SOON_MS, Clinic, picture, press, visit
from tests.server.static.test_accessibility import faults
from tests.support.browser import CHROMIUM
from tests.support.live import Server

if CHROMIUM is None:
    pytest.skip("needs the browser: apt-get install chromium", allow_module_level=True)

pytestmark = pytest.mark.asyncio(loop_scope="package")

VIEWS = ("transcript", "findings", "note")
NARROW = ViewportSize(width=320, height=640)
TOO_WIDE = """() => {
  const { clientWidth: width } = document.documentElement;
  const beyond = (node) => node.getBoundingClientRect().right > width && node.checkVisibility();
  return document.documentElement.scrollWidth <= width ? [] : [...document.querySelectorAll("body *")].filter(beyond).map((node) => node.outerHTML.slice(0, 80));
}"""


async def wrong(page: Page) -> dict[str, list[str]]:
    """What axe finds, and what reaches beyond a narrow window."""
    size = page.viewport_size
    assert size is not None
    found = await faults(page)
    await page.set_viewport_size(NARROW)
    if beyond := await page.evaluate(TOO_WIDE):
        found["sideways"] = beyond
    await page.set_viewport_size(size)
    return found


async def in_every_view(panel: Page) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for view in VIEWS:
        await press(panel, f"[data-view={view}]")
        found |= {f"{view} {rule}": nodes for rule, nodes in (await wrong(panel)).items()}
    return found


async def test_axe_finds_nothing_in_any_phase_of_the_panel_in_light_and_in_dark(
    clinic: Clinic, forgetful: Server
) -> None:
    found: dict[str, dict[str, list[str]]] = {}
    panel = await clinic.panel()
    found["setup"] = await wrong(panel)
    await panel.close()
    async with visit(clinic, before=HURRIED, addresses=[f"{forgetful.url}/"]) as running:
        panel = running.panel
        await running.words("patient", "throat|cough")
        assert running.call is not None
        await running.call.close()
        await running.trouble("tab", "the patient is not heard any more")
        await panel.bring_to_front()
        await panel.evaluate("""() => {
          document.getElementById("notices").append(Object.assign(document.createElement("li"), { className: "notice", textContent: "Told." }));
          document.getElementById("alert-text").textContent = "Told.";
          document.getElementById("alert").hidden = false;
        }""")
        found["listening"] = await in_every_view(panel)
        await panel.evaluate("document.getElementById('alert').hidden = true")
        await press(panel, "#stop")
        await running.phase(CHECK)
        await panel.locator("#omissions").get_by_role("button", name="Add to the note").first.click()
        await expect(panel.locator("#groups .finding")).to_have_count(1, timeout=SOON_MS)
        await panel.locator("#groups .finding .show").evaluate("button => button.click()")
        found["checking"] = await in_every_view(panel)
        await picture(panel.screenshot, "checking-dark")
        await press(panel, "#stop")
        await running.phase("Finished")
        found["ended"] = await in_every_view(panel)
    assert {phase: each for phase, each in found.items() if each} == {}


async def test_axe_finds_nothing_in_the_settings_and_in_the_tab_that_asks_for_the_microphone(clinic: Clinic) -> None:
    found: dict[str, dict[str, list[str]]] = {}
    for path in ("settings/options.html", "microphone/microphone.html"):
        page = await clinic.chromium.open(path)
        if path.startswith("settings"):
            await page.wait_for_selector("#microphone option", state="attached")
            await page.locator("#addresses").fill("http://scribe.example")
            await page.get_by_role("button", name="Save and check").click()
            await expect(page.locator("#told li")).to_contain_text("is not encrypted")
        found[path] = await wrong(page)
        assert await page.locator("h1").count() == 1
        await page.close()
    assert {path: each for path, each in found.items() if each} == {}


async def test_the_arrow_keys_lead_through_the_tabs_of_the_panel_and_tab_leads_into_what_is_shown(
    clinic: Clinic,
) -> None:
    panel = await clinic.panel()
    await panel.evaluate("document.getElementById('session').hidden = false")
    await panel.locator("#tab-transcript").focus()
    for key, view in (
        ("ArrowRight", "findings"),
        ("ArrowRight", "note"),
        ("ArrowRight", "transcript"),
        ("ArrowLeft", "note"),
        ("Home", "transcript"),
        ("End", "note"),
    ):
        await panel.keyboard.press(key)
        tab = panel.locator(f"#tab-{view}")
        await expect(tab).to_be_focused()
        await expect(tab).to_have_attribute("aria-selected", "true")
        await expect(panel.locator(f"#view-{view}")).to_be_visible()
        assert await panel.locator("[role=tab][tabindex='0']").count() == 1
    await panel.keyboard.press("Shift+Tab")
    await panel.keyboard.press("Tab")
    await expect(panel.locator("#tab-note")).to_be_focused()
    await panel.close()
