"""How long, since when, how bad."""

import pytest

from inference.extraction.attributes import expressions, of_symptom, timing
from inference.extraction.tokens import sentences


@pytest.mark.parametrize(
    ("text", "slot", "value"),
    [
        ("for the last three days", "duration", "the last three days"),
        ("about three weeks or so", "duration", "about three weeks"),
        ("for a couple of days", "duration", "a couple of days"),
        ("it started three days ago", "onset", "three days ago"),
        ("since Monday", "onset", "since Monday"),
        ("it came on last night", "onset", "last night"),
        ("since last Tuesday", "onset", "since last Tuesday"),
        ("it began twenty five days ago", "onset", "twenty five days ago"),
        ("for the past three weeks", "duration", "the past three weeks"),
        ("for the last day or two", "duration", "last day or two"),
    ],
)
def test_time_is_an_onset_or_a_duration(text: str, slot: str, value: str) -> None:
    assert timing(text)[slot][0] == value


def test_an_age_and_a_rate_are_no_duration() -> None:
    assert timing("I'm forty years old") == {}
    assert timing("40 milligrams a day") == {}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("the pain is seven out of ten", "seven out of ten"),
        ("seven slash ten", "seven slash ten"),
        ("it's a six on a scale of one to ten", "six on a scale of one to ten"),
    ],
)
def test_a_severity_may_be_a_number_of_a_scale(text: str, value: str) -> None:
    (sentence,) = sentences(text)
    (found,) = expressions(sentence.tokens, frozenset(("severity",)))
    assert found.value == value


def test_severity_character_and_frequency_stand_near_the_mention() -> None:
    text = "I get a severe throbbing headache that comes and goes"
    (sentence,) = sentences(text)
    at = sentence.words.index("headache")
    assert of_symptom(text, sentence.tokens, (0, len(sentence.tokens)), (at, at + 1)) == {
        "severity": "severe",
        "character": "throbbing",
        "frequency": "comes and goes",
    }
