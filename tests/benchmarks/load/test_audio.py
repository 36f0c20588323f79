"""What the sessions of the load benchmark say: frames, plans, and the stretch that the word error rate is taken over."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.load.audio import Track, Utterance, plan, quiet_moments, said_and_heard
from benchmarks.load.client import Plan, Run, TranscriptEvent, frames

SECOND = 16_000


@pytest.fixture
def track(tmp_path: Path) -> Track:
    """Ten seconds with two utterances, at 1 to 4 s and 6 to 9 s."""
    file = tmp_path / "a.pcm"
    file.write_bytes(np.arange(10 * SECOND, dtype="<u2").tobytes())
    return Track("a", file, 10 * SECOND, (Utterance(1, 4, "one two"), Utterance(6, 9, "three four")))


def test_frames_wrap_around_and_lose_no_sample(track: Track):
    chunks = list(frames(Plan(0, track.pcm, 8 * SECOND, 5 * SECOND), 1.5))
    assert [len(chunk) for chunk in chunks] == [48_000, 48_000, 48_000, 16_000]
    audio = track.pcm.read_bytes()
    assert b"".join(chunks) == audio[8 * 2 * SECOND :] + audio[: 3 * 2 * SECOND]


def test_sessions_begin_in_different_rests_and_a_plan_knows_nothing_of_the_others(track: Track):
    assert quiet_moments(track) == pytest.approx([0.5, 5.0, 9.5])
    assert [plan(i, [track], 10).first for i in range(3)] == [0, 5 * SECOND, int(0.5 * SECOND)]
    assert plan(7, [track], 99, whole=True) == Plan(7, track.pcm, 0, track.samples)


def test_reference_and_transcript_are_cut_at_the_same_rests(track: Track):
    words = [("three", 1.5), ("four", 3.5), ("one", 6.8), ("half", 11.0)]
    said = TranscriptEvent(0, True, 0, 1, {}, words)
    # From 5 s on, for 9 s: all of "three four" and, after the recording has begun again, of "one two".
    pair = said_and_heard(Run(0, 9.0, heard=[said]), Plan(0, track.pcm, 5 * SECOND, 9 * SECOND), track)
    assert pair == ("three four", "three four")
    pair = said_and_heard(Run(0, 11.0, heard=[said]), Plan(0, track.pcm, 5 * SECOND, 11 * SECOND), track)
    assert pair == ("three four one two", "three four one")
    assert said_and_heard(Run(0, 2.0), Plan(0, track.pcm, 5 * SECOND, 2 * SECOND), track) is None


def test_a_recording_from_start_to_end_is_scored_whole(track: Track):
    said = TranscriptEvent(0, True, 0, 1, {}, [("one", 2.0), ("late", 10.2)])
    pair = said_and_heard(Run(0, 10.0, heard=[said]), plan(0, [track], 99, whole=True), track)
    assert pair == ("one two three four", "one late")
