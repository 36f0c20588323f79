from dataclasses import replace

import numpy as np

from inference.asr.hypothesis import Hypothesis
from inference.asr.partials import Partials
from inference.audio.segmenter import Span
from inference.transcript import Word


def span(start_s, end_s, index=1):
    start, end = int(start_s * 16_000), int(end_s * 16_000)
    return Span(start, end, np.arange(start, end, dtype=np.float32), False, 1.0, index, end)


def heard(*words):
    """(text, end in s of the audio that was decoded)."""
    timed = [Word(text, end - 0.3, end, 0.9) for text, end in words]
    return Hypothesis(" ".join(text for text, _ in words), "en", words=tuple(timed))


def test_the_next_partial_hears_only_what_is_not_settled_and_shows_all_of_it():
    partials = Partials()
    first = span(10, 15)
    tail = partials.tail(first)
    assert (tail.start, tail.text, len(tail.audio)) == (160_000, "", 80_000)
    assert partials.join(first, tail, heard(("I", 1.0), ("have", 3.0), ("pane", 4.6))) == "I have pane"
    second = span(10, 18)
    tail = partials.tail(second)
    assert tail.text == "I have"
    assert tail.start == 13 * 16_000
    assert tail.audio[0] == tail.start, "its audio begins where it says"
    assert len(tail.audio) == 5 * 16_000
    assert partials.join(second, tail, heard(("pain", 1.5), ("here", 4.9))) == "I have pain here"
    third = partials.tail(span(10, 21))
    assert (third.text, third.start) == ("I have pain", int(14.5 * 16_000))


def test_a_new_segment_begins_with_nothing():
    partials = Partials()
    first = span(0, 5)
    partials.join(first, partials.tail(first), heard(("one", 1.0), ("two", 4.8)))
    tail = partials.tail(span(6, 11, index=2))
    assert (tail.start, tail.text, len(tail.audio)) == (96_000, "", 80_000)


def test_short_spans_are_heard_whole():
    partials = Partials()
    first = span(0, 2)
    partials.join(first, partials.tail(first), heard(("one", 0.5), ("two", 1.9)))
    assert len(partials.tail(span(0, 3)).audio) == 48_000


def test_an_older_partial_that_comes_late_settles_nothing():
    partials = Partials()
    early, late = span(0, 5), span(0, 8)
    tails = [partials.tail(early), partials.tail(late)]
    partials.join(late, tails[1], heard(("a", 2.0), ("b", 6.0), ("c", 7.9)))
    before = (partials.text, partials.start, partials.shown_to)
    partials.join(early, tails[0], heard(("x", 1.0), ("y", 4.9)))
    assert (partials.text, partials.start, partials.shown_to) == before


def test_what_has_no_word_times_settles_nothing_and_is_heard_again():
    partials = Partials()
    first = span(0, 5)
    assert partials.join(first, partials.tail(first), Hypothesis("some words", "en")) == "some words"
    assert len(partials.tail(span(0, 8)).audio) == 8 * 16_000


def test_what_is_doubtful_is_shown_and_heard_again():
    partials = Partials()
    first = span(0, 5)
    loop = replace(heard(("no", 1.0), ("no", 2.0), ("no", 3.0)), doubtful=True)
    assert partials.join(first, partials.tail(first), loop) == "no no no"
    assert partials.shown_to == first.end
    assert len(partials.tail(span(0, 8)).audio) == 8 * 16_000
