"""Whose illness, medicine or measurement is told."""

import pytest

from tests.support.consultation import findings


def own(*lines: str) -> set[str]:
    return {f.text for f in findings(*lines) if f.experiencer == "patient" and f.kind != "social_history"}


@pytest.mark.parametrize(
    "said",
    [
        "My wife takes metformin.", "My neighbour has the flu.", "The donor had hepatitis B.",
        "The dog is on prednisolone for his arthritis.", "My grandson has epilepsy. He takes valproate.",
        "My husband's blood pressure was 160 over 90.", "My daughter is five. She's allergic to nuts.",
        "My boss is allergic to latex.", "A woman I work with has tuberculosis.",
        "My mother has diabetes. She takes metformin.", "My daughter has a fever. I gave her paracetamol.",
    ],
)  # fmt: skip
def test_what_another_person_has_is_not_the_patients(said: str) -> None:
    assert own(f"P: {said}") == set()


def test_a_family_history_is_a_disease_of_a_blood_relative() -> None:
    assert [(f.kind, f.text) for f in findings("P: My mum had gout.")] == [("family_history", "gout")]
    assert findings("P: My neighbour had gout.") == []


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ("My daughter has a fever and she has a rash and I have a cough.", "cough"),
        ("My daughter says my cough is worse.", "cough"),
        ("I live with my husband and take ramipril.", "ramipril"),
        ("My mum had asthma, but I have a rash.", "rash"),
        ("I'm allergic to penicillin and my son is allergic to nuts.", "penicillin"),
    ],
)
def test_the_patient_speaks_of_himself_again(said: str, text: str) -> None:
    assert own(f"P: {said}") == {text}


def test_a_pronoun_does_not_mean_somebody_of_the_other_sex() -> None:
    assert own("D: The patient lives with his wife. He takes ramipril.") == {"ramipril"}
