import gc
import weakref
from contextlib import nullcontext

import pytest

from inference.extraction import ExtractionRequest
from inference.extraction.memo import Memo, remembered
from inference.extraction.reader import Reading
from inference.extraction.rules.engine import RulesExtractor
from inference.extraction.text.dialogue import turns
from inference.transcript import Segment


class Said:
    """Words that can be seen to be forgotten."""


found: list[tuple[object, bool]] = []


@remembered
def counted(said: object, *, asked: bool = False) -> list[object]:
    found.append((said, asked))
    return [said]


@pytest.fixture(autouse=True)
def _nothing_found():
    found.clear()
    yield
    found.clear()


def test_what_a_reading_found_is_not_searched_for_in_the_next_one():
    memo, said = Memo(), Said()
    for _ in range(3):
        with memo.reading():
            assert counted(said) == counted(said) == [said]
    assert len(found) == 1


def test_results_differ_by_the_identity_of_words_and_by_the_value_of_named_options():
    memo, said = Memo(), ("one", "two")
    with memo.reading():
        for words, asked in ((said, False), (said, True), (("one", said[1]), False), (said, True)):
            counted(words, asked=asked)
    assert [asked for _, asked in found] == [False, True, False]


def test_a_caller_may_change_the_list_that_it_gets():
    memo, said = Memo(), Said()
    with memo.reading():
        counted(said).clear()
        assert counted(said) == [said]


def test_words_that_the_newest_reading_did_not_use_are_forgotten():
    memo, said = Memo(), Said()
    with memo.reading():
        counted(said)
    kept = weakref.ref(said)
    del said
    found.clear()
    assert kept() is not None
    with memo.reading():
        pass
    gc.collect()
    assert kept() is None


def test_nothing_is_remembered_outside_a_reading_or_by_another_session():
    said = Said()
    for place in (nullcontext(), Memo().reading(), Memo().reading(), nullcontext()):
        with place:
            counted(said)
    assert len(found) == 4


def test_a_function_that_fails_is_asked_again():
    answers = iter([ZeroDivisionError(), None])

    @remembered
    def failing(said: object) -> list[object]:
        if (error := next(answers)) is not None:
            raise error
        return [said]

    memo, said = Memo(), Said()
    with memo.reading():
        with pytest.raises(ZeroDivisionError):
            failing(said)
        assert failing(said) == [said]


def test_the_sentences_of_earlier_finals_are_parsed_once_a_session():
    segment = Segment("s1", "patient", 0.0, 4.0, "I have a cough. It started on Monday.", True)
    memo = Memo()
    with memo.reading():
        first = turns([segment])
    with memo.reading():
        assert all(one is other for one, other in zip(first, turns([segment]), strict=True))
    assert turns([segment]) == first
    assert turns([segment])[0] is not first[0]


def test_two_sessions_of_one_extractor_have_memos_of_their_own():
    rules = RulesExtractor()
    assert Reading(rules).memo is not Reading(rules).memo
    said = (Segment("s1", "patient", 0.0, 4.0, "I have a cough.", True),)
    assert ExtractionRequest(said, 0, ()).memo is not ExtractionRequest(said, 0, ()).memo


def test_a_final_is_read_alike_with_and_without_what_was_found_before():
    texts = (
        ("clinician", "Do you take any medicines, and do you have any allergies?"),
        ("patient", "I take warfarin 3 mg, and my left knee hurts."),
        ("clinician", "Any fever?"),
        ("patient", "No. Sorry, 5 mg. And it was my right knee."),
    )
    said = [Segment(f"s{n}", who, 5.0 * n, 5.0 * n + 4, text, True) for n, (who, text) in enumerate(texts, 1)]
    rules, memo = RulesExtractor(), Memo()
    for upto in range(1, len(said) + 1):
        fresh = rules.propose(ExtractionRequest(said[:upto], upto - 1, ()))
        assert rules.propose(ExtractionRequest(said[:upto], upto - 1, (), memo=memo)) == fresh
    assert any(p.text == "warfarin" and p.attributes.get("dose") == "5 mg" for p in fresh)
