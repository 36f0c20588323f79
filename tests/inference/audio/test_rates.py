import numpy as np
import pytest

from inference.audio.decoding import Samples
from inference.audio.rates import RateCheck
from inference.audio.vad_state import VadState
from tests.support.formats import at_rate

THRESHOLD = 0.5


async def told(vad, samples: Samples, declared: int, chunk: int = 16_000) -> list[tuple[float, str]]:
    """What is told of sound [samples] that plays at 16 kHz, each with its second."""

    async def hear(audio: Samples) -> Samples:
        return vad.speech_probabilities([audio], [VadState()])[0][0]

    check, state, found = RateCheck(declared), VadState(), []
    for at in range(0, len(samples), chunk):
        piece = samples[at : at + chunk]
        ((probabilities, state),) = vad.speech_probabilities([piece], [state])
        if (message := await check.push(piece, probabilities, THRESHOLD, hear)) is not None:
            found.append(((at + len(piece)) / 16_000, message))
    return found


def played(samples: Samples, recorded: int, declared: int) -> Samples:
    """16 kHz speech, recorded at one rate and declared to have another, as it plays at 16 kHz."""
    return at_rate(samples, round(16_000 * recorded / declared))


@pytest.mark.parametrize("declared", [8_000, 16_000])
@pytest.mark.parametrize("recorded", [44_100, 48_000])
@pytest.mark.parametrize("speaker", [0, 1])
async def test_sound_of_a_higher_rate_is_told_within_ten_seconds(vad, dual_consultation, recorded, declared, speaker):
    speech = np.concatenate([dual_consultation[speaker], dual_consultation[speaker]])
    loud = speech[
        np.repeat(np.abs(speech[: len(speech) // 1_600 * 1_600].reshape(-1, 1_600)).max(axis=1) > 0.05, 1_600).nonzero()
    ]
    found = await told(vad, played(loud, recorded, declared)[: 10 * 16_000], declared)
    assert [at_s <= 10 for at_s, _ in found] == [True]
    assert "too slowly" in found[0][1]
    assert f"the {declared} Hz that were declared" in found[0][1]


async def test_speech_noise_and_silence_of_the_declared_rate_are_not_suspected(vad, consultation, noise):
    sounds = [
        consultation[: 20 * 16_000],
        consultation[20 * 16_000 : 40 * 16_000] / 100,
        np.concatenate([noise, noise]),
        np.zeros(20 * 16_000, np.float32),
        (0.1 * np.random.default_rng(0).standard_normal(20 * 16_000)).astype(np.float32),
    ]
    for sound in sounds:
        for declared in (8_000, 16_000, 48_000):
            assert await told(vad, sound, declared) == []


async def test_the_audio_is_judged_once_and_forgotten(vad, consultation):
    check = RateCheck(16_000)

    async def hear(audio: Samples) -> Samples:
        raise AssertionError("speech at the declared rate is not heard again")

    speech = consultation[: 9 * 16_000]
    ((probabilities, _),) = vad.speech_probabilities([speech], [VadState()])
    assert await check.push(speech, np.ones_like(probabilities), THRESHOLD, hear) is None
    assert (check._audio, check._speech) == ([], [])
