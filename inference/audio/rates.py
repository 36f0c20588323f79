"""Whether a stream was recorded at another rate than the declared one, judged by where speech is found in it.

Sound at a third of its pace is no speech to the voice activity detector, and at its own pace it is. So sound in which
hardly any speech is found is heard again as if it had other rates; noise and music are speech at none of them.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import numpy as np

from inference.audio.decoding import Samples, resampled
from inference.config import SAMPLE_RATE

RATES = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)

NEAR = 1.7
"""Ratios of rates below this are not told apart: people's voices and paces differ by as much."""

HEARD_S = 8.0
"""Seconds of a track that are judged, its first ones, which leaves two to tell of it within 10 s."""

FEW, MANY, MORE = 0.3, 0.5, 0.4
"""Shares of the frames that are speech: as declared at most, at another rate at least, and by how much more. Over 60
minutes of consultations no window of 10 s gained more than 0.06 at a wrong rate (benchmarks/LOG.md)."""

BESIDE = (0.87, 1.15)
"""Speech stays speech at paces somewhat off its own; a noise that happens to sound like it at one pace does not."""

AUDIBLE = 1e-3
"""RMS, -60 dB."""

Hear = Callable[[Samples], Awaitable[Samples]]
"""Speech probabilities of the frames of sound at 16 kHz."""


@dataclass(slots=True)
class RateCheck:
    """Gathers the first seconds of a track, judges them once, and forgets them."""

    declared: int
    _audio: list[Samples] = field(default_factory=list)
    _speech: list[Samples] = field(default_factory=list)
    _done: bool = False

    async def push(self, samples: Samples, probabilities: Samples, threshold: float, hear: Hear) -> str | None:
        """The next samples at 16 kHz, and the speech probabilities of the frames that they complete.

        Returns what the people in the room should be told, if anything. A frame is speech from `threshold` on; `hear`
        gives the probabilities of other sound.
        """
        if self._done:
            return None
        self._audio.append(samples)
        self._speech.append(probabilities)
        if sum(map(len, self._audio)) < HEARD_S * SAMPLE_RATE:
            return None
        audio = np.concatenate(self._audio)[: int(HEARD_S * SAMPLE_RATE)]
        speech = np.concatenate(self._speech)
        self.erase()
        if np.sqrt(np.mean(np.square(audio - audio.mean()))) < AUDIBLE:
            return None
        rate = await _better(audio, self.declared, float((speech >= threshold).mean()), threshold, hear)
        return None if rate is None else _advice(self.declared, rate)

    def erase(self) -> None:
        """Drops the audio that is kept; nothing is judged any more."""
        self._done = True
        self._audio.clear()
        self._speech.clear()


async def _better(audio: Samples, declared: int, share: float, threshold: float, hear: Hear) -> int | None:
    """The rate at which most speech is heard in sound that has next to none as it was declared."""
    if share >= FEW:
        return None

    async def heard(rate: float) -> float:
        found = await hear(resampled(audio, rate * SAMPLE_RATE / declared, SAMPLE_RATE))
        return float((found >= threshold).mean()) if len(found) else 0.0

    best, most = None, max(MANY, share + MORE)
    for rate in RATES:
        if 1 / NEAR < rate / declared < NEAR:
            continue
        found = await heard(rate)
        if found > most and min([await heard(rate * beside) for beside in BESIDE]) >= MANY:
            best, most = rate, found
    return best


def _advice(declared: int, rate: int) -> str:
    pace = "slowly" if rate > declared else "fast"
    side = "higher" if rate > declared else "lower"
    return (
        f"the sound plays too {pace}: it seems to be recorded at a {side} rate than the {declared} Hz that were "
        f"declared; set audio.sample_rate to the rate of the recording, perhaps {rate}"
    )
