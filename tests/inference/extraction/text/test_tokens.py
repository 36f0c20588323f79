"""Words, stems and sentences."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.extraction.text.tokens import normalise, sentences, stem


@pytest.mark.parametrize(
    "forms",
    [("ache", "aches", "aching"), ("vomit", "vomited", "vomiting"), ("feel", "felt", "feeling"), ("stop", "stopped")],
)
def test_forms_of_a_word_share_a_stem(forms: tuple[str, ...]) -> None:
    assert len({stem(form) for form in forms}) == 1


def test_contractions_are_one_word_however_they_are_parted() -> None:
    assert normalise("don't") == normalise("don’t") == normalise("do n't") == ["dont"]
    assert normalise("gon na") == ["gonna"]


def test_a_sentence_ends_at_its_mark_but_not_inside_a_number_or_after_a_title() -> None:
    assert [(s.words, s.mark) for s in sentences("Any fever? It was 38.5. Ask Dr. Smith")] == [
        (["any", "fever"], "?"),
        (["it", "was", "38.5"], "."),
        (["ask", "dr", "smith"], ""),
    ]


@given(st.text(max_size=60))
def test_tokens_stand_where_they_say(text: str) -> None:
    for sentence in sentences(text):
        for token in sentence.tokens:
            said = text[token.start : token.end]
            # A question mark is a word only before another word.
            assert (["query"] if said.endswith("?") else normalise(said)) == [token.word]
