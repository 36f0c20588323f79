"""What the words around an answer make of it: doubts, degrees, explanations, summaries, and questions in between."""

import pytest

from tests.support.consultation import facts, findings

BOTH = pytest.mark.parametrize(("asker", "other"), [("D", "P"), ("A", "A")], ids=["by channel", "ambient"])


def statuses(asker: str, other: str, *lines: str) -> dict[str, str]:
    """The status of each finding in lines that begin with "D: " and "P: "."""
    spoken = [{"D": asker, "P": other}[line[0]] + line[1:] for line in lines]
    return {text: status for _, text, status in facts(*spoken)}


@BOTH
@pytest.mark.parametrize(
    "reply", ["It's not too bad.", "I wouldn't say it's severe.", "I don't feel like it's particularly acute."]
)
def test_who_denies_a_degree_has_the_symptom(asker: str, other: str, reply: str) -> None:
    assert statuses(asker, other, "D: Any pain in your knee?", f"P: {reply}") == {"knee pain": "present"}


@BOTH
def test_a_denial_behind_a_question_answers_it_and_takes_back_nothing(asker: str, other: str) -> None:
    said = ("P: I get short of breath when I walk up stairs.", "D: But you're not in pain?", "P: No, no, I'm not.")
    assert statuses(asker, other, *said)["shortness of breath on exertion"] == "present"
    said = ("P: I have a cough.", "D: Do you get short of breath at rest?", "P: No, I don't.")
    assert statuses(asker, other, *said) == {"cough": "present", "shortness of breath at rest": "absent"}


def test_a_denial_right_behind_ones_own_statement_takes_it_back() -> None:
    assert facts("P: I have asthma.", "P: No, I don't.") == {("past_history", "asthma", "absent")}


@BOTH
def test_a_yes_that_is_doubted_in_the_next_breath_is_possible(asker: str, other: str) -> None:
    said = ("D: Any blood in your urine?", "P: Yeah, I think just today.", "P: It was probably, but I don't know.")
    assert statuses(asker, other, *said) == {"blood in urine": "possible"}
    said = ("D: Any blood in your urine?", "P: Yeah.", "P: I don't know why, though.")
    assert statuses(asker, other, *said) == {"blood in urine": "present"}


@BOTH
def test_an_explanation_of_a_word_asks_again(asker: str, other: str) -> None:
    said = ("D: Have you had palpitations?", "P: What do you mean?", "D: Like your heart racing.", "P: Oh, no.")
    assert statuses(asker, other, *said) == {"palpitations": "absent", "fast heartbeat": "absent"}


@BOTH
def test_one_item_and_no_to_the_others_denies_the_others(asker: str, other: str) -> None:
    said = ("D: Cough, fever, or chills?", "P: A cough, but no to the others.")
    assert statuses(asker, other, *said) == {"cough": "present", "fever": "absent", "chills": "absent"}


@BOTH
@pytest.mark.parametrize("mark", [".", "?"])
def test_what_an_asker_sums_up_without_contradiction_is_absent(asker: str, other: str, mark: str) -> None:
    said = (f"D: So no leg swelling, no recent travel{mark}", "D: And do you smoke?", "P: No.")
    expected = {"leg swelling": "absent", "recent travel": "absent", "smoking": "absent"}
    assert statuses(asker, other, *said) == expected


def test_the_quote_of_a_summary_is_the_askers_own() -> None:
    found = findings("A: So no leg swelling?", "A: Do you smoke?")
    assert [[evidence.quote for evidence in finding.evidence] for finding in found] == [["no leg swelling"]]


@BOTH
def test_a_summary_that_is_contradicted_is_not_noted(asker: str, other: str) -> None:
    said = ("D: So no leg swelling?", "P: Well, my legs are a bit swollen.")
    assert statuses(asker, other, *said) == {"leg swelling": "present"}


@BOTH
def test_a_guess_at_something_else_leaves_what_was_asked_open(asker: str, other: str) -> None:
    said = ("D: Any muscle weakness at all?", "P: Um, I suppose general aching, body aching.")
    assert "muscle weakness" not in statuses(asker, other, *said)
    assert statuses(asker, other, "D: Any fever?", "P: Possibly, I felt quite hot.")["fever"] == "possible"


@BOTH
def test_what_may_be_asked_of_a_denied_copula_is_affirmed_or_denied(asker: str, other: str) -> None:
    assert statuses(asker, other, "D: Your periods aren't heavy?", "P: They are.") == {"heavy periods": "present"}
    assert statuses(asker, other, "D: Your periods aren't heavy?", "P: No.") == {"heavy periods": "absent"}
    assert statuses(asker, other, "D: Your legs aren't swollen?", "P: They are a bit.") == {"leg swelling": "present"}


def test_a_denied_copula_denies_the_whole_and_not_its_head() -> None:
    assert facts("P: My nose isn't blocked and my heart is not racing.") == {
        ("symptom", "blocked nose", "absent"),
        ("symptom", "fast heartbeat", "absent"),
    }
    assert facts("P: The bleeding isn't heavy.") == {("symptom", "bleeding", "present")}


def test_doubts_and_percentages_are_read_as_such() -> None:
    said = "P: I haven't taken my temperature, so I'm not a hundred percent sure if I had a fever."
    assert facts(said) == {("symptom", "fever", "possible")}
    said = "P: Potentially, um, there's a bit of swelling in my lips."
    assert facts(said) == {("symptom", "lip swelling", "possible")}
    said = "P: I have a bit of problems with my bowels, but I don't think it's any different from usual."
    assert facts(said) == {("symptom", "change in bowel habit", "absent")}


@pytest.mark.parametrize(
    "line",
    [
        "We've got a choice of two antibiotics, something called trimethoprim or nitrofurantoin.",
        "It's something that we can treat quite readily with antibiotics.",
        "Usually, with migraines they can present at different times in people's lives.",
    ],
)
@pytest.mark.parametrize("speaker", ["D", "A"])
def test_what_there_is_and_what_may_happen_tells_of_nobody(speaker: str, line: str) -> None:
    assert not facts(f"{speaker}: {line}")


def test_a_medicine_that_is_taken_is_told_beside_its_alternatives() -> None:
    said = "A: I take something called metformin and we have tried gliclazide."
    assert {("medication", "metformin", "present")} <= facts(said)
