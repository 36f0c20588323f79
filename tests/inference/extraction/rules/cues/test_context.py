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


@pytest.mark.parametrize(
    "text",
    [
        "the cold air probably triggered my asthma",
        "stress may be aggravating your asthma",
        "it is possible that some of her asthma is related to the dust",
    ],
)
def test_a_doubt_about_a_cause_does_not_doubt_the_illness(text: str) -> None:
    assert said_of("asthma", text).status == "present"


def test_a_doubt_without_a_cause_doubts_the_illness() -> None:
    assert said_of("asthma", "it could be asthma").status == "possible"
    assert said_of("asthma", "maybe your asthma").status == "possible"


def test_a_denial_reaches_the_last_item_of_a_long_list() -> None:
    text = "you have not had any night sweats, recent weight gain, swollen ankles, wrist pain, hives or dark urine"
    assert said_of("urine", text).status == "absent"


def test_a_word_that_explains_what_was_denied_is_denied_too() -> None:
    assert said_of("itching", "there is no pruritus and that's itching").status == "absent"
    assert said_of("cough", "no fever and that's with a bad cough").status == "present"


def test_a_speaker_who_goes_on_without_a_pause_ends_the_denial_of_a_noun() -> None:
    assert said_of("cough", "no fever no chills I had a terrible cough").status == "present"
    assert said_of("cough", "no sign that I have a cough").status == "absent"


def test_a_denied_attack_leaves_the_illness() -> None:
    assert said_of("gout", "I haven't had any gout flares this year").status == "present"
    assert said_of("gout", "I haven't had any gout").status == "absent"


@pytest.mark.parametrize(
    "text",
    [
        "we want to make sure you don't have malaria",
        "drink plenty so you won't get malaria",
        "you shouldn't really experience malaria",
    ],
)
def test_what_is_to_be_prevented_or_excluded_is_not_denied_yet(text: str) -> None:
    assert said_of("malaria", text).hypothetical


def test_nothing_that_causes_a_complaint_denies_it() -> None:
    assert said_of("swelling", "there is nothing causing swelling of the kidney").status == "absent"


def test_a_denied_degree_leaves_the_complaint() -> None:
    assert said_of("coughing", "I'm not coughing as much now").status == "present"
    assert said_of("coughing", "I'm not coughing now").status == "absent"
