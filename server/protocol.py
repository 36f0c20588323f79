"""Messages of drtranscribe.v1 (docs/protocol.md): parses what clients send and writes what the server sends. Pure."""

import dataclasses
import json
from collections.abc import Mapping
from enum import IntEnum
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError
from pydantic_core import to_json

from inference.findings import Attribute, Experiencer, Finding, Kind, Omission, Status, Temporality
from inference.transcript import Segment, Word
from inference.updates import (
    Continued,
    Drained,
    Extracted,
    ExtractionUpdate,
    Fault,
    MarkerReached,
    Notice,
    Omissions,
    Paused,
    Progress,
    TranscriptUpdate,
    Ungrounded,
    Update,
)
from server.guards.bounds import TooMuch, check_shape, check_text

SUBPROTOCOL = "drtranscribe.v1"
MAX_FRAME_S = 10
MAX_ATTRIBUTES = 16
MAX_QUOTES = 8
MAX_QUOTED = 100
"""Most characters of a client's message that an error repeats: names of unknown fields, never a value."""

_MAX_FAULTS = 5
_MAX_ID = 200

ClosingReason = Literal["client", "idle", "limit", "shutdown", "withdrawn"]
Judged = Literal["edited", "confirmed", "dismissed", "added"]


class Close(IntEnum):
    DONE = 1000
    GOING_AWAY = 1001
    BAD_MESSAGE = 1008
    TOO_LARGE = 1009
    FULL = 1013
    NOT_AUTHORISED = 4401
    NO_SUCH_SESSION = 4404
    IDLE = 4408
    ALREADY_ATTACHED = 4409


class ProtocolError(Exception):
    """A message that the server cannot take; `str()` says what to do and repeats nothing of its content."""

    def __init__(self, code: str, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.retry_after_s = retry_after_s


class _Message(BaseModel):
    # Unknown fields are ignored, so that a client of a later minor version works. Errors never repeat what was sent.
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True, strict=True)


class AudioFields(_Message):
    encoding: Literal["pcm_s16le", "webm_opus", "ogg_opus"] = "pcm_s16le"
    sample_rate: int = 16_000
    channels: int = 1


class PatientFields(_Message):
    name: str | None = Field(None, max_length=500)
    age: int | None = Field(None, ge=0, le=150)
    gender: str | None = Field(None, max_length=100)
    history: str | None = Field(None, max_length=20_000)


class StartSession(_Message):
    type: Literal["start_session"]
    audio: AudioFields = AudioFields()
    language: Annotated[str, StringConstraints(pattern=r"^(auto|[a-z]{2,3})$")] | None = None
    mode: Literal["ambient", "dual"] = "ambient"
    appointment_id: str | None = Field(None, max_length=200)
    clinician_id: str | None = Field(None, max_length=200)
    patient: PatientFields | None = None
    vocabulary: list[Annotated[str, StringConstraints(max_length=200)]] = Field(default_factory=list, max_length=1000)
    consent: bool
    consent_wording: str | None = Field(None, max_length=2_000)


class ResumeSession(_Message):
    type: Literal["resume_session"]
    session_id: str = Field(max_length=_MAX_ID)
    resume_token: str = Field(max_length=_MAX_ID)
    last_seq: int = Field(ge=0)


class _Request(_Message):
    request: int | None = Field(None, ge=0, le=1 << 53)
    """The client's own number of the message: one that comes again with the same number is not taken again."""


class PauseSession(_Request):
    type: Literal["pause_session"]


class ContinueSession(_Request):
    type: Literal["continue_session"]


class MarkerMessage(_Request):
    type: Literal["marker"]
    id: int = Field(ge=-(1 << 53), le=1 << 53)


class FindingEdit(_Message):
    """The fields of a finding that a clinician may change; only the fields that were sent are changed."""

    model_config = ConfigDict(extra="forbid")

    kind: Kind | None = None
    text: Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=r"[\p{L}\p{N}]")] | None = None
    status: Status | None = None
    temporality: Temporality | None = None
    experiencer: Experiencer | None = None
    attributes: (
        Annotated[dict[Attribute, Annotated[str, StringConstraints(max_length=500)]], Field(max_length=MAX_ATTRIBUTES)]
        | None
    ) = None


class EditFinding(_Request):
    type: Literal["edit_finding"]
    finding_id: str = Field(max_length=_MAX_ID)
    fields: FindingEdit


class ConfirmFinding(_Request):
    type: Literal["confirm_finding"]
    finding_id: str = Field(max_length=_MAX_ID)


class DismissFinding(_Request):
    type: Literal["dismiss_finding"]
    finding_id: str = Field(max_length=_MAX_ID)


class NewFinding(FindingEdit):
    """The fields of a finding that a clinician adds; what is left out is of the patient, current and present."""

    kind: Kind
    text: Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=r"[\p{L}\p{N}]")]


class QuoteFields(_Message):
    segment: str = Field(max_length=_MAX_ID)
    quote: str = Field(min_length=1, max_length=1_000)
    start: int | None = Field(None, ge=0)


class AddFinding(_Request):
    type: Literal["add_finding"]
    fields: NewFinding
    evidence: list[QuoteFields] = Field(min_length=1, max_length=MAX_QUOTES)


class ReviewNote(_Request):
    type: Literal["review_note"]


class LeaveOut(_Request):
    type: Literal["leave_out"]
    omission_id: str = Field(max_length=_MAX_ID)


class WithdrawConsent(_Request):
    type: Literal["withdraw_consent"]


class StopSession(_Request):
    type: Literal["stop_session"]


ClientMessage = (
    StartSession
    | ResumeSession
    | PauseSession
    | ContinueSession
    | MarkerMessage
    | EditFinding
    | ConfirmFinding
    | DismissFinding
    | AddFinding
    | ReviewNote
    | LeaveOut
    | WithdrawConsent
    | StopSession
)
Decision = EditFinding | ConfirmFinding | DismissFinding | AddFinding | LeaveOut
TYPES = tuple(get_args(message.model_fields["type"].annotation)[0] for message in get_args(ClientMessage))

_MODELS = (AudioFields, PatientFields, FindingEdit, NewFinding, QuoteFields, *get_args(ClientMessage))
_FIELDS = frozenset(name for model in _MODELS for name in model.model_fields) | frozenset(get_args(Attribute))
"""The names of the protocol's own fields, which an error may repeat in full."""

_SEGMENT = tuple(field.name for field in dataclasses.fields(Segment) if field.name not in ("words", "language"))
_WORD = tuple(field.name for field in dataclasses.fields(Word) if field.name != "heard")

_client_message: TypeAdapter[ClientMessage] = TypeAdapter(Annotated[ClientMessage, Field(discriminator="type")])


def parse(text: str) -> ClientMessage:
    """The message in a text frame. Raises ProtocolError."""
    try:
        check_text(text)
    except TooMuch as error:
        raise ProtocolError("text_too_large", str(error)) from None
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        raise ProtocolError("not_json", "a text frame is not JSON: send one JSON object a frame") from None
    try:
        check_shape(message)
    except TooMuch as error:
        raise ProtocolError("message_too_complex", str(error)) from None
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise ProtocolError(
            "invalid_message",
            f'a message needs a "type" that is one of: {", ".join(TYPES)}; audio goes in binary frames',
        )
    if message["type"] not in TYPES:
        raise ProtocolError("unknown_type", f"this message type is unknown: send one of {', '.join(TYPES)}")
    _check_attributes(message)
    try:
        return _client_message.validate_python(message)
    except ValidationError as error:
        shown = error.errors(include_input=False, include_url=False, include_context=False)[:_MAX_FAULTS]
        faults = "; ".join(_fault(fault["loc"][1:], fault["msg"]) for fault in shown)
        raise ProtocolError("invalid_message", f"{message['type']}: {faults}") from None


def _check_attributes(message: dict[str, Any]) -> None:
    """Before pydantic, which would make an error of each unknown name."""
    fields = message.get("fields")
    attributes = fields.get("attributes") if isinstance(fields, dict) else None
    if isinstance(attributes, dict) and len(attributes) > MAX_ATTRIBUTES:
        raise ProtocolError(
            "message_too_complex", f"{message['type']}: attributes has more than {MAX_ATTRIBUTES} names: send fewer"
        )


def _fault(location: tuple[int | str, ...], message: str) -> str:
    where = ".".join(part if part in _FIELDS else _quoted(str(part)) for part in map(str, location))
    return f"{where or 'message'}: {message}"


def _quoted(name: str) -> str:
    most = MAX_QUOTED // _MAX_FAULTS
    return name if len(name) <= most else f"{name[: most - 1]}…"


def event(type_: str, seq: int, **fields: Any) -> bytes:
    """An event of a session's log as it goes over the wire: compact JSON in UTF-8, encoded once for every reader."""
    return to_json({"type": type_, "seq": seq, **fields})


def unnumbered(type_: str, **fields: Any) -> bytes:
    """A message that belongs to no log, and so has no `seq`: clients drop what they have seen by `seq`."""
    return to_json({"type": type_, **fields})


def error_fields(code: str, message: str, fatal: bool, retry_after_s: float | None = None) -> dict[str, Any]:
    fields: dict[str, Any] = {"code": code, "message": message, "fatal": fatal}
    if retry_after_s is not None:
        fields["retry_after_s"] = retry_after_s
    return fields


def update_fields(
    update: Update,
    received_samples: int,
    durable_samples: int | None = None,
    positions: Mapping[str, int] | None = None,
) -> tuple[str, dict[str, Any]] | None:
    """The type and the fields of the event for an update of the stream; None for an update that becomes no event.

    `positions` are further fields of a `progress`.
    """
    match update:
        case TranscriptUpdate(segment, timings):
            return "transcript", {"segment": segment_fields(segment), "timings": timings.as_dict()}
        case ExtractionUpdate(revision, operations, timings):
            ops = [{"op": operation.op, "finding": finding_fields(operation.finding)} for operation in operations]
            return "extraction", {"revision": revision, "ops": ops, "timings": timings.as_dict()}
        case Progress(transcribed_s, lag_ms):
            return "progress", {
                "received_samples": received_samples,
                "durable_samples": received_samples if durable_samples is None else durable_samples,
                "transcribed_s": transcribed_s,
                "lag_ms": lag_ms,
                **(positions or {}),
            }
        case MarkerReached(marker_id, request):
            return "marker", {"id": marker_id} | answered(request)
        case Paused(request):
            return "session_paused", answered(request)
        case Continued(request):
            return "session_continued", answered(request)
        case Fault(code, message):
            return "error", error_fields(code, message, fatal=False)
        case Notice(notice_code, message, speaker):
            return "notice", {"code": notice_code, "message": message} | ({"speaker": speaker} if speaker else {})
        case Omissions(items, left_out, request):
            shown = [finding_fields(item) for item in items]
            return "omissions", {"items": shown, "left_out": list(left_out)} | answered(request)
        case Drained() | Ungrounded() | Extracted():
            return None


def answered(request: int | None) -> dict[str, int]:
    """The field of an event that names the client's message which it answers."""
    return {} if request is None else {"request": request}


def segment_fields(segment: Segment) -> dict[str, Any]:
    # The fields are copied by name: dataclasses.asdict copies deeply, which takes longer than all other work of the
    # server for a chunk.
    fields: dict[str, Any] = {name: getattr(segment, name) for name in _SEGMENT}
    if segment.language:
        fields["language"] = segment.language
    if segment.words:
        fields["words"] = [
            {name: getattr(word, name) for name in _WORD} | ({"heard": word.heard} if word.heard else {})
            for word in segment.words
        ]
    return fields


def finding_fields(finding: Finding | Omission) -> dict[str, Any]:
    fields = dataclasses.asdict(finding)
    fields["attributes"] = dict(finding.attributes)
    return fields
