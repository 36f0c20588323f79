"""Drugs behind words that a recogniser wrote for their names."""

from pathlib import Path

import pytest

import benchmarks
from inference.extraction import ExtractionRequest
from inference.extraction.evidence.merging import Findings
from inference.extraction.memo import Memo, _current
from inference.extraction.rules.engine import RulesExtractor
from inference.extraction.text.tokens import sentences
from inference.extraction.words.lexicon import drugs_trie, find
from inference.extraction.words.misheard import _nearest, misheard
from inference.findings import Proposal
from inference.transcript import Segment
from tests.support.consultation import merged

NO_DRUGS = (Path(benchmarks.__file__).parent / "data" / "no_drugs.txt").read_text().splitlines()


def heard(text: str, *, asked: bool = False) -> list[tuple[str, str]]:
    """(drug, words) of one sentence."""
    (sentence,) = sentences(text)
    named = frozenset(i for match in find(drugs_trie(), sentence.tokens) for i in range(match.start, match.end))
    return [
        (match.entry.concept, " ".join(sentence.words[match.start : match.end]))
        for match in misheard(sentence.tokens, named, asked=asked)
    ]


def proposals(text: str) -> list[Proposal]:
    segment = Segment("s1", "patient", 0.0, 4.0, text, True)
    return RulesExtractor().propose(ExtractionRequest((segment,), 0, ()))


@pytest.mark.parametrize(
    ("text", "drug", "words"),
    [
        ("I take lies in April ten milligrams once a day.", "lisinopril", "lies in april"),
        ("I have been on met four men for about two years.", "metformin", "met four men"),
        ("I am allergic to Ibi-profen.", "ibuprofen", "ibi profen"),
        ("I would like to start you on am low dipping five milligrams.", "amlodipine", "am low dipping"),
        ("Keep taking the prednis alone every morning.", "prednisolone", "prednis alone"),
        ("I stopped taking Gabby Penton because it made me dizzy.", "gabapentin", "gabby penton"),
        ("Let's increase your low sartan to fifty milligrams.", "losartan", "low sartan"),
    ],
)
def test_words_that_sound_like_a_drug_are_the_drug_where_a_sentence_leaves_a_place_for_one(
    text: str, drug: str, words: str
) -> None:
    assert heard(text) == [(drug, words)]


@pytest.mark.parametrize(
    "text",
    [
        "He lies in April every year about the dates.",
        "I met four men at the station.",
        "I take the bus in April.",
        "Are you low, dipping, or high?",
    ],
)
def test_the_same_words_elsewhere_stay_what_they_are(text: str) -> None:
    assert heard(text) == []


def test_no_sentence_without_a_drug_gets_one() -> None:
    assert len(NO_DRUGS) > 500
    wrong = {text: found for text in NO_DRUGS for asked in (False, True) if (found := heard(text, asked=asked))}
    assert wrong == {}


def test_a_drug_that_was_recognised_is_never_replaced() -> None:
    assert heard("I take esomeprazole ten milligrams and hydralazine.") == []
    assert heard("I take metformin and lies in April.") == [("lisinopril", "lies in april")]


def test_a_name_may_stand_alone_in_an_answer_about_medicines_only() -> None:
    assert heard("Met four men.", asked=True) == [("metformin", "met four men")]
    assert heard("Met four men.") == []
    assert heard("Yes, met four men.", asked=True) == [("metformin", "met four men")]


def test_a_misspelt_name_is_known_wherever_it_stands_and_an_ordinary_word_is_not() -> None:
    assert heard("And then there is the lisonopril.") == [("lisinopril", "lisonopril")]
    assert heard("In the meantime the creator has the ability.") == []


def test_the_finding_is_the_drug_with_its_dose_and_keeps_the_words_as_heard_letter_for_letter() -> None:
    text = "I take Lies in April, ten milligrams, once a day."
    (medication,) = [p for p in proposals(text) if p.kind == "medication"]
    assert medication.text == "lisinopril"
    assert medication.attributes == {"dose": "10 mg", "frequency": "once a day", "heard": "Lies in April"}
    assert "Lies in April" in medication.quotes[0].text
    assert medication.quotes[0].text in text


def test_a_misheard_drug_passes_grounding_with_its_words_as_evidence() -> None:
    text = "I take lies in April once a day."
    store = Findings()
    segment = Segment("s1", "patient", 0.0, 4.0, text, True)
    (added,) = merged(store, proposals(text), [segment])
    assert (added.finding.text, added.finding.attributes["heard"]) == ("lisinopril", "lies in April")


def test_a_name_that_was_heard_right_has_no_words_as_heard() -> None:
    (medication,) = [p for p in proposals("I take lisinopril once a day.") if p.kind == "medication"]
    assert "heard" not in medication.attributes


def test_each_reading_keeps_what_it_looked_up_to_itself_and_forgets_it_with_the_next():
    memo = Memo()
    with memo.reading():
        assert heard("I take lies in April, ten milligrams.") == [("lisinopril", "lies in april")]
        kept = dict(memo._found)
        windows = [dict(key[1:])["heard"] for key in kept if key[0] is _nearest.__wrapped__]
        assert any(window[:3] == ("lies", "in", "april") for window in windows)
        said = Segment("s1", "patient", 0.0, 2.0, "I take met for men, ten milligrams.", True)
        RulesExtractor().propose(ExtractionRequest((said,), 0, ()))
        assert memo._found == kept
    assert _current.get() is None
    with memo.reading():
        pass
    assert memo._found == {}
