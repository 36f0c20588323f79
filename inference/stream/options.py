"""What a client declares about its session, and what it may say in the middle of it. Pure."""

from dataclasses import dataclass, field
from typing import Literal

from inference.audio.decoding import AudioFormat
from inference.extraction import Patient
from inference.transcript import Speaker

Mode = Literal["ambient", "dual"]


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """What `start_session` declared. `language`: the one that it begins in, None where that is to be detected.

    `vocabulary` holds names that may be said, as they are to be written.
    """

    audio: AudioFormat = field(default_factory=AudioFormat)
    mode: Mode = "ambient"
    language: str | None = "en"
    patient: Patient | None = None
    vocabulary: tuple[str, ...] = ()

    @property
    def speakers(self) -> tuple[Speaker, ...]:
        return ("clinician", "patient") if self.mode == "dual" else ("unknown",)


ControlKind = Literal["marker", "review", "pause", "continue", "stop"]


@dataclass(frozen=True, slots=True)
class Control:
    """A message of the client that takes effect where it stands in the audio; `request` is its number of it."""

    kind: ControlKind
    marker_id: int = 0
    request: int | None = None
