"""What a question for yes or no and its answer say together."""

import pytest

from tests.support.consultation import findings


def statuses(*lines: str) -> dict[str, str]:
    return {finding.text: finding.status for finding in findings(*lines)}


@pytest.mark.parametrize("speaker", ["P", "A"])
@pytest.mark.parametrize("reply", ["Only before exams.", "Only about the results."])
def test_an_answer_that_limits_the_circumstance_affirms(speaker: str, reply: str) -> None:
    asker = "D" if speaker == "P" else "A"
    assert statuses(f"{asker}: Have you felt anxious?", f"{speaker}: {reply}") == {"anxiety": "present"}


def test_an_answer_that_names_one_of_the_items_alone_denies_the_others() -> None:
    assert statuses("D: Any nausea or fever?", "P: Just the nausea.")["fever"] == "absent"


def test_a_denial_of_one_item_leaves_the_item_that_the_answer_goes_on_to_tell() -> None:
    assert statuses("D: Do you feel dizzy or lightheaded?", "P: Lightheaded, yes. Not dizzy.") == {
        "lightheadedness": "present",
        "dizziness": "absent",
    }


def test_a_general_denial_denies_the_items_that_the_answer_does_not_name() -> None:
    said = statuses("D: Any fever, chills or nausea?", "P: Not really, just some chills.")
    assert said == {"chills": "present", "fever": "absent", "nausea": "absent"}


def test_a_no_to_what_makes_a_pain_worse_does_not_deny_the_circumstance() -> None:
    assert "cough" not in statuses("D: Is the pain worse when you cough?", "P: No, not really.")
    assert statuses("D: Do you have a cough?", "P: No, not really.") == {"cough": "absent"}


@pytest.mark.parametrize(
    ("question", "reply", "said"),
    [
        ("Any fevers at all?", "I haven't measured it, but I don't think so.", "absent"),
        ("Have you had any blackouts?", "I thought I would go, but I didn't.", "absent"),
        ("Any rash?", "I don't think so. Oh, actually there is one on my leg.", "present"),
        ("Have you ever had a seizure?", "Not here, but I did around 2011.", "present"),
        ("Are you still getting the headaches?", "Not as many.", "present"),
        ("Any palpitations?", "It happened once, in March.", "present"),
    ],
)
def test_a_roundabout_answer_is_understood(question: str, reply: str, said: str) -> None:
    assert [finding.status for finding in findings(f"D: {question}", f"P: {reply}")] == [said]


@pytest.mark.parametrize(("asker", "other"), [("D", "P"), ("A", "A")])
@pytest.mark.parametrize(
    ("question", "reply", "said"),
    [
        ("Do you cough?", "No more than usual.", {}),
        ("Any breathlessness?", "It's no worse than it always is.", {}),
        ("Do you get headaches?", "Just the ones I always have.", {"headache": "present"}),
        ("Any joint pain?", "About the same as ever.", {"joint pain": "present"}),
        ("Are you coughing more?", "No more than usual.", {"cough": "absent"}),
    ],
)
def test_what_is_as_usual_is_not_denied(
    asker: str, other: str, question: str, reply: str, said: dict[str, str]
) -> None:
    assert statuses(f"{asker}: {question}", f"{other}: {reply}") == said


@pytest.mark.parametrize(("asker", "other"), [("D", "P"), ("A", "A")])
def test_what_a_reply_tells_more_closely_is_not_denied(asker: str, other: str) -> None:
    said = statuses(f"{asker}: Any numbness, itching or tingling?", f"{other}: No, just some tingling in my toes.")
    assert said["numbness"] == said["itching"] == "absent"
    assert "tingling" not in said


@pytest.mark.parametrize(("asker", "other"), [("D", "P"), ("A", "A")])
def test_a_no_denies_what_it_names_in_part_where_the_reply_goes_on_to_admit(asker: str, other: str) -> None:
    question = f"{asker}: Are you dizzy, or do you have any chest pain?"
    said = statuses(question, f"{other}: No pain, but I get dizzy on the stairs.")
    assert said == {"chest pain": "absent", "dizziness": "present"}
