import pytest

from inference.asr.gaps import Gap, gaps
from inference.audio.spoken import Spoken
from inference.transcript import Word

ALL = Spoken(((0.0, 20.0),))


def words(*said):
    return [Word(text, start, end, 0.9) for text, start, end in said]


def test_words_that_follow_one_another_leave_no_gap():
    assert gaps(words(("I", 0.0, 0.4), ("have", 0.4, 0.7), ("headaches.", 0.7, 2.0)), ALL, 2.2) == []


def test_a_word_drawn_out_over_speech_is_a_gap_and_over_silence_is_none():
    said = words(("Okay.", 0.0, 5.8), ("So,", 5.8, 6.2))
    assert gaps(said, ALL, 6.4) == [Gap(0.0, 5.8, 0, 1)]
    assert gaps(said, Spoken(((0.2, 0.9), (5.7, 6.4))), 6.4) == []


def test_speech_behind_the_last_word_is_a_gap_over_no_word():
    said = words(("say.", 3.5, 4.3))
    assert gaps(said, Spoken(((0.2, 7.0),)), 7.0)[-1] == Gap(4.3, 7.0, 1, 1)
    assert gaps(said, Spoken(((3.2, 4.6),)), 7.0) == []


def test_gaps_that_touch_are_one():
    said = words(("finger?", 1.7, 2.7), ("Right,", 2.7, 7.3), ("okay.", 7.3, 10.0))
    assert gaps(said, ALL, 11.0) == [Gap(2.7, 11.0, 1, 3)]


@pytest.mark.parametrize("text", ["1984.", "25,000", "anticonvulsants,", "头痛已经三天了"])
def test_numbers_long_words_and_ideographs_may_take_their_time(text):
    assert gaps(words((text, 0.0, 1.6)), ALL, 1.7) == []


def test_a_span_without_words_is_one_gap_if_there_is_speech():
    assert gaps([], Spoken(((0.2, 2.0),)), 2.2) == [Gap(0.0, 2.2, 0, 0)]
    assert gaps([], Spoken(()), 2.2) == []
