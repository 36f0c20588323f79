"""Where there is speech in a stretch of audio, as the voice activity detector found it. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import numpy as np


@dataclass(frozen=True, slots=True)
class Spoken:
    """Runs of speech as (from, to), in order, in seconds from the start of the audio that they belong to."""

    runs: tuple[tuple[float, float], ...]

    @classmethod
    def of_frames(cls, speech: Sequence[bool], frame_s: float, lead_s: float) -> Self:
        """The runs of frames of `frame_s` seconds that are speech, the first of which begins at `lead_s`."""
        edges = np.flatnonzero(np.diff(np.asarray([False, *speech, False], dtype=np.int8)))
        seconds = (edges * frame_s + lead_s).round(3).tolist()
        return cls(tuple(zip(seconds[::2], seconds[1::2], strict=True)))

    def seconds(self, start: float = 0.0, end: float = float("inf")) -> float:
        """Seconds of speech between two moments."""
        return sum(max(0.0, min(stop, end) - max(begin, start)) for begin, stop in self.runs)

    @property
    def pauses(self) -> tuple[tuple[float, float], ...]:
        """What lies between the runs, as (from, to)."""
        return tuple((stop, begin) for (_, stop), (begin, _) in pairwise(self.runs))

    def between(self, start: float, end: float) -> "Spoken":
        """The runs between two moments, in seconds from the first of them."""
        cut = ((max(begin, start) - start, min(stop, end) - start) for begin, stop in self.runs)
        return Spoken(tuple((begin, stop) for begin, stop in cut if stop > begin))
