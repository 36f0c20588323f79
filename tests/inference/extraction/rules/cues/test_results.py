"""Results of tests: how they are said, and that no heap of such words holds the reader up."""

import random

import pytest

from inference.extraction.rules.cues.reports import _RESULT, _WELL

BEFORE = (
    "has have had is was are were be been being its came come comes coming tested tests turned out back all both test "
    "tests swab culture smear biopsy bloods scan screen panel result results again also thankfully fortunately luckily"
)


@pytest.mark.parametrize(
    ("said", "result"),
    [
        ("the test was negative", "negative"),
        ("bloods came back all negative", "negative"),
        ("her swab has come back positive", "positive"),
        ("the scan was all clear", "all clear"),
        ("it was all clearly negative", None),
    ],
)
def test_a_result_is_found_behind_the_words_that_lead_to_it(said, result):
    found = _RESULT.search(said)
    assert (found["result"] if found else None) == result


@pytest.mark.parametrize("said", ["my scan was all right", "results came back ok", "the biopsy was thankfully normal"])
def test_a_test_that_was_fine_is_found(said):
    assert _WELL.search(said)


@pytest.mark.parametrize("pattern", [_RESULT, _WELL])
def test_a_thousand_such_words_without_a_result_are_read_to_their_end(pattern):
    words, draw = (
        BEFORE.split(),
        random.Random(1),
    )  # an earlier form of the pattern did not come to the end of 400 of these words
    assert pattern.search(" ".join(draw.choice(words) for _ in range(1000))) is None
