"""The note beside the findings: as SOAP by the page, by the rules of the server, and in the forms of its templates."""

import json
import random
from dataclasses import replace

import pytest
from playwright.async_api import expect

from inference.findings import ATTRIBUTES, KINDS, ORDER_TYPES, Code, Evidence, Finding
from server.protocol import finding_fields
from server.record.record import Judgement, Record
from server.record.soap import soap
from tests.server.page.visiting import NoteServer, talk, visiting
from tests.server.test_page import TEXT, finding
from tests.support.recorded import findings as recorded_findings
from tests.support.recorded import record as recorded

pytestmark = pytest.mark.asyncio(loop_scope="package")

NAMES = (
    "fever", "no cough", "Nothing", "noé", "possible angina", "penicillin allergy", "Straße", "two\n lines", "a\x00b\x85c",
    "oxygen 97 %", "400 mg tablet", "<b>bold</b>", "  spaces  ", "Never smoked", "naïve\u2003reaction", "\ufeffmark",
)  # fmt: skip
VALUES = (
    "",
    "400 mg",
    "twice a day",
    "%",
    "97",
    "MMHG",
    "left\tknee",
    "mother",
    "STRASSE",
    "no unit",
    *ORDER_TYPES,
    "Lab",
)


def many(seed: int, count: int) -> Record:
    """A record of findings of all sorts, some of which were confirmed or edited."""
    choose = random.Random(seed)
    findings: list[Finding] = []
    originals: dict[str, Finding] = {}
    judgements: dict[str, Judgement] = {}
    for number in range(count):
        kind = choose.choice(KINDS)
        names = choose.sample(ATTRIBUTES, choose.randint(0, 5))
        proof = [
            Evidence("s1", "words", 0, 5, choose.choice((0.0, 59.99, 61.5, 61.7, 3725.2)), 1.0, choose.choice(("patient", "clinician", "unknown")))
            for _ in range(choose.randint(1, 6))
        ]  # fmt: skip
        made = Finding(
            f"f{number}", kind, choose.choice(NAMES), choose.choice(("present", "absent", "possible")),
            choose.choice(("current", "past", "planned")), choose.choice(("patient", "patient", "family")),
            {name: choose.choice(VALUES) for name in names}, tuple(proof), choose.choice(("rules", "model", "clinician")),
            0.5, tuple(Code("ICD-10-CM", code, "") for code in choose.sample(("I10", "R07.9"), choose.randint(0, 2))),
        )  # fmt: skip
        findings.append(made)
        if choose.random() < 0.3:
            what = choose.choice(("edited", "confirmed"))
            judgements[made.id] = Judgement(what, choose.choice((None, "dr-x")), "2026-03-04T09:30:00+00:00")
            if what == "edited":
                originals[made.id] = replace(made, text=choose.choice(("heard so", "not heard")), status="present")
    return replace(recorded(), findings=tuple(findings), judgements=judgements, originals=originals)


def entries(record: Record) -> list[dict]:
    """As the page holds them."""
    return [
        {"finding": finding_fields(each)}
        | ({"original": finding_fields(record.originals[each.id])} if each.id in record.originals else {})
        | ({"judgement": {"what": done.what, "by": done.by}} if (done := record.judgements.get(each.id)) else {})
        for each in record.findings
    ]


def flat(sections) -> list[list[str]]:
    return [
        [section.title, part.title, line.finding.id, line.text, line.said, line.suggested]
        for section in sections
        for part in section.parts
        for line in part.lines
    ]


async def test_the_page_writes_the_note_of_the_server_for_findings_of_every_sort(server, browser):
    script = """(entries) => import("/static/note/soap.js").then(({ soap }) => soap(entries).flatMap((section) =>
        section.parts.flatMap((part) => part.lines.map(({ finding, text, said, suggested }) =>
            [section.title, part.title, finding.id, text, said, suggested]))))"""
    records = [recorded(), *(many(seed, 300) for seed in range(4))]
    async with visiting(server, browser) as (_, page):
        for record in records:
            assert await page.evaluate(script, json.loads(json.dumps(entries(record)))) == flat(soap(record))
            titles = [title for title, *_ in flat(soap(record))]
            said = "(titles) => import('/static/words/language.js').then(({ say }) => titles.map((title) => say(`note.${title}`)))"
            assert await page.evaluate(said, titles) == titles
    assert len({finding.kind for finding in records[1].findings}) == len(KINDS)


async def test_the_note_writes_itself_and_a_line_shows_its_words_without_playing_anything(server, browser):
    async with visiting(server, browser, viewport={"width": 1280, "height": 500}) as (_, page):
        await talk(server, page)
        for number in range(2, 40):
            later = {"id": f"s{number}", "speaker": "patient", "start": 9.0 * number, "end": 9.0 * number + 2}
            await server.send("transcript", segment={**later, "text": "and so on", "final": True}, timings={})
        await expect(page.locator("#note-empty")).to_be_visible()
        await server.extract("add", finding(1, "sore throat", "sore throat"))
        await server.extract("add", finding(2, "fever", "no fever", status="absent"), 2)
        lines = page.locator(".note-line")
        await expect(lines).to_have_text(["sore throat [00:03 patient]", "denies fever [00:03 patient]"])
        await expect(page.locator("#note h3")).to_have_text(["Subjective", "Objective", "Assessment", "Plan"])
        await expect(page.locator("mark")).to_have_count(0)
        await lines.nth(1).focus()
        await page.keyboard.press("Enter")
        await expect(page.locator("mark")).to_have_text("no fever")
        await expect(page.locator("mark")).to_be_in_viewport()
        await expect(lines.nth(1)).to_have_attribute("aria-pressed", "true")
        await page.locator(".finding .show").first.click()  # one line or finding is in hand at a time
        await expect(page.locator("mark")).to_have_text("sore throat")
        await expect(lines.nth(1)).to_have_attribute("aria-pressed", "false")
        await lines.first.click()
        await expect(page.locator(".finding .show").first).to_have_attribute("aria-pressed", "false")
        await page.keyboard.press("Escape")
        await expect(page.locator("mark")).to_have_count(0)
        await server.extract("update", finding(2, "fever", "no fever", status="possible"), 3)
        await expect(lines.nth(1)).to_have_text("possible fever [00:03 patient]")
        assert await page.locator("audio, video").count() == 0


async def test_a_section_or_the_whole_note_is_copied_as_plain_text(server, browser):
    async with visiting(server, browser, permissions=["clipboard-read", "clipboard-write"]) as (_, page):
        await talk(server, page)
        await server.extract("add", finding(1, "sore throat", "sore throat"))
        await server.extract("add", {**finding(2, "rest", "no fever"), "kind": "advice"}, 2)
        await page.get_by_role("button", name="Copy: Subjective").click()
        await expect(page.locator("#note-hint")).to_have_text("Copied as text.")
        assert await page.evaluate("navigator.clipboard.readText()") == "Subjective\nSymptoms\n- sore throat\n"
        await page.get_by_role("button", name="Copy the note").click()
        await page.wait_for_function("navigator.clipboard.readText().then((text) => text.includes('Plan'))")
        whole = await page.evaluate("navigator.clipboard.readText()")
    draft = "Draft, made by a machine and not reviewed: check it before use.\n\n"
    empty = "Objective\nNothing was found.\n\nAssessment\nNothing was found.\n\n"
    assert whole == f"{draft}Subjective\nSymptoms\n- sore throat\n\n{empty}Plan\nAdvice\n- rest\n"


async def test_where_the_browser_forbids_copying_the_text_is_shown_and_selected(server, browser):
    async with visiting(server, browser) as (_, page):
        await page.evaluate("""() => {
            navigator.clipboard.writeText = () => Promise.reject(new DOMException("", "NotAllowedError"));
            window.older = [];
            document.execCommand = (name) => {
              older.push([name, getSelection().toString() || document.activeElement.value]);
              return older.length === 1;
            };
        }""")
        await talk(server, page)
        await server.extract("add", finding(1, "sore throat", "sore throat"))
        copy = page.get_by_role("button", name="Copy: Subjective")
        await copy.click()
        await expect(page.locator("#note-hint")).to_have_text("Copied as text.")
        text = "Subjective\nSymptoms\n- sore throat\n"
        assert await page.evaluate("older") == [["copy", text]]
        await expect(page.locator("dialog.by-hand")).to_have_count(0)
        await copy.click()
        box = page.get_by_role("dialog", name="Copy by hand").get_by_label("Text to copy")
        await expect(box).to_have_value(text)
        selected = await box.evaluate("(box) => box.value.slice(box.selectionStart, box.selectionEnd)")
        assert selected == text
        await page.keyboard.press("Escape")
        await expect(page.locator("dialog.by-hand")).to_have_count(0)


async def test_the_note_in_the_form_of_a_template_is_the_servers_and_each_line_shows_its_words(
    server: NoteServer, browser
):
    async with visiting(server, browser, expected="500 (Internal Server Error)") as (context, page):
        await context.grant_permissions(["clipboard-read", "clipboard-write"])
        await talk(server, page)
        await server.extract("add", finding(1, "sore throat", "sore throat"))
        form = page.get_by_label("Form of the note")
        await expect(form.locator("option")).to_have_text(
            ["SOAP", "Patient's summary", "Problem-oriented", "Referral letter"]
        )
        await form.select_option("Patient's summary")
        line = page.locator(".note-line").filter(has_text="sore throat")
        await expect(line).to_have_text("- sore throat")
        await line.click()
        await expect(page.locator("mark")).to_have_text("sore throat")
        await server.extract("add", finding(2, "fever", "no fever", status="absent"), 2)
        await expect(page.locator(".note-line")).to_have_text(["- sore throat", "- Not: fever"])
        await expect(line).to_have_attribute("aria-pressed", "true")
        await page.get_by_role("button", name="Copy: Why you came, and what you told us").click()
        await expect(page.locator("#note-hint")).to_have_text("Copied as text.")
        copied = await page.evaluate("navigator.clipboard.readText()")
        assert copied == "Why you came, and what you told us\n- sore throat\n- Not: fever\n"
        server.kept = False
        await form.select_option("Referral letter")
        await expect(page.locator("#note-hint")).to_contain_text("The server cannot write this form of the note:")
        await expect(page.locator("#note-hint")).to_contain_text("The note in the form SOAP is always there.")
        await form.select_option("SOAP")
        await expect(page.locator(".note-line").first).to_have_text("sore throat [00:03 patient]")
        assert TEXT in await page.locator("#finals").inner_text()


async def test_findings_of_every_kind_stand_in_the_note_once(server, browser):
    async with visiting(server, browser) as (_, page):
        await talk(server, page)
        ops = [{"op": "add", "finding": finding_fields(each)} for each in recorded_findings()]
        await server.send("extraction", revision=1, ops=json.loads(json.dumps(ops)), timings={})
        await expect(page.locator(".note-line")).to_have_count(len(recorded_findings()))
