"""The messages of the legacy contract: parses what its clients send, and writes what they are sent. Pure."""

import base64
import binascii
import io
import re
import wave
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import to_json

from inference.config import SAMPLE_RATE
from server.guards.bounds import TooMuch, decoded
from server.protocol import MAX_FRAME_S, PatientFields

Mode = Literal["ambient", "dual"]
Source = Literal["mic", "tab", "ambient"]

SOURCES: Mapping[Mode, tuple[Source, ...]] = {"dual": ("mic", "tab"), "ambient": ("ambient",)}
"""Where the audio of each mode comes from; `mic` is the clinician's channel and `tab` the patient's."""

CODES = {
    **dict.fromkeys(("no_session", "session_stopping"), "NO_ACTIVE_SESSION"),
    **dict.fromkeys(("session_already_started", "already_attached"), "SESSION_ALREADY_ACTIVE"),
    "no_such_session": "SESSION_NOT_FOUND",
    "invalid_audio": "INVALID_MESSAGE",
}
"""Our codes as those of the contract. Others are told in capitals: its client shows the text of any code."""

_AUDIO = re.compile(r'("audio_data"\s*:\s*")([A-Za-z0-9+/=\\]*)"')


class LegacyError(Exception):
    """A message that cannot be taken; `str()` says what to do and repeats nothing of the message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True, strict=True)


class StartSession(_Message):
    type: Literal["start_session"]
    appointment_id: str = Field(
        min_length=1, max_length=200, validation_alias=AliasChoices("appointment_id", "appointmentId")
    )
    mode: Mode = "dual"
    doctor_id: str | None = Field(None, max_length=200)
    patient: PatientFields | None = None
    consent: bool = True


class AudioChunk(_Message):
    type: Literal["audio_chunk"]
    audio_data: str
    source: str | None = None


class PauseSession(_Message):
    type: Literal["pause_session"]


class SessionResume(_Message):
    type: Literal["session_resume"]
    appointment_id: str = Field(
        min_length=1, max_length=200, validation_alias=AliasChoices("appointment_id", "appointmentId")
    )


class StopSession(_Message):
    type: Literal["stop_session"]


ClientMessage = StartSession | AudioChunk | PauseSession | SessionResume | StopSession
TYPES = ("start_session", "audio_chunk", "pause_session", "session_resume", "stop_session")

_message: TypeAdapter[ClientMessage] = TypeAdapter(Annotated[ClientMessage, Field(discriminator="type")])


def parse(text: str) -> ClientMessage:
    """The message in a text frame. Raises LegacyError."""
    # The audio is cut out first: the rest is small, and is bounded before anything is built from it.
    found = _AUDIO.search(text)
    rest = text if found is None else f"{text[: found.end(1)]}{text[found.end(2) :]}"
    try:
        said = decoded(rest)
    except TooMuch as much:
        raise LegacyError("INVALID_MESSAGE", str(much)) from None
    except ValueError:
        raise LegacyError("INVALID_MESSAGE", "a message is not JSON: send one JSON object a message") from None
    if not isinstance(said, dict) or said.get("type") not in TYPES:
        raise LegacyError("INVALID_MESSAGE", f'a message needs a "type" that is one of: {", ".join(TYPES)}')
    if found is not None and said.get("audio_data") == "":
        said["audio_data"] = found[2].replace("\\/", "/")
    try:
        return _message.validate_python(said)
    except ValidationError as fault:
        names = {str(each["loc"][-1]) for each in fault.errors(include_input=False, include_url=False) if each["loc"]}
        known = sorted(names & {"appointment_id", "appointmentId", "audio_data", "consent", "doctor_id", "mode"})
        where = f"wrong or missing: {', '.join(known)}" if known else "a field is wrong: see the contract"
        raise LegacyError("INVALID_MESSAGE", f"{said['type']}: {where}") from None


def samples_of(audio_data: str) -> bytes:
    """The samples of a chunk: signed 16-bit little-endian, 16 kHz, one channel. Raises LegacyError."""
    try:
        file = base64.b64decode(audio_data, validate=True)
    except (binascii.Error, ValueError):
        raise LegacyError("INVALID_MESSAGE", "audio_data is not base64: send a WAV file in base64") from None
    try:
        with wave.open(io.BytesIO(file)) as wav:
            shape = wav.getframerate(), wav.getnchannels(), wav.getsampwidth()
            samples = wav.readframes(wav.getnframes()) if shape == (SAMPLE_RATE, 1, 2) else b""
    except (wave.Error, EOFError, ValueError, RuntimeError):  # the last one of a chunk that is longer than its file
        raise LegacyError("INVALID_MESSAGE", "audio_data is not a WAV file of PCM: send one in base64") from None
    if shape != (SAMPLE_RATE, 1, 2):
        rate, channels, width = shape
        raise LegacyError(
            "INVALID_MESSAGE",
            f"the WAV file has {rate} Hz, {channels} channels and {8 * width} bits: send 16000 Hz, 1 channel, 16 bits",
        )
    if not samples or len(samples) % 2:
        raise LegacyError("INVALID_MESSAGE", "the WAV file holds no whole samples: send 20 ms of audio or more")
    if len(samples) > MAX_FRAME_S * SAMPLE_RATE * 2:
        raise LegacyError("INVALID_MESSAGE", f"the WAV file is longer than {MAX_FRAME_S} s: send shorter chunks")
    return samples


def message(type_: str, **fields: Any) -> bytes:
    return to_json({"type": type_, **fields})


def error(code: str, text: str, session_id: str | None = None, chunk_id: int | None = None) -> bytes:
    """`code` is one of the contract, or one of ours in its own letters. `chunk_id` counts the chunks of a session."""
    return message(
        "error", error_code=CODES.get(code, code.upper()), message=text, session_id=session_id, chunk_id=chunk_id
    )
