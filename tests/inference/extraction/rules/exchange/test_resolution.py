"""What became of a symptom, where another sentence than its own says so."""

import pytest

from tests.support.consultation import facts, findings


def symptoms(*lines: str) -> set[tuple[str, str]]:
    return {(text, status) for kind, text, status in facts(*lines) if kind == "symptom"}


@pytest.mark.parametrize(
    "lines",
    [
        ("D: Any fever?", "P: I did on Monday, but it's gone now."),
        ("D: How's the fever?", "P: Completely cleared up."),
        ("D: How's the fever?", "P: I haven't had it since last month."),
        ("P: I had a fever.", "D: Has it gone?", "P: Yes."),
        ("P: I had a fever.", "D: Is it still there?", "P: No, it's gone."),
        ("D: Has the fever settled?", "P: Yes, this morning."),
        ("D: Do you still have the fever?", "P: No, it went after a day."),
        ("D: When did the fever stop?", "P: Last night."),
        ("P: I had a fever all night, but that's kind of settled now.",),
        ("P: The fever's gone.",),
        ("P: The fever has worn off.",),
    ],
)
def test_what_is_over_is_absent(lines):
    assert symptoms(*lines) == {("fever", "absent")}


@pytest.mark.parametrize(
    "lines",
    [
        ("D: Is the rash still there?", "P: Yeah."),
        ("D: Has the rash gone?", "P: No, it's still there."),
        ("D: Has the rash gone?", "P: Not yet."),
        ("P: I've got a rash.", "D: Have you stopped smoking?", "P: Yes."),
        ("P: I've got a rash.", "D: Have you passed water?", "P: Yes."),
        ("P: I've got a rash.", "P: It's gone red."),
        ("P: I've got a rash.", "P: It's gone up my arm."),
    ],
)
def test_what_is_still_there_or_what_something_else_ended_is_present(lines):
    assert ("rash", "present") in symptoms(*lines)
    assert ("rash", "absent") not in symptoms(*lines)


def test_it_of_several_symptoms_is_none_of_them_and_they_are_all():
    assert symptoms("P: I had a fever and a rash.", "P: It's gone.") == {("fever", "present"), ("rash", "present")}
    assert symptoms("P: I had a fever and a rash.", "P: They've gone.") == {("fever", "absent"), ("rash", "absent")}


def test_the_words_that_name_it_and_those_that_end_it_are_the_evidence():
    (found,) = findings("D: Any fever?", "P: I did on Monday, but it's gone now.")
    assert [evidence.segment for evidence in found.evidence] == ["s1", "s2"]
    assert "it's gone now" in found.evidence[1].quote


@pytest.mark.parametrize(
    ("question", "answer", "expected"),
    [
        ("How's your mood?", "Pretty low.", ("low mood", "present")),
        ("How are you sleeping?", "Badly.", ("difficulty sleeping", "present")),
        ("Are you sleeping okay?", "No, not really.", ("difficulty sleeping", "present")),
        ("Are you sleeping all right?", "Yes, fine.", ("difficulty sleeping", "absent")),
        ("And how's your appetite been?", "Um, maybe a bit less.", ("loss of appetite", "present")),
        ("How's your appetite?", "It's fine.", ("loss of appetite", "absent")),
        ("How's your breathing?", "It's been a bit laboured.", ("difficulty breathing", "present")),
    ],
)
def test_a_function_that_is_asked_after_by_its_healthy_name_is_well_or_ill(question, answer, expected):
    assert symptoms(f"D: {question}", f"P: {answer}") == {expected}


def test_a_function_without_an_answer_is_nothing():
    assert symptoms("D: How's your mood?", "P: My wife said I should come.") == set()
    assert symptoms("D: How are you sleeping?", "D: And your mother?") == set()


@pytest.mark.parametrize(
    "line",
    [
        "P: The fever had cleared up but it came back on Sunday.",
        "P: I had a fever. It has settled, but then it came back.",
        "P: The fever went away and it's back again now.",
    ],
)
def test_what_came_back_is_present(line):
    assert symptoms(line) | {(text, status) for kind, text, status in facts(line)} == {("fever", "present")}


def test_what_is_over_and_has_not_come_back_is_absent():
    assert symptoms("P: The fever has gone and hasn't come back.") == {("fever", "absent")}


def test_who_has_been_fine_since_has_it_no_more():
    lines = ("D: Tell me about the fever.", "P: It was high on Monday and came down, and I've been fine since.")
    assert {(text, status) for _, text, status in facts(*lines)} == {("fever", "absent")}
