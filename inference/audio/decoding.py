"""PCM bytes of a client -> float32 samples at 16 kHz, a chunk at a time. soxr resamples (docs/decisions.md)."""

from collections import deque
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np

from inference.audio.containers import Container
from inference.audio.containers.opus import RATE as OPUS_RATE
from inference.audio.downmix import Downmix, MixState
from inference.audio.resampling import PART_S, Resampler, Samples, part_at, resampled
from inference.config import SAMPLE_RATE

__all__ = ["AudioError", "AudioFormat", "DecoderState", "PcmDecoder", "Samples", "resampled"]

PLACES = 8
PLACE_EVERY_S = 0.5
"""Places that are kept from which a mix or a resampler can begin again, and the time between two of a mix."""

Encoding = Literal["pcm_s16le"] | Container

MIN_RATE, MAX_RATE = 8_000, 48_000


class AudioError(ValueError):
    """The audio cannot be read as it was declared; the message says what to do."""


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """Little-endian signed 16-bit PCM, interleaved, as `start_session` declared it.

    With another `encoding` it is what the packets of that stream are decoded to.
    """

    sample_rate: int = SAMPLE_RATE
    channels: int = 1
    encoding: Encoding = "pcm_s16le"

    @classmethod
    def of_recorder(cls, container: Container) -> Self:
        """Two channels, which are equal where the recorder has one: what it records is known with its first bytes."""
        return cls(OPUS_RATE, 2, container)

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


@dataclass(frozen=True, slots=True)
class DecoderState:
    """A place from which a stream can be decoded again: sample `at` of the client comes in, and sample `out` comes out.

    `mix` is the state of the mix there; `mixed` samples of it were mixed before the place and are not to come again.
    """

    at: int = 0
    out: int = 0
    mix: MixState | None = None
    mixed: int = 0


class PcmDecoder:
    """Decodes one stream of PCM frames into `tracks` tracks of 16 kHz samples in [-1, 1).

    One track of two channels is what `Downmix` makes of them, two tracks keep them apart. The state of the resampler's
    filter and of the mix lives here, so chunks join without a click and the output does not depend on where they were
    cut. With a `state`, it goes on from that place of a stream, and gives the samples that it would have given.
    """

    def __init__(self, audio: AudioFormat, tracks: int, state: DecoderState | None = None) -> None:
        if tracks == 2 and audio.channels != 2:
            raise AudioError('mode "dual" needs audio.channels 2: channel 0 clinician, channel 1 patient')
        self.audio = audio
        self.tracks = tracks
        state = state or DecoderState()
        self._fed = state.at
        self._mixed = state.mixed
        self._downmix = Downmix(audio.sample_rate, state.mix) if tracks < audio.channels else None
        self._resampler: Resampler | None = None
        if audio.sample_rate != SAMPLE_RATE:
            self._resampler = Resampler(audio.sample_rate, tracks, part_at(state.out))
        self._places = deque([state], maxlen=PLACES)

    def erase(self) -> None:
        """Drops the resampler, whose filter holds the last milliseconds of the stream, and overwrites the mix's."""
        self._resampler = None
        if self._downmix is not None:
            self._downmix.erase()

    def decode(self, data: bytes, last: bool = False) -> list[Samples]:
        """Samples of each track, shape [samples]. `last` flushes the resampler (data may then be empty)."""
        pcm = np.frombuffer(data, dtype="<i2").reshape(-1, self.audio.channels).astype(np.float32) / 32768.0
        if self._resampler is not None:
            pcm = self._at_16_khz(pcm, self._resampler, last)
        else:
            if self._downmix is not None and self._fed - self._places[-1].at >= PLACE_EVERY_S * SAMPLE_RATE:
                self._note_place(self._fed + self._mixed)
            pcm = self._own(pcm)
        return [np.ascontiguousarray(pcm[:, track]) for track in range(self.tracks)]

    def before(self, sample: int) -> DecoderState:
        """The last place whose output begins at a sample or before it; the sample is one of the newest seconds."""
        if self._resampler is None and self._downmix is None:
            return DecoderState(sample, sample)
        return max((place for place in self._places if place.out <= sample), key=lambda place: place.out)

    def _at_16_khz(self, pcm: Samples, resampler: Resampler, last: bool) -> Samples:
        pieces: list[Samples] = []
        while True:
            part = resampler.turn()
            if part is not None:
                self._note_place(part * PART_S * SAMPLE_RATE)
            cut = resampler.until_next + self._mixed
            now, pcm = pcm[:cut], pcm[cut:]
            pieces.append(resampler.resample(self._own(now), last and not len(pcm)))
            if not len(pcm):
                return np.concatenate(pieces)

    def _note_place(self, out: int) -> None:
        """Here, or at the beginning of the block of the mix that is not whole yet."""
        if self._downmix is None:
            self._places.append(DecoderState(self._fed, out))
        else:
            begun = self._downmix.begun
            self._places.append(DecoderState(self._fed - begun, out, self._downmix.state, self._mixed + begun))

    def _own(self, pcm: Samples) -> Samples:
        """The samples of the tracks at the rate of the client, without those that were mixed before."""
        self._fed += len(pcm)
        if self._downmix is None:
            return pcm
        mixed = self._downmix.mix(pcm)
        again, self._mixed = self._mixed, max(0, self._mixed - len(mixed))
        return mixed[again:]
