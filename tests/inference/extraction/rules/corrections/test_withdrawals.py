"""Orders that a later sentence takes back or replaces are retracted, with the words that said them and those that did."""

import pytest

from inference.extraction import ExtractionRequest
from inference.extraction.evidence.merging import Findings
from inference.extraction.rules.engine import RulesExtractor
from inference.findings import Finding, Operation
from tests.support.consultation import merged, segments


def talk(*lines: str) -> tuple[list[Finding], list[Operation]]:
    """The findings and operations of lines that are read one at a time."""
    store, said, operations, extractor = Findings(), segments(*lines), list[Operation](), RulesExtractor()
    for at in range(len(said)):
        proposals = extractor.propose(ExtractionRequest(said[: at + 1], at, store.all()))
        operations += merged(store, proposals, said)
    return store.all(), operations


def orders(*lines: str) -> list[str]:
    return sorted(finding.text for finding in talk(*lines)[0] if finding.kind == "order")


@pytest.mark.parametrize(
    ("lines", "left"),
    [
        (("D: I'll order an MRI.", "D: Actually, let's not do the MRI."), []),
        (("D: I'll start you on atorvastatin.", "D: Forget the statin, we will try diet first."), []),
        (("D: I'll order an MRI.", "D: Let's do ultrasound instead."), ["ultrasound"]),
        (("D: I'll give you ibuprofen. Change of plan. I'll give you paracetamol.",), ["paracetamol"]),
        (("D: I'd like a chest X-ray and an ECG.", "D: Actually, just the ECG."), ["ecg"]),
        (("D: Let's start sertraline.", "P: I'd rather not.", "D: Okay, we can wait."), []),
        (("D: I'll get a CT of your head.", "P: Could we do an MRI instead?", "D: Sure."), ["mri"]),
        (("D: I'll order an MRI.", "D: Shall we skip the MRI?", "P: Yes please."), []),
        (("D: You should stop the aspirin.", "D: No, on reflection, stay on the aspirin."), []),
        (("D: We'll do a CT.", "D: On second thoughts, let's hold off."), []),
    ],
)
def test_the_last_word_on_a_plan_stands(lines: tuple[str, ...], left: list[str]) -> None:
    assert orders(*lines) == left


@pytest.mark.parametrize(
    ("lines", "left"),
    [
        (("D: I'll order an MRI.", "D: Don't forget the MRI."), ["mri"]),
        (("D: I'll order an MRI.", "P: Can we skip that?", "D: No, it's important."), ["mri"]),
        (("D: I'll order an MRI.", "P: I don't want to be a bother.", "D: Okay."), ["mri"]),
        (("D: I'll order an MRI.", "D: If it hurts, we can leave it."), ["mri"]),
        (("D: I'll order an MRI.", "D: We won't need the MRI today."), ["mri"]),
        (("D: I'll give you ibuprofen.", "D: Then I'll give you codeine for the night."), ["codeine", "ibuprofen"]),
        (("D: Let's do a chest X-ray. Actually, let's do bloods first.",), ["blood test", "chest x-ray"]),
        (("D: I'll prescribe a statin.", "P: My brother forgot the statin yesterday."), ["statin"]),
        (("D: I'll prescribe naproxen.", "D: It's stronger than paracetamol."), ["naproxen"]),
        (("D: I'll prescribe codeine.", "D: I don't recommend codeine for children."), ["codeine"]),
    ],
)
def test_words_that_look_alike_take_nothing_back(lines: tuple[str, ...], left: list[str]) -> None:
    assert orders(*lines) == left


def test_a_retraction_carries_the_words_that_said_it_and_those_that_took_it_back() -> None:
    found, operations = talk("D: I'll order an MRI.", "P: I don't want that.", "D: Okay, we'll leave it then.")
    assert found == []
    assert [operation.op for operation in operations] == ["add", "retract"]
    evidence = operations[-1].finding.evidence
    assert [e.segment for e in evidence] == ["s1", "s2", "s3"]
    assert evidence[-1].quote == "Okay, we'll leave it then"


def test_a_current_medicine_that_gives_way_to_another_is_to_be_stopped() -> None:
    lines = ("P: I take atorvastatin.", "D: Let's use rosuvastatin instead of the statin.")
    assert orders(*lines) == ["rosuvastatin", "stop atorvastatin"]
    assert ("medication", "atorvastatin") in {(f.kind, f.text) for f in talk(*lines)[0]}


def test_a_medicine_that_nobody_takes_is_not_stopped_where_another_is_preferred() -> None:
    assert orders("D: Take paracetamol instead of ibuprofen.") == ["paracetamol"]


def test_who_asks_for_a_medicine_instead_does_not_take_it() -> None:
    found, _ = talk("D: I'll give you codeine.", "P: Could I have paracetamol instead?", "D: Yes, that's fine.")
    assert [(finding.kind, finding.text) for finding in found] == [("order", "paracetamol")]


def test_what_the_clinician_confirmed_is_not_taken_back() -> None:
    store, said, extractor = Findings(), segments("D: I'll order an MRI.", "D: Scratch the MRI."), RulesExtractor()
    merged(store, extractor.propose(ExtractionRequest(said[:1], 0, store.all())), said)
    store.confirm("f1")
    merged(store, extractor.propose(ExtractionRequest(said, 1, store.all())), said)
    assert [finding.text for finding in store.all()] == ["mri"]
