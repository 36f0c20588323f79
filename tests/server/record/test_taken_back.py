"""What the clinician took back or corrected stands as given in no export, and what was only said is not in the note."""

import io
import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from pypdf import PdfReader

from inference.findings import Finding, Omission, Operation
from inference.timing import Timings
from inference.updates import ExtractionUpdate, Omissions
from server.record.formats import NAMES, render
from server.record.record import Declared, Record, draw
from tests.support.recorded import evidence, findings, log, segments, updates

STARTED = datetime(2026, 3, 4, tzinfo=UTC)
BY_TEXT = {(finding.kind, finding.text): finding for finding in findings()}
ORDERED = BY_TEXT["medication", "aspirin"]
PENICILLIN = BY_TEXT["allergy", "penicillin"]
PAIN = BY_TEXT["chief_complaint", "chest pain"]


def drawn(*later: Operation, omissions: tuple[Omission, ...] = ()) -> Record:
    happened = [*updates(findings()), ExtractionUpdate(2, later, Timings()), Omissions(omissions)]
    return draw(log(happened), "SESSION", Declared("dual", "en", None, STARTED), STARTED, ("drtranscribe", "1"))


def text(record: Record, name: str) -> str:
    body = render(record, name)
    if name == "pdf":
        return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(body)).pages)
    return body.decode()


def note(record: Record, name: str) -> str:
    """The export without the transcript and without what it lists as taken back."""
    whole = text(record, name)
    if name == "json":
        return json.dumps(json.loads(whole)["findings"])
    if name == "fhir":
        made = [entry["resource"] for entry in json.loads(whole)["entry"]]
        return json.dumps([resource for resource in made if resource["resourceType"] not in ("Composition", "Binary")])
    for title in ("Said and taken back", "Said, not in the note", "Transcript"):
        whole = whole.partition(title)[0]
    return whole


def stands(finding: Finding, record: Record) -> bool:
    return any(other.id == finding.id for other in record.findings)


@pytest.mark.parametrize("name", NAMES)
def test_a_dismissed_finding_is_in_no_export(name):
    record = drawn(Operation("retract", PAIN))
    assert not stands(PAIN, record)
    assert record.retracted == ()
    assert "yesterday evening" in note(drawn(), name)
    assert "yesterday evening" not in note(record, name)


@pytest.mark.parametrize("name", NAMES)
def test_a_corrected_finding_stands_as_corrected_alone(name):
    edited = replace(PENICILLIN, text="amoxicillin", source="clinician", attributes={"reaction": "swelling"})
    found = note(drawn(Operation("update", edited)), name)
    assert "amoxicillin" in found
    assert "swelling" in found
    assert '"penicillin"' not in found.lower()
    assert "allergy to penicillin" not in found.lower()


@pytest.mark.parametrize("name", NAMES)
def test_what_was_taken_back_in_words_is_shown_as_taken_back_and_never_as_given(name):
    back = evidence(segments()[11], "no more ibuprofen")
    gone = replace(PAIN, evidence=(*PAIN.evidence, back))
    record = drawn(Operation("retract", gone))
    assert record.retracted == (gone,)
    if name == "fhir":
        resources = [entry["resource"] for entry in json.loads(text(record, name))["entry"]]
        mine = [r for r in resources if "chest pain" in json.dumps(r).lower() and r["resourceType"] == "Condition"]
        assert mine
        assert all("entered-in-error" in json.dumps(r["verificationStatus"]) for r in mine)
    elif name != "json":
        assert "no longer so" in text(record, name)
        assert "chest pain (" not in note(record, name)


@pytest.mark.parametrize("name", NAMES)
def test_what_was_said_and_not_noted_is_in_no_note_and_listed_in_json_and_markdown(name):
    proof = (evidence(segments()[13], "lift heavy things"),)
    said = Omission("o-1", "symptom", "zebra ache", "absent", "current", "patient", {}, proof, "rules")
    record = drawn(omissions=(said,))
    assert "zebra ache" not in note(record, name)
    if name == "json":
        assert [omission["id"] for omission in json.loads(text(record, name))["omissions"]] == ["o-1"]
    elif name == "markdown":
        assert "- no zebra ache: “lift heavy things” [01:0" in text(record, name).replace("\\", "")
    else:
        assert "zebra ache" not in text(record, name)


def test_what_was_added_since_the_comparison_is_said_in_the_note_and_not_beside_it():
    proof = (evidence(segments()[13], "lift heavy things"),)
    said = Omission("o-1", "symptom", "zebra ache", "absent", "current", "patient", {}, proof, "rules")
    added = Finding("f99", "symptom", "zebra ache", "absent", "current", "patient", {}, proof, "clinician", 1.0)
    happened = [*updates(findings()), Omissions((said,)), ExtractionUpdate(2, (Operation("add", added),), Timings())]
    record = draw(log(happened), "SESSION", Declared("dual", "en", None, STARTED), STARTED, ("drtranscribe", "1"))
    assert record.omissions == ()
    assert stands(added, record)
