import pytest

from inference.asr.encoding.lengths import WIDER_FRAMES, encoder_frames, longest_s, wider
from inference.config import ASR_DEFAULTS, CPU_LADDER, CUDA_LADDER, FULL_FRAMES

each_ladder = pytest.mark.parametrize("ladder", [CPU_LADDER, CUDA_LADDER], ids=["cpu", "cuda"])


@pytest.mark.parametrize("seconds", [0.0, 0.3, 1.0, 5.0, 14.9, 26.9])
def test_on_a_cpu_the_encoder_hears_the_span_and_its_margin_and_at_most_a_third_more(seconds):
    frames = encoder_frames(int(seconds * 16_000), margin_s=3.0)
    wanted = seconds * 100 + 300
    assert frames in CPU_LADDER
    assert wanted <= frames <= max(CPU_LADDER[0], wanted * 4 / 3)


def test_a_gpu_hears_five_lengths_the_first_for_every_partial_and_the_fourth_for_the_longest_segment():
    assert ASR_DEFAULTS["cuda"].ladder == CUDA_LADDER
    assert ASR_DEFAULTS["cpu"].ladder == CPU_LADDER
    assert len(CUDA_LADDER) == 5
    assert encoder_frames(4 * 16_000, 3.0, CUDA_LADDER) == CUDA_LADDER[0]
    assert encoder_frames(int(13.5 * 16_000), 3.0, CUDA_LADDER) == CUDA_LADDER[3]


@each_ladder
def test_the_full_window_is_the_longest_and_any_span_fits_into_it(ladder):
    assert encoder_frames(30 * 16_000, 3.0, ladder) == FULL_FRAMES == ladder[-1]
    assert wider(ladder[0], ladder) >= ladder[0] + WIDER_FRAMES
    assert wider(2500, ladder) == wider(FULL_FRAMES, ladder) == FULL_FRAMES


@each_ladder
def test_spans_of_one_length_share_their_longest_span(ladder):
    for seconds in (0.5, 4.0, 9.7, 13.0):
        longest = longest_s(int(seconds * 16_000), ladder)
        assert seconds <= longest
        assert longest_s(int(longest * 16_000), ladder) == longest


@each_ladder
def test_no_length_is_one_that_the_library_takes_for_a_mel(ladder):
    assert not {80 * 2, 128 * 2} & set(ladder)
    assert all(frames % 2 == 0 for frames in ladder), "the encoder halves it"
    assert list(ladder) == sorted(set(ladder))
