from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.audio.segmenter import Segmenter, Span
from inference.config import FRAME_SAMPLES, SegmenterConfig

CONFIG = SegmenterConfig(
    pause_s=0.7, short_pause_s=0.7, max_segment_s=15.0, lead_in_s=0.25, tail_s=0.25, min_speech_s=0.2
)
PATIENT = SegmenterConfig(
    max_segment_s=13.9, pause_s=0.5, short_pause_s=1.6, short_s=2.0, long_s=6.0, tail_s=0.25, draft_after_s=0.6
)


def frames(seconds: float) -> int:
    return round(seconds * 16_000 / FRAME_SAMPLES)


def stream(*parts: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Samples and probabilities of (seconds, probability) parts; the samples count up, so that spans can be located."""
    probabilities = np.concatenate([np.full(frames(seconds), p, np.float32) for seconds, p in parts])
    return np.arange(len(probabilities) * FRAME_SAMPLES, dtype=np.float32) / 1e7, probabilities


def cut(samples: np.ndarray, probabilities: np.ndarray, chunk: int, config: SegmenterConfig = CONFIG) -> list[Span]:
    """Finals when the stream comes in chunks of `chunk` samples, with probabilities for whole frames only."""
    segmenter, finals, judged = Segmenter(config), [], 0
    for at in range(0, len(samples), chunk):
        upto = min(at + chunk, len(samples)) // FRAME_SAMPLES
        finals += segmenter.push(samples[at : at + chunk], probabilities[judged:upto])
        judged = upto
    return finals + segmenter.flush()


def test_a_pause_ends_a_segment_and_silence_around_it_is_kept_short():
    samples, probabilities = stream((1.0, 0.0), (2.0, 0.9), (3.0, 0.0))
    (span,) = cut(samples, probabilities, 48_000)
    assert span.final
    assert span.start_s == pytest.approx(0.75, abs=0.05)
    assert span.end_s == pytest.approx(3.25, abs=0.05)
    assert span.speech_s == pytest.approx(2.0, abs=0.05)
    ((begin, end),) = span.spoken.runs
    assert (begin, end) == (pytest.approx(0.25, abs=0.04), pytest.approx(2.25, abs=0.07))
    np.testing.assert_array_equal(span.audio, samples[span.start : span.end])


def test_a_gap_shorter_than_the_pause_does_not_end_it():
    (span,) = cut(*stream((2.0, 0.9), (0.5, 0.0), (2.0, 0.9), (1.0, 0.0)), 48_000)
    assert span.end_s == pytest.approx(4.75, abs=0.1)


@pytest.mark.parametrize(("said_s", "pause_s"), [(1.0, 1.6), (3.75, 1.05), (7.0, 0.5)])
def test_the_less_was_said_the_longer_a_pause_must_be_to_end_a_segment(said_s, pause_s):
    def spans(silence_s):
        return cut(*stream((1.0, 0.0), (said_s, 0.9), (silence_s, 0.0), (1.0, 0.9), (3.0, 0.0)), 1600, PATIENT)

    assert len(spans(pause_s - 0.1)) == 1
    assert len(spans(pause_s + 0.1)) == 2


def test_a_draft_comes_in_a_pause_with_the_audio_of_the_final():
    segmenter = Segmenter(PATIENT)
    samples, probabilities = stream((1.0, 0.0), (0.5, 0.9), (3.0, 0.0))
    drafts, finals = [], []
    for at in range(len(probabilities)):
        frame = slice(at * FRAME_SAMPLES, (at + 1) * FRAME_SAMPLES)
        finals += segmenter.push(samples[frame], probabilities[at : at + 1])
        if (span := segmenter.partial(1.0)) is not None:
            drafts.append(span)
    (draft,), (final,) = drafts, finals
    assert draft.draft
    assert not draft.final
    assert final.final
    assert not final.draft
    assert (draft.index, draft.start, draft.end, draft.spoken) == (final.index, final.start, final.end, final.spoken)
    np.testing.assert_array_equal(draft.audio, final.audio)
    assert 0.6 <= (draft.decided - draft.end) / 16_000 + PATIENT.tail_s <= 0.65
    assert 1.6 <= (final.decided - final.end) / 16_000 + PATIENT.tail_s <= 1.65


def test_speech_after_a_draft_is_part_of_the_same_segment():
    segmenter = Segmenter(PATIENT)
    segmenter.push(*stream((0.6, 0.9), (1.0, 0.0)))
    first = segmenter.partial(1.0)
    assert segmenter.partial(1.0) is None, "nothing was said since"
    segmenter.push(*stream((0.5, 0.9), (0.3, 0.0)))
    assert segmenter.partial(2.0) is None, "it is neither much new speech nor a pause"
    segmenter.push(*stream((0.5, 0.0)))
    second = segmenter.partial(2.0)
    assert first is not None
    assert second is not None
    assert first.draft
    assert second.draft
    assert first.index == second.index
    assert first.end < second.end


def test_a_click_is_no_speech():
    assert cut(*stream((1.0, 0.0), (0.1, 0.9), (2.0, 0.0)), 48_000) == []


def test_speech_without_a_pause_is_split_and_the_end_of_each_span_is_heard_again_by_the_next():
    samples, probabilities = stream((40.0, 0.95), (1.0, 0.0))
    *split, last = cut(samples, probabilities, 48_000)
    assert len(split) == 2
    assert split[0].end_s == pytest.approx(15.0, abs=0.05)
    assert not split[0].resumed
    for one, other in pairwise([*split, last]):
        assert one.split
        assert other.resumed
        assert one.held / 16_000 == pytest.approx(CONFIG.held_s, abs=0.04)
        assert other.start == one.end - one.held
        assert other.end_s - one.end_s <= 15.0 - CONFIG.held_s / 2 + 0.05
        np.testing.assert_array_equal(other.audio, samples[other.start : other.end])
        np.testing.assert_array_equal(other.before, samples[other.start - 4 * 16_000 : other.start])
    assert not last.split
    assert len(split[0].before) == 0


def test_what_is_left_of_a_span_knows_where_its_speech_is():
    (span,) = cut(*stream((1.0, 0.9), (0.3, 0.0), (2.0, 0.9), (1.0, 0.0)), 48_000)
    rest = span.after(span.start + 16_000)
    assert (rest.start, rest.end) == (span.start + 16_000, span.end)
    np.testing.assert_array_equal(rest.audio, span.audio[16_000:])
    ((begin, end),) = rest.spoken.runs
    assert (begin, end) == (pytest.approx(0.3, abs=0.05), pytest.approx(2.3, abs=0.07))
    assert len(rest.before) == 0
    nothing = span.after(span.end + 1)
    assert (nothing.start, nothing.end, len(nothing.audio), nothing.speech_s) == (span.end, span.end, 0, 0)


def test_the_audio_before_what_is_left_of_a_span_ends_where_that_begins():
    samples, probabilities = stream((20.0, 0.95), (1.0, 0.0))
    _, span = cut(samples, probabilities, 48_000)
    rest = span.after(span.start + 20_000)
    np.testing.assert_array_equal(rest.before, samples[rest.start - 4 * 16_000 : rest.start])
    nothing = span.after(span.end)
    np.testing.assert_array_equal(nothing.before, samples[span.end - 4 * 16_000 : span.end])


def test_the_open_segment_is_given_as_a_partial_no_more_often_than_asked():
    segmenter = Segmenter(CONFIG)
    samples, probabilities = stream((3.0, 0.9))
    assert segmenter.push(samples, probabilities) == []
    first = segmenter.partial(1.0)
    assert first is not None
    assert not first.final
    assert first.end_s == pytest.approx(3.0, abs=0.05)
    assert segmenter.partial(1.0) is None, "nothing was said since"
    more, probabilities = stream((0.5, 0.9))
    segmenter.push(more, probabilities)
    assert segmenter.partial(1.0) is None
    assert segmenter.partial(0.4) is not None


def test_the_first_partial_of_a_segment_needs_less_speech_than_the_later_ones():
    segmenter = Segmenter(CONFIG)

    def say(seconds: float, probability: float = 0.9) -> Span | None:
        segmenter.push(*stream((seconds, probability)))
        return segmenter.partial(1.0, 0.5)

    assert say(0.4) is None
    first = say(0.2)
    assert first is not None
    assert first.end_s == pytest.approx(0.6, abs=0.05)
    assert say(0.6) is None, "the second one needs a second of its own"
    assert say(0.5) is not None
    assert say(1.0, 0.0) is None, "the segment has ended"
    assert say(0.4) is None
    assert say(0.2) is not None, "a new segment has a first one too"


def test_the_lead_in_is_no_speech_and_without_a_value_of_its_own_the_first_partial_is_like_the_others():
    segmenter, plain = Segmenter(CONFIG), Segmenter(CONFIG)
    for each in (segmenter, plain):
        each.push(*stream((1.0, 0.0), (0.45, 0.9)))
    assert segmenter.partial(1.0, 0.5) is None
    for each in (segmenter, plain):
        each.push(*stream((0.1, 0.9)))
    assert segmenter.partial(1.0, 0.5) is not None
    assert plain.partial(1.0) is None


def test_a_partial_changes_no_final():
    samples, probabilities = stream((1.0, 0.0), (20.0, 0.9), (1.0, 0.0), (2.0, 0.9), (1.0, 0.0))
    asked, plain = Segmenter(CONFIG), Segmenter(CONFIG)
    finals: dict[str, list[tuple[int, int]]] = {"asked": [], "plain": []}
    for at in range(0, len(probabilities), 40):
        part, p = samples[at * FRAME_SAMPLES : (at + 40) * FRAME_SAMPLES], probabilities[at : at + 40]
        finals["plain"] += [(s.start, s.end) for s in plain.push(part, p)]
        finals["asked"] += [(s.start, s.end) for s in asked.push(part, p)]
        asked.partial(0.1)
    assert finals["asked"] == finals["plain"] != []


parts = st.lists(st.tuples(st.floats(0.05, 8.0), st.sampled_from([0.0, 0.3, 0.4, 0.6, 1.0])), min_size=1, max_size=8)


@given(parts, st.integers(100, 60_000), st.sampled_from([CONFIG, PATIENT]))
def test_finals_do_not_depend_on_where_the_chunks_were_cut(parts, chunk, config):
    samples, probabilities = stream(*parts)
    whole = cut(samples, probabilities, len(samples), config)
    pieces = cut(samples, probabilities, chunk, config)
    assert [(s.start, s.end) for s in pieces] == [(s.start, s.end) for s in whole]
    for one, other in zip(whole, pieces, strict=True):
        np.testing.assert_array_equal(one.audio, other.audio)
        np.testing.assert_array_equal(one.before, other.before)


@given(parts, st.integers(100, 60_000), st.sampled_from([CONFIG, PATIENT]))
def test_spans_overlap_at_splits_alone_and_cover_every_frame_of_clear_speech(parts, chunk, config):
    samples, probabilities = stream(*parts)
    spans = cut(samples, probabilities, chunk, config)
    assert all(other.start == one.end - one.held for one, other in pairwise(spans) if other.resumed)
    assert all(other.start >= one.end for one, other in pairwise(spans) if not other.resumed)
    assert [one.split for one in spans[:-1]] == [other.resumed for other in spans[1:]]
    covered = np.zeros(len(samples), dtype=bool)
    for span in spans:
        covered[span.start : span.end] = True
    runs = np.split(np.arange(len(probabilities)), np.where(np.diff(probabilities >= 0.6) != 0)[0] + 1)
    for run in runs:
        if probabilities[run[0]] >= 0.6 and len(run) * FRAME_SAMPLES >= 16_000 * CONFIG.min_speech_s + FRAME_SAMPLES:
            assert covered[run[0] * FRAME_SAMPLES : (run[-1] + 1) * FRAME_SAMPLES].all()


@pytest.mark.parametrize(
    "wrong",
    [
        {"pause_s": 0.1},
        {"short_pause_s": 0.3},
        {"short_s": 9.0, "long_s": 8.0},
        {"max_segment_s": 29.0},
        {"held_s": 0.0},
        {"held_s": 14.0},
        {"lead_s": -1.0},
        {"lead_s": 21.0},
        {"tail_s": 0.0},
    ],
)
def test_a_configuration_that_cannot_work_is_refused(wrong):
    with pytest.raises(ValueError, match="segmenter"):
        SegmenterConfig(**wrong)
