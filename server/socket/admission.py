"""What the first message of a connection gets: a new session, one that was lost, or a refusal."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from inference.audio.decoding import AudioError, AudioFormat
from inference.extraction import Patient
from inference.stream import StreamOptions
from server import protocol
from server.access.principal import ANYBODY, Principal
from server.guards.bounds import MAX_EDITS_BYTES, MAX_TEXT_BYTES, MESSAGES_AT_ONCE, MESSAGES_PER_S
from server.protocol import ClientMessage, Close, ProtocolError, ResumeSession, StartSession
from server.sessions.intake.recorder import ONE_CHANNEL
from server.sessions.refusing import Full
from server.sessions.registry import Sessions
from server.sessions.session import Attachment, Session

USUAL_WORDING = "The client states that everybody who is recorded agreed to it."
"""Kept with the consent where the client does not say what was agreed to."""

KEY_FULL_RETRY_S = 30.0


class Refused(Exception):
    """The connection ends before it has a session: the error event to send, and the close code."""

    def __init__(self, close: Close, error: ProtocolError, retry_after_s: float | None = None) -> None:
        super().__init__(str(error))
        self.close = close
        self.error = error
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class Admission:
    """The session that the connection is now attached to, and what its client has of the log already."""

    session: Session
    last_seq: int = 0
    greeting: bytes | None = None
    """A message that goes out before the events of the log."""


async def admit(
    message: ClientMessage,
    attachment: Attachment,
    sessions: Sessions,
    language: str,
    principal: Principal = ANYBODY,
    most: int | None = None,
    any_language: str = "auto",
) -> Admission:
    """Attaches the connection to the session that it asks for; `language` is the server's.

    `principal` is whose connection it is, who may have `most` sessions at once. `any_language` is what the client's own
    protocol calls `auto`, for what it is told. Raises Refused.
    """
    try:
        match message:
            case StartSession():
                if most is not None and sessions.open_of(principal.owner) >= most:
                    told = f"all {most} sessions of this key are open: end one of them, or ask the operator for more"
                    raise Refused(Close.FULL, ProtocolError("key_sessions", told), KEY_FULL_RETRY_S)
                return _start(message, attachment, sessions, language, principal, any_language)
            case ResumeSession():
                return await _resume(message, attachment, sessions, principal)
        raise ProtocolError("no_session", f"{message.type} before start_session: send start_session first")
    except ProtocolError as error:
        raise Refused(Close.BAD_MESSAGE, error) from None


def _start(
    message: StartSession,
    attachment: Attachment,
    sessions: Sessions,
    language: str,
    principal: Principal,
    any_language: str,
) -> Admission:
    if not message.consent:
        raise ProtocolError("consent_required", "consent is false: ask the patient, then send consent true")
    patient = Patient(**message.patient.model_dump()) if message.patient else None
    language = message.language or language
    known = sessions.pipeline.languages
    if language != "auto" and known is not None and language not in known:
        allowed = f"{any_language} or one of: {', '.join(sorted(known))}"
        raise ProtocolError("invalid_language", f"the model does not know this language: send {allowed}")
    try:
        audio, told = _audio(message)
        spoken = None if language == "auto" else language
        options = StreamOptions(audio, message.mode, spoken, patient, tuple(message.vocabulary))
        session = sessions.open(options, principal.owner)
    except AudioError as error:
        raise ProtocolError("invalid_audio", str(error)) from None
    except Full as full:
        raise Refused(Close.FULL, ProtocolError(full.code, str(full)), full.retry_after_s) from None
    limits = session.limits
    elsewhere = {"addresses": sessions.addresses} if sessions.addresses else {}
    named = {"appointment_id": message.appointment_id, "clinician_id": message.clinician_id}
    session.log.append(
        "session_started",
        session_id=session.id,
        resume_token=session.resume_token,
        audio=told,
        limits={
            "max_frame_bytes": session.max_frame_bytes,
            "max_session_s": limits.max_session_s,
            "idle_timeout_s": limits.idle_timeout_s,
            "resume_ttl_s": limits.resume_ttl_s,
            "first_audio_timeout_s": limits.first_audio_timeout_s,
            "max_text_bytes": MAX_TEXT_BYTES,
            "messages_per_s": MESSAGES_PER_S,
            "messages_at_once": MESSAGES_AT_ONCE,
            "max_edits_bytes": MAX_EDITS_BYTES,
        },
        models=sessions.pipeline.models,
        consent={
            "given_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "wording": message.consent_wording or USUAL_WORDING,
            "by": principal.person,
        },
        **{name: value for name, value in named.items() if value},
        **elsewhere,
    )
    session.attach(attachment)
    return Admission(session)


def _audio(message: StartSession) -> tuple[AudioFormat, dict[str, Any]]:
    """The format of the session's samples, and what the client is told of it. Raises AudioError."""
    declared = message.audio
    told = declared.model_dump()
    if declared.encoding == "pcm_s16le":
        return AudioFormat(declared.sample_rate, declared.channels), told
    if message.mode == "dual" and declared.channels != 2:
        raise AudioError(ONE_CHANNEL)
    AudioFormat(channels=declared.channels)  # refuses any other number
    audio = AudioFormat.of_recorder(declared.encoding)
    return audio, told | {"sample_rate": audio.sample_rate}


async def _resume(
    message: ResumeSession, attachment: Attachment, sessions: Sessions, principal: Principal
) -> Admission:
    try:
        session = await sessions.resume(message.session_id, message.resume_token, message.last_seq, principal.owns)
    except Full as full:
        raise Refused(Close.FULL, ProtocolError(full.code, str(full)), full.retry_after_s) from None
    if session is None:
        gone = ProtocolError("no_such_session", "no such session, or it ended: start a new one with start_session")
        raise Refused(Close.NO_SUCH_SESSION, gone)
    if message.last_seq > len(session.log):
        raise ProtocolError("bad_last_seq", f"last_seq is beyond the last event: this session has {len(session.log)}")
    holder = session.attachment
    if holder is not None and await holder.alive():
        attached = ProtocolError("already_attached", "another connection holds this session: close it first")
        raise Refused(Close.ALREADY_ATTACHED, attached)
    if holder is not None:
        session.detach(holder)
        holder.drop()
    if session.attachment is not None:  # somebody else was faster while the old socket was probed
        faster = ProtocolError("already_attached", "another connection took this session")
        raise Refused(Close.ALREADY_ATTACHED, faster)
    session.attach(attachment)
    sessions.metrics.resumed.inc()
    position = {name: at for name, at in session.positions.items() if name == "received_bytes"}
    resumed = protocol.unnumbered("session_resumed", received_samples=session.received_samples, **position)
    return Admission(session, message.last_seq, resumed)
