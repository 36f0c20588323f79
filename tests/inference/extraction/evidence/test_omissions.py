"""Which facts a note tells."""

import pytest

from inference.extraction.evidence.omissions import Note, Sentence, omission
from inference.findings import Evidence, Finding


def quoted(words: str, start: int = 0, segment: str = "s1") -> Evidence:
    return Evidence(segment, words, start, start + len(words), 1.0, 2.0, "patient")


def said(
    text: str, *evidence: Evidence, kind: str = "symptom", status: str = "present", who: str = "patient"
) -> Finding:
    return Finding("f1", kind, text, status, "current", who, {}, evidence, "rules", 0.5)


ELSEWHERE = quoted("quite other words", 0, "s9")


@pytest.mark.parametrize(
    ("finding", "fact", "told"),
    [
        (said("chest pain", ELSEWHERE), said("chest pain", quoted("my chest hurts")), True),
        (said("chest pain", ELSEWHERE, kind="chief_complaint"), said("chest pain", quoted("chest")), True),
        (said("fever", ELSEWHERE, status="absent"), said("fever", quoted("a fever")), True),  # said once more
        (said("cough", ELSEWHERE), said("dry cough", quoted("dry cough")), True),
        (said("coughing up blood", ELSEWHERE, status="absent"), said("blood", quoted("blood")), False),
        (said("headaches", ELSEWHERE), said("headache", quoted("head")), True),
        (said("stroke", ELSEWHERE, who="family"), said("stroke", quoted("a stroke")), False),
        (said("stomach pain", quoted("pain in my tummy")), said("abdominal pain", quoted("tummy", 11)), True),
        (said("stomach pain", quoted("pain in my tummy")), said("nausea", quoted("sick", 40)), False),
        (said("penicillin", quoted("penicillin"), kind="allergy"), said("rash", quoted("penicillin")), False),
    ],
)
def test_a_finding_tells_a_fact_of_its_name_or_one_that_rests_on_its_words(finding, fact, told):
    assert Note([finding]).lacking([fact]) == ([] if told else [fact])


def test_words_that_prove_two_facts_prove_the_one_that_is_noted_and_the_other_is_missing():
    both = quoted("weak and shaky")
    weakness, shakiness = said("weakness", both), said("shakiness", both)
    assert Note([weakness]).lacking([weakness, shakiness]) == [shakiness]


def test_a_sentence_is_told_if_all_that_it_names_is_in_a_finding():
    whole = quoted("a cough and some sneezing")
    cough, sneezing = quoted("cough", 2), quoted("sneezing", 17)
    sentence = Sentence(said(whole.quote, whole), (cough, sneezing))
    assert not Note([said("cough", cough)]).holds(sentence)
    assert Note([said("cough", cough), said("cold", sneezing)]).holds(sentence)
    assert Note([said("cough", ELSEWHERE), said("sneezing", ELSEWHERE)]).holds(sentence)


def test_an_omission_keeps_its_id_and_two_facts_of_the_same_words_have_two():
    both = quoted("weak and shaky")
    first, second = omission(said("weakness", both)), omission(said("shakiness", both))
    assert first.id == omission(said("weakness", both)).id != second.id
    assert (first.text, first.evidence, first.status) == ("weakness", (both,), "present")
