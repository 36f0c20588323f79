import pytest

from server.sessions.intake.pace import Pace


def told(chunk_s, gap_s, seconds=60.0, waits=lambda at: 0.0):
    """The audio seconds at which something was told, and what, of a sender of chunks at a steady gap."""
    pace, audio_s, at = Pace(), 0.0, 100.0
    while audio_s < seconds:
        at += gap_s
        audio_s += chunk_s
        advice = pace.note(at + waits(audio_s), chunk_s)
        if advice:
            return round(audio_s, 2), advice
    return None


@pytest.mark.parametrize("chunk_s", [0.1, 0.5, 1.0])
@pytest.mark.parametrize(
    ("pace", "word"), [(1 / 2, "lower"), (1 / 3, "lower"), (16 / 44.1, "lower"), (44.1 / 16, "higher")]
)
def test_a_live_microphone_of_another_rate_is_told_within_ten_seconds_of_audio(chunk_s, pace, word):
    audio_s, advice = told(chunk_s, chunk_s / pace)
    assert audio_s <= 10
    assert word in advice


@pytest.mark.parametrize("chunk_s", [0.02, 0.1, 1.0, 3.0])
@pytest.mark.parametrize("pace", [1.0, 0.97, 1.03, 2.0, 3.0, 8.0, 0.8, 100.0])
def test_the_pace_of_life_and_recordings_sent_faster_prove_nothing(chunk_s, pace):
    assert told(chunk_s, chunk_s / pace) is None


def test_a_network_that_brings_audio_in_bursts_proves_nothing():
    """Half the pace on the whole: it stops and then catches up."""
    assert told(0.5, 1.0, waits=lambda audio_s: 3.0 * (audio_s // 3 % 2)) is None


def test_what_is_told_is_told_once_and_a_break_begins_the_count_again():
    pace = Pace()
    advice = [pace.note(10.0 + i, 0.5) for i in range(60)]
    assert sum(text is not None for text in advice) == 1
    pace = Pace()
    for i in range(12):
        assert pace.note(10.0 + i, 0.5) is None
    pace.forget()
    for i in range(12):
        assert pace.note(30.0 + i, 0.5) is None
    assert pace.note(60.0, 0.5) is None, "half a minute without audio was a break"
