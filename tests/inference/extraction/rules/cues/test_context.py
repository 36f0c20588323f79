"""Assertion of a mention by the words around it."""

import pytest

from inference.extraction.rules.cues.context import Assertion, assertion, triggers
from inference.extraction.text.tokens import sentences
from tests.support.consultation import facts, findings


def said_of(mention: str, text: str) -> Assertion:
    (sentence,) = sentences(text)
    words = mention.split()
    start = next(i for i in range(len(sentence.words)) if sentence.words[i : i + len(words)] == words)
    span = range(start, start + len(words))
    return assertion(sentence.tokens, triggers(sentence.tokens, frozenset(span)), span.start, span.stop)


@pytest.mark.parametrize(
    ("mention", "text", "status"),
    [
        ("fever", "I have a fever", "present"),
        ("fever", "I have not had a fever", "absent"),
        ("fever", "no cough, chills or fever", "absent"),
        ("dizzy", "I don't have a headache but I feel dizzy", "present"),
        ("headache", "I'm taking nothing for the headache", "present"),
        ("cough", "no, I have a cough", "present"),
        ("cough", "I can't stop this cough", "present"),
        ("nausea", "the nausea went away", "absent"),
        ("nausea", "maybe some nausea", "possible"),
        ("pneumonia", "we need to rule out pneumonia", "possible"),
        ("cancer", "cancer was ruled out", "absent"),
    ],
)
def test_a_trigger_governs_its_scope_and_no_more(mention: str, text: str, status: str) -> None:
    assert said_of(mention, text).status == status


def test_a_relative_takes_the_mention_until_the_patient_speaks_of_himself() -> None:
    assert said_of("asthma", "my mother had asthma").experiencer == "family"
    assert said_of("asthma", "my sister has eczema and I have asthma").experiencer == "patient"


def test_what_is_only_imagined_is_hypothetical() -> None:
    assert said_of("rash", "call us if you get a rash").hypothetical
    assert said_of("nausea", "they can cause nausea").hypothetical
    assert not said_of("nausea", "the tablets gave me nausea").hypothetical


def test_the_words_that_deny_belong_to_the_evidence() -> None:
    said = said_of("fever", "well I have not had a fever")
    assert (said.from_token, said.to_token) == (3, 7)


def test_a_relatives_illness_stays_theirs_behind_did_have_and_is_quoted_with_them():
    (found,) = [f for f in findings("P: No lung cancer, my mom did have breast cancer.") if f.status == "present"]
    assert (found.kind, found.text, found.attributes) == ("family_history", "breast cancer", {"relation": "mother"})
    assert found.evidence[0].quote == "mom did have breast cancer"


def test_a_tenderness_of_the_flank_is_no_stroke():
    assert ("diagnosis", "stroke", "present") not in facts("D: There is CVA tenderness on your right side.")


def test_an_answer_about_the_family_that_names_nobody_is_the_familys():
    assert facts("D: Does anything run in the family?", "P: Um, high blood pressure and diabetes.") == {
        ("family_history", "high blood pressure", "present"),
        ("family_history", "diabetes", "present"),
    }
    assert facts("D: Any family history?", "P: No. I have asthma.") == {
        ("family_history", "family history", "absent"),
        ("past_history", "asthma", "present"),
    }
    assert facts("D: How is your family?", "P: They're fine.", "P: Asthma is the main problem.") == {
        ("past_history", "asthma", "present")
    }
