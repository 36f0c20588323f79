import pytest

from inference.audio.spoken import Spoken


def test_runs_are_the_frames_that_are_speech_in_seconds_of_the_audio():
    spoken = Spoken.of_frames([True, True, False, False, True], frame_s=0.5, lead_s=0.25)
    assert spoken.runs == ((0.25, 1.25), (2.25, 2.75))
    assert Spoken.of_frames([], 0.5, 0.25).runs == Spoken.of_frames([False, False], 0.5, 0.25).runs == ()


def test_seconds_count_what_lies_between_two_moments():
    spoken = Spoken(((0.0, 1.0), (2.0, 4.0)))
    assert spoken.seconds() == 3.0
    assert spoken.seconds(0.5, 3.0) == 1.5
    assert spoken.seconds(1.0, 2.0) == 0.0


def test_a_part_of_the_audio_keeps_its_runs_in_its_own_seconds():
    spoken = Spoken(((0.0, 1.0), (2.0, 4.0)))
    assert spoken.between(0.5, 2.5).runs == ((0.0, 0.5), (1.5, 2.0))
    assert spoken.between(1.0, 2.0).runs == ()
    assert spoken.between(0.5, 3.5).seconds() == pytest.approx(spoken.seconds(0.5, 3.5))
