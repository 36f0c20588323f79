"""A correction takes the place of what it corrects, and a finding that it undoes is retracted with both as evidence."""

import asyncio

import pytest

from inference.extraction import ExtractionRequest
from inference.extraction.evidence.merging import Findings
from inference.extraction.rules.engine import RulesExtractor
from inference.findings import Finding, Operation
from inference.transcript import Segment, Speaker
from tests.support.consultation import merged


def talk(*lines: tuple[Speaker, str]) -> tuple[list[Finding], list[Operation], list[Segment]]:
    """The findings and operations of segments that are read one at a time."""
    said: list[Segment] = []
    store, operations, extractor = Findings(), list[Operation](), RulesExtractor()
    for number, (speaker, text) in enumerate(lines, 1):
        said.append(Segment(f"s{number}", speaker, 5.0 * number, 5.0 * number + 4, text, True))
        consultation = ExtractionRequest(said, number - 1, store.all())
        proposals = asyncio.run(extractor.extract(consultation))
        operations += merged(store, proposals, said)
    return store.all(), operations, said


@pytest.mark.parametrize(
    ("line", "text", "unsaid"),
    [
        ("I'm on ramipril, no wait, lisinopril.", "lisinopril", "ramipril"),
        ("I take simvastatin, or rather atorvastatin.", "atorvastatin", "simvastatin"),
        ("I have a headache, I mean a toothache.", "toothache", "headache"),
    ],
)
def test_the_last_word_of_a_sentence_stands(line: str, text: str, unsaid: str) -> None:
    found = {finding.text for finding in talk(("patient", line))[0]}
    assert text in found
    assert unsaid not in found


def test_a_score_takes_the_place_of_no_other_number_and_no_other_number_of_it() -> None:
    (cough,) = talk(
        ("clinician", "I have a cough"), ("patient", "I have a cough about two days ago. seven out of ten no")
    )[0]
    assert cough.attributes["onset"] == "about two days ago"
    assert talk(("patient", "a cough, seven out of"))[0], "a score that is not said to its end is no error"
    found = talk(("patient", "I have a cough seven out of ten"), ("patient", "from 20 mg to 40 mg no"))[0]
    assert [finding.attributes.get("severity") for finding in found if finding.text == "cough"] == ["seven out of ten"]


def test_a_dose_that_is_corrected_later_is_updated_with_both_as_evidence() -> None:
    found, operations, said = talk(("patient", "I take warfarin 3 mg."), ("patient", "Sorry, 5 mg."))
    (finding,) = found
    assert finding.attributes["dose"] == "5 mg"
    assert [operation.op for operation in operations] == ["add", "update"]
    assert {evidence.segment for evidence in finding.evidence} == {"s1", "s2"}
    texts = {segment.id: segment.text for segment in said}
    assert all(texts[e.segment][e.start : e.end] == e.quote for e in finding.evidence)


def test_a_drug_that_was_not_meant_is_retracted() -> None:
    found, operations, _ = talk(
        ("clinician", "I'll prescribe amoxicillin."), ("clinician", "Sorry, I meant azithromycin.")
    )
    assert [finding.text for finding in found] == ["azithromycin"]
    assert ("retract", "amoxicillin") in {(operation.op, operation.finding.text) for operation in operations}


@pytest.mark.parametrize(
    "line",
    [
        "No vomiting, no diarrhoea.",
        "I have a headache. Sorry, I have a fever as well.",
        "I take aspirin. Sorry, I also take ramipril.",
    ],
)
def test_what_is_only_added_takes_nothing_back(line: str) -> None:
    assert len(talk(("patient", line))[0]) == 2
