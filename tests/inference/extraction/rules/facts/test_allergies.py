"""Whose allergy, to what, and how sure; and what stands beside an allergy without being one."""

import pytest

from tests.support.consultation import facts, findings


def allergies(*lines: str) -> set[tuple[str, str]]:
    return {(text, status) for kind, text, status in facts(*lines) if kind == "allergy"}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("P: I'm allergic to penicillin, cats and, um, dust.", {("penicillin", "present"), ("cats", "present"), ("dust", "present")}),
        ("P: I have a nut and egg allergy.", {("nuts", "present"), ("eggs", "present")}),
        ("P: I get an allergic reaction when I eat nuts.", {("nuts", "present")}),
        ("P: I had penicillin once and had an allergic reaction.", {("penicillin", "present")}),
        ("P: They gave me amoxicillin but I'm allergic to it.", {("amoxicillin", "present")}),
        ("P: I can't take aspirin because I'm allergic.", {("aspirin", "present")}),
        ("P: I had a bad reaction to codeine.", {("codeine", "present")}),
        ("P: I'm intolerant to statins.", {("statin", "present")}),
        ("P: No, I'm allergic to penicillin.", {("penicillin", "present")}),
        ("P: I think I'm allergic to shellfish.", {("shellfish", "possible")}),
        ("D: This might be an allergy to the new washing powder.", {("washing powder", "possible")}),
        ("P: I'm not allergic to penicillin.", {("penicillin", "absent")}),
        ("P: I've not had any allergic reaction to ibuprofen.", {("ibuprofen", "absent")}),
        ("P: No allergies apart from penicillin.", {("penicillin", "present")}),
        ("P: I'm not allergic to anything except codeine.", {("codeine", "present")}),
        ("D: No known drug allergies, allergic to latex.", {("drug allergy", "absent"), ("latex", "present")}),
    ],
)  # fmt: skip
def test_a_substance_that_the_words_tie_to_an_allergy_is_one(line, expected):
    assert allergies(line) == expected


@pytest.mark.parametrize(
    ("line", "kind", "text"),
    [
        ("P: I'm allergic to penicillin so I take clarithromycin.", "medication", "clarithromycin"),
        ("P: I have an allergy so I take cetirizine.", "medication", "cetirizine"),
        ("D: So no allergies to penicillin, and you take ramipril.", "medication", "ramipril"),
        ("D: I see you're allergic to penicillin, so I'll give you clarithromycin instead.", "order", "clarithromycin"),
        ("D: I'll prescribe amoxicillin, unless you're allergic.", "order", "amoxicillin"),
        ("D: Take one cetirizine a day for the allergy.", "order", "cetirizine"),
        ("P: I'm allergic to peanuts, I carry an EpiPen.", "medication", "epipen"),
        ("P: I'm allergic to penicillin and I have a headache.", "symptom", "headache"),
    ],
)
def test_a_medicine_or_a_symptom_beside_an_allergy_is_what_it_is(line, kind, text):
    found = facts(line)
    assert (kind, text, "present") in found
    assert text not in {name for name, _ in allergies(line)}


@pytest.mark.parametrize(
    "line",
    [
        "P: I take antihistamines for my allergy.",
        "P: I take cetirizine because I'm allergic.",
        "D: If you were allergic to penicillin I'd give you something else.",
        "D: Some people are allergic to penicillin.",
        "D: Take one of these, in case it is an allergy to dust.",
        "D: You need an allergy test for penicillin.",
        "P: I use cetirizine for allergic rhinitis.",
        "P: I'm lactose intolerant.",
    ],
)
def test_what_is_imagined_general_or_a_remedy_is_no_allergy(line):
    assert allergies(line) == set()


@pytest.mark.parametrize(
    ("question", "answer", "expected"),
    [
        ("Any allergies?", "No.", {("drug allergy", "absent")}),
        ("Are you allergic to anything?", "Not that I know of.", {("drug allergy", "absent")}),
        ("Any fever or allergies?", "No.", {("drug allergy", "absent")}),
        ("So, no allergies?", "That's correct.", {("drug allergy", "absent")}),
        ("Any allergies?", "No, just penicillin.", {("penicillin", "present")}),
        ("Any allergies?", "Um, penicillin, it gives me a rash.", {("penicillin", "present")}),
        ("Any allergies?", "I can't take ibuprofen, it upsets my stomach.", {("ibuprofen", "present")}),
        ("Any allergies?", "No, I take ibuprofen and it's fine.", {("drug allergy", "absent")}),
        ("Any allergies?", "Just hay fever, I take cetirizine for it.", set()),
        ("Any medications or allergies?", "No, only the Nurofen I took yesterday.", set()),
        ("Do you have an allergy to penicillin?", "Yes.", {("penicillin", "present")}),
        ("Do you have an allergy to penicillin?", "Maybe, I'm not sure.", {("penicillin", "possible")}),
        ("Could this be an allergic reaction?", "No.", set()),
        ("Do you think it's an allergy?", "No.", set()),
    ],
)
def test_a_question_about_allergies_and_its_answer(question, answer, expected):
    assert allergies(f"D: {question}", f"P: {answer}") == expected


def test_a_relatives_allergy_is_family_history_with_the_relative_in_its_evidence():
    (found,) = findings("P: My mother is allergic to penicillin.")
    assert (found.kind, found.text, found.experiencer) == ("family_history", "allergy to penicillin", "family")
    assert found.attributes == {"relation": "mother"}
    assert [evidence.quote for evidence in found.evidence] == ["mother is allergic to penicillin"]


def test_a_reaction_is_what_the_substance_does_and_stands_in_the_evidence():
    (found,) = findings("P: I'm allergic to penicillin, I came out in hives and my face swelled up.")
    assert found.attributes == {"reaction": "hives"}
    assert "came out in hives" in found.evidence[0].quote


@pytest.mark.parametrize(
    "lines",
    [
        ("P: I'm allergic to penicillin. It gave me a rash.",),
        ("D: Any allergies?", "P: Penicillin.", "D: And what happens?", "P: A rash all over my arms."),
        ("D: Are you allergic to penicillin?", "P: Yes.", "D: What sort of reaction?", "P: I came out in a rash."),
    ],
)
def test_a_reaction_told_later_belongs_to_the_allergy_and_is_no_symptom_of_today(lines):
    (found,) = findings(*lines)
    assert (found.kind, found.text, found.attributes) == ("allergy", "penicillin", {"reaction": "rash"})
    assert "rash" in found.evidence[-1].quote


def test_a_symptom_told_after_an_allergy_is_one():
    assert ("symptom", "rash", "present") in facts(
        "P: I'm allergic to cats.", "D: Why are you here?", "P: I have a rash."
    )
    assert facts("D: Any allergies?", "P: No.", "D: What brings you?", "P: It makes me feel sick.") == {
        ("allergy", "drug allergy", "absent"),
        ("symptom", "nausea", "present"),
    }


@pytest.mark.parametrize(
    ("line", "status", "quote"),
    [
        ("P: I don't smoke a lot.", "present", "don't smoke a lot"),
        ("P: I don't smoke, but I work a lot.", "absent", "don't smoke"),
        ("P: I'm not a big drinker.", "present", "not a big drinker"),
    ],
)
def test_a_habit_that_is_denied_by_degree_is_one(line, status, quote):
    (found,) = findings(line)
    assert (found.kind, found.status, found.evidence[0].quote) == ("social_history", status, quote)


def test_not_much_is_some_where_a_habit_was_asked_for():
    assert facts("D: Do you drink alcohol?", "P: Not much.") == {("social_history", "alcohol", "present")}
    assert facts("P: I can't really drink much.") == set()
