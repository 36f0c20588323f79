"""When nobody has been heard on a track for so long that the people in the room should know. Pure."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from inference.audio.decoding import Samples
from inference.config import FRAME_SAMPLES, SAMPLE_RATE

Silent = Literal["flat", "quiet"]
"""Flat: not even noise, which no live microphone is. Quiet: noise, and no speech in it."""

START_S = 10.0
"""From the start, and from the end of a pause, if nobody is heard on any track: people greet each other within seconds,
and whoever has chosen the wrong microphone should not talk for a minute before being told. A flat track is told after
this time at the start even while another one speaks."""

OTHER_SPEAKS_S = 60.0
"""A track that only has noise, while somebody speaks on another one: a patient may listen for that long."""

FLAT_S = 30.0
"""A flat track on which somebody was heard before: a cable was pulled, or a headset was muted. Shorter times are normal
where a call is one of the tracks, which sends zeros between its words."""

QUIET_S = 60.0
"""Nobody is heard any more, over noise: an examination is quiet for half a minute, and hardly for a minute."""

HEARD_FRAMES = 6
"""Frames of speech in a row that are speech: 0.19 s, the shortest word. Single frames are clicks."""

FLAT = 1.5 / 32768
"""Samples that stay within this are constant, but for the last bit."""


@dataclass(slots=True)
class Silence:
    """One track's silence: `push` it frames in order, then ask `due`."""

    threshold: float
    heard_before: bool = False
    silent_samples: int = 0  # since speech was last heard, or since the start
    flat_samples: int = 0
    told: bool = False
    _run: int = 0
    _level: float | None = None

    def push(self, samples: Samples, probabilities: Samples) -> None:
        """The next samples, and the speech probabilities of the frames that they complete."""
        self._note_flat(samples)
        self.silent_samples += len(samples)
        for at, probability in enumerate(probabilities.tolist()):
            self._run = self._run + 1 if probability >= self.threshold else 0
            if self._run >= HEARD_FRAMES:
                self.heard_before, self.told = True, False
                self.silent_samples = (len(probabilities) - 1 - at) * FRAME_SAMPLES

    def begin_again(self) -> None:
        """After a pause: what came before it says nothing about now."""
        self.silent_samples = self.flat_samples = self._run = 0
        self.heard_before = self.told = False

    def due(self, other_speaks: bool) -> Silent | None:
        """What is to be told now, if anything; it is told once until speech returns."""
        if self.told:
            return None
        silent, flat = self.silent_samples / SAMPLE_RATE, self.flat_samples / SAMPLE_RATE
        if min(silent, flat) >= (FLAT_S if self.heard_before else START_S):
            self.told = True
            return "flat"
        limit = QUIET_S if self.heard_before else (OTHER_SPEAKS_S if other_speaks else START_S)
        if silent >= limit:
            self.told = True
            return "quiet"
        return None

    def _note_flat(self, samples: Samples) -> None:
        if not len(samples):
            return
        level = float(samples[0]) if self._level is None else self._level
        moved = np.flatnonzero(np.abs(samples - level) > FLAT)
        if len(moved):
            self._level = level = float(samples[-1])
            still = np.flatnonzero(np.abs(samples - level) > FLAT)
            self.flat_samples = len(samples) - 1 - int(still[-1]) if len(still) else len(samples)
        else:
            self._level = level
            self.flat_samples += len(samples)
