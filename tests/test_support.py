"""What a model says of a medicine must stand in its quotes."""

import pytest

from inference.extraction.support import name_is_supported, with_supported_attributes
from inference.findings import Evidence, Proposal


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
        ("twenty milligrams", {"dose": "40 mg"}, set()),
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
    assert name_is_supported(medicine(name), evidence(quote)) is supported
