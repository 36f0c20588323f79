"""Dictated headings with their values."""

import pytest

from tests.support.consultation import findings


def told(*lines: str) -> set[tuple[str, str]]:
    return {(f.text, f.status) for f in findings(*lines)}


@pytest.mark.parametrize(
    "said",
    [
        "Fever, none. Cough, yes.", "Fever: no. Cough: yes.", "Fever - denied. Cough - present.",
        "Fever. None. Cough. Yes.", "Fever none cough yes.", "Fever? No. Cough? Yes.",
        "Fever: patient denies. Cough: positive.",
    ],
)  # fmt: skip
def test_a_value_belongs_to_the_heading_before_it(said: str) -> None:
    assert told(f"D: {said}") == {("fever", "absent"), ("cough", "present")}


def test_a_list_of_headings_shares_its_value() -> None:
    assert told("D: Fever, chills, night sweats: none.") == {
        ("fever", "absent"), ("chills", "absent"), ("night sweats", "absent"),
    }  # fmt: skip


def test_a_denial_of_the_next_word_is_no_value_of_the_word_before() -> None:
    assert told("D: Cough, no fever.") == {("cough", "present"), ("fever", "absent")}
    assert told("D: Cough, possible pneumonia.") == {("cough", "present"), ("pneumonia", "possible")}


def test_a_value_may_come_in_a_final_of_its_own() -> None:
    assert told("D: Diabetes.", "D: Negative.") == {("diabetes", "absent")}


def test_an_answer_of_somebody_else_is_no_heading() -> None:
    assert told("D: Any fever?", "P: No.") == {("fever", "absent")}


def test_the_details_behind_a_value_stay_attributes() -> None:
    (rash,) = findings("D: Rash: yes, since Monday.")
    assert (rash.status, rash.attributes) == ("present", {"onset": "since Monday"})
    assert rash.evidence[0].quote == "Rash: yes, since Monday"


@pytest.mark.parametrize(
    ("said", "kind", "text", "status"),
    [
        ("Allergies: none.", "allergy", "drug allergy", "absent"),
        ("Allergies: penicillin.", "allergy", "penicillin", "present"),
        ("Allergies. Penicillin.", "allergy", "penicillin", "present"),
        ("Medications. None.", "medication", "regular medication", "absent"),
        ("Past history of asthma: no.", "past_history", "asthma", "absent"),
        ("Smoking: never.", "social_history", "smoking", "absent"),
        ("Family history of gout: yes.", "family_history", "gout", "present"),
        ("Family history. Gout in the father.", "family_history", "gout", "present"),
    ],
)
def test_a_section_tells_the_kind_of_its_values(said: str, kind: str, text: str, status: str) -> None:
    assert [(f.kind, f.text, f.status) for f in findings(f"D: {said}")] == [(kind, text, status)]


def test_what_explains_a_no_is_no_heading() -> None:
    assert ("headache", "absent") not in told("P: Headaches, no, it's more a pressure.")
