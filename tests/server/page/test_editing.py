"""A finding is changed on its card; what was heard stays in sight and can be restored."""

import re

import pytest
from playwright.async_api import Page, expect

from tests.server.page.visiting import NoteServer, talk, visiting
from tests.server.test_page import finding

pytestmark = pytest.mark.asyncio(loop_scope="package")

HEARD = {
    **finding(1, "ibuprofin", "sore throat"),
    "kind": "medication",
    "attributes": {"dose": "400", "frequency": "twice a day", "check": "dose: no unit; name: unknown"},
}


async def edit(page: Page, card: str) -> None:
    await page.get_by_role("button", name=re.compile(f"^{card}")).click()
    await page.get_by_role("button", name=re.compile(f"^Edit: {card}")).press("Enter")


async def test_enter_saves_text_status_and_attributes_and_the_original_is_shown_and_restored(server, browser):
    async with visiting(server, browser) as (_, page):
        await talk(server, page)
        await server.extract("add", HEARD)
        await edit(page, "ibuprofin")
        form = page.locator(".editor")
        await expect(form.get_by_label("Finding", exact=True)).to_be_focused()
        labels = await form.locator("label span").all_text_contents()
        assert labels == ["Finding", "Status", "dose", "form", "route", "frequency", "at most", "duration", "reason"]
        await form.get_by_label("Finding", exact=True).fill("ibuprofen")
        await form.get_by_label("dose").fill("400 mg")
        await form.get_by_label("route").fill("by mouth")
        await form.get_by_label("frequency").fill("")
        await form.get_by_label("Status").select_option("Possible")
        await form.get_by_label("Status").press("Enter")
        message = await server.asked("edit_finding")
        changed = {
            "text": "ibuprofen",
            "status": "possible",
            "attributes": {"dose": "400 mg", "route": "by mouth"},  # and what was in doubt is settled
        }
        assert {"finding_id": "f1", "fields": changed}.items() <= message.items()
        await expect(form.get_by_label("dose")).to_be_disabled()
        answer = {**HEARD, **changed, "source": "clinician"}
        await server.extract("update", answer, 2, what="edited", request=message["request"])
        card = page.locator(".finding")
        await expect(card.locator(".show")).to_be_focused()
        await expect(card.locator(".edited")).to_have_text("Edited")
        await expect(card.locator(".original")).to_contain_text("As heard: ibuprofin (400, twice a day")
        await expect(page.locator("#note")).to_contain_text("possible ibuprofen 400 mg by mouth")
        await expect(page.locator("#note")).to_contain_text("edited, heard as “ibuprofin 400 twice a day")

        server.requests.clear()
        await page.get_by_role("button", name="Restore as heard: Possible ibuprofen").click()
        message = await server.asked("edit_finding")
        assert message["fields"] == {name: HEARD[name] for name in message["fields"]}
        assert set(message["fields"]) == {"kind", "text", "status", "temporality", "experiencer", "attributes"}
        restored = {**HEARD, "source": "clinician"}
        await server.extract("update", restored, 3, what="edited", request=message["request"])
        await expect(card.locator(".original")).to_have_count(0)
        await expect(card.locator(".confirmed")).to_have_text("Confirmed")


async def test_escape_leaves_the_finding_in_hand_and_as_it_was(server, browser):
    async with visiting(server, browser) as (_, page):
        await talk(server, page)
        await server.extract("add", HEARD)
        await edit(page, "ibuprofin")
        await page.keyboard.type("aspirin")
        await page.keyboard.press("Escape")
        await expect(page.locator(".editor")).to_have_count(0)
        await expect(page.locator(".finding .what")).to_have_text("ibuprofin")
        await expect(page.locator(".finding .show")).to_be_focused()
        await expect(page.locator(".finding .show")).to_have_attribute("aria-pressed", "true")
        await page.get_by_role("button", name=re.compile("^Edit: ")).click()
        await page.keyboard.press("Enter")  # nothing is changed, so nothing is said
        await expect(page.locator(".editor")).to_have_count(0)
        # Before the page goes: its microphone ends with it, which pauses the consultation.
        assert [request["type"] for request in server.requests] == ["start_session"]


async def test_a_refused_change_stays_written_beside_the_sentence_of_the_server(server, browser):
    async with visiting(server, browser) as (_, page):
        await talk(server, page)
        await server.extract("add", HEARD)
        await edit(page, "ibuprofin")
        form = page.locator(".editor")
        await form.get_by_label("Finding", exact=True).fill("...")
        await page.keyboard.press("Enter")
        await expect(form.locator(".fault")).to_have_text("Write what the finding is, or remove the finding.")
        await form.get_by_label("Finding", exact=True).fill("ibuprofen")
        await page.keyboard.press("Enter")
        request = (await server.asked("edit_finding"))["request"]
        await server.send(
            "error", code="not_of_this_page", message="this change is odd: say less", fatal=False, request=request
        )
        await expect(form.locator(".fault")).to_have_text("This change is odd: say less.")
        await expect(form.get_by_label("Finding", exact=True)).to_have_value("ibuprofen")
        await expect(form.get_by_label("Finding", exact=True)).to_be_focused()
        await expect(page.locator("#alert")).to_be_hidden()


async def test_what_is_being_written_survives_updates_and_stop_and_ends_with_the_finding(server: NoteServer, browser):
    async with visiting(server, browser) as (_, page):
        await talk(server, page)
        await server.extract("add", HEARD)
        await server.extract("add", finding(2, "fever", "no fever", status="absent"))
        await edit(page, "ibuprofin")
        await page.keyboard.type("aspirin")
        await server.extract("update", {**HEARD, "text": "ibuprofen lysine"}, 2)
        await server.extract("update", finding(2, "high fever", "no fever", status="absent"), 3)
        await expect(page.locator(".what").last).to_have_text("ibuprofin")  # the one in hand waits
        await expect(page.locator(".what").first).to_have_text("high fever")
        await expect(page.locator(".editor").get_by_label("Finding", exact=True)).to_have_value("aspirin")
        await page.get_by_role("button", name="Stop").click()
        await expect(page.get_by_role("alert").first).to_contain_text("not saved yet")
        await server.extract("retract", HEARD, 4)
        await expect(page.get_by_role("alert").first).to_contain_text("was taken back while you changed it")
        await expect(page.locator(".editor")).to_have_count(0)
        await page.get_by_role("button", name="Stop").click()
        await expect(page.locator("#summary")).to_contain_text("Consultation finished.")
        await expect(page.locator(".judge")).to_have_count(0)


async def test_a_doubt_ends_with_what_is_written_in_its_place_alone(server, browser):
    written = {"text": "ibuprofin", "status": "present", "attributes": {"dose": "400", "frequency": "once"}}
    async with visiting(server, browser) as (_, page):
        asked = "([finding, written]) => import('/static/findings/editor.js').then(({ changes }) => changes(finding, written))"
        frequency = await page.evaluate(asked, [HEARD, written])
        dose = await page.evaluate(asked, [HEARD, {**written, "attributes": {"dose": "400 mg"}}])
        name = await page.evaluate(asked, [HEARD, {**written, "text": "ibuprofen", "attributes": {}}])
    assert frequency == {"attributes": {**HEARD["attributes"], "frequency": "once"}}
    assert dose["attributes"]["check"] == "name: unknown"
    assert name["attributes"]["check"] == "dose: no unit"
