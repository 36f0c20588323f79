"""The events of drtranscribe.v1 as types: what a Consultation gives, as it came over the wire (docs/protocol.md).

Each is a plain dict. `Event` is their union, so a type checker knows the fields once `event["type"]` is compared:

    if event["type"] == "transcript" and event["segment"]["final"]:
        print(event["segment"]["text"])

A newer server may send types and fields that are not listed here: ignore what you do not know. A lost connection is
no event: the Consultation connects again, and no event is missing or given twice.
"""

from typing import Literal, NotRequired, TypeAlias, TypedDict

Speaker: TypeAlias = Literal["clinician", "patient", "unknown"]
Kind: TypeAlias = Literal[
    "chief_complaint",
    "symptom",
    "medication",
    "allergy",
    "vital",
    "past_history",
    "family_history",
    "social_history",
    "diagnosis",
    "order",
    "advice",
]


class Timings(TypedDict):
    """Milliseconds of each stage of a chunk's way; `received_at` is the Unix time in milliseconds of its arrival."""

    received_at: float
    vad_ms: float
    queue_ms: float
    asr_ms: float
    extract_ms: float
    total_ms: float


class Word(TypedDict):
    """One word of a final segment; times in seconds of the session's audio.

    `heard` is there where a term of the vocabulary stands in the place of what the recogniser wrote.
    """

    text: str
    start: float
    end: float
    probability: float
    heard: NotRequired[str]


class Segment(TypedDict):
    """A stretch of speech; times in seconds of the session's audio.

    `language` is present where the segment is in another language than the session began in. Only finals have `words`.
    """

    id: str
    speaker: Speaker
    start: float
    end: float
    text: str
    final: bool
    language: NotRequired[str]
    words: NotRequired[list[Word]]


class Evidence(TypedDict):
    """A quote that proves a finding: `text[start:end]` of the final segment `segment`; `from_s` to `to_s` is audio."""

    segment: str
    quote: str
    start: int
    end: int
    from_s: float
    to_s: float
    speaker: Speaker


class Code(TypedDict):
    """What a public vocabulary calls a finding; a suggestion until a clinician takes it."""

    system: Literal["ICD-10-CM", "MeSH", "DrugBank"]
    code: str
    display: str
    suggestion: bool


class Fact(TypedDict):
    """What a finding and an omission have in common: a clinical fact, and in `evidence` the words that say it."""

    id: str
    kind: Kind
    text: str
    status: Literal["present", "absent", "possible"]
    temporality: Literal["current", "past", "planned"]
    experiencer: Literal["patient", "family"]
    attributes: dict[str, str]
    evidence: list[Evidence]
    source: Literal["model", "rules", "clinician"]


class Finding(Fact):
    """One clinical fact with the words that prove it."""

    confidence: float
    codes: list[Code]


class Judgement(TypedDict):
    """What was done by hand to a finding. `by` is the name of the key or user, None on a server without keys."""

    what: Literal["edited", "confirmed", "dismissed", "added"]
    by: str | None
    at: str


class Operation(TypedDict):
    """One step from the findings before to the findings after: `add` and `update` carry the whole finding."""

    op: Literal["add", "update", "retract"]
    finding: Finding
    judgement: NotRequired[Judgement]


class Audio(TypedDict):
    """What the audio is, as it was declared; of a recorder's stream, the rate of what it is decoded to."""

    encoding: Literal["pcm_s16le", "webm_opus", "ogg_opus"]
    sample_rate: int
    channels: int


class Limits(TypedDict):
    """What the server allows this session; sizes in bytes, times in seconds."""

    max_frame_bytes: int
    max_session_s: float
    idle_timeout_s: float
    resume_ttl_s: float
    first_audio_timeout_s: float
    max_text_bytes: int
    max_edits_bytes: int
    messages_per_s: float
    messages_at_once: int


class Consent(TypedDict):
    """The agreement of those who are recorded, as the server keeps it. `by` is the name of the key or user."""

    given_at: str
    wording: str
    by: str | None


class Models(TypedDict):
    """The names of the models that work for this session."""

    asr: str
    extraction: str


class SessionStarted(TypedDict):
    """The first event. `resume_token` is the key to the session; the Consultation keeps it."""

    type: Literal["session_started"]
    seq: int
    session_id: str
    resume_token: str
    audio: Audio
    limits: Limits
    models: Models
    consent: NotRequired[Consent]
    addresses: NotRequired[list[str]]


class TranscriptEvent(TypedDict):
    """A partial replaces the one before it with the same `segment.id`; a final never changes.

    A final whose text is empty takes back a partial that turned out to be no speech.
    """

    type: Literal["transcript"]
    seq: int
    segment: Segment
    timings: Timings


class ExtractionEvent(TypedDict):
    """What changed among the findings, in order; `judged` where the clinician changed it, by the message `request`."""

    type: Literal["extraction"]
    seq: int
    revision: int
    ops: list[Operation]
    timings: Timings
    judged: NotRequired[bool]
    request: NotRequired[int]


class Progress(TypedDict):
    """The server has done a chunk's work. `lag_ms` is how long ago that chunk had arrived.

    No server will ask again for audio before `durable_samples`, or `durable_bytes` of a recorder's stream.
    """

    type: Literal["progress"]
    seq: int
    received_samples: int
    durable_samples: int
    transcribed_s: float
    lag_ms: float
    received_bytes: NotRequired[int]
    durable_bytes: NotRequired[int]


class Marker(TypedDict):
    """All that was sent before the marker `id` is transcribed and extracted."""

    type: Literal["marker"]
    seq: int
    id: int
    request: NotRequired[int]


class Notice(TypedDict):
    """Nothing failed, and somebody should know: `message` is one sentence that says what to check."""

    type: Literal["notice"]
    seq: int
    code: str
    message: str
    speaker: NotRequired[Speaker]


class SessionPaused(TypedDict):
    """The server listens to nothing that was sent after the pause."""

    type: Literal["session_paused"]
    seq: int
    request: NotRequired[int]


class SessionContinued(TypedDict):
    """The server listens again."""

    type: Literal["session_continued"]
    seq: int
    request: NotRequired[int]


class ErrorEvent(TypedDict):
    """Something went wrong, and the session goes on where `fatal` is false."""

    type: Literal["error"]
    seq: int
    code: str
    message: str
    fatal: bool
    retry_after_s: NotRequired[float]
    request: NotRequired[int]


class Omission(Fact):
    """Something that was said and stands in no finding."""


class Omissions(TypedDict):
    """What was said and not noted: all of it, in place of an earlier list. `left_out` are ids that were set aside."""

    type: Literal["omissions"]
    seq: int
    items: list[Omission]
    left_out: list[str]
    request: NotRequired[int]


class SessionStopped(TypedDict):
    """The last event. `segments` and `findings` are counts; `audio_s` was received, `transcribed_s` of it is done."""

    type: Literal["session_stopped"]
    seq: int
    reason: Literal["client", "idle", "limit", "shutdown", "withdrawn"]
    audio_s: float
    transcribed_s: float
    segments: int
    findings: int


Event: TypeAlias = (
    SessionStarted
    | TranscriptEvent
    | ExtractionEvent
    | Progress
    | Marker
    | Notice
    | Omissions
    | SessionPaused
    | SessionContinued
    | ErrorEvent
    | SessionStopped
)
"""Any event of a session; `event["type"]` says which."""
