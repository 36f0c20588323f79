"""Sentences as turns of a conversation."""

import pytest

from inference.extraction.text.dialogue import turns
from inference.transcript import Segment
from tests.support.consultation import segments


@pytest.mark.parametrize(
    ("line", "form"),
    [
        ("D: Okay, and have you had any fever?", "polar"),
        ("D: Any chest pain.", "polar"),
        ("D: What about vomiting?", "polar"),
        ("D: You're not wheezy, are you?", "polar"),
        ("D: How long have you had the cough?", "open"),
        ("D: Can you tell me more about the pain?", "open"),
        ("D: What I'd like to do is some blood tests.", "statement"),
        ("D: I want to have you see a specialist.", "statement"),
        ("P: Some pain in my stomach?", "statement"),
        ("A: Have you had any fever?", "polar"),
        ("A: I have a fever.", "statement"),
    ],
)
def test_questions_are_told_from_statements(line: str, form: str) -> None:
    assert [turn.form for turn in turns(segments(line))] == [form]


def test_turns_follow_the_clock_where_people_talk_over_each_other() -> None:
    long = Segment("s1", "clinician", 0.0, 10.0, "Any fever, or chills, or sweats at night? And any cough?", True)
    short = Segment("s2", "patient", 7.0, 8.0, "No.", True)
    assert [turn.joined for turn in turns([long, short])] == [
        "any fever or chills or sweats at night",
        "no",
        "and any cough",
    ]


def test_a_question_is_parted_from_its_answer_where_no_mark_does() -> None:
    assert [turn.joined for turn in turns(segments("A: have you had any fever no nothing"))] == [
        "have you had any fever",
        "no nothing",
    ]
