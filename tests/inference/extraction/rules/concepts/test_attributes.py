"""How long, since when, how bad."""

import pytest

from inference.extraction.rules.concepts.attributes import expressions, of_symptom, timing
from inference.extraction.text.tokens import sentences
from tests.support.consultation import findings


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
    found, spans = of_symptom(text, sentence.tokens, (0, len(sentence.tokens)), (at, at + 1), concept="headache")
    assert found == {"severity": "severe", "character": "throbbing", "frequency": "comes and goes"}
    assert [" ".join(sentence.words[first:last]) for first, last in spans] == ["severe", "throbbing", "comes and goes"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("P: I've had a cough for a week.", {"cough": {"duration": "a week"}}),
        ("P: I've had a cough for weeks.", {"cough": {"duration": "for weeks"}}),
        ("P: I've had a cough for a week and I have a fever.", {"cough": {"duration": "a week"}, "fever": {}}),
        (
            "P: A bad cough, a severe headache since Monday and nausea.",
            {"cough": {"severity": "bad"}, "headache": {"severity": "severe", "onset": "since Monday"}, "nausea": {}},
        ),
        (
            "P: Fever since Monday with a cough.",
            {"fever": {"onset": "since Monday"}, "cough": {"onset": "since Monday"}},
        ),
        ("P: I have a headache since you ask.", {"headache": {}}),
        ("P: A headache since I woke up this morning.", {"headache": {"onset": "since I woke up this morning"}}),
        (
            "P: A dry cough, a sharp pain in my chest and it feels tight.",
            {"cough": {"character": "dry"}, "chest pain": {"character": "sharp"}},
        ),
        ("P: I feel sharp and I have a fever, the pressure is off.", {"fever": {}}),
    ],
)
def test_an_attribute_belongs_to_the_symptom_beside_it(line: str, expected: dict[str, dict[str, str]]) -> None:
    assert {f.text: dict(f.attributes) for f in findings(line)} == expected


def test_the_words_of_an_attribute_are_quoted_even_far_from_the_name() -> None:
    filler = "and as I told my wife who is not at all easily worried about such matters"
    (found,) = findings(f"P: For three weeks, {filler}, I cough.")
    assert found.attributes == {"duration": "three weeks"}
    assert {"three weeks", "cough"} <= {evidence.quote for evidence in found.evidence}


def test_an_answer_says_since_when_in_words_that_are_quoted() -> None:
    lines = ("D: Any fever?", "P: Yes, well, a bit, I think, that must have been since Monday.")
    (found,) = findings(*lines)
    assert found.attributes["onset"] == "since Monday"
    assert any("since Monday" in evidence.quote for evidence in found.evidence)
