import numpy as np
import pytest

from inference.audio.silence import Silence

FRAME = 512


def play(silence, seconds, probability=0.0, noise=1e-3, offset=0.0, other_speaks=False, frames=31):
    """Seconds of a track in chunks of so many frames; what was told, each with the second at which it was."""
    random, told = np.random.default_rng(0), []
    chunk_s = frames * FRAME / 16_000
    for at in range(round(seconds / chunk_s)):
        samples = (offset + noise * random.standard_normal(frames * FRAME)).astype(np.float32)
        silence.push(samples, np.full(frames, probability, np.float32))
        if (found := silence.due(other_speaks)) is not None:
            told.append((found, round((at + 1) * chunk_s)))
    return told


@pytest.mark.parametrize("frames", [1, 31, 94, 310])
@pytest.mark.parametrize(("noise", "offset", "kind"), [(0, 0, "flat"), (0, 0.3, "flat"), (1e-3, 0, "quiet")])
def test_nobody_at_the_start_is_told_once_after_ten_seconds(frames, noise, offset, kind):
    ((found, at),) = play(Silence(0.5), 40, noise=noise, offset=offset, frames=frames)
    assert found == kind
    assert 10 <= at <= 10 + frames * FRAME / 16_000 + 0.5


def test_speech_is_no_silence_and_silence_after_it_is_told_anew_after_a_minute():
    silence = Silence(0.5)
    assert play(silence, 30, probability=0.9) == []
    ((found, at),) = play(silence, 200)
    assert (found, round(at, -1)) == ("quiet", 60)
    assert play(silence, 1, probability=0.9) == []
    assert [found for found, _ in play(silence, 70)] == ["quiet"]


def test_a_microphone_that_dies_is_told_after_half_a_minute():
    silence = Silence(0.5)
    play(silence, 30, probability=0.9)
    ((found, at),) = play(silence, 100, noise=0)
    assert (found, round(at, -1)) == ("flat", 30)


def test_a_patient_may_listen_to_the_clinician_for_a_minute_but_a_dead_track_is_told_at_once():
    ((found, at),) = play(Silence(0.5), 100, other_speaks=True)
    assert (found, round(at, -1)) == ("quiet", 60)
    ((found, at),) = play(Silence(0.5), 100, noise=0, other_speaks=True)
    assert (found, round(at, -1)) == ("flat", 10)


def test_a_click_is_no_speech():
    silence = Silence(0.5)
    told = []
    for _ in range(11):
        silence.push(np.full(FRAME * 2, 0.01, np.float32), np.asarray([0.9, 0.9], np.float32))
        told += play(silence, 1)
    assert [found for found, _ in told] == ["quiet"]


def test_after_a_pause_the_count_begins_again():
    silence = Silence(0.5)
    play(silence, 9)
    silence.begin_again()
    assert play(silence, 9) == []
    assert [found for found, _ in play(silence, 3)] == ["quiet"]
