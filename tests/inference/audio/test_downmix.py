import numpy as np
import pytest

from inference.audio.downmix import BLOCK_S, Downmix

RATE = 16_000
SECONDS = 3


def voice(seed: int = 0, seconds: float = SECONDS) -> np.ndarray:
    """A sound that swells and fades as syllables do."""
    at = np.arange(int(RATE * seconds)) / RATE
    tones = sum(np.sin(2 * np.pi * hz * at + seed) for hz in (150 + 20 * seed, 450, 1_310 + 70 * seed))
    return (0.1 * tones * (0.55 + 0.45 * np.sin(2 * np.pi * (3 + seed) * at))).astype(np.float32)


def hiss(seed: int, level: float = 1e-3) -> np.ndarray:
    return (level * np.random.default_rng(seed).standard_normal(RATE * SECONDS)).astype(np.float32)


def mixed(left: np.ndarray, right: np.ndarray, chunk: int = 48_000) -> np.ndarray:
    mix, both = Downmix(RATE), np.stack([left, right], axis=1)
    return np.concatenate([mix.mix(both[at : at + chunk])[:, 0] for at in range(0, len(both), chunk)])


def level(samples: np.ndarray) -> float:
    return float(np.sqrt(np.mean(samples**2)))


@pytest.mark.parametrize(
    ("left", "right"), [(1.0, -1.0), (-1.0, 1.0), (1.0, -0.7), (0.6, -1.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0)]
)
@pytest.mark.parametrize("noise", [0.0, 1e-4])
def test_a_voice_is_heard_whatever_the_channels_do_to_each_other(left, right, noise):
    said = voice()
    heard = mixed(left * said + hiss(1, noise), right * said + hiss(2, noise))
    settled = slice(RATE // 2, None)
    assert level(heard[settled]) > 0.75 * max(abs(left), abs(right)) * level(said[settled])


def test_the_first_word_of_inverted_channels_is_lost_for_two_blocks_at_most():
    said = np.concatenate([np.zeros(RATE, np.float32), voice()])
    heard = mixed(said, -said)
    begun = RATE + round(2 * BLOCK_S * RATE)
    np.testing.assert_allclose(heard[begun:], said[begun:], atol=1e-6)


def test_channels_that_hear_the_same_are_their_mean_sample_by_sample():
    left, right = voice() + hiss(1), 0.8 * voice() + hiss(2)
    np.testing.assert_allclose(mixed(left, right), (left + right) / 2, atol=1e-6)


def test_two_people_at_their_own_microphones_are_both_heard_also_at_the_same_time():
    """Neither microphone hears the other person; the loud one never shuts the quiet one out."""
    loud, quiet = voice(1) + hiss(1, 1e-4), 0.03 * voice(2) + hiss(2, 1e-4)
    np.testing.assert_allclose(mixed(loud, quiet), (loud + quiet) / 2, atol=1e-6)


def test_a_person_who_begins_on_a_channel_that_was_dead_is_heard_at_once():
    first, second = voice(1), voice(2)
    first[RATE:], second[: RATE * 3 // 2] = 0.0, 0.0
    heard = mixed(first, second)
    begun = RATE * 3 // 2 + round(BLOCK_S * RATE)
    assert level(heard[begun : begun + 800]) > 0.3 * level(second[begun : begun + 800])


@pytest.mark.parametrize("chunk", [1, 319, 320, 321, 16_000])
def test_the_mix_does_not_depend_on_where_the_chunks_were_cut(chunk):
    said, other = voice(1, 1.0), voice(2, 1.0)
    left = np.concatenate([said, said, other])
    right = np.concatenate([-said, said, 0 * other])
    np.testing.assert_array_equal(mixed(left, right, chunk), mixed(left, right, len(left)))


def test_a_switch_makes_no_click():
    """The steepest step of the mix is no steeper than that of its channels, but for the fade of 20 ms."""
    tone = (0.3 * np.sin(2 * np.pi * 100 * np.arange(RATE * SECONDS) / RATE)).astype(np.float32)
    right = np.where(np.arange(len(tone)) // RATE % 2, tone, -tone)
    right[RATE - 1 : RATE + 1] = 0.0
    heard = mixed(tone, right)
    steepest = np.abs(np.diff(tone)).max()
    assert np.abs(np.diff(heard)).max() < steepest + 0.3 / (BLOCK_S * RATE) + 0.01


def test_an_offset_of_the_converter_is_no_sound():
    said = voice()
    np.testing.assert_allclose(mixed(said, np.full_like(said, 0.2))[RATE:], said[RATE:], atol=1e-6)


def test_what_is_kept_can_be_overwritten():
    mix = Downmix(RATE)
    mix.mix(np.ones((100, 2), np.float32))
    kept = mix._begun
    mix.erase()
    assert len(kept) == 100
    assert not kept.any()
