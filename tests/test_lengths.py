import pytest

from inference.lengths import FULL_FRAMES, LADDER, encoder_frames, wider


@pytest.mark.parametrize("seconds", [0.0, 0.3, 1.0, 5.0, 14.9, 26.9])
def test_the_encoder_hears_the_span_and_its_margin_and_at_most_a_third_more(seconds):
    frames = encoder_frames(int(seconds * 16_000), margin_s=3.0)
    wanted = seconds * 100 + 300
    assert frames in LADDER
    assert wanted <= frames <= max(LADDER[0], wanted * 4 / 3)


def test_the_full_window_is_the_longest_and_any_span_fits_into_it():
    assert encoder_frames(30 * 16_000, margin_s=3.0) == FULL_FRAMES == LADDER[-1]
    assert wider(LADDER[0]) >= LADDER[0] + 1000
    assert wider(2500) == wider(FULL_FRAMES) == FULL_FRAMES


def test_no_length_is_one_that_the_library_takes_for_a_mel():
    assert not {80 * 2, 128 * 2} & set(LADDER)
    assert all(frames % 2 == 0 for frames in LADDER), "the encoder halves it"
