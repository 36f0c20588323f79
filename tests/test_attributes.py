"""How long, since when, how bad."""

import pytest

from inference.extraction.attributes import of_symptom, timing
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
    ],
)
def test_time_is_an_onset_or_a_duration(text: str, slot: str, value: str) -> None:
    assert timing(text)[slot][0] == value


def test_an_age_and_a_rate_are_no_duration() -> None:
    assert timing("I'm forty years old") == {}
    assert timing("40 milligrams a day") == {}


def test_severity_character_and_frequency_stand_near_the_mention() -> None:
    text = "I get a severe throbbing headache that comes and goes"
    (sentence,) = sentences(text)
    at = sentence.words.index("headache")
    assert of_symptom(text, sentence.tokens, (0, len(sentence.tokens)), (at, at + 1)) == {
        "severity": "severe",
        "character": "throbbing",
        "frequency": "comes and goes",
    }
