"""What our templates write of a record, and that each line can be traced to findings."""

import json
from dataclasses import replace

import pytest

from inference.findings import Finding
from server.record.formats import render
from server.record.soap import soap
from server.record.templates.plain_words import NAMES, told_plainly
from tests.support.recorded import findings, record

OURS = ("soap", "problems", "referral", "patient")


def note(template: str, found: list[Finding] | None = None, **fields) -> str:
    return render(record(found, **fields), "text", template).decode()


def traced(template: str, found: list[Finding] | None = None) -> dict:
    return json.loads(render(record(found), "lines", template))


def section(text: str, title: str) -> list[str]:
    return text.split(f"{title}\n")[1].split("\n\n")[0].splitlines()


@pytest.mark.parametrize("template", OURS)
def test_every_line_of_a_list_can_be_traced_to_findings_with_evidence(template):
    written = traced(template)
    known = {found["id"]: found for found in written["findings"]}
    listed = [line for line in written["lines"] if line["text"].lstrip().startswith("- ")]
    assert len(listed) > 20
    assert all(line["findings"] for line in listed)
    assert all(known[number]["evidence"] for line in written["lines"] for number in line["findings"])
    assert "\n".join(line["text"] for line in written["lines"]) + "\n" == note(template)


@pytest.mark.parametrize("template", ["soap", "problems"])
def test_a_note_for_clinicians_has_every_finding(template):
    written = traced(template)
    told = {number for line in written["lines"] for number in line["findings"]}
    assert told == {found.id for found in findings()}


def test_the_soap_template_has_the_lines_of_the_soap_note():
    lines = [f"- {line.text}" for part in soap(record()) for each in part.parts for line in each.lines]
    assert [line for line in note("soap").splitlines() if line.startswith("- ")] == lines


def test_a_plan_stands_under_the_problem_that_is_its_reason():
    text = note("problems")
    assert section(text, "Problems") == [
        "1. hypertension",
        "2. possible angina",
        "3. chest pain (onset since yesterday evening; severity seven out of ten)",
        "   - aspirin 75 mg once a day (reason chest pain)",
    ]
    assert "- troponin" in section(text, "Plan without a stated problem")
    assert section(text, "Ruled out") == ["- no pneumonia"]
    parts = {found.id: found for found in findings()}
    other = [
        replace(found, attributes={**found.attributes, "reason": "the chest pains"})
        for found in parts.values()
        if found.text == "aspirin"
    ]
    assert "   - " not in note("problems", [*findings()[:1], *other])  # another word is another reason


def test_the_patients_summary_uses_plain_words_and_tells_what_is_not_so():
    text = note("patient")
    assert section(text, "What we think") == [
        "- high blood pressure (hypertension)",
        "- Perhaps: chest pain from the heart (angina)",
        "- Not: lung infection (pneumonia)",
    ]
    assert section(text, "Medicines for you") == [
        "- aspirin 75 mg once a day (because of: chest pain)",
        "- Not for you now: ibuprofen",
    ]
    assert "mother" not in text  # the family's illnesses are not the patient's
    assert "heard as" not in text


def test_a_medicine_in_doubt_is_to_be_asked_about_in_the_patients_summary():
    (lisinopril,) = [found for found in findings() if found.text == "lisinopril"]
    doubted = replace(lisinopril, attributes={"dose": "10", "check": "dose: no unit"})
    assert told_plainly(doubted) == "lisinopril 10 (please ask about this: it was not certain)"


def test_a_form_that_the_dose_tells_is_told_once():
    (lisinopril,) = [found for found in findings() if found.text == "lisinopril"]
    told = replace(lisinopril, attributes={"dose": "2 tablets", "form": "tablets", "frequency": "once a day"})
    assert told_plainly(told) == "lisinopril 2 tablets once a day"


def test_plain_names_are_of_small_letters_and_none_names_itself():
    assert all(name == name.casefold() != plain for name, plain in NAMES.items())


@pytest.mark.parametrize("template", OURS)
def test_a_note_of_nothing_is_written_too(template):
    text = note(template, [], patient=None)
    assert text.strip()
    assert "None" not in text


def test_what_was_taken_back_is_told_with_its_words():
    told = record()
    gone = replace(told, findings=told.findings[1:], retracted=told.findings[:1])
    written = json.loads(render(gone, "lines", "soap"))
    back = [line for line in written["lines"] if "no longer so" in line["text"]]
    assert [line["findings"] for line in back] == [["f1"]]
    assert "f1" in {found["id"] for found in written["findings"]}
