"""Orders and advice."""

import pytest

from inference.extraction.rules.concepts.followups import is_same_time
from inference.extraction.rules.facts.plans import Plan, plans
from inference.extraction.text.tokens import sentences


def found(text: str) -> list[Plan]:
    (sentence,) = sentences(text)
    return plans(text, sentence.tokens, certain_speaker=True)


@pytest.mark.parametrize(
    ("text", "order_type", "name"),
    [
        ("I'd like to get a chest x-ray", "imaging", "chest x-ray"),
        ("we will get an x-ray of your right knee", "imaging", "x-ray of the right knee"),
        ("i wan na go ahead and order a lipid panel", "lab", "lipid panel"),
        ("let's get an anemia profile", "lab", "anemia profile"),
        ("let's order a hemoglobin a1c", "lab", "hemoglobin a1c"),
        ("I'm going to refer you to a cardiologist", "referral", "cardiology referral"),
        ("we'll send off a urine sample", "lab", "urine sample"),
        ("I want you to come back in two weeks", "followup", "follow up in two weeks"),
        ("I'll see you again in about four to six weeks", "followup", "follow up in four to six weeks"),
        ("we'll schedule you a one month follow-up", "followup", "follow up in one month"),
        ("please make an appointment with me", "followup", "follow-up appointment"),
    ],
)
def test_an_order_has_its_type(text: str, order_type: str, name: str) -> None:
    assert [(p.kind, p.text, p.attributes["order_type"]) for p in found(text)] == [("order", name, order_type)]


@pytest.mark.parametrize(
    "text",
    [
        "your x-ray looked fine",
        "we don't need a blood test",
        "I had an MRI last year",
        "the results came back",
        "i saw you in two weeks of rain",
        "if it gets worse come back in two days",
        "follow up with your cardiologist",
    ],
)
def test_what_was_done_or_is_not_needed_is_no_order(text: str) -> None:
    assert found(text) == []


def test_advice_ends_with_its_clause() -> None:
    assert [p.text for p in found("you should drink plenty of fluids, because you lose a lot")] == [
        "drink plenty of fluids"
    ]
    assert found("you're drinking lots of water") == []


def test_what_the_clinician_will_try_is_no_advice() -> None:
    assert found("we'll try to rest it") == []
    assert [p.text for p in found("well, try to drink plenty of water")] == ["try to drink plenty of water"]


def test_two_ways_to_say_a_time_are_one_visit() -> None:
    assert is_same_time("follow up in four weeks", "follow up in a month")
    assert not is_same_time("follow up in two weeks", "follow up in six months")
