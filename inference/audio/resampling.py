"""Audio of any rate -> 16 kHz, so that the same samples come out wherever somebody begins to listen again.

The filter of soxr starts to ring with the first sample that it is given, and the last bits of all that follows depend
on where that was. So the filter is begun anew at fixed places of the stream: a stream that is taken up again at such a
place gives the same bits as one that was never interrupted.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.config import SAMPLE_RATE

Samples = NDArray[np.float32]

PART_S = 5
"""Seconds of the stream that one filter gives. What is kept for a resume is this much longer, and no more."""

LEAD_S = 1
"""Seconds that each filter hears before its own part: any number is a whole number of samples on both sides."""


@dataclass(slots=True)
class _Part:
    filter: Any  # of soxr, which has no types
    lead: int  # samples at 16 kHz that come out before the part's own
    left: int = PART_S * SAMPLE_RATE
    ready: list[Samples] = field(default_factory=list)


class Resampler:
    """One stream of `tracks` tracks, from the beginning of the part number `part` on.

    The first sample that it is to be given is number `begins(rate, part)` of its input, and the first that comes out is
    number `part * PART_S * SAMPLE_RATE` at 16 kHz. The output does not depend on where the input is cut.
    """

    def __init__(self, rate: int, tracks: int, part: int = 0) -> None:
        self._rate = rate
        self._tracks = tracks
        self._at = begins(rate, part)
        self._next = part  # number of the part whose filter is to begin next
        self._parts: deque[_Part] = deque()

    @property
    def until_next(self) -> int:
        """Samples of input until the filter of the next part begins."""
        return begins(self._rate, self._next) - self._at

    def turn(self) -> int | None:
        """Begins the filter of the next part where that has its place here. Returns the number of the part."""
        if self.until_next:
            return None
        made = _filter(self._rate, self._tracks)
        self._parts.append(_Part(made, SAMPLE_RATE * LEAD_S if self._next else 0))
        self._next += 1
        return self._next - 1

    def resample(self, pcm: Samples, last: bool = False) -> Samples:
        """[samples, tracks] of the input -> those at 16 kHz that are due. `last` gives all that is left.

        To be called after `turn`, with `until_next` samples at most.
        """
        for part in self._parts:
            self._push(part, pcm, last)
        self._at += len(pcm)
        due = self._due(last)
        return np.concatenate(due) if due else np.zeros((0, self._tracks), dtype=np.float32)

    def _push(self, part: _Part, pcm: Samples, last: bool) -> None:
        out = part.filter.resample_chunk(pcm, last=last)
        skipped = min(part.lead, len(out))
        part.lead -= skipped
        out = out[skipped : skipped + part.left]
        part.left -= len(out)
        part.ready.append(out)

    def _due(self, last: bool) -> list[Samples]:
        due: list[Samples] = []
        while self._parts:
            due += self._parts[0].ready
            self._parts[0].ready.clear()
            if self._parts[0].left and not last:
                break
            self._parts.popleft()
        return due


def _filter(rate: int, tracks: int) -> Any:
    import soxr  # here, because `Samples` is imported everywhere and a host for GPU benchmarks has no soxr

    return soxr.ResampleStream(rate, SAMPLE_RATE, tracks, dtype="float32")


def resampled(samples: Samples, rate: float, to: float) -> Samples:
    """Sound [samples] of one rate at another one, as a whole."""
    import soxr

    found: Samples = soxr.resample(samples, rate, to)
    return found


def begins(rate: int, part: int) -> int:
    """The sample of the input from which the filter of a part has to hear."""
    return max(0, part * PART_S - LEAD_S) * rate


def part_at(sample: int) -> int:
    """The part that holds a sample at 16 kHz."""
    return sample // (PART_S * SAMPLE_RATE)
