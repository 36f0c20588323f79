"""What a model says of a medicine must stand in its quotes."""

import pytest

from inference.extraction.evidence.support import is_supported, with_supported_attributes
from inference.findings import Evidence, Kind, Proposal
from inference.transcript import Segment


def evidence(quote: str) -> tuple[Evidence, ...]:
    return (Evidence("s1", quote, 0, len(quote), 0.0, 1.0, "patient"),)


def medicine(text: str, **attributes: str) -> Proposal:
    return Proposal(kind="medication", text=text, quotes=(), source="model", attributes=attributes)


@pytest.mark.parametrize(
    ("quote", "attributes", "kept"),
    [
        ("ten milligrams twice a day", {"dose": "10 mg", "frequency": "twice a day"}, {"dose", "frequency"}),
        ("10mg", {"dose": "10 mg"}, {"dose"}),
        ("one tablet every day", {"frequency": "daily"}, {"frequency"}),
        ("some aspirin", {"dose": "75 mg", "frequency": "daily", "route": "by mouth"}, {"route"}),
        ("twice a day", {"dose": "40 mg"}, set()),
    ],
)
def test_dose_and_frequency_are_kept_where_they_are_quoted(
    quote: str, attributes: dict[str, str], kept: set[str]
) -> None:
    assert set(with_supported_attributes(medicine("aspirin", **attributes), evidence(quote)).attributes) == kept


@pytest.mark.parametrize(
    ("name", "quote", "supported"),
    [
        ("aspirin", "some Aspirin", True),
        ("blood pressure tablets", "a tablet for my blood pressure", True),
        ("lisinopril", "lies in April", True),
        ("amlodipine", "the little white one", False),
    ],
)
def test_a_name_must_be_heard(name: str, quote: str, supported: bool) -> None:
    assert is_supported(medicine(name), evidence(quote)) is supported


@pytest.mark.parametrize(
    ("kind", "text", "quote", "supported"),
    [
        ("order", "start lisinopril", "I'll start you on something for your blood pressure", False),
        ("order", "start lisinopril", "I'll start you on lisinopril", True),
        ("order", "blood test", "let's check your blood", True),
        ("order", "ibuprofen", "take some Nurofen", True),
        ("allergy", "penicillin", "I'm allergic to something", False),
        ("allergy", "penicillin", "penicillin gives me a rash", True),
        ("allergy", "nuts", "I can't eat peanuts", True),
        ("allergy", "drug allergy", "no allergies", True),
        ("vital", "blood pressure 180", "your blood pressure is one forty over ninety", False),
        ("vital", "blood pressure 140/90", "your blood pressure is one forty over ninety", True),
        ("diagnosis", "type 2 diabetes", "type two diabetes", True),
        ("diagnosis", "type 2 diabetes", "you have diabetes", False),
        ("symptom", "weakness of one side", "my left arm and leg are weak", True),
    ],
)
def test_drugs_and_numbers_of_a_text_must_be_heard(kind: Kind, text: str, quote: str, supported: bool) -> None:
    proposal = Proposal(kind=kind, text=text, quotes=(), source="model")
    assert is_supported(proposal, evidence(quote)) is supported


def test_the_numbers_of_any_attribute_must_be_heard() -> None:
    claimed = {"severity": "8 out of 10", "duration": "three weeks", "onset": "on Monday", "value": "38.5"}
    proposal = Proposal(kind="symptom", text="pain", quotes=(), source="model", attributes=claimed)
    kept = with_supported_attributes(
        proposal, evidence("this pain for three weeks, eight of ten, and thirty eight five")
    )
    assert dict(kept.attributes) == {"severity": "8 out of 10", "duration": "three weeks", "onset": "on Monday"}


@pytest.mark.parametrize(
    ("claimed", "shown"),
    [("8 tablets a day", "8 tablets a day"), ("8 tablets a week", "8 tablets"), ("8", "8 tablets")],
)
def test_a_models_maximum_keeps_the_period_that_was_said(claimed: str, shown: str) -> None:
    proof = evidence("no more than eight tablets a day")
    assert with_supported_attributes(medicine("x", maximum=claimed), proof).attributes == {"maximum": shown}


@pytest.mark.parametrize(
    ("said", "quote", "claimed", "shown"),
    [
        ("Warfarin, point five milligrams.", "five milligrams", "5 mg", {"dose": "0.5 mg"}),
        ("Warfarin.5mg.", "Warfarin.5mg", "5 mg", {"dose": "0.5 mg"}),
        ("Levothyroxine 50 micrograms.", "50 micrograms", "50 mg", {"dose": "50 micrograms"}),
        ("Take no more than 8 tablets a day.", "8 tablets a day", "8 tablets", {}),
        ("I take ramipril, five.", "ramipril, five", "5 mg", {"dose": "5", "check": "dose: no unit"}),
    ],
)
def test_a_models_dose_is_what_the_words_around_its_quote_say(
    said: str, quote: str, claimed: str, shown: dict[str, str]
) -> None:
    start = said.index(quote)
    proof = (Evidence("s1", quote, start, start + len(quote), 0.0, 1.0, "patient"),)
    segments = {"s1": Segment("s1", "patient", 0.0, 1.0, said, True)}
    assert with_supported_attributes(medicine("x", dose=claimed), proof, segments).attributes == shown
