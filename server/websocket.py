"""One WebSocket: a loop that receives, a loop that sends, and the session between them."""

import asyncio
import logging
from contextlib import suppress

from aiohttp import WSMsgType, web

from inference.audio import AudioError, AudioFormat
from inference.extraction import Patient
from inference.stream import Control, StreamOptions
from server import protocol
from server.protocol import (
    Close,
    ConfirmFinding,
    ContinueSession,
    DismissFinding,
    EditFinding,
    MarkerMessage,
    PauseSession,
    ProtocolError,
    ResumeSession,
    StartSession,
    StopSession,
)
from server.registry import Full, Sessions
from server.session import Session
from server.settings import Settings

logger = logging.getLogger(__name__)

HEARTBEAT_S = 30.0
PROBE_S = 2.0
"""How long a silent socket has to prove that it is alive before another one may take its session over."""

SEND_TIMEOUT_S = 30.0
"""A client that reads nothing for this long has gone; its session waits to be resumed."""

MAX_MESSAGE_BYTES = 4 << 20
"""aiohttp closes with 1009 above this by itself; a session's own, lower limit is answered with an error event first."""


class Refused(Exception):
    """The connection ends before it has a session: the error event to send, and the close code."""

    def __init__(self, close: Close, error: ProtocolError, retry_after_s: float | None = None) -> None:
        super().__init__(str(error))
        self.close = close
        self.error = error
        self.retry_after_s = retry_after_s


class Connection:
    """A client's socket. `serve` returns when it is closed."""

    def __init__(self, ws: web.WebSocketResponse, sessions: Sessions, settings: Settings) -> None:
        self._ws = ws
        self._sessions = sessions
        self._settings = settings
        self._pong = asyncio.Event()
        self._reading = True

    async def serve(self) -> None:
        try:
            session, cursor = await self._first_message()
        except Refused as refused:
            self._sessions.metrics.refused.labels(refused.error.code).inc()
            fields = protocol.error_fields(refused.error.code, str(refused.error), True, refused.retry_after_s)
            await self._close(refused.close, refused.error.code, protocol.event("error", 0, **fields))
            return
        if session is None:
            return
        try:
            async with asyncio.TaskGroup() as group:
                sender = group.create_task(self._send(session, cursor))
                await self._receive(session)
                sender.cancel()
        finally:
            session.detach(self)

    async def alive(self) -> bool:
        """Whether the client at the other end still answers."""
        if self._ws.closed:
            return False
        self._pong.clear()
        with suppress(ConnectionError, TimeoutError):
            async with asyncio.timeout(PROBE_S):
                await self._ws.ping()
                await self._pong.wait()
                return True
        return not self._reading and not self._ws.closed  # held back by flow control, it cannot see a pong

    async def drop(self) -> None:
        await self._close(Close.ALREADY_ATTACHED, "taken over")

    async def _first_message(self) -> tuple[Session | None, int]:
        """The session that the client starts or resumes and the `seq` that it has; None if it left. Raises Refused."""
        try:
            async with asyncio.timeout(self._settings.first_message_timeout_s):
                message = await self._ws.receive()
        except TimeoutError:
            limit = self._settings.first_message_timeout_s
            raise Refused(
                Close.BAD_FIRST_MESSAGE,
                ProtocolError("first_message_late", f"send start_session or resume_session within {limit:g} s"),
            ) from None
        if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
            return None, 0
        try:
            if message.type is WSMsgType.BINARY:
                raise ProtocolError("no_session", "audio before start_session: send start_session first")
            first = protocol.parse(message.data)
            if isinstance(first, StartSession):
                return await self._start(first), 0
            if isinstance(first, ResumeSession):
                return await self._resume(first), first.last_seq
            raise ProtocolError("no_session", f"{first.type} before start_session: send start_session first")
        except ProtocolError as error:
            raise Refused(Close.BAD_FIRST_MESSAGE, error) from None

    async def _start(self, message: StartSession) -> Session:
        if not message.consent:
            raise ProtocolError("consent_required", "consent is false: ask the patient, then send consent true")
        patient = Patient(**message.patient.model_dump()) if message.patient else None
        language = message.language or self._settings.language
        try:
            audio = AudioFormat(message.audio.sample_rate, message.audio.channels)
            session = self._sessions.open(
                StreamOptions(audio, message.mode, None if language == "auto" else language, patient)
            )
        except AudioError as error:
            raise ProtocolError("invalid_audio", str(error)) from None
        except Full as full:
            raise Refused(Close.FULL, ProtocolError(full.code, str(full)), full.retry_after_s) from None
        limits = session.limits
        session.log.append(
            "session_started",
            session_id=session.id,
            resume_token=session.resume_token,
            audio=message.audio.model_dump(),
            limits={
                "max_frame_bytes": session.max_frame_bytes,
                "max_session_s": limits.max_session_s,
                "idle_timeout_s": limits.idle_timeout_s,
                "resume_ttl_s": limits.resume_ttl_s,
            },
            models=self._sessions.pipeline.models,
        )
        session.attach(self)
        return session

    async def _resume(self, message: ResumeSession) -> Session:
        session = self._sessions.find(message.session_id, message.resume_token)
        if session is None:
            gone = ProtocolError("no_such_session", "no such session, or it ended: start a new one with start_session")
            raise Refused(Close.NO_SUCH_SESSION, gone)
        if message.last_seq > len(session.log):
            raise ProtocolError(
                "bad_last_seq", f"last_seq is beyond the last event: this session has {len(session.log)}"
            )
        holder = session.attachment
        if holder is not None and await holder.alive():
            attached = ProtocolError("already_attached", "another connection holds this session: close it first")
            raise Refused(Close.ALREADY_ATTACHED, attached)
        if holder is not None:
            session.detach(holder)
            await holder.drop()
        if session.attachment is not None:  # somebody else was faster while the old socket was probed
            raise Refused(
                Close.ALREADY_ATTACHED, ProtocolError("already_attached", "another connection took this session")
            )
        session.attach(self)
        self._sessions.metrics.resumed.inc()
        # Not an event of the log: it stands at the client's own place, and what follows are the events after it.
        await self._write(
            protocol.event("session_resumed", message.last_seq, received_samples=session.received_samples)
        )
        return session

    async def _receive(self, session: Session) -> None:
        """Takes what the client sends until the socket closes. Slow sessions hold the socket back."""
        while True:
            message = await self._ws.receive()
            self._reading = False
            try:
                match message.type:
                    case WSMsgType.BINARY:
                        if len(message.data) > session.max_frame_bytes:
                            await self._frame_too_large(session)
                            return
                        await session.receive_audio(message.data)
                    case WSMsgType.TEXT:
                        await self._take(session, protocol.parse(message.data))
                    case WSMsgType.PING:
                        await self._ws.pong(message.data)
                    case WSMsgType.PONG:
                        self._pong.set()
                    case _:
                        return
            except ProtocolError as error:
                session.error(error)
            except ConnectionError:
                return
            finally:
                self._reading = True

    async def _take(self, session: Session, message: protocol.ClientMessage) -> None:
        match message:
            case MarkerMessage(id=marker_id):
                await session.control(Control("marker", marker_id))
            case PauseSession():
                await session.control(Control("pause"))
            case ContinueSession():
                await session.control(Control("continue"))
            case EditFinding(finding_id=finding_id, fields=fields):
                session.judge(lambda findings: findings.edit(finding_id, fields.model_dump(exclude_none=True)))
            case ConfirmFinding(finding_id=finding_id):
                session.judge(lambda findings: findings.confirm(finding_id))
            case DismissFinding(finding_id=finding_id):
                session.judge(lambda findings: findings.dismiss(finding_id))
            case StopSession():
                if session.stopping:
                    raise ProtocolError("session_stopping", "the session is stopping: wait for session_stopped")
                await session.stop("client")
            case StartSession() | ResumeSession():
                raise ProtocolError("session_already_started", "this connection has a session: open another for more")

    async def _frame_too_large(self, session: Session) -> None:
        limit = session.max_frame_bytes
        session.error(ProtocolError("frame_too_large", f"a frame is above {limit} bytes: send 20 ms to 10 s of audio"))
        # The sender is cancelled with this loop: what the log still holds reaches the client when it resumes.
        await asyncio.sleep(0)
        await self._close(Close.FRAME_TOO_LARGE, "frame_too_large")

    async def _send(self, session: Session, cursor: int) -> None:
        """Follows the log from the client's place; closes the socket after the last event."""
        try:
            async for text in session.log.follow(cursor):
                await self._write(text)
        except (ConnectionError, TimeoutError):
            await self._close(Close.GOING_AWAY, "not reading")
            return
        code = {"idle": Close.IDLE, "shutdown": Close.GOING_AWAY}.get(session.reason or "client", Close.DONE)
        await self._close(code, session.reason or "client")

    async def _write(self, text: str) -> None:
        async with asyncio.timeout(SEND_TIMEOUT_S):
            await self._ws.send_str(text)

    async def _close(self, code: int, reason: str, last_words: str | None = None) -> None:
        with suppress(ConnectionError, TimeoutError):
            if last_words is not None:
                await self._write(last_words)
            await self._ws.close(code=code, message=reason.encode())


async def consultation(request: web.Request, sessions: Sessions, settings: Settings) -> web.StreamResponse:
    """`GET /ws`: the handshake, then the connection until it closes."""
    offered = [name.strip() for name in request.headers.get("Sec-WebSocket-Protocol", "").split(",") if name.strip()]
    if protocol.SUBPROTOCOL not in offered:
        raise web.HTTPBadRequest(text=f"offer the WebSocket subprotocol {protocol.SUBPROTOCOL}\n")
    if not _origin_allowed(request, settings.allowed_origins):
        raise web.HTTPForbidden(text="this page's origin is not allowed: add it with --allowed-origins\n")
    ws = web.WebSocketResponse(
        protocols=(protocol.SUBPROTOCOL,), heartbeat=HEARTBEAT_S, autoping=False, max_msg_size=MAX_MESSAGE_BYTES
    )
    await ws.prepare(request)
    await Connection(ws, sessions, settings).serve()
    return ws


def _origin_allowed(request: web.Request, allowed: tuple[str, ...]) -> bool:
    """A browser tells where its page came from; the server's own page is always welcome, programs send no Origin."""
    origin = request.headers.get("Origin")
    return origin is None or origin.partition("://")[2] == request.host or "*" in allowed or origin in allowed
