"""Diagnoses that the sentence before leaves open, and who names them where nobody says who speaks."""

import pytest

from tests.support.consultation import facts, findings


@pytest.mark.parametrize("who", ["D", "A"])
@pytest.mark.parametrize(
    ("lines", "name"),
    [
        (("I can't be certain without a scan.", "But it's gallstones, most likely."), "gallstones"),
        (("There are a few things this might be. Shingles is one of them.",), "shingles"),
        (("My best guess? Tonsillitis.",), "tonsillitis"),
        (("It sounds like you ate something bad. And this is called gastroenteritis.",), "gastroenteritis"),
        (("The other possibility is, um, migraine as well.",), "migraine"),
        (("A kidney infection is what I would like to exclude.",), "kidney infection"),
        (("I'm wondering what is behind this. Gout would fit.",), "gout"),
    ],
)
def test_a_diagnosis_that_is_left_open_is_possible(who, lines, name):
    found = findings(*(f"{who}: {line}" for line in lines))
    assert [(f.kind, f.text, f.status) for f in found if f.kind != "symptom"] == [("diagnosis", name, "possible")]


@pytest.mark.parametrize(
    "lines",
    [
        ("D: The test is back. It is definitely shingles.",),
        ("D: There are a few things this might be. The swab shows it is shingles.",),
        ("D: There are two options. You take the tablets, and this is shingles.",),
    ],
)
def test_a_diagnosis_that_is_sure_is_present(lines):
    assert ("diagnosis", "shingles", "present") in facts(*lines)


@pytest.mark.parametrize("who", ["P", "A"])
def test_a_patient_who_is_unsure_of_something_else_has_what_he_has(who):
    assert ("past_history", "eczema", "present") in facts(f"{who}: I'm not sure. I've got eczema.")


@pytest.mark.parametrize("who", ["P", "A"])
def test_what_a_patient_fears_is_no_diagnosis(who):
    assert facts(f"{who}: It could be tuberculosis.") == set()


def test_the_doubt_is_part_of_the_proof():
    (finding,) = findings("D: There are a few things this might be. Shingles is one of them.")
    assert [evidence.quote for evidence in finding.evidence] == ["few things this might be", "Shingles"]


def test_the_illness_of_a_relative_is_told_by_whoever_speaks():
    lines = ("A: What about your father?", "A: Yeah he actually died of bowel cancer about ten years ago.")
    assert ("family_history", "bowel cancer", "present") in facts(*lines)


def test_a_segment_that_explains_to_the_patient_is_the_clinicians():
    said = "A: You mentioned that you were constipated, and you went yesterday. It could just be simple constipation."
    before = ("A: Are you still constipated?", "A: No, it has cleared up.")
    assert {(f.text, f.status) for f in findings(*before, said)} == {("constipation", "absent")}
