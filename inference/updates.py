"""What a stream tells its session, in order: the domain side of the event log. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from inference.findings import Operation
from inference.timing import Timings
from inference.transcript import Segment, Speaker

NoticeCode = Literal["no_speech", "audio_suspect", "language_changed"]


@dataclass(frozen=True, slots=True)
class TranscriptUpdate:
    segment: Segment
    timings: Timings


@dataclass(frozen=True, slots=True)
class ExtractionUpdate:
    revision: int
    operations: tuple[Operation, ...]
    timings: Timings


@dataclass(frozen=True, slots=True)
class Progress:
    """After a chunk's work: the audio that the transcript covers, and how long ago that chunk had arrived."""

    transcribed_s: float
    lag_ms: float


@dataclass(frozen=True, slots=True)
class MarkerReached:
    id: int


@dataclass(frozen=True, slots=True)
class Paused:
    pass


@dataclass(frozen=True, slots=True)
class Continued:
    pass


@dataclass(frozen=True, slots=True)
class Drained:
    """Everything received is transcribed and extracted; nothing follows."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something failed and the stream goes on; the message says what to do and holds no patient's words."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Notice:
    """Nothing failed, and the people in the room should know; the message says what to check or to do.

    It holds no patient's words. `speaker` names the track in dual mode, and is None where the whole session is meant.
    """

    code: NoticeCode
    message: str
    speaker: Speaker | None = None


@dataclass(frozen=True, slots=True)
class Ungrounded:
    """So many proposals were dropped, since no final proves them. Counted, and never told to a client."""

    count: int


Update = (
    TranscriptUpdate
    | ExtractionUpdate
    | Progress
    | MarkerReached
    | Paused
    | Continued
    | Drained
    | Fault
    | Notice
    | Ungrounded
)
Emit = Callable[[Update], None]
