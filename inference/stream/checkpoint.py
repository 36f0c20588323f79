"""The state from which another process can continue a stream: numbers and words, and no audio. Pure.

A client that sends its audio again from `place.decoder.at` on gets the finals that the stream would have written. That
place lies before the audio of every final to come. Voice detection begins there anew from its recurrent state, and the
segmenters pass over the frames that they have judged before.
"""

from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from inference.asr.hypothesis import Hypothesis
from inference.asr.language import TrackLanguage
from inference.asr.seams import Seam
from inference.audio.decoding import DecoderState, Samples
from inference.audio.segmenter import SegmenterState
from inference.audio.vad_state import HIDDEN
from inference.transcript import Word

Flushing = Literal["marker", "pause", "continue"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where hearing can begin again: at a whole frame, sample `at` at 16 kHz.

    `hidden` is the recurrent state of each track's detector there, as base64 of float32. A track is `fresh` where its
    detector knows nothing of the samples before. `controls` counts the controls of the stream before the place.
    """

    at: int = 0
    decoder: DecoderState = field(default_factory=DecoderState)
    hidden: tuple[str, ...] = ()
    fresh: tuple[bool, ...] = ()
    paused: bool = False
    controls: int = 0
    attention: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Flushed:
    """A control that took effect, and flushed the segmenters, when the client had sent `at` samples."""

    at: int
    kind: Flushing


@dataclass(frozen=True, slots=True)
class TrackState:
    """What one track carries from its last final to the next one."""

    segmenter: SegmenterState = field(default_factory=SegmenterState)
    language: str | None = None
    rival: str | None = None
    votes: int = 0
    context: str = ""
    committed: int = 0
    seam_at: int | None = None
    seam_end: int = 0
    held: Hypothesis | None = None
    before: tuple[Word, ...] = ()

    @classmethod
    def of(
        cls, segmenter: SegmenterState, language: TrackLanguage, context: str, committed: int, seam: Seam | None
    ) -> "TrackState":
        split = (None, 0, None, ()) if seam is None else (seam.at, seam.end, seam.held, seam.before)
        return cls(segmenter, language.code, language.rival, language.votes, context, committed, *split)

    @property
    def seam(self) -> Seam | None:
        if self.seam_at is None or self.held is None:
            return None
        # What the final kept is written already.
        return Seam(self.seam_at, self.seam_end, self.held, self.held, self.before)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The state of a stream behind its last final, or behind a chunk in which nothing was decided.

    `settled` counts the samples at 16 kHz of which every final is out. `controls` are those behind the place, in order.
    `read` says how many finals each extractor has read. `container` is what the decoder of a recorder's stream needs
    to go on, and holds none of its audio; it is None where the client sends bare samples.
    """

    place: Place = field(default_factory=Place)
    tracks: tuple[TrackState, ...] = ()
    settled: int = 0
    language: str | None = None
    controls: tuple[Flushed, ...] = ()
    read: dict[str, int] | None = None
    container: dict[str, Any] | None = None

    @property
    def mark(self) -> int:
        """The sample of the client from which its audio is needed again."""
        return self.place.decoder.at


def packed(values: Samples) -> str:
    return b64encode(values.astype("<f4").tobytes()).decode()


def unpacked(text: str) -> Samples:
    """The recurrent state [h and c, 128] of a detector."""
    return np.frombuffer(b64decode(text), dtype="<f4").astype(np.float32).reshape(2, HIDDEN)
