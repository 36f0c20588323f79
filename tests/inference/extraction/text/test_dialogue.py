"""Sentences as turns of a conversation."""

from dataclasses import replace

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


def forms(*lines):
    return [turn.form for turn in turns(segments(*lines))]


@pytest.mark.parametrize(
    ("said", "denied"),
    [
        ("You've had chest pain.", "No."),
        ("And you're allergic to penicillin.", "No, I'm not."),
        ("So you have diabetes.", "Um, no, I don't."),
        ("You take warfarin.", "No, never."),
        ("You get headaches.", "No, not really."),
    ],
)
def test_what_is_said_of_a_patient_and_denied_by_them_was_a_question(said, denied):
    assert forms(f"D: {said}", f"P: {denied}") == ["polar", "statement"]
    unknown = [replace(s, speaker="unknown") for s in segments(f"D: {said}", f"P: {denied}")]
    assert turns(unknown)[0].form == "polar"


@pytest.mark.parametrize(
    ("said", "reply"),
    [
        ("You have pneumonia.", "No."),  # dismay, perhaps
        ("You've had a heart attack.", "Oh no."),
        ("You should take ibuprofen.", "No."),
        ("You've had no fever.", "No."),  # agrees
        ("You've had chest pain.", "No, it was my arm that hurt."),
        ("I had chest pain once.", "No."),
        ("You've had chest pain. How are you now?", "No."),
    ],
)
def test_a_statement_that_is_not_flatly_denied_stays_one(said, reply):
    assert forms(f"D: {said}", f"P: {reply}")[0] == "statement"


def test_a_patient_who_says_it_of_the_clinician_asks_nothing():
    assert forms("P: You've had training.", "D: No.") == ["statement", "statement"]
