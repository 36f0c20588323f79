"""Which sentence answers a question, and how."""

import pytest

from inference.extraction.rules.cues.answers import answered
from inference.extraction.rules.cues.readings import answer_of, is_empty
from inference.extraction.text.dialogue import turns
from tests.support.consultation import segments


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        ("No.", "no"),
        ("Um, no, not really.", "no"),
        ("Not that I've noticed.", "no"),
        ("Yeah, no.", "no"),
        ("I haven't, no.", "no"),
        ("Probably not.", "no"),
        ("Yes, a bit.", "yes"),
        ("Yeah.", "yes"),
        ("A little bit, yeah.", "yes"),
        ("Sometimes.", "yes"),
        ("Maybe.", "maybe"),
        ("I think so.", "maybe"),
        ("I don't know.", None),
        ("My name is Robert.", None),
    ],
)
def test_an_answer_is_known_by_how_it_opens(reply: str, answer: str | None) -> None:
    (turn,) = turns(segments(f"P: {reply}"))
    assert answer_of(turn) == answer


def test_acknowledgements_are_passed_over() -> None:
    conversation = turns(segments("D: Any fever?", "D: Okay.", "P: Um.", "P: No."))
    assert is_empty(conversation[1])
    found = answered(conversation, 0)
    assert found is not None
    assert (found[0].segment.id, found[1]) == ("s4", "no")


def test_another_question_ends_the_wait_for_an_answer() -> None:
    assert answered(turns(segments("D: Any fever?", "D: What do you do for work?", "P: No.")), 0) is None


def test_the_clinician_may_repeat_an_answer_that_was_not_heard() -> None:
    conversation = turns(segments("D: Any night sweats? No? And how are you sleeping?"))
    found = answered(conversation, 0)
    assert found is not None
    assert found[1] == "no"
