import numpy as np
import pytest

from inference.audio.decoding import AudioFormat, Samples, resampled
from inference.audio.formats import FormatCheck
from tests.support.formats import integers, wrong_formats
from tests.support.speech import chunks

KINDS = {
    "unsigned 8-bit": "8-bit",
    "signed 8-bit": "8-bit",
    "mu-law": "8-bit",
    "32-bit float": "floating-point",
    "32-bit float of 16-bit values": "floating-point",
    "64-bit float": "floating-point",
    "stereo float": "floating-point",
    "big-endian": "big-endian",
    "quiet big-endian": "",  # its bytes hold no more than eight bits
    "24-bit": "24 or 32 bits",
    "32-bit": "24 or 32 bits",
    "padded 32-bit": "24 or 32 bits",
    "stereo": "two channels",
    "stereo of two microphones": "two channels",
    "compressed": "compressed",
    "a WAV file": "begins like a WAV file",
    "overdriven": "too loud",
}


def told(data: bytes, audio: AudioFormat | None = None, chunk_bytes: int = 9_600) -> list[tuple[float, str]]:
    """What is told of a stream, each with the seconds of audio at which it is."""
    audio = audio or AudioFormat()
    check, found = FormatCheck(audio), []
    for number, piece in enumerate(chunks(data, chunk_bytes), 1):
        at_s = number * chunk_bytes / audio.frame_bytes / audio.sample_rate
        found += [(at_s, message) for message in check.push(piece)]
    return found


@pytest.fixture(scope="module")
def talk(consultation) -> Samples:
    """Ten seconds of two people, at half of full scale."""
    piece = consultation[: 10 * 16_000]
    return piece / np.abs(piece).max() / 2


@pytest.mark.parametrize("name", KINDS)
def test_another_format_is_told_once_within_ten_seconds_with_what_it_looks_like(name, talk):
    ((at_s, message),) = told(wrong_formats(talk)[name])
    assert at_s <= 10
    assert KINDS[name] in message


@pytest.mark.parametrize("chunk_bytes", [640, 2_022, 96_000])
@pytest.mark.parametrize("name", ["unsigned 8-bit", "32-bit float", "stereo"])
def test_what_is_told_does_not_depend_on_the_size_of_the_chunks(name, chunk_bytes, talk):
    data = wrong_formats(talk)[name]
    assert [m for _, m in told(data, chunk_bytes=chunk_bytes)] == [m for _, m in told(data)]


def honest(talk: Samples, noise: Samples) -> dict[str, Samples]:
    random, at = np.random.default_rng(0), np.arange(10 * 16_000) / 16_000
    telephone = resampled(resampled(talk, 16_000, 8_000), 8_000, 16_000)
    music = sum(np.sin(2 * np.pi * hz * at + hz) * (0.6 + 0.4 * np.sin(at * hz / 70)) for hz in (220, 277, 330, 1_760))
    return {
        "speech": talk,
        "loud speech": 2 * talk,
        "quiet speech": talk / 300,
        "speech over an offset": talk / 2 + 0.3,
        "telephone speech": telephone,
        "noise": noise,
        "hiss": 0.1 * random.standard_normal(10 * 16_000),
        "loud hiss": 0.3 * random.standard_normal(10 * 16_000),
        "the last bit": random.integers(-1, 2, 10 * 16_000) / 32768,
        "music": 0.2 * music,
        "a tone near a quarter of the rate": 0.5 * np.sin(2 * np.pi * 4_003 * at),
        "silence": np.zeros(10 * 16_000),
        "an offset": np.full(10 * 16_000, 0.4),
        "old 8-bit recordings": np.round(talk * 127) / 128,
    }


@pytest.mark.parametrize("channels", [1, 2])
def test_real_sound_is_never_suspected(channels, talk, noise):
    suspected = {}
    for name, sound in honest(talk, noise).items():
        samples = np.asarray(sound, np.float32)
        both = np.stack([samples, np.roll(samples, 7)][:channels], axis=1)
        suspected[name] = told(integers(both).tobytes(), AudioFormat(channels=channels))
    assert suspected == {name: [] for name in suspected}


def test_a_dead_channel_is_no_wrong_format(talk):
    both = np.stack([talk, 0 * talk], axis=1)
    assert told(integers(both).tobytes(), AudioFormat(channels=2)) == []


def test_samples_that_happen_to_be_the_mark_of_an_mp3_frame_are_none(talk):
    assert told(b"\xff\xfb" + integers(talk).tobytes()) == []


def test_clipping_later_in_a_session_is_told_and_a_short_shout_is_not(talk):
    shout = integers(talk[: 2 * 16_000] * 60).tobytes()
    calm = integers(talk).tobytes()
    assert told(calm + shout + calm) == []
    assert ["too loud" in message for _, message in told(calm * 5 + integers(talk * 60).tobytes() * 2)] == [True]


@pytest.mark.parametrize("hertz", [2_000, 2_666.667, 3_200, 4_000, 5_333.333])
@pytest.mark.parametrize("phase", [0.1, 0.4, 1.0, 2.2])
@pytest.mark.parametrize("level", [0.11, 0.3, 0.77])
def test_a_tone_that_repeats_after_a_few_samples_is_not_taken_for_another_format(hertz, phase, level):
    tone = level * np.sin(2 * np.pi * hertz * np.arange(5 * 16_000) / 16_000 + phase)
    noise = 1e-4 * np.random.default_rng(0).standard_normal(len(tone))
    assert told(integers(tone).tobytes()) == []
    assert told(integers(tone + noise).tobytes()) == []
