"""Concepts in a sentence."""

import pytest

from inference.extraction.rules.concepts.mentions import Mention, mentions
from inference.extraction.text.tokens import sentences
from tests.support.consultation import findings


def found(text: str) -> list[Mention]:
    (sentence,) = sentences(text)
    return mentions(text, sentence.tokens)


def concepts(text: str) -> list[str]:
    return [mention.concept for mention in found(text)]


@pytest.mark.parametrize(
    ("text", "concept"),
    [
        ("I have a pain in my left shoulder", "shoulder pain"),
        ("there's discharge coming from that ear", "ear discharge"),
        ("tingling in my arms", "arm tingling"),
        ("my nose is blocked", "blocked nose"),
        ("a stiff neck", "neck stiffness"),
        ("my knee gave way", "knee giving way"),
        ("I've lost my appetite", "loss of appetite"),
        ("I've lost my sense of smell", "loss of smell"),
        ("I feel, um, really sick", "nausea"),
    ],
)
def test_parts_and_complaints_and_wordings_are_one_concept(text: str, concept: str) -> None:
    assert concepts(text) == [concept]


def test_a_second_part_shares_the_complaint() -> None:
    assert concepts("pain in my elbow and wrist") == ["elbow pain", "wrist pain"]


def test_a_denial_inside_the_words_is_part_of_the_mention() -> None:
    (mention,) = found("my knee doesn't hurt")
    assert mention.negated


def test_the_place_is_kept() -> None:
    (mention,) = found("tingling on the left side of my face")
    assert mention.location is not None
    assert "face" in mention.location


def test_a_vague_word_counts_only_where_it_is_introduced() -> None:
    assert concepts("any pain at all") == ["pain"]
    assert concepts("where is the pain exactly") == []


def test_a_common_word_is_a_symptom_only_of_a_person() -> None:
    assert concepts("I feel tired") == ["fatigue"]
    assert concepts("the tired old engine of the mill stood silent by the water") == []


@pytest.mark.parametrize(
    "text",
    [
        "Let's go over the results together.",
        "We went over the scan last week.",
        "You have some wheezing that's very faint.",
        "There is a faint murmur.",
        "I only heard bad things about that clinic.",
        "You have a floppy valve.",
    ],
)
def test_everyday_words_name_no_symptom(text: str) -> None:
    told = {finding.text for finding in findings(f"A: {text}")}
    assert told.isdisjoint({"fall", "fainting", "hearing loss", "floppiness"})


def test_a_fall_a_faint_and_a_loss_of_feeling_are_still_heard() -> None:
    assert [f.text for f in findings("P: I went over on my ankle.")] == ["fall"]
    assert [f.text for f in findings("P: I felt very faint.")] == ["fainting"]
    assert "foot numbness" in {f.text for f in findings("P: I have no feeling in my foot.")}


def test_feelings_of_something_are_no_numbness() -> None:
    told = {f.text: f.status for f in findings("D: No feelings of wanting to harm yourself?", "P: No.")}
    assert told == {"self-harm": "absent"}
