"""Answers that limit, confirm or correct what was asked, and so deny less than their first word says."""

import pytest

from tests.inference.extraction.rules.exchange.test_late_words import BOTH, statuses
from tests.support.consultation import findings


@BOTH
@pytest.mark.parametrize(
    ("question", "reply", "said"),
    [
        ("Have you vomited?", "Three times since midnight.", {"vomiting": "present"}),
        ("Have you had any vomiting?", "Just the once.", {"vomiting": "present"}),
        ("Are you tired?", "Very.", {"fatigue": "present"}),
        ("Do you have a sore throat?", "A terrible one.", {"sore throat": "present"}),
        ("Any headache?", "Just a mild one.", {"headache": "present"}),
        ("Are you coughing a lot?", "Not a lot, but a bit.", {"cough": "present"}),
        ("Are you coughing a lot?", "Not a lot.", {}),
        ("OK, so no fever, no rash?", "Yeah, no.", {"fever": "absent", "rash": "absent"}),
        ("Any fever, any rash?", "Yes, no.", {"fever": "present", "rash": "absent"}),
        ("Any rash or itching?", "No rash, it only itches.", {"rash": "absent"}),
        ("You said no to the night sweats, is that right?", "That's right.", {"night sweats": "absent"}),
        ("So you've had diarrhoea.", "No, I haven't.", {"diarrhea": "absent"}),
        (
            "So you've got itching and the rash, and you've not been feverish.",
            "No, I haven't.",
            {"itching": "present", "rash": "present", "fever": "absent"},
        ),
    ],
)
def test_a_reply_denies_no_more_than_it_says(
    asker: str, other: str, question: str, reply: str, said: dict[str, str]
) -> None:
    assert statuses(asker, other, f"D: {question}", f"P: {reply}") == said


@BOTH
def test_whoever_did_not_hear_a_question_still_answers_it(asker: str, other: str) -> None:
    asked = ("D: Any numbness?", "P: What was it, numbness? Yes, in two fingers.")
    assert statuses(asker, other, *asked) == {"numbness": "present"}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("D: I'd be worried if you had a fever, but you don't.", {"fever": "absent"}),
        ("D: Some people get a rash with this, but you haven't.", {"rash": "absent"}),
        ("D: With a kidney infection you would normally have a fever and back pain.", {}),
        (
            "P: I had chest pain, well, not chest pain, more a tightness.",
            {"chest pain": "absent", "chest tightness": "present"},
        ),
        ("P: The rash has gone from my arms, it's on my belly now.", {"rash": "present"}),
        ("P: The headache went yesterday.", {"headache": "absent"}),
        ("P: First I had the fever, then that went, and now I'm left with this cough.", {"fever": "absent", "cough": "present"}),
    ],
)  # fmt: skip
def test_what_is_imagined_corrected_or_over_is_not_told_as_there(line: str, said: dict[str, str]) -> None:
    assert statuses("D", "P", line) == said


@pytest.mark.parametrize(
    ("line", "status", "temporality"),
    [
        ("I'm an ex smoker.", "present", "past"),
        ("I'm off the fags.", "present", "past"),
        ("I stopped smoking in May.", "present", "past"),
        ("I'm trying to quit smoking.", "present", "current"),
        ("I want to be off the fags by June.", "present", "current"),
        ("I haven't stopped smoking.", "present", "current"),
        ("I've never smoked.", "absent", "current"),
    ],
)
def test_a_habit_that_was_given_up_is_past_and_one_that_was_not_is_current(
    line: str, status: str, temporality: str
) -> None:
    (habit,) = findings(f"P: {line}")
    assert (habit.text, habit.status, habit.temporality) == ("smoking", status, temporality)


@BOTH
@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("P: I can't say the cough has gone.", {"cough": "present"}),
        ("P: I have this headache.", {"headache": "present"}),
        ("P: I don't think the rash has cleared up.", {"rash": "present"}),
        ("P: I don't think I have a fever any more.", {"fever": "absent"}),
        ("P: I wouldn't wish this migraine on anyone.", {"migraine": "present"}),
        ("P: I'm not bothered by the cough.", {"cough": "present"}),
        ("P: They offered me a hysterectomy.", {}),
        ("P: I needed a bypass in 2010.", {"bypass surgery": "present"}),
    ],
)
def test_a_denied_opinion_does_not_deny_what_it_is_about(
    asker: str, other: str, line: str, said: dict[str, str]
) -> None:
    assert statuses(asker, other, line) == said


def test_a_clinicians_doubt_and_a_plan_that_was_dropped() -> None:
    assert statuses("D", "P", "D: I doubt it's a fracture.") == {"bone fracture": "absent"}
    assert statuses("D", "P", "D: I'm not worried about the rash.") == {"rash": "present"}
    assert statuses("D", "P", "D: We discussed surgery but you'd rather wait.") == {}
    assert statuses("D", "P", "D: Any allergies to medicines?", "P: Not medicines, no, just nuts.") == {
        "nuts": "present"
    }


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "The diarrhoea's stopped, I've only got a bit of cramping after meals.",
            {"diarrhea": "absent", "abdominal cramps": "present"},
        ),
        ("The vomiting stopped.", {"vomiting": "absent"}),
        ("I stopped having headaches.", {"headache": "absent"}),
        ("I stopped drinking, I've got a headache.", {"headache": "present"}),
        ("The coughing stopped me sleeping.", {"cough": "present"}),
    ],
)
def test_what_stopped_is_what_the_word_stands_beside(line: str, said: dict[str, str]) -> None:
    assert statuses("D", "P", f"P: {line}") == said


@BOTH
@pytest.mark.parametrize(
    ("question", "reply", "text", "status", "temporality"),
    [
        ("And you finished the steroids?", "I did, last Tuesday.", "steroids", "absent", "past"),
        ("Did you stop the ramipril?", "Yes, I did.", "ramipril", "absent", "past"),
        ("Did you stop the ramipril?", "No.", "ramipril", "present", "current"),
        ("Have you stopped smoking?", "Yes.", "smoking", "present", "past"),
        ("Have you stopped smoking?", "No.", "smoking", "present", "current"),
        ("Do you smoke?", "I gave up when I was thirty.", "smoking", "present", "past"),
        ("Any vomiting?", "A bit at first, none since.", "vomiting", "absent", "current"),
        ("Any fever, any cough?", "No fever.", "fever", "absent", "current"),
        ("Any joint pains, mouth ulcers, eye problems?", "No ulcers.", "mouth ulcers", "absent", "current"),
        ("Are you sleeping?", "Not brilliantly.", "difficulty sleeping", "present", "current"),
    ],
)
def test_the_end_that_a_question_asks_after_is_told_by_its_answer(
    asker: str, other: str, question: str, reply: str, text: str, status: str, temporality: str
) -> None:
    (found,) = findings(f"{asker}: {question}", f"{other}: {reply}")
    assert (found.text, found.status, found.temporality) == (text, status, temporality)
