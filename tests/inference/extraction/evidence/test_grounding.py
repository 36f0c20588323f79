"""Quotes are found in the transcript, or they are nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.extraction.evidence.grounding import FinalTexts
from inference.extraction.memo import Memo
from inference.findings import Quote
from inference.transcript import Segment, Word


def segment(text: str, id: str = "s1", *, final: bool = True, words: tuple[Word, ...] = ()) -> Segment:
    return Segment(id=id, speaker="patient", start=10.0, end=20.0, text=text, final=final, words=words)


def grounded(quote: str, text: str, *others: str) -> str | None:
    finals = FinalTexts([segment(text), *(segment(o, f"o{i}") for i, o in enumerate(others))])
    evidence = finals.ground(Quote("s1", quote))
    return None if evidence is None else evidence.quote


def test_case_white_space_and_punctuation_may_differ_and_the_literal_slice_comes_back() -> None:
    assert grounded("a bit rundown", "I just feel A bit,  run-down, you know.") == "A bit,  run-down"
    assert grounded("ive had chest pain", "Well, I’ve had — chest pain.") == "I’ve had — chest pain"


def test_the_evidence_carries_characters_seconds_and_speaker() -> None:
    words = (Word("My", 10.0, 10.5, 1.0), Word("head", 11.0, 12.0, 1.0), Word("hurts", 12.5, 13.0, 1.0))
    evidence = FinalTexts([segment("My head hurts.", words=words)]).ground(Quote("s1", "head hurts"))
    assert evidence is not None
    assert (evidence.start, evidence.end, evidence.from_s, evidence.to_s) == (3, 13, 11.0, 13.0)
    assert evidence.speaker == "patient"


def test_words_that_were_not_said_ground_nothing() -> None:
    assert grounded("chest pain", "I have a headache.") is None


def test_an_empty_quote_grounds_nothing() -> None:
    assert grounded("", "I have a headache.") is None
    assert grounded(" ,.", "I have a headache.") is None


def test_a_part_of_a_word_is_no_quote() -> None:
    assert grounded("ache", "I have a headache.") is None
    assert grounded("I can", "I can't sleep.") is None
    assert grounded("no", "My nose is blocked.") is None


def test_a_later_whole_word_is_found_behind_a_partial_one() -> None:
    assert grounded("rash", "Rashes, well, one rash.") == "rash"


def test_numbers_keep_their_shape() -> None:
    assert grounded("38", "It was 38.5 this morning.") is None
    assert grounded("385", "It was 38.5 this morning.") is None
    assert grounded("5", "Take 2.5 milligrams.") is None
    assert grounded("35", "About 3 5 milligram tablets.") is None
    assert grounded("1000 mg", "Take 1,000 mg.") == "1,000 mg"
    assert grounded("120 80", "It was 120/80.") == "120/80"


def test_a_quote_of_the_wrong_segment_is_found_where_it_alone_stands() -> None:
    assert grounded("a dry cough", "Hello.", "I have a dry cough.") == "a dry cough"
    assert grounded("a cough", "Hello.", "I have a cough.", "Is it a cough?") is None


def test_partials_prove_nothing() -> None:
    assert FinalTexts([segment("I have a cough.", final=False)]).ground(Quote("s1", "a cough")) is None


@given(
    text=st.text(alphabet=st.sampled_from("abcß'’ .,-/012É\u0130\u0301\n"), max_size=40),
    other=st.text(alphabet=st.sampled_from("abc .0"), max_size=12),
    quote=st.text(alphabet=st.sampled_from("abcß'’ .,-/012É\u0130\u0301\n"), max_size=8),
)
def test_whatever_is_grounded_is_a_literal_slice(text: str, other: str, quote: str) -> None:
    segments = {"s1": segment(text), "s2": segment(other, "s2")}
    evidence = FinalTexts(segments.values()).ground(Quote("s1", quote))
    if evidence is not None:
        assert evidence.quote
        assert segments[evidence.segment].text[evidence.start : evidence.end] == evidence.quote


@given(words=st.lists(st.text(alphabet="abcdefgh", min_size=1, max_size=6), min_size=1, max_size=8), data=st.data())
def test_every_run_of_whole_words_is_grounded(words: list[str], data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(words) - 1))
    end = data.draw(st.integers(start + 1, len(words)))
    quote = " ".join(words[start:end])
    evidence = FinalTexts([segment(" ".join(words))]).ground(Quote("s1", quote.upper()))
    assert evidence is not None
    assert evidence.quote.replace(" ", "") == quote.replace(" ", "")


def test_a_number_is_not_quoted_without_the_point_before_it() -> None:
    assert grounded("5mg", "Warfarin.5mg") is None
    assert grounded("Warfarin 5mg", "Warfarin.5mg") is None
    assert grounded(".5mg", "Warfarin.5mg") == ".5mg"


@pytest.mark.parametrize(
    ("quote", "text", "found"),
    [
        ("five milligrams", "Warfarin, point five milligrams.", "point five milligrams"),
        ("five milligrams", "Warfarin, zero point five milligrams.", "zero point five milligrams"),
        ("half tablets", "Take two and a half tablets.", "two and a half tablets"),
        ("a half tablets at night", "Take two and a half tablets at night.", "two and a half tablets at night"),
        ("take two", "Take two point five milligrams.", "Take two point five milligrams"),
        ("2 tablets", "Take 1/2 tablets.", "1/2 tablets"),
        ("five milligrams", "Take one two five milligrams.", "one two five milligrams"),
        ("five micrograms", "Take one hundred and twenty-five micrograms.", "one hundred and twenty-five micrograms"),
        ("500 mg tablets", "Take two 500 mg tablets.", "two 500 mg tablets"),
        ("10 mg", "Take 5 to 10 mg.", "5 to 10 mg"),
        ("take ramipril", "I take ramipril, five milligrams.", "take ramipril"),
    ],
)
def test_a_quote_never_cuts_a_quantity(quote: str, text: str, found: str) -> None:
    assert grounded(quote, text) == found


def test_quotes_are_grounded_alike_whether_or_not_the_text_was_read_for_another_quote() -> None:
    said = segment("Take point five milligrams, then 38.5 or 3 5, not 385, of Strauße.5mg.")
    quotes = [
        Quote("s1", text) for text in ("five milligrams", "38.5", "385", "35", "3 5", "STRAUSSE .5mg", "5mg", "ta")
    ]
    alone = [FinalTexts([said]).ground(quote) for quote in quotes]
    assert [evidence is not None for evidence in alone] == [True, True, True, False, True, True, False, False]
    memo = Memo()
    for _ in range(2):
        with memo.reading():
            assert [FinalTexts([said]).ground(quote) for quote in quotes] == alone


WORDS = st.sampled_from(
    [
        "cough",
        "Fever",
        "fever.",
        "2.5",
        "25",
        "2",
        "5",
        "1,000",
        "10mg",
        "10",
        "mg",
        "can't",
        "can",
        "ﬁne",
        "fine",
        "Straße",
        "STRASSE",
        "naïve",
        "İ",
        "½",
        "ͅ",
        "ᾳ",
        "咳嗽",
        ",",
        "-",
        "I",
        "the",
    ]
)
TEXTS = st.lists(WORDS, min_size=1, max_size=6).map(" ".join)


@given(
    said=st.lists(TEXTS, min_size=1, max_size=3),
    quote=st.builds(Quote, st.sampled_from(["s1", "s2", "s3", "s99"]), TEXTS),
)
def test_a_quote_is_found_where_it_is_said_to_stand_or_else_in_the_one_final_that_holds_it(said, quote) -> None:
    segments = [segment(text, f"s{number}") for number, text in enumerate(said, 1)]
    holders = {s.id: found for s in segments if (found := FinalTexts([s]).ground(Quote(s.id, quote.text))) is not None}
    alone = next(iter(holders.values())) if len(holders) == 1 else None
    assert FinalTexts(segments).ground(quote) == holders.get(quote.segment, alone)
