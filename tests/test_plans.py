"""Orders and advice."""

import pytest

from inference.extraction.plans import Plan, plans, prescribes
from inference.extraction.tokens import normalise, sentences


def found(text: str) -> list[Plan]:
    (sentence,) = sentences(text)
    return plans(text, sentence.tokens, certain_speaker=True)


@pytest.mark.parametrize(
    ("text", "order_type", "name"),
    [
        ("I'd like to get a chest x-ray", "imaging", "x-ray"),
        ("let's order a hemoglobin a1c", "lab", "hemoglobin a1c"),
        ("I'm going to refer you to a cardiologist", "referral", "cardiology referral"),
        ("we'll send off a urine sample", "lab", "urine sample"),
        ("I want you to come back in two weeks", "followup", "come back in two weeks"),
    ],
)
def test_an_order_has_its_type(text: str, order_type: str, name: str) -> None:
    assert [(p.kind, p.text, p.attributes["order_type"]) for p in found(text)] == [("order", name, order_type)]


@pytest.mark.parametrize(
    "text", ["your x-ray looked fine", "we don't need a blood test", "I had an MRI last year", "the results came back"]
)
def test_what_was_done_or_is_not_needed_is_no_order(text: str) -> None:
    assert found(text) == []


def test_advice_ends_with_its_clause() -> None:
    assert [p.text for p in found("you should drink plenty of fluids, because you lose a lot")] == [
        "drink plenty of fluids"
    ]
    assert found("you're drinking lots of water") == []


def test_prescribing_is_told_from_asking() -> None:
    assert prescribes(normalise("I'm going to start you on amlodipine"))
    assert not prescribes(normalise("I'm not going to prescribe antibiotics"))
