"""Replies that come late, that only assent, and that answer one of several things."""

import pytest

from inference.extraction.rules.cues.answers import answer_of, answered
from inference.extraction.rules.cues.replies import contradiction
from inference.extraction.text.dialogue import turns
from tests.support.consultation import facts, findings, segments


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        ("I was at my sister's, and, uh, no, no I don't think I have.", "no"),
        ("My trousers are looser, so, yeah, probably.", "yes"),
        ("It started on Monday, you know, yeah.", None),
        ("The pain is here, no bigger than a coin.", None),
    ],
)
def test_the_last_clause_may_answer(reply: str, answer: str | None) -> None:
    (turn,) = turns(segments(f"P: {reply}"))
    assert answer_of(turn) == answer


def test_an_assent_answers_before_the_next_question() -> None:
    told = facts("D: So any headache?", "P: Uh-huh.", "D: And any blurred vision?", "P: Nope.")
    assert told == {("symptom", "headache", "present"), ("symptom", "blurred vision", "absent")}


def test_an_answer_given_in_words_wins_over_an_assent() -> None:
    conversation = turns(segments("D: Any headache?", "P: Mm-hmm.", "P: No, none."))
    found = answered(conversation, 0)
    assert found is not None
    assert found[1] == "no"


def test_who_asks_back_still_owes_the_answer() -> None:
    told = facts(
        "D: Any palpitations?", "P: What's that, sorry?", "D: When you feel your heart.", "P: Oh. Yeah, I have."
    )
    assert ("symptom", "palpitations", "present") in told


def test_a_denial_of_one_item_takes_nothing_back_from_another() -> None:
    told = facts("D: Any burning when you pass urine, any blood?", "P: It does burn, yeah. No blood.")
    assert ("symptom", "burning on urination", "present") in told
    assert ("symptom", "blood in urine", "absent") in told


def test_a_reply_contradicts_what_the_clinician_tells() -> None:
    told = facts("D: So you've got diarrhoea.", "P: No, it's the opposite, I'm constipated.")
    assert told == {("symptom", "diarrhea", "absent"), ("symptom", "constipation", "present")}


def test_a_corrected_detail_contradicts_nothing() -> None:
    assert contradiction(turns(segments("D: So you've had a cough for two weeks.", "P: No, about three.")), 0) is None


def test_a_part_that_is_well_denies_what_was_asked_of_it_alone() -> None:
    told = facts("D: Any headache or any neck stiffness?", "P: Headache, yeah. Neck's fine.")
    assert told == {("symptom", "headache", "present"), ("symptom", "neck stiffness", "absent")}


def test_asthma_attacks_that_are_denied_deny_no_asthma() -> None:
    assert facts("D: Have you had any asthma attacks this year?", "P: No.") == set()


@pytest.mark.parametrize("speaker", ["D", "A"])
def test_what_an_illness_is_like_is_told_of_nobody(speaker: str) -> None:
    assert not facts(f"{speaker}: Eczema is basically dry, itchy skin that flares up from time to time.")


def test_a_doubt_takes_no_certainty_from_what_was_told() -> None:
    told = facts("P: I've been constipated for a week.", "D: It could just be simple constipation.")
    assert ("symptom", "constipation", "present") in told


def test_a_question_takes_for_granted_what_its_answer_confirms() -> None:
    told = facts("D: Is the dizziness any better?", "P: A bit better, yeah.")
    assert told == {("symptom", "dizziness", "present")}


@pytest.mark.parametrize("answer", ["Only the once, yesterday.", "Just a couple of times.", "Only two nights."])
def test_how_often_it_was_is_a_yes(answer):
    assert {(f.text, f.status) for f in findings("D: Have you been vomiting?", f"P: {answer}")} == {
        ("vomiting", "present")
    }


@pytest.mark.parametrize("who", ["P", "A"])
@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("The pharmacist asked if I had a fever and I said no.", {("fever", "absent")}),
        ("The pharmacist asked if I had a fever.", set()),
        ("He asked me about my asthma.", {("asthma", "present")}),
        (
            "I wouldn't call it a rash, more a tightness in my chest.",
            {("rash", "absent"), ("chest tightness", "present")},
        ),
        ("What happens is I get a rash.", {("rash", "present")}),
    ],
)
def test_what_somebody_asked_and_what_it_is_instead(who, line, told):
    assert {(f.text, f.status) for f in findings(f"{who}: {line}")} == told
