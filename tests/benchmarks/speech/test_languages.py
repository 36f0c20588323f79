import numpy as np

from benchmarks.speech.languages import Scene, Sentence, SessionText, is_english, judged
from inference.transcript import Segment

SCENE = Scene(
    "changes",
    "es",
    "a voice",
    np.zeros(0, np.float32),
    (Sentence("en", "It hurts.", 0.0, 2.0), Sentence("es", "Me duele la espalda.", 3.0, 6.0)),
)


def final(start: float, end: float, text: str, language: str = "") -> Segment:
    return Segment("s1", "unknown", start, end, text, True, language=language)


def test_a_segment_counts_for_the_sentence_that_it_lies_over_most():
    heard = SessionText([final(0.0, 2.1, "It hurts."), final(2.9, 6.1, "Me duele la espalda.", "es")], ["told", "told"])
    found = judged(SCENE, heard)
    assert (found.counts["segments"], found.counts["right"], found.counts["invented_english"]) == (2, 2, 0)
    assert found.counts["foreign_words_found"] == found.counts["foreign_words"] == 4
    assert found.counts["scenes_with_right_notices"] == 1
    assert found.wrong == []


def test_english_over_another_language_is_invented_whatever_its_mark_says():
    for language in ("", "es"):
        found = judged(SCENE, SessionText([final(3.0, 6.0, "The back of it is my pain.", language)], []))
        assert found.counts["invented_english"] == 1
        assert found.counts["right"] == (language == "es")
        assert len(found.wrong) == 1


def test_no_function_word_of_the_other_languages_makes_a_text_english():
    assert not is_english("Was hat er? Me duele, no me siento bien. Les reins, on les voit, et il a mal.")
    assert is_english("We have to look at the back of your hand.")
