import json
from typing import Any

from inference.extraction import ExtractionRequest
from inference.extraction.evidence.grounding import FinalTexts
from inference.extraction.evidence.retractions import is_justified
from inference.extraction.llm.schema import proposals_of, read_answer
from inference.findings import Evidence, Finding, Proposal, Quote
from inference.transcript import Segment
from tests.support.model_server import addition
from tests.support.model_server import retraction as as_answer

SAID = [
    Segment("s1", "patient", 0.0, 3.0, "I have a cough and a fever, a rash, a headache and sore feet.", True),
    Segment("s2", "patient", 3.0, 6.0, "Sorry, no, that was my wife.", True),
]


def known(number: int, quote: str = "a cough") -> Finding:
    start = SAID[0].text.index(quote)
    evidence = Evidence("s1", quote, start, start + len(quote), 0.0, 1.0, "patient")
    return Finding(f"f{number}", "symptom", quote, "present", "current", "patient", {}, (evidence,), "model", 0.5)


def retraction(number: int, segment: str, quote: str) -> Proposal:
    return Proposal(
        "symptom", "cough", (Quote(segment, quote),), "model", op="retract", finding_id=f"f{number}"
    )  # fmt: skip


def spoken_back(number: int) -> dict[str, Any]:
    return as_answer(f"f{number}", "s2", "that was my wife")


def read(findings: list[Finding], *operations: dict[str, Any]) -> list[Proposal]:
    return proposals_of(read_answer(json.dumps({"operations": operations})), findings)


def kept(*proposals: Proposal, findings: int = 1, over: bool = False) -> list[Proposal]:
    consultation = ExtractionRequest(SAID, 1, [known(number) for number in range(1, findings + 1)], over=over)
    finals = FinalTexts(SAID)
    return [proposal for proposal in proposals if is_justified(finals.grounded(proposal), consultation)]


def test_a_correction_in_the_new_words_takes_a_finding_back():
    correction = retraction(1, "s2", "that was my wife")
    assert kept(correction) == [correction]


def test_words_that_nobody_said_take_nothing_back():
    assert kept(retraction(1, "s2", "I made that up"), retraction(1, "s77", "never said")) == []


def test_the_words_that_proved_a_finding_do_not_disprove_it():
    assert kept(retraction(1, "s1", "cough"), over=True) == []


def test_old_words_take_nothing_back_until_the_whole_is_read_again():
    old = retraction(1, "s1", "sore feet")
    assert kept(old) == []
    assert kept(old, over=True) == [old]


def test_an_answer_that_takes_almost_everything_back_takes_nothing_back_and_its_additions_stand():
    many = [spoken_back(number) for number in range(1, 4)]
    findings = [known(number) for number in range(1, 10)]
    fever = addition("s1", "a fever", text="fever")
    assert [proposal.op for proposal in read(findings[:8], *many, fever)] == ["add"]
    assert [proposal.op for proposal in read(findings, *many, fever)] == ["retract"] * 3 + ["add"]
    assert [proposal.op for proposal in read(findings[:1], many[0])] == ["retract"]
    assert read(findings[:1], many[0], spoken_back(77)) == [], "ids made up count too"


def test_a_retraction_of_what_is_not_there_is_left_out():
    assert kept(retraction(99, "s2", "that was my wife")) == []
