"""`GET /v1/listen`: a session of ours behind Deepgram's live WebSocket."""

import asyncio
import hashlib
import json
import math
from dataclasses import dataclass

from aiohttp import WSMsgType, web
from pydantic_core import to_json

from inference.stream import Control
from server.access.access import Denied
from server.access.principal import Principal
from server.compat.deepgram import query
from server.compat.deepgram.query import Asked
from server.compat.deepgram.results import Message, Results, error
from server.compat.line import Line, Site
from server.guards.bounds import TooMuch, decoded
from server.protocol import AudioFields, Close, ProtocolError, StartSession
from server.sessions.session import Session
from server.socket.admission import Refused
from server.socket.handshake import socket
from server.socket.peer import Farewell
from server.socket.websocket import MAX_REFUSALS

CONSENT = "Not stated in words: the client speaks Deepgram's protocol, which has no field for consent."
"""What the record says. Whoever connects a client answers for the consent of those who are recorded."""

SUBPROTOCOLS = ("token", "bearer")
"""Offered by browsers, with the key behind it: they cannot set headers."""

LOOKED_AHEAD = 4
"""Events behind a final that are looked at, to see whether its speaker goes on."""

NO_AUDIO, POLICY = 1011, 1008

MESSAGES = "KeepAlive, Finalize and CloseStream"
KEY_BYTES = "this key sends more bytes a minute than it may: connect again later"
KEY_REVOKED = "the key of this connection was revoked: connect with another one"
TORN = "the audio ended in the middle of a sample: send whole samples, signed 16-bit little-endian"

ERR_CODES = {401: "INVALID_AUTH", 403: "INSUFFICIENT_PERMISSIONS", 429: "TOO_MANY_REQUESTS", 400: "Bad Request"}
"""Deepgram's own names for refusals, by status."""


@dataclass(frozen=True, slots=True)
class Listen:
    """The handler of one server."""

    site: Site

    async def get(self, request: web.Request) -> web.StreamResponse:
        """The handshake, then the stream until it is closed. A refusal is an HTTP status, as Deepgram's are."""
        keeper = self.site.keeper
        try:
            principal = keeper.admit(request, "speak")
        except Denied as denied:
            if not denied.explained:
                return keeper.refusal(request, denied)
            return _refusal(denied.status, denied.code, str(denied), denied.retry_after_s)
        ws = socket(*SUBPROTOCOLS)
        try:
            if not ws.can_prepare(request).ok:
                raise ProtocolError("no_websocket", "connect with a WebSocket: this path takes live audio alone")
            asked = query.read(request.query)
            line = Line(ws, request, self.site, principal, _revoked())
            session = await line.admit(_start(asked), query.ANY_LANGUAGE)
        except ProtocolError as fault:
            keeper.refused(request, fault.code, principal)
            return _refusal(400, fault.code, str(fault))
        except Refused as refused:
            keeper.refused(request, refused.error.code, principal)
            status = 400 if refused.close is Close.BAD_MESSAGE else 429 if refused.error.code == "key_sessions" else 503
            return _refusal(status, refused.error.code, str(refused.error), refused.retry_after_s)
        line.note("session_started", session)
        ws.headers["dg-request-id"] = session.id
        try:
            await ws.prepare(request)
            if line.visitor is not None:
                line.visitor.admitted()
            stream = _Stream(line, session, asked, principal, self.site)
            await line.converse(stream.receive(), stream.send())
        finally:
            session.detach(line)
            if not session.stopping:  # nobody can resume it: what was said so far is its whole record
                session.stop("client")
                line.note("session_stopped", session)
        return ws


class _Stream:
    """One stream on its line: what the client sends, and what it is sent."""

    def __init__(self, line: Line, session: Session, asked: Asked, principal: Principal, site: Site) -> None:
        self._line = line
        self._session = session
        self._principal = principal
        self._quotas = site.keeper.access.quotas
        self._results = Results(asked, session.id)
        self._sha256 = hashlib.sha256()
        self._torn = b""  # the beginning of a sample frame whose rest is in the next message

    async def receive(self) -> Farewell | None:
        """Takes what the client sends until the socket is closed. Slow sessions hold the socket back."""
        in_vain = 0
        clock = asyncio.get_running_loop().time
        while True:
            asked = clock()
            message = await self._line.next()
            try:
                match message.type:
                    case WSMsgType.BINARY if message.data:
                        if again_s := self._quotas.receive(self._principal, len(message.data)):
                            return self._key_bytes(again_s)
                        await self._hear(message.data, clock() - asked)
                    case WSMsgType.BINARY:
                        self._close()  # an empty message is an older way to say CloseStream
                    case WSMsgType.TEXT:
                        await self._take(message.data)
                    case _:
                        return None
                in_vain = 0
            except ProtocolError as fault:
                self._session.error(fault)
                self._line.note_fault(fault.code, self._session)
                in_vain += 1
                if in_vain == MAX_REFUSALS:
                    self._line.deafen()
                    told = f"{MAX_REFUSALS} messages in a row were refused: mend the client, then connect again"
                    self._line.fault("too_many_refusals", told, self._session)
                    return self._farewell(POLICY, "too_many_refusals", told)
            del message  # a chunk is not kept while the next one is waited for

    async def send(self) -> Farewell | None:
        """Follows the session's log to its end. Returns None when the socket is closed."""
        session, log = self._session, self._session.log
        try:
            async for text in log.follow(0):
                event = json.loads(text)
                later = []
                if event["type"] == "transcript" and event["segment"]["final"]:
                    later = [json.loads(behind) for _, behind in log.after(event["seq"], LOOKED_AHEAD)]
                for message in self._results.messages(event, later):
                    await self._line.send(to_json(message))
            if session.left is not None:
                return Farewell(session.left, "connect again")
            await self._line.send(to_json(self._results.metadata(self._sha256.hexdigest())))
        except ConnectionError:
            return None
        match session.reason:
            case "idle":
                limit_s = session.limits.idle_timeout_s
                told = f"no audio and no KeepAlive came for {limit_s:g} s: send one of them in time, or CloseStream"
                return self._farewell(NO_AUDIO, "NET-0001", told)
            case "shutdown":
                return Farewell(Close.GOING_AWAY, "the server is going down: connect again")
            case reason:
                return Farewell(Close.DONE, reason or "client")

    async def _hear(self, data: bytes, waited_s: float) -> None:
        """Audio is a stream, which Deepgram lets clients cut anywhere: half a sample waits for its other half."""
        self._sha256.update(data)
        data = self._torn + data
        frame_bytes = self._session.options.audio.frame_bytes
        whole = len(data) // frame_bytes * frame_bytes
        data, self._torn = data[:whole], data[whole:]
        most = self._session.max_frame_bytes
        for at in range(0, len(data), most):
            await self._session.receive_audio(data[at : at + most], waited_s if at == 0 else 0.0)

    async def _take(self, text: str) -> None:
        match _type(text):
            case "KeepAlive":
                self._session.touch()
            case "Finalize":
                await self._session.control(Control("marker"))
                self._results.finalize()
            case "CloseStream":
                self._close()
            case _:
                raise ProtocolError("unknown_type", f"this message is unknown: send audio as binary, or {MESSAGES}")

    def _close(self) -> None:
        if self._torn:
            self._session.error(ProtocolError("invalid_audio", TORN))
            self._torn = b""
        if not self._session.stopping:
            self._session.stop("client")
            self._line.note("session_stopped", self._session)

    def _key_bytes(self, again_s: float) -> Farewell:
        self._line.refused("key_bytes")
        return self._farewell(Close.FULL, "key_bytes", f"{KEY_BYTES}, in {math.ceil(again_s)} s")

    def _farewell(self, code: int, why: str, told: str) -> Farewell:
        return Farewell(code, why, to_json(error(why, told, self._session.id)))


def _start(asked: Asked) -> StartSession:
    return StartSession(
        type="start_session",
        audio=AudioFields(sample_rate=asked.sample_rate, channels=asked.channels),
        language=asked.language,
        mode=asked.mode,
        appointment_id=None,
        clinician_id=None,
        vocabulary=list(asked.terms),
        consent=True,
        consent_wording=CONSENT,
    )


def _type(text: str) -> str:
    """The type of a client's message. Raises ProtocolError."""
    try:
        message = decoded(text)
    except TooMuch as much:
        raise ProtocolError("text_too_large", str(much)) from None
    except ValueError:
        raise ProtocolError("not_json", f"a text message is not JSON: send {MESSAGES} as JSON") from None
    said = message.get("type") if isinstance(message, dict) else None
    if not isinstance(said, str):
        raise ProtocolError("invalid_message", f'a message needs a "type": {MESSAGES}')
    return said


def _revoked() -> Farewell:
    return Farewell(Close.NOT_AUTHORISED, "key_revoked", to_json(error("key_revoked", KEY_REVOKED, "")))


def _refusal(status: int, code: str, message: str, retry_after_s: float | None = None) -> web.Response:
    """An HTTP error in Deepgram's fields; `dg-error` repeats it for clients that show nothing of the body."""
    headers = {"Cache-Control": "no-store", "dg-error": message}
    if status == 401:
        headers["WWW-Authenticate"] = "Token"
    if retry_after_s is not None:
        headers["Retry-After"] = str(math.ceil(retry_after_s))
    told: Message = {"err_code": ERR_CODES.get(status, code), "err_msg": message, "code": code, "request_id": ""}
    response = web.json_response(told, status=status, headers=headers)
    if status in (401, 403):
        response.force_close()
    return response
