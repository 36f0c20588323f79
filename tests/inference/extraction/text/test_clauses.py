"""Clauses of sentences without full stops."""

from inference.extraction.text.clauses import clauses, is_conditional
from inference.extraction.text.dialogue import turns
from inference.transcript import Segment

DICTATED = (
    "for your first problem i wan na go ahead and order an x-ray and then i'm gon na start you on meloxicam once a day "
    "if the pain gets worse i want you to call me do you have any questions and i'll see you in two weeks"
)


def test_dictation_falls_into_clauses_with_forms_of_their_own() -> None:
    (turn,) = turns([Segment("s1", "clinician", 0.0, 9.0, DICTATED, True)])
    found = clauses(turn)
    assert [(c.text(0, len(c.tokens)), c.form) for c in found] == [
        ("for your first problem", "statement"),
        ("i wan na go ahead and order an x-ray", "statement"),
        ("and then i'm gon na start you on meloxicam once a day", "statement"),
        ("if the pain gets worse", "statement"),
        ("i want you to call me", "statement"),
        ("do you have any questions", "polar"),
        ("and i'll see you in two weeks", "statement"),
    ]


def test_a_leading_condition_keeps_its_main_clause() -> None:
    text = "okay so that is all i have for you today but if the x-ray shows a fracture i'm gon na give you some codeine"
    (turn,) = turns([Segment("s1", "clinician", 0.0, 9.0, text, True)])
    *_, last = clauses(turn)
    assert is_conditional(last)
    assert last.text(0, len(last.tokens)).endswith("some codeine")


def test_a_short_sentence_is_left_whole() -> None:
    (turn,) = turns([Segment("s1", "clinician", 0.0, 9.0, "I'll order it and we'll see you soon.", True)])
    assert clauses(turn) == [turn]


def test_a_question_in_the_first_person_keeps_its_auxiliary() -> None:
    said = "I guess, can I get that um, can I get the, uh, so the tablets from any shop, or should I go somewhere"
    (turn,) = turns([Segment("s1", "unknown", 0.0, 9.0, said, True)])
    assert [clause.joined for clause in clauses(turn)] == [
        "i guess can i get that um",
        "can i get the uh so the tablets from any shop",
        "or should i go somewhere",
    ]
