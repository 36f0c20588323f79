"""One WebSocket: a loop that receives, a loop that sends, and the session between them."""

import asyncio
import math
import time
from collections.abc import Callable

from aiohttp import WSMsgType, web

from inference.extraction.evidence.merging import Findings
from inference.findings import Operation, Quote
from inference.stream import Control
from server import protocol
from server.access.access import Denied
from server.access.doorkeeper import Doorkeeper
from server.access.principal import Principal
from server.guards.bounds import MAX_TEXT_BYTES
from server.protocol import (
    AddFinding,
    Close,
    ConfirmFinding,
    ContinueSession,
    DismissFinding,
    EditFinding,
    Judged,
    LeaveOut,
    MarkerMessage,
    PauseSession,
    ProtocolError,
    ResumeSession,
    ReviewNote,
    StartSession,
    StopSession,
    WithdrawConsent,
)
from server.sessions.patience import patience
from server.sessions.registry import Sessions
from server.sessions.session import Session
from server.settings import Settings
from server.socket.admission import Admission, Refused, admit
from server.socket.door import visitor_of
from server.socket.peer import Farewell, Peer

MAX_REFUSALS = 50
"""Messages in a row that a client may send in vain before its connection is closed."""

KEY_BYTES = "this key sends more bytes a minute than it may: resume the session later, and go on from received_samples"
KEY_REVOKED = "the key of this connection was revoked: connect with another one; the session waits to be resumed"


class Connection:
    """A client's socket. `serve` returns when it is closed."""

    def __init__(
        self,
        ws: web.WebSocketResponse,
        request: web.Request,
        sessions: Sessions,
        settings: Settings,
        keeper: Doorkeeper,
        principal: Principal,
    ) -> None:
        self._request = request
        self._transport = request.transport
        self._visitor = visitor_of(request.transport)
        self._keeper = keeper
        self._principal = principal
        self._dismissal: Farewell | None = None
        """How the connection ends although neither of its loops has an end: set once, before they are cancelled."""
        self._waiting: asyncio.Timeout | None = None
        """The limit of the wait for the first message, while that lasts."""
        self._sessions = sessions
        self._settings = settings
        self._peer = Peer(ws, settings.send_timeout_s, request.transport)
        self._receiver: asyncio.Task[Farewell | None] | None = None

    async def serve(self) -> None:
        with self._sessions.watching(self):
            try:
                admission = await self._admit()
            except Refused as refused:
                self._refused(refused.error.code)
                fields = protocol.error_fields(refused.error.code, str(refused.error), True, refused.retry_after_s)
                error = protocol.unnumbered("error", **fields)
                await self._peer.close(Farewell(refused.close, refused.error.code, error))
                return
            if admission is not None:
                if self._visitor is not None:
                    self._visitor.admitted()
                await self._converse(admission)
            elif self._dismissal is not None:
                await self._peer.close(self._dismissal)

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
        elif self._dismissal is None and not self._keeper.access.in_force(self._principal):
            self._dismiss()

    async def _admit(self) -> Admission | None:
        """The session that the client starts or resumes; None if it left, or is dismissed. Raises Refused."""
        visitor = self._visitor
        try:
            async with patience.timeout(self._settings.first_message_timeout_s) as bound:
                self._waiting = bound
                if visitor is not None:
                    visitor.on_overflow = lambda: bound.reschedule(0)
                message = await self._peer.receive()
            if visitor is not None:
                visitor.on_overflow = None
                visitor.taken()
        except TimeoutError:
            if self._dismissal is not None:
                return None
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
        finally:
            self._waiting = None
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
        most = self._keeper.access.quotas.sessions(self._principal)
        admission = await admit(first, self, self._sessions, self._settings.language, self._principal, most)
        self._note("session_started" if admission.greeting is None else "session_resumed", admission.session)
        return admission

    async def _converse(self, admission: Admission) -> None:
        """The two loops, either of which ends with the other, and the close handshake after them.

        No loop closes the socket itself: aiohttp's `close` does not wait for the client's answer while another task
        receives.
        """
        session = admission.session
        try:
            async with asyncio.TaskGroup() as group:
                sender = group.create_task(self._send(admission))
                self._receiver = receiver = group.create_task(self._receive(session))
                sender.add_done_callback(lambda _: receiver.cancel())
                receiver.add_done_callback(lambda _: sender.cancel())
                if self._dismissal is not None:  # while the session was looked for
                    receiver.cancel()
            farewells = [self._dismissal, *(loop.result() for loop in (sender, receiver) if not loop.cancelled())]
            farewell = next(filter(None, farewells), None)
            if farewell is not None:
                await self._peer.close(farewell)
        finally:
            self._receiver = None  # a cancelled task holds the session, and this connection, through its traceback
            session.detach(self)

    async def _receive(self, session: Session) -> Farewell | None:
        """Takes what the client sends. Returns None when the socket is closed. Slow sessions hold the socket back."""
        in_vain = 0
        while True:
            asked = time.monotonic()
            message = await self._peer.receive()
            request = None
            try:
                match message.type:
                    case WSMsgType.BINARY:
                        if len(message.data) > session.max_frame_bytes:
                            return await self._frame_too_large(session)
                        if again_s := self._keeper.access.quotas.receive(self._principal, len(message.data)):
                            return await self._key_bytes(session, again_s)
                        more = await session.receive_audio(message.data, time.monotonic() - asked)
                        self._keeper.access.quotas.charge(self._principal, more)
                    case WSMsgType.TEXT:
                        said = protocol.parse(message.data)
                        request = getattr(said, "request", None)
                        await self._take(session, said)
                    case _:
                        return None
                in_vain = 0
            except ProtocolError as error:
                self._refuse(session, error, request)
                in_vain += 1
                if in_vain == MAX_REFUSALS:
                    return await self._too_many_refusals(session)
            del message  # a chunk is not kept while the next one is waited for

    async def _take(self, session: Session, message: protocol.ClientMessage) -> None:
        match message:
            case MarkerMessage(id=marker_id, request=request):
                await session.control(Control("marker", marker_id, request))
            case PauseSession(request=request):
                await session.control(Control("pause", request=request))
            case ContinueSession(request=request):
                await session.control(Control("continue", request=request))
            case EditFinding() | ConfirmFinding() | DismissFinding() | AddFinding() | LeaveOut():
                self._decide(session, message)
            case ReviewNote(request=request):
                await session.control(Control("review", request=request))
            case WithdrawConsent():
                self._note("consent_withdrawn", session)
                self._sessions.erase(session)
            case StopSession(request=request):
                if session.requests.is_repeated(request):
                    return
                if session.stopping:
                    raise ProtocolError("session_stopping", "the session is stopping: wait for session_stopped")
                session.stop("client")
                self._note("session_stopped", session)
            case StartSession() | ResumeSession():
                raise ProtocolError("session_already_started", "this connection has a session: open another for more")

    def _decide(self, session: Session, message: protocol.Decision) -> None:
        """What the clinician says of the findings."""
        session.touch()
        match message:
            case EditFinding(finding_id=finding_id, fields=fields, request=request):
                edits = fields.model_dump(exclude_none=True)
                self._judge(session, lambda findings: findings.edit(finding_id, edits), "edited", request)
            case ConfirmFinding(finding_id=finding_id, request=request):
                self._judge(session, lambda findings: findings.confirm(finding_id), "confirmed", request)
            case DismissFinding(finding_id=finding_id, request=request):
                self._judge(session, lambda findings: findings.dismiss(finding_id), "dismissed", request)
            case AddFinding(fields=new, evidence=evidence, request=request):
                quotes = [Quote(said.segment, said.quote, said.start) for said in evidence]
                added = new.model_dump(exclude_none=True)
                if session.judging.add(added, quotes, self._principal.person, request):
                    self._note("finding_added", session)
            case LeaveOut(omission_id=omission_id, request=request):
                if session.judging.leave_out(omission_id, request):
                    self._note("omission_left_out", session)

    def _judge(
        self, session: Session, judgement: Callable[[Findings], Operation], what: Judged, request: int | None
    ) -> None:
        if session.judging.apply(judgement, what, self._principal.person, request):
            self._note(f"finding_{what}", session)

    def _note(self, action: str, session: Session) -> None:
        self._keeper.note(self._request, action, self._principal, session.id)

    def _refused(self, code: str) -> None:
        self._keeper.refused(self._request, code, self._principal)

    def _refuse(self, session: Session, error: ProtocolError, request: int | None = None) -> None:
        """Tells the client that its message was not taken, and notes that. The session counts it."""
        session.error(error, request)
        self._keeper.note(self._request, "refused", self._principal, session.id, outcome=error.code)

    async def _key_bytes(self, session: Session, again_s: float) -> Farewell:
        """The message is not taken, and the session waits to be resumed."""
        self._refused("key_bytes")
        session.error(ProtocolError("key_bytes", KEY_BYTES, math.ceil(again_s)))
        await asyncio.sleep(0)
        return Farewell(Close.FULL, "key_bytes", brief=False)

    def _dismiss(self) -> None:
        """Ends the connection because its key was revoked. Its session waits to be resumed.

        The loops are cancelled and the close handshake follows them: a `close` beside a loop that receives would not
        wait for the client's answer, and the client would see 1006.
        """
        self._refused("key_revoked")
        fields = protocol.error_fields("key_revoked", KEY_REVOKED, fatal=True)
        error = protocol.unnumbered("error", **fields)
        self._dismissal = Farewell(Close.NOT_AUTHORISED, "key_revoked", error)
        if self._receiver is not None:
            self._receiver.cancel()
        elif self._waiting is not None:
            self._waiting.reschedule(asyncio.get_running_loop().time())

    async def turn_away(self, denied: Denied) -> None:
        """Says why the connection gets no session, where a browser can see it, and closes it."""
        fields = protocol.error_fields(denied.code, str(denied), True, denied.retry_after_s)
        close = Close.FULL if denied.status == 429 else Close.NOT_AUTHORISED
        await self._peer.close(Farewell(close, denied.code, protocol.unnumbered("error", **fields)))

    async def _frame_too_large(self, session: Session) -> Farewell:
        limit = session.max_frame_bytes
        told = f"a frame is above {limit} bytes: send 20 ms to 10 s of audio"
        self._refuse(session, ProtocolError("frame_too_large", told))
        # The sender is cancelled with this loop: what the log still holds reaches the client when it resumes.
        await asyncio.sleep(0)
        return Farewell(Close.TOO_LARGE, "frame_too_large", brief=False)

    async def _too_many_refusals(self, session: Session) -> Farewell:
        told = f"{MAX_REFUSALS} messages in a row were refused: mend the client, then resume the session"
        self._refuse(session, ProtocolError("too_many_refusals", told))
        await asyncio.sleep(0)
        if self._visitor is not None:
            self._visitor.deafen()
        return Farewell(Close.BAD_MESSAGE, "too_many_refusals")

    async def _send(self, admission: Admission) -> Farewell | None:
        """Follows the log from the client's place to its last event. Returns None when the socket is closed."""
        session = admission.session
        try:
            if admission.greeting is not None:
                await self._peer.send(admission.greeting)
            async for text in session.log.follow(admission.last_seq):
                await self._peer.send(text)
        except ConnectionError:
            return None
        if session.left is not None:
            return Farewell(session.left, "resume elsewhere")  # the server may be going down
        reason = session.reason or "client"
        code = {"idle": Close.IDLE, "shutdown": Close.GOING_AWAY}.get(reason, Close.DONE)
        return Farewell(code, reason, brief=code is Close.GOING_AWAY)
