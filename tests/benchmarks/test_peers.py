"""The speech lag of the side-by-side is the same arithmetic for every system, and silence costs nobody anything."""

import math

import numpy as np
import pytest

from benchmarks.peers.lag import SLACK_S, merged, oldest_unheard, reached, speech_lags
from benchmarks.peers.session import SessionLog, speak

SPEECH = [(1.0, 5.0), (10.0, 16.0)]


def test_utterances_that_overlap_or_nearly_touch_are_one_stretch_of_speech() -> None:
    assert merged([(3.0, 4.0), (0.0, 2.0), (1.0, 1.5), (2.1, 2.5)]) == [(0.0, 2.5), (3.0, 4.0)]


@pytest.mark.parametrize(
    ("covered_s", "oldest_s"),
    [(0.0, 1.0), (2.0, 2.0), (5.0 - SLACK_S, 10.0), (7.0, 10.0), (12.5, 12.5), (15.9, math.inf), (20.0, math.inf)],
)
def test_the_oldest_speech_not_covered_skips_silence_and_the_last_bit_of_an_utterance(
    covered_s: float, oldest_s: float
) -> None:
    assert oldest_unheard(covered_s, SPEECH) == oldest_s


def test_a_server_that_says_nothing_lags_from_the_first_word_on() -> None:
    found = speech_lags([], [(1.0, 9.0)], seconds=9.0, frame_s=3.0)
    assert max(found) == pytest.approx(5.0)  # 6 s were due, none of them heard; the third chunk is due at the very end
    assert min(found) == 0.0  # nothing was due before the first chunk ended


def test_a_server_that_covers_every_chunk_at_once_has_no_lag() -> None:
    assert set(speech_lags([(3.0, 3.0), (6.0, 6.0)], [(0.0, 9.0)], seconds=9.0, frame_s=3.0)) == {0.0}


def test_silence_is_not_counted_and_not_held_against_anybody() -> None:
    assert speech_lags([], [], seconds=30.0, frame_s=3.0) == []
    found = speech_lags([(6.0, 5.0)], [(0.0, 5.0), (27.0, 30.0)], seconds=30.0, frame_s=0.25)
    assert max(found[50:]) <= 3.0  # 22 s of silence between the two are no lag


def test_a_segment_that_ends_shortly_before_a_frame_has_heard_that_frame() -> None:
    assert reached(5.98, 3.0) == reached(5.5, 3.0) == reached(6.0, 3.0) == 6.0
    assert reached(5.0, 3.0) == 5.0
    assert reached(1.0, 0.25) == 1.0


def test_a_report_that_takes_something_back_does_not_uncover_it() -> None:
    once = speech_lags([(3.0, 3.0)], [(0.0, 6.0)], 6.0, 3.0)
    assert speech_lags([(3.0, 3.0), (3.1, 1.0)], [(0.0, 6.0)], 6.0, 3.0) == once


async def test_pacing_sends_every_sample_in_frames_and_the_rest_as_a_shorter_one() -> None:
    audio = np.arange(250, dtype="<f4").tobytes()
    sent: list[bytes] = []

    async def send(frame: bytes) -> None:
        sent.append(frame)

    await speak(send, audio, 4, 100, SessionLog())
    assert b"".join(sent) == audio
    assert [len(frame) for frame in sent] == [400, 400, 200]
