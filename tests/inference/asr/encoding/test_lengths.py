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
@pytest.mark.parametrize("margin_s", [3.0, 4.5])
def test_spans_of_one_length_share_their_longest_span(ladder, margin_s):
    longest: dict[int, set[float]] = {}
    for tenths in range(1, 255):
        samples = tenths * 1600
        longest.setdefault(encoder_frames(samples, margin_s, ladder), set()).add(longest_s(samples, margin_s, ladder))
        assert longest_s(samples, margin_s, ladder) >= tenths / 10
    assert {len(shared) for shared in longest.values()} == {1}


def test_a_span_that_leaves_no_room_for_its_margin_is_no_shorter_than_it_is():
    assert longest_s(28 * 16_000, 4.5) == 28.0


@each_ladder
def test_no_length_is_one_that_the_library_takes_for_a_mel(ladder):
    assert not {80 * 2, 128 * 2} & set(ladder)
    assert all(frames % 2 == 0 for frames in ladder), "the encoder halves it"
    assert list(ladder) == sorted(set(ladder))
