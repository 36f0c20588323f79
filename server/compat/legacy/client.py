"""A connection of the legacy contract: what its client says, and the visit that it is attached to."""

import asyncio
import math
from contextlib import suppress

from aiohttp import WSMsgType

from server.access.principal import Principal
from server.compat.legacy import messages
from server.compat.legacy.messages import (
    SOURCES,
    AudioChunk,
    ClientMessage,
    LegacyError,
    PauseSession,
    SessionResume,
    StartSession,
    StopSession,
)
from server.compat.legacy.telling import Telling
from server.compat.legacy.visits import Visit, Visits
from server.compat.line import Line, Site
from server.protocol import AudioFields, Close, ProtocolError, ResumeSession
from server.protocol import StartSession as OurStart
from server.sessions.patience import patience
from server.socket.admission import Refused
from server.socket.peer import Farewell
from server.socket.websocket import MAX_REFUSALS

CONSENT = "Not stated in words: the client speaks the legacy contract, which has no field for consent."
"""What the record says. Whoever hands out the extension answers for the consent of those who are recorded."""

TICK_S = 0.25
"""How often it is looked whether audio has waited long enough for another source."""

KEY_BYTES = "this key sends more bytes a minute than it may: stop, and start again later"
BINARY = "audio comes as audio_chunk, a WAV file in base64: send no binary frames"
NO_SESSION = "there is no session on this connection: send start_session first"
ACTIVE = "a session of this appointment is active: stop it, or start one with another appointment_id"
NOT_FOUND = "there is no session of this appointment, or it ended: send start_session"


class Client:
    """A connection and the visit that it is attached to."""

    def __init__(self, line: Line, site: Site, visits: Visits, principal: Principal) -> None:
        self._line = line
        self._site = site
        self._visits = visits
        self._principal = principal
        self._visit: Visit | None = None
        self._visiting = asyncio.Event()
        self._telling = Telling(line)

    def leave(self) -> None:
        """The session waits to be resumed."""
        if self._visit is not None:
            self._visit.session.detach(self._line)

    async def receive(self) -> Farewell | None:
        """Takes what the client sends until the socket is closed."""
        in_vain = 0
        while True:
            message = await self._line.next()
            if self._line.visitor is not None:
                self._line.visitor.taken()
            try:
                match message.type:
                    case WSMsgType.TEXT:
                        await self._take(messages.parse(message.data))
                    case WSMsgType.BINARY:
                        raise LegacyError("INVALID_MESSAGE", BINARY)
                    case _:
                        return None
                in_vain = 0
            except Refused as refused:
                self._line.refused(refused.error.code)
                again_s = refused.retry_after_s
                later = "" if again_s is None else f" (in {math.ceil(again_s)} s)"
                await self._answer(messages.error(refused.error.code, f"{refused.error}{later}"))
                in_vain += 1
            except _TooMuch as much:
                return farewell(Close.FULL, "key_bytes", str(much))
            except (LegacyError, ProtocolError) as fault:
                await self._error(fault.code, str(fault))
                in_vain += 1
            if in_vain == MAX_REFUSALS:
                self._line.deafen()
                told = f"{MAX_REFUSALS} messages in a row were refused: mend the client, then connect again"
                self._line.fault("too_many_refusals", told, self._visit.session if self._visit is not None else None)
                return farewell(Close.BAD_MESSAGE, "too_many_refusals", told)
            del message

    async def send(self) -> Farewell | None:
        """Tells of each visit of this connection, from what its client has not been told to its last event."""
        limit_s, later = self._site.settings.first_message_timeout_s, False
        while True:
            try:
                async with patience.timeout(limit_s):
                    await self._visiting.wait()
            except TimeoutError:
                if later:  # the client has had its session
                    return Farewell(Close.DONE, "client")
                self._line.refused("first_message_late")
                return farewell(Close.BAD_MESSAGE, "first_message_late", f"send start_session within {limit_s:g} s")
            visit, later = self._visit, True
            assert visit is not None
            try:
                await self._telling.follow(visit)
            except ConnectionError:
                return None
            if visit.session.left is not None:
                return Farewell(visit.session.left, "start again")
            self._visiting.clear()
            self._visit = None
            visit.session.detach(self._line)
            if visit.session.reason == "shutdown":
                return Farewell(Close.GOING_AWAY, "the server is going down")

    async def update(self) -> Farewell | None:
        """Tells of changed findings. Returns when the socket is closed."""
        with suppress(ConnectionError):
            await self._telling.update()
        return None

    async def tick(self) -> Farewell | None:
        """Lets audio go on that has waited long enough for another source."""
        while True:
            await asyncio.sleep(TICK_S)
            if self._visit is not None:
                with suppress(ProtocolError):
                    await self._visit.hand_on()

    async def _take(self, message: ClientMessage) -> None:
        match message:
            case StartSession():
                await self._start(message)
            case SessionResume():
                await self._resume(message.appointment_id)
            case AudioChunk():
                await self._hear(message)
            case PauseSession():
                await self._current().pause()
            case StopSession():
                visit = self._current()
                await visit.stop()
                self._line.note("session_stopped", visit.session)

    async def _start(self, message: StartSession) -> None:
        """Raises Refused and LegacyError."""
        if self._visit is not None:
            raise LegacyError("SESSION_ALREADY_ACTIVE", ACTIVE)
        before = self._visits.find(self._principal.owner, message.appointment_id)
        if before is not None:
            if before.session.attachment is not None and await before.session.attachment.alive():
                raise LegacyError("SESSION_ALREADY_ACTIVE", ACTIVE)
            before.session.stop("client")  # its client has begun anew: what was said so far is its whole record
        start = OurStart(
            type="start_session",
            audio=AudioFields(channels=len(SOURCES[message.mode])),
            mode=message.mode,
            appointment_id=message.appointment_id,
            clinician_id=message.doctor_id,
            patient=message.patient,
            consent=message.consent,
            consent_wording=CONSENT,
        )
        session = await self._line.admit(start)
        self._line.note("session_started", session)
        visit = Visit(message.appointment_id, session, message.mode)
        self._visits.add(self._principal.owner, visit)
        self._attached(visit)
        await self._answer(
            messages.message("session_started", session_id=session.id, workflow_id=session.id, mode=message.mode)
        )
        self._visiting.set()

    async def _resume(self, appointment_id: str) -> None:
        """After a pause on this connection, or after a lost one. Raises Refused, ProtocolError and LegacyError."""
        visit = self._visits.find(self._principal.owner, appointment_id)
        if visit is None:
            raise LegacyError("SESSION_NOT_FOUND", NOT_FOUND)
        if visit is not self._visit:
            if self._visit is not None:
                raise LegacyError("SESSION_ALREADY_ACTIVE", ACTIVE)
            session = visit.session
            again = ResumeSession(
                type="resume_session",
                session_id=session.id,
                resume_token=session.resume_token,
                last_seq=visit.seq,
            )
            found = await self._line.admit(again)
            if found is not session:  # it has come back from the store, without what its client knows
                found.detach(self._line)
                raise LegacyError("SESSION_NOT_FOUND", NOT_FOUND)
            self._line.note("session_resumed", session)
            visit.reconnected()
            self._attached(visit)
        await visit.go_on()
        await self._answer(
            messages.message("session_resumed", session_id=visit.session.id, extraction=visit.newest_extraction())
        )
        self._visiting.set()

    def _attached(self, visit: Visit) -> None:
        self._visit = visit
        if self._line.visitor is not None:
            self._line.visitor.admitted()

    async def _hear(self, chunk: AudioChunk) -> None:
        """Raises LegacyError and ProtocolError."""
        visit = self._current()
        source = next((known for known in SOURCES[visit.mode] if known == chunk.source), None)
        if source is None:
            listed = " or ".join(SOURCES[visit.mode])
            told = f"a session of the mode {visit.mode} takes audio of the source {listed}"
            raise LegacyError("INVALID_SOURCE_FOR_MODE", told)
        samples = messages.samples_of(chunk.audio_data)
        if again_s := self._site.keeper.access.quotas.receive(self._principal, len(samples)):
            self._line.refused("key_bytes")
            raise _TooMuch(f"{KEY_BYTES}, in {math.ceil(again_s)} s")
        await visit.hear(source, samples)

    def _current(self) -> Visit:
        if self._visit is None or self._visit.session.stopping:
            raise LegacyError("NO_ACTIVE_SESSION", NO_SESSION)
        return self._visit

    async def _error(self, code: str, told: str) -> None:
        """Says why a message was not taken; what came before it is not lost."""
        visit = self._visit
        self._line.fault(code.lower(), told, visit.session if visit is not None else None)
        session_id, chunk_id = (visit.session.id, visit.chunks) if visit is not None else (None, None)
        await self._answer(messages.error(code, told, session_id, chunk_id))

    async def _answer(self, text: bytes) -> None:
        with suppress(ConnectionError):  # then the next message says that the socket is closed
            await self._line.send(text)


class _TooMuch(Exception):
    """The key sends more than it may; `str()` says what to do."""


def farewell(close: Close, code: str, told: str) -> Farewell:
    return Farewell(close, code, messages.error(code, told))
