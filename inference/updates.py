"""The updates that a stream emits to its session, in order; `server/protocol.py` makes events of them. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from inference.findings import Omission, Operation
from inference.timing import Timings
from inference.transcript import Segment, Speaker

NoticeCode = Literal["no_speech", "audio_suspect", "language_changed", "store_behind", "store_caught_up"]
Asked = Literal["answered", "failed", "late", "unusable", "superseded"]
"""How a request to an extractor ended."""


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
    """Emitted after the work of a chunk: the audio that the transcript covers, and the time since the chunk arrived."""

    transcribed_s: float
    lag_ms: float


@dataclass(frozen=True, slots=True)
class MarkerReached:
    """`request` here and below is the client's own number of the message that is answered."""

    id: int
    request: int | None = None


@dataclass(frozen=True, slots=True)
class Paused:
    request: int | None = None


@dataclass(frozen=True, slots=True)
class Continued:
    request: int | None = None


@dataclass(frozen=True, slots=True)
class Omissions:
    """What was said and stands in no finding, all of it; `left_out` are the ids of what the clinician set aside."""

    items: tuple[Omission, ...]
    left_out: tuple[str, ...] = ()
    request: int | None = None


@dataclass(frozen=True, slots=True)
class Drained:
    """Everything received is transcribed and extracted; nothing follows."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something failed and the stream continues. The message says what to do and holds none of the patient's words."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Notice:
    """Nothing failed, but the people in the room should know something; the message says what to check or to do.

    It holds none of the patient's words. In dual mode `speaker` names the track; it is None if the whole session is
    meant.
    """

    code: NoticeCode
    message: str
    speaker: Speaker | None = None


@dataclass(frozen=True, slots=True)
class Ungrounded:
    """`count` proposals were dropped because no final proves them. They are counted in a metric and not sent."""

    count: int


@dataclass(frozen=True, slots=True)
class Extracted:
    """One request to an extractor has ended, for `new_segments` finals. It is measured and not sent."""

    extractor: str
    outcome: Asked
    new_segments: int
    duration_ms: float


Update = (
    TranscriptUpdate
    | ExtractionUpdate
    | Progress
    | MarkerReached
    | Paused
    | Continued
    | Omissions
    | Drained
    | Fault
    | Notice
    | Ungrounded
    | Extracted
)
Emit = Callable[[Update], None]
