"""PCM bytes of a client -> float32 samples at 16 kHz, a chunk at a time. soxr resamples (docs/decisions.md)."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.audio.downmix import Downmix
from inference.config import SAMPLE_RATE

Samples = NDArray[np.float32]

MIN_RATE, MAX_RATE = 8_000, 48_000


class AudioError(ValueError):
    """The audio cannot be read as it was declared; the message says what to do."""


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """Little-endian signed 16-bit PCM, interleaved, as `start_session` declared it."""

    sample_rate: int = SAMPLE_RATE
    channels: int = 1

    def __post_init__(self) -> None:
        if not MIN_RATE <= self.sample_rate <= MAX_RATE:
            raise AudioError(
                f"audio.sample_rate is {self.sample_rate}: send {MIN_RATE} to {MAX_RATE} Hz, best {SAMPLE_RATE}"
            )
        if self.channels not in (1, 2):
            raise AudioError(
                f"audio.channels is {self.channels}: send 1, or 2 (channel 0 clinician, channel 1 patient in dual mode)"
            )

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample frame: one sample of every channel."""
        return 2 * self.channels

    def sample_frames(self, data: bytes) -> int:
        """Sample frames in a binary message. Raises AudioError unless they are whole."""
        frames, rest = divmod(len(data), self.frame_bytes)
        if rest:
            raise AudioError(
                f"a frame of {len(data)} bytes is not a whole number of samples: "
                f"send multiples of {self.frame_bytes} bytes (16-bit, {self.channels} channel(s))"
            )
        if not frames:
            raise AudioError("an empty audio frame: send at least 20 ms, or nothing")
        return frames


class PcmDecoder:
    """Decodes one stream of PCM frames into `tracks` tracks of 16 kHz samples in [-1, 1).

    One track of two channels is what `Downmix` makes of them, two tracks keep them apart. The state of the resampler's
    filter and of the mix lives here, so chunks join without a click and the output does not depend on where they were
    cut.
    """

    def __init__(self, audio: AudioFormat, tracks: int) -> None:
        if tracks == 2 and audio.channels != 2:
            raise AudioError('mode "dual" needs audio.channels 2: channel 0 clinician, channel 1 patient')
        self.audio = audio
        self.tracks = tracks
        self._downmix = Downmix(audio.sample_rate) if tracks < audio.channels else None
        self._resampler = _resampler(audio.sample_rate, tracks) if audio.sample_rate != SAMPLE_RATE else None

    def erase(self) -> None:
        """Drops the resampler, whose filter holds the last milliseconds of the stream, and overwrites the mix's."""
        self._resampler = None
        if self._downmix is not None:
            self._downmix.erase()

    def decode(self, data: bytes, last: bool = False) -> list[Samples]:
        """Samples of each track, shape [samples]. `last` flushes the resampler (data may then be empty)."""
        pcm = np.frombuffer(data, dtype="<i2").reshape(-1, self.audio.channels).astype(np.float32) / 32768.0
        if self._downmix is not None:
            pcm = self._downmix.mix(pcm)
        if self._resampler is not None:
            pcm = self._resampler.resample_chunk(pcm, last=last)
        return [np.ascontiguousarray(pcm[:, track]) for track in range(self.tracks)]


def _resampler(rate: int, tracks: int) -> Any:
    import soxr  # here, because `Samples` is imported everywhere and a host for GPU benchmarks has no soxr

    return soxr.ResampleStream(rate, SAMPLE_RATE, tracks, dtype="float32")


def resampled(samples: Samples, rate: float, to: float) -> Samples:
    """Sound [samples] of one rate at another one, as a whole."""
    import soxr

    found: Samples = soxr.resample(samples, rate, to)
    return found
