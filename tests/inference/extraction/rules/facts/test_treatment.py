"""Orders and medicines of whole conversations."""

import pytest

from tests.support.consultation import findings


def orders(*lines: str) -> dict[str, dict[str, str]]:
    return {f.text: dict(f.attributes) for f in findings(*lines) if f.kind == "order"}


def test_a_dictated_plan_is_split_into_its_orders() -> None:
    found = orders(
        "D: okay so for your first problem of your knee pain i wan na go ahead and order an x-ray of your right knee and "
        "i'm gon na prescribe meloxicam fifteen milligrams once a day for your second problem of your hypertension i wan na "
        "go ahead and continue you on lisinopril twenty milligrams a day and i wan na order a lipid panel and i'll see you "
        "back in three weeks do you have any questions about that"
    )
    assert found == {
        "x-ray of the right knee": {"order_type": "imaging", "reason": "knee pain"},
        "meloxicam": {"order_type": "medication", "dose": "15 mg", "frequency": "once a day", "reason": "knee pain"},
        "lipid panel": {"order_type": "lab", "reason": "hypertension"},
        "follow up in three weeks": {"order_type": "followup"},
    }


def test_a_medicine_that_goes_on_is_taken_and_not_ordered() -> None:
    (medicine,) = findings("D: Let's continue you on the lisinopril 20 milligrams a day.")
    assert (medicine.kind, medicine.text, medicine.temporality) == ("medication", "lisinopril", "current")


def test_a_dose_in_the_next_sentence_belongs_to_the_order() -> None:
    found = orders("D: I'll prescribe you some clindamycin. I want you to take that 300 milligrams twice a day.")
    assert found == {"clindamycin": {"order_type": "medication", "dose": "300 mg", "frequency": "twice a day"}}


def test_a_named_medicine_stands_for_its_class() -> None:
    assert list(orders("D: I'll give you an antibiotic. It's called amoxicillin.")) == ["amoxicillin"]


def test_the_same_visit_and_the_same_picture_are_ordered_once() -> None:
    found = orders("D: I'll get an x-ray of your left foot.", "P: Okay.", "D: Let's get that x-ray done, then.")
    assert list(found) == ["x-ray of the left foot"]
    found = orders("D: I'll see you in four weeks.", "P: Okay.", "D: So I'll see you again in a month.")
    assert list(found) == ["follow up in four weeks"]


def test_a_visit_gets_its_time_later() -> None:
    assert list(orders("D: Please make an appointment with me.", "D: I'll see you in two weeks.")) == [
        "follow up in two weeks"
    ]


def test_hypothetical_talk_orders_nothing() -> None:
    assert (
        orders(
            "D: If you were to take ibuprofen, it could upset your stomach.",
            "D: Some people use codeine for that.",
            "D: Metformin can cause some nausea.",
            "D: If the test is positive, we would give you amoxicillin.",
            "D: Are you taking the lisinopril?",
        )
        == {}
    )


def test_a_tag_question_still_orders() -> None:
    assert list(orders("D: I'm going to order a lipid panel, okay?")) == ["lipid panel"]


def test_a_speaker_who_is_not_known_takes_what_he_says_he_has() -> None:
    (medicine,) = findings("A: And, um, I also, like have, uh, lisinopril.")
    assert (medicine.kind, medicine.text) == ("medication", "lisinopril")


@pytest.mark.parametrize("speaker", ["D", "A"])
def test_a_new_dose_of_the_medicine_spoken_about_is_an_order(speaker: str) -> None:
    told = findings("D: You're on amlodipine 10 mg.", f"{speaker}: Let's bring that down to 5 mg.")
    assert [(f.kind, f.text, f.attributes["dose"]) for f in told if f.kind == "order"] == [
        ("order", "amlodipine", "5 mg")
    ]


def test_a_course_in_steps_is_an_order_unless_it_answers_what_is_taken() -> None:
    course = "Prednisolone 30 mg for five days, then 15 mg for five days."
    assert [f.kind for f in findings(f"A: {course}")] == ["order"]
    assert [f.kind for f in findings("A: What medicines do you take?", f"A: {course}")] == ["medication"]
    assert [f.kind for f in findings(f"P: {course}")] == ["medication"]
