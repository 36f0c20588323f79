"""One WebSocket: a loop that receives, a loop that sends, and the session between them."""

import asyncio
import time
from contextlib import suppress

from aiohttp import WSMessage, WSMsgType, web

from inference.stream import Control
from server import protocol
from server.bounds import MAX_TEXT_BYTES
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
from server.sessions.patience import patience
from server.sessions.registry import Sessions
from server.sessions.session import Session
from server.settings import Settings
from server.socket.admission import Admission, Refused, admit
from server.socket.door import visitor_of
from server.socket.peer import Peer

MAX_MESSAGE_BYTES = 2 << 20
"""aiohttp closes with 1009 above this by itself: 10 s of two channels at 48 kHz fit. A session's own, lower limit is
answered with an error event first, and before there is a session the door lets in 64 kB (server/socket/door.py)."""

MAX_REFUSALS = 50
"""Messages in a row that a client may send in vain before its connection is closed."""

GOODBYE_S = 1.0
"""For the answer to a close, of a client that is not listened to any more."""


class Connection:
    """A client's socket. `serve` returns when it is closed."""

    def __init__(
        self, ws: web.WebSocketResponse, transport: asyncio.Transport | None, sessions: Sessions, settings: Settings
    ) -> None:
        self._ws = ws
        self._transport = transport
        self._visitor = visitor_of(transport)
        self._sessions = sessions
        self._settings = settings
        self._peer = Peer(ws, settings.send_timeout_s)
        self._receiver: asyncio.Task[None] | None = None

    async def serve(self) -> None:
        with self._sessions.watching(self):
            try:
                admission = await self._admit()
            except Refused as refused:
                self._sessions.metrics.refused.labels(refused.error.code).inc()
                fields = protocol.error_fields(refused.error.code, str(refused.error), True, refused.retry_after_s)
                await self._part(refused.close, refused.error.code, protocol.unnumbered("error", **fields))
                return
            if admission is not None:
                if self._visitor is not None:
                    self._visitor.admitted()
                await self._converse(admission)

    async def alive(self) -> bool:
        """Whether the client at the other end still answers."""
        return await self._peer.answers()

    def drop(self) -> None:
        """Ends the connection at once: its client does not listen, and a close handshake would wait for it."""
        if self._receiver is not None:
            # The frame that it is still handing over is not counted: the client sends it again after a resume.
            self._receiver.cancel()
        if self._transport is not None:
            self._transport.abort()

    def check(self, now: float) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        if self._peer.stopped(now):
            self._sessions.metrics.unread.inc()
            self.drop()

    async def _admit(self) -> Admission | None:
        """The session that the client starts or resumes; None if it left. Raises Refused."""
        visitor = self._visitor
        try:
            async with patience.timeout(self._settings.first_message_timeout_s) as bound:
                if visitor is not None:
                    visitor.on_overflow = lambda: bound.reschedule(0)
                message = await self._next()
            if visitor is not None:
                visitor.on_overflow = None
                visitor.taken()
        except TimeoutError:
            if visitor is not None and visitor.overflowed:
                raise Refused(
                    Close.TOO_LARGE,
                    ProtocolError("text_too_large", f"the first message is above {MAX_TEXT_BYTES} bytes: send less"),
                ) from None
            limit = self._settings.first_message_timeout_s
            raise Refused(
                Close.BAD_MESSAGE,
                ProtocolError("first_message_late", f"send start_session or resume_session within {limit:g} s"),
            ) from None
        try:
            match message.type:
                case WSMsgType.TEXT:
                    first = protocol.parse(message.data)
                case WSMsgType.BINARY:
                    raise ProtocolError("no_session", "audio before start_session: send start_session first")
                case _:
                    return None
        except ProtocolError as error:
            close = Close.TOO_LARGE if error.code == "text_too_large" else Close.BAD_MESSAGE
            raise Refused(close, error) from None
        return await admit(first, self, self._sessions, self._settings.language)

    async def _converse(self, admission: Admission) -> None:
        """The two loops; either ends with the other."""
        session = admission.session
        try:
            async with asyncio.TaskGroup() as group:
                sender = group.create_task(self._send(admission))
                self._receiver = receiver = group.create_task(self._receive(session))
                sender.add_done_callback(lambda _: receiver.cancel())
                receiver.add_done_callback(lambda _: sender.cancel())
        finally:
            session.detach(self)

    async def _next(self) -> WSMessage:
        """The next message of the client; pings and pongs are taken care of."""
        while True:
            # `receive` does not wait while messages are left, and others have to get their turn.
            await asyncio.sleep(0)
            message = await self._ws.receive()
            if message.type is WSMsgType.PING:
                with suppress(ConnectionError):  # then the next message says that it is closed
                    await self._ws.pong(message.data)
            elif message.type is WSMsgType.PONG:
                self._peer.answered()
            else:
                return message

    async def _receive(self, session: Session) -> None:
        """Takes what the client sends until the socket closes. Slow sessions hold the socket back."""
        in_vain = 0
        while True:
            asked = time.monotonic()
            message = await self._next()
            self._peer.listening = False
            request = None
            try:
                match message.type:
                    case WSMsgType.BINARY:
                        if len(message.data) > session.max_frame_bytes:
                            await self._frame_too_large(session)
                            return
                        await session.receive_audio(message.data, time.monotonic() - asked)
                    case WSMsgType.TEXT:
                        said = protocol.parse(message.data)
                        request = getattr(said, "request", None)
                        await self._take(session, said)
                    case _:
                        return
                in_vain = 0
            except ProtocolError as error:
                session.error(error, request)
                in_vain += 1
                if in_vain == MAX_REFUSALS:
                    await self._too_many_refusals(session)
                    return
            finally:
                self._peer.listening = True
            del message  # a chunk is not kept while the next one is waited for

    async def _take(self, session: Session, message: protocol.ClientMessage) -> None:
        match message:
            case MarkerMessage(id=marker_id, request=request):
                await session.control(Control("marker", marker_id, request))
            case PauseSession(request=request):
                await session.control(Control("pause", request=request))
            case ContinueSession(request=request):
                await session.control(Control("continue", request=request))
            case EditFinding(finding_id=finding_id, fields=fields, request=request):
                session.judge(lambda findings: findings.edit(finding_id, fields.model_dump(exclude_none=True)), request)
            case ConfirmFinding(finding_id=finding_id, request=request):
                session.judge(lambda findings: findings.confirm(finding_id), request)
            case DismissFinding(finding_id=finding_id, request=request):
                session.judge(lambda findings: findings.dismiss(finding_id), request)
            case StopSession(request=request):
                if session.is_repeated(request):
                    return
                if session.stopping:
                    raise ProtocolError("session_stopping", "the session is stopping: wait for session_stopped")
                session.stop("client")
            case StartSession() | ResumeSession():
                raise ProtocolError("session_already_started", "this connection has a session: open another for more")

    async def _frame_too_large(self, session: Session) -> None:
        limit = session.max_frame_bytes
        session.error(ProtocolError("frame_too_large", f"a frame is above {limit} bytes: send 20 ms to 10 s of audio"))
        # The sender is cancelled with this loop: what the log still holds reaches the client when it resumes.
        await asyncio.sleep(0)
        await self._close(Close.TOO_LARGE, "frame_too_large")

    async def _too_many_refusals(self, session: Session) -> None:
        session.error(
            ProtocolError(
                "too_many_refusals",
                f"{MAX_REFUSALS} messages in a row were refused: mend the client, then resume the session",
            )
        )
        await asyncio.sleep(0)
        if self._visitor is not None:
            self._visitor.deafen()
        await self._part(Close.BAD_MESSAGE, "too_many_refusals")

    async def _send(self, admission: Admission) -> None:
        """Follows the log from the client's place; closes the socket after the last event."""
        session = admission.session
        try:
            if admission.greeting is not None:
                await self._peer.send(admission.greeting)
            async for text in session.log.follow(admission.last_seq):
                await self._peer.send(text)
        except ConnectionError:
            return
        code = {"idle": Close.IDLE, "shutdown": Close.GOING_AWAY}.get(session.reason or "client", Close.DONE)
        if session.left is not None:
            await self._part(session.left, "resume elsewhere")  # the server may be going down: no long goodbye
            return
        await self._close(code, session.reason or "client")

    async def _part(self, code: int, reason: str, last_words: bytes | None = None) -> None:
        """Closes a connection whose client has done nothing that would earn it a long wait for its answer."""
        with suppress(TimeoutError):
            async with asyncio.timeout(GOODBYE_S):
                await self._close(code, reason, last_words)

    async def _close(self, code: int, reason: str, last_words: bytes | None = None) -> None:
        with suppress(ConnectionError):
            if last_words is not None:
                await self._peer.send(last_words)
            await self._peer.close(code, reason)


async def consultation(request: web.Request, sessions: Sessions, settings: Settings) -> web.StreamResponse:
    """`GET /ws`: the handshake, then the connection until it closes. Host and origin were looked at before."""
    offered = [name.strip() for name in request.headers.get("Sec-WebSocket-Protocol", "").split(",") if name.strip()]
    if protocol.SUBPROTOCOL not in offered:
        sessions.metrics.refused.labels("no_subprotocol").inc()
        raise web.HTTPBadRequest(text=f"offer the WebSocket subprotocol {protocol.SUBPROTOCOL}\n")
    ws = web.WebSocketResponse(
        protocols=(protocol.SUBPROTOCOL,),
        autoping=False,
        compress=False,  # speech and short events shrink little, for a third of a megabyte and a pass of zlib each
        max_msg_size=MAX_MESSAGE_BYTES,
        writer_limit=0,  # every send waits while the client does not read, not one in 256 KiB of them
    )
    await ws.prepare(request)
    await Connection(ws, request.transport, sessions, settings).serve()
    return ws
