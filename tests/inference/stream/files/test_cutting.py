"""Where a recording is cut: at long pauses, and else at the longest pause within reach."""

import numpy as np
import pytest

from inference.audio.segmenter import Span
from inference.config import FRAME_SAMPLES, SAMPLE_RATE, SegmenterConfig
from inference.stream.files.cutting import LONGEST_S, REST_S, SHORT_S, Cutter, divided

FRAME_S = FRAME_SAMPLES / SAMPLE_RATE
EDGE_S = SegmenterConfig().lead_in_s + FRAME_S


def frames(*parts: tuple[float, bool]) -> np.ndarray:
    """Probabilities of parts of (seconds, speech)."""
    return np.concatenate([np.full(round(seconds / FRAME_S), 0.9 * speech, np.float32) for seconds, speech in parts])


def cut(probabilities: np.ndarray, step: int = 31) -> list[Span]:
    cutter, spans = Cutter(SegmenterConfig()), []
    audio = np.arange(len(probabilities) * FRAME_SAMPLES, dtype=np.float32)
    for at in range(0, len(probabilities), step):
        samples = audio[at * FRAME_SAMPLES : (at + step) * FRAME_SAMPLES]
        spans += cutter.push(samples, probabilities[at : at + step])
    spans += cutter.flush()
    assert all(np.array_equal(span.audio, audio[span.start : span.end]) for span in spans)
    return spans


def talk(seconds: float, pauses: dict[float, float]) -> np.ndarray:
    """Speech of so many seconds with pauses at moments: {begin: length}."""
    parts, at = [], 0.0
    for begin, length in sorted(pauses.items()):
        parts += [(begin - at, True), (length, False)]
        at = begin + length
    return frames((1.0, False), *parts, (seconds - at, True), (1.0, False))


def test_a_span_goes_on_over_short_pauses_and_ends_at_a_long_one():
    spans = cut(talk(36.0, {3.0: 0.8, 8.0: REST_S - 0.2, 20.0: REST_S + 0.2, 30.0: 0.5}))
    assert [(round(span.start_s - 1.0 + EDGE_S), round(span.end_s - 1.4)) for span in spans] == [(0, 20), (26, 36)]


def test_a_span_that_grows_too_long_is_cut_at_its_longest_pause_within_reach():
    spans = cut(talk(40.0, {5.0: 1.5, 20.0: 0.3, 22.0: 0.9, 25.0: 0.5}))
    first, second = spans
    assert first.end_s - 1.0 == pytest.approx(22.0 + SegmenterConfig().tail_s, abs=2 * FRAME_S)
    assert second.start_s - 1.0 == pytest.approx(22.9 - SegmenterConfig().lead_in_s, abs=2 * FRAME_S)
    assert not first.split
    assert not second.resumed
    assert second.index == first.index + 1


def test_a_short_pause_is_shared_by_the_two_spans_and_no_sample_is_in_both():
    first, second = cut(talk(33.0, {24.0: 0.3}))
    assert first.end == second.start
    assert 24.0 < first.end_s - 1.0 < 24.3


def test_somebody_who_never_pauses_is_split_in_mid_speech_as_in_a_session():
    spans = cut(talk(60.0, {}))
    assert [span.split for span in spans[:-1]] == [True] * (len(spans) - 1)
    assert [span.resumed for span in spans[1:]] == [True] * (len(spans) - 1)
    assert len(spans) > 2


@pytest.mark.parametrize("seed", range(6))
def test_all_speech_is_in_the_spans_wherever_the_audio_is_divided(seed):
    rng = np.random.default_rng(seed)
    parts = [(float(rng.exponential(2.0 if number % 2 else 0.5)), bool(number % 2)) for number in range(120)]
    probabilities = frames(*parts, (1.0, False))
    spans = cut(probabilities)
    others = cut(probabilities, step=int(rng.integers(1, 400)))
    assert [(s.start, s.end, s.index, s.spoken) for s in spans] == [(s.start, s.end, s.index, s.spoken) for s in others]
    assert all(span.end_s - span.start_s <= LONGEST_S + EDGE_S for span in spans)
    covered = np.zeros(len(probabilities) * FRAME_SAMPLES, bool)
    for span in spans:
        covered[span.start : span.end] = True
    speech = np.repeat(probabilities > 0.5, FRAME_SAMPLES)
    assert (speech & ~covered).sum() <= 0.2 * SAMPLE_RATE * len(parts), "only blips are left out"
    heard_s = sum(span.spoken.seconds() for span in spans)
    assert heard_s == pytest.approx((speech & covered).sum() / SAMPLE_RATE, rel=0.1)


def test_a_long_span_is_divided_in_its_longest_pauses_and_nothing_of_it_is_lost():
    (whole,) = cut(talk(24.0, {2.0: 2.0, 7.0: 0.4, 8.6: 0.8, 13.0: 0.3, 17.0: 0.5}))
    parts = divided(whole)
    assert [part.end_s - 1.0 for part in parts[:-1]] == pytest.approx([9.0, 17.25], abs=0.1)
    assert [part.end for part in parts[:-1]] == [part.start for part in parts[1:]]
    assert (parts[0].start, parts[-1].end) == (whole.start, whole.end)
    np.testing.assert_array_equal(np.concatenate([part.audio for part in parts]), whole.audio)
    assert sum(part.speech_s for part in parts) == pytest.approx(whole.speech_s)
    assert all(part.end_s - part.start_s <= SHORT_S for part in parts)


def test_a_divided_span_keeps_what_joins_it_to_the_spans_beside_it():
    first, second, *_ = cut(talk(70.0, {12.0: 0.5, 35.0: 0.5}))
    assert (first.split, second.resumed) == (True, True)
    before, after = divided(first), divided(second)
    assert [part.split for part in before] == [False] * (len(before) - 1) + [True]
    assert [part.resumed for part in after] == [True] + [False] * (len(after) - 1)
    assert min(len(before), len(after)) > 1


def test_a_span_without_pauses_or_of_moderate_length_stays_whole():
    (short,) = cut(talk(9.0, {4.0: 0.6}))
    assert [(part.start, part.end) for part in divided(short)] == [(short.start, short.end)]
    first, *_ = cut(talk(60.0, {}))
    assert [(part.start, part.end, part.held) for part in divided(first)] == [(first.start, first.end, first.held)]
