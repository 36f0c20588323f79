"""One consultation with a server: audio goes in, events come out, and lost connections are resumed."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Literal, Self, cast

from aiohttp import ClientSession, ClientWebSocketResponse, WSCloseCode

from drtranscribe.events import Event, SessionStarted, SessionStopped
from drtranscribe.order import EventOrder
from drtranscribe.outbox import Outbox
from drtranscribe.record import RecordFormat, fetch_record
from drtranscribe.socket import PROTOCOL, Closed, ConsultationError, Message, address, authorised, greet, receive

_CONNECT_TRIES = 4
_MIN_FRAME_S, _MAX_FRAME_S = 0.02, 5.0  # the protocol's most is 10 s; half of it leaves room to join two frames


def full_jitter(attempt: int, base_s: float = 0.25, cap_s: float = 8.0) -> float:
    """Seconds to wait before attempt 1, 2, 3 ... (AWS Architecture Blog, "Exponential Backoff And Jitter")."""
    return random.uniform(0, min(cap_s, base_s * 2.0**attempt))


class Consultation:
    """One consultation with a server: an async context manager, and an async iterator over its events.

    Make one with `connect`. Entering it starts the session. When the connection is lost, the consultation connects
    again and resumes: every sample arrives once, and every event is given once, in order.

    Leaving the context stops the consultation if `stop` was not called, waits for its last event, and raises a failure
    that no call has raised before. Leaving it by an exception closes the connection alone, without a stop; the server
    then ends the session when `limits.resume_ttl_s` have passed.

    One task may send while another reads. Events wait without limit until they are read; audio that the server has not
    acknowledged waits up to `max_waiting_s`.
    """

    started: SessionStarted
    """The first event, from entering the context on: session_id, limits, models."""

    def __init__(
        self,
        url: str,
        start: Message,
        *,
        api_key: str | None,
        max_waiting_s: float,
        backoff: Callable[[int], float],
    ) -> None:
        rate, channels = start["audio"]["sample_rate"], start["audio"]["channels"]
        self._given_url, self._url, self._api_key = url, address(url), api_key
        self._start, self._backoff = start, backoff
        self._outbox = Outbox(frame_bytes=2 * channels, min_samples=int(rate * _MIN_FRAME_S))
        self._max_frame_bytes = int(rate * _MAX_FRAME_S) * 2 * channels
        self._max_waiting_samples = int(rate * max_waiting_s)
        self._events: asyncio.Queue[Event | None] = asyncio.Queue()
        self._order = EventOrder()
        self._to_send = asyncio.Event()
        self._room = asyncio.Event()
        self._stopping = False
        self._told = False

    @classmethod
    def connect(
        cls,
        url: str,
        *,
        sample_rate: int = 16_000,
        channels: int = 1,
        mode: Literal["ambient", "dual"] = "ambient",
        language: str | None = None,
        patient: Mapping[str, Any] | None = None,
        consent: bool = True,
        appointment_id: str | None = None,
        vocabulary: Sequence[str] | None = None,
        api_key: str | None = None,
        max_waiting_s: float = 60.0,
        backoff: Callable[[int], float] = full_jitter,
    ) -> Self:
        """A consultation to enter with `async with`.

        Entering raises ConsultationError if the session cannot start; `connect` itself does no network traffic and
        raises ConsultationError only for a `url` that is none.

        url: the server's WebSocket, `ws://HOST:PORT/ws` or `wss://HOST/ws`; `/ws` may be left out.
        sample_rate, channels: of the audio for `send`; 8,000 to 48,000 Hz, 1 or 2 channels.
        mode: "dual" means that channel 0 is the clinician and channel 1 the patient; "ambient" is one microphone.
        language: such as "en"; "auto" means the first language that is heard clearly. The server has a default.
        patient: what is known beforehand: `name`, `age`, `gender`, `history`.
        consent: states that the people who are recorded have agreed to it. The server refuses False.
        appointment_id, vocabulary: the server accepts both and does not use them yet.
        api_key: sent as `Authorization: Bearer ...`, for a proxy that asks for a key.
        max_waiting_s: seconds of audio that are kept in memory before `send` waits for the server.
        backoff: the seconds to wait before the n-th try to connect, n = 1, 2, 3 ...
        """
        start: Message = {
            "type": "start_session",
            "audio": {"encoding": "pcm_s16le", "sample_rate": sample_rate, "channels": channels},
            "mode": mode,
            "consent": consent,
        }
        optional = {
            "language": language,
            "patient": patient,
            "appointment_id": appointment_id,
            "vocabulary": vocabulary,
        }
        start |= {name: value for name, value in optional.items() if value is not None}
        return cls(url, start, api_key=api_key, max_waiting_s=max_waiting_s, backoff=backoff)

    async def __aenter__(self) -> Self:
        self._ended: asyncio.Future[SessionStopped] = asyncio.get_running_loop().create_future()
        self._ended.add_done_callback(lambda ended: ended.cancelled() or ended.exception())  # nobody has to ask for it
        self._http = ClientSession(headers=authorised(self._api_key))
        try:
            self._ws = await self._begin()
        except BaseException:
            await self._http.close()
            raise
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if error is None and not self._told:
                await self.stop()
        finally:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._finish(ConsultationError("ended", "the consultation was left before it was stopped"))
            await self._ws.close(code=WSCloseCode.GOING_AWAY)
            await self._http.close()

    @property
    def session_id(self) -> str:
        """The server's name for the session; whoever knows it can fetch the record."""
        return self.started["session_id"]

    async def send(self, pcm: bytes) -> None:
        """Send audio: signed 16-bit little-endian samples, interleaved, any number of whole sample frames.

        Waits while the server is `max_waiting_s` behind. Raises ValueError for a torn sample, and ConsultationError
        once the consultation has failed or ended.
        """
        if len(pcm) % self._outbox.frame_bytes:
            raise ValueError(f"send whole sample frames: multiples of {self._outbox.frame_bytes} bytes, not {len(pcm)}")
        for at in range(0, len(pcm), self._max_frame_bytes):
            self._check_open()
            while self._outbox.waiting_samples >= self._max_waiting_samples:
                self._room.clear()
                await self._room.wait()
                self._check_open()
            self._outbox.put_audio(pcm[at : at + self._max_frame_bytes])
            self._to_send.set()

    async def marker(self, id: int) -> None:
        """Ask for a `marker` event once all that was sent before is transcribed and extracted.

        It may come twice after a lost connection: a message that may not have arrived is sent again.
        """
        self._control({"type": "marker", "id": id})

    async def pause(self) -> None:
        """From here on the server counts the audio, so that times go on, and listens to none of it."""
        self._control({"type": "pause_session"})

    async def continue_(self) -> None:
        """End a pause."""
        self._control({"type": "continue_session"})

    async def edit_finding(self, finding_id: str, fields: Mapping[str, Any]) -> None:
        """Change fields of a finding as the clinician says: `kind`, `text`, `status`, `temporality`, `experiencer`,
        `attributes`. No extractor changes the finding afterwards. An `extraction` event follows, or an `error` event.
        """
        self._control({"type": "edit_finding", "finding_id": finding_id, "fields": dict(fields)})

    async def dismiss_finding(self, finding_id: str) -> None:
        """Retract a finding that is wrong; it does not come back."""
        self._control({"type": "dismiss_finding", "finding_id": finding_id})

    async def confirm_finding(self, finding_id: str) -> None:
        """Keep a finding as it is: no extractor changes it afterwards."""
        self._control({"type": "confirm_finding", "finding_id": finding_id})

    async def stop(self) -> SessionStopped:
        """End the consultation and wait for its last event, `session_stopped`.

        The server first transcribes all that was sent. The events before it stay readable. Raises ConsultationError.
        """
        if not self._stopping and not self._ended.done():
            self._control({"type": "stop_session"})
            self._stopping = True
        await asyncio.wait([self._ended])
        return self._outcome()

    async def record(self, format: RecordFormat = "json") -> bytes:
        """The record so far, or of the ended consultation for as long as the server keeps it.

        The server keeps it for `started["limits"]["resume_ttl_s"]` after the end. Raises ConsultationError.
        """
        return await fetch_record(self._given_url, self.session_id, format, api_key=self._api_key)

    async def events(self) -> AsyncIterator[Event]:
        """Events as on the wire, each `seq` once and in order, up to `session_stopped`; raises ConsultationError."""
        while (event := await self._events.get()) is not None:
            yield event
        self._events.put_nowait(None)
        self._outcome()

    def __aiter__(self) -> AsyncIterator[Event]:
        return self.events()

    def _control(self, message: Message) -> None:
        self._check_open()
        self._outbox.put_control(message)
        self._to_send.set()

    def _check_open(self) -> None:
        if self._ended.done():
            self._outcome()
        if self._stopping or self._ended.done():
            raise ConsultationError("ended", "the consultation has ended")

    def _outcome(self) -> SessionStopped:
        """The last event. Raises what the consultation failed with, and notes that somebody was told."""
        self._told = True
        return self._ended.result()

    async def _begin(self) -> ClientWebSocketResponse:
        attempt = 0
        while True:
            attempt += 1
            try:
                ws, started = await greet(self._http, self._url, self._start, "session_started")
            except Closed as closed:
                if error := closed.fatal():
                    raise error from None
                if attempt == _CONNECT_TRIES:
                    message = f"cannot reach {self._url}: is the server running there (drtranscribe serve)?"
                    raise ConsultationError("unreachable", message) from closed.__cause__
                await asyncio.sleep(self._backoff(attempt))
                continue
            self.started = cast(SessionStarted, started)
            limit = int(started.get("limits", {}).get("max_frame_bytes", 0)) // 2
            if limit:
                frame = self._outbox.frame_bytes
                self._max_frame_bytes = max(frame, min(self._max_frame_bytes, limit // frame * frame))
            self._deliver(started)
            return ws

    async def _run(self) -> None:
        try:
            while not self._ended.done():
                await self._converse(self._ws)
                if not self._ended.done():
                    self._ws = await self._resume()
            await self._ws.close()
            self._finish()
        except ConsultationError as error:
            self._finish(error)
        except (ValueError, KeyError, TypeError) as error:
            message = f"the server broke {PROTOCOL}: {type(error).__name__} {error}"
            self._finish(ConsultationError("bad_event", message))

    def _finish(self, error: ConsultationError | None = None) -> None:
        """Let everybody go who waits for an event, for the end, or for room."""
        if error and not self._ended.done():
            self._ended.set_exception(error)
        self._events.put_nowait(None)
        self._room.set()

    async def _converse(self, ws: ClientWebSocketResponse) -> None:
        """Send and receive until the connection is lost or the session has ended."""
        sender = asyncio.create_task(self._send_all(ws))
        fatal: ConsultationError | None = None
        try:
            while not self._ended.done():
                event = await receive(ws)
                if event["type"] == "error" and event.get("fatal"):
                    fatal = ConsultationError.of(event)
                self._deliver(event)
        except Closed as closed:
            if error := fatal or closed.fatal():
                raise error from None
        finally:
            sender.cancel()
            await asyncio.gather(sender, return_exceptions=True)

    async def _send_all(self, ws: ClientWebSocketResponse) -> None:
        # A broken connection ends this quietly: the receiver may still read why the server closed it.
        with suppress(ConnectionError):
            while True:
                self._to_send.clear()
                while (message := self._outbox.next()) is not None:
                    await (ws.send_bytes(message) if isinstance(message, bytes) else ws.send_json(message))
                await self._to_send.wait()

    async def _resume(self) -> ClientWebSocketResponse:
        """A connection on which the session goes on. Raises ConsultationError when the server has given it up."""
        ttl_s = float(self.started["limits"].get("resume_ttl_s", 120))
        deadline, attempt = asyncio.get_running_loop().time() + ttl_s, 0
        resume = {"session_id": self.session_id, "resume_token": self.started["resume_token"]}
        while True:
            attempt += 1
            try:
                message = {"type": "resume_session", **resume, "last_seq": self._order.last_seq}
                ws, resumed = await greet(self._http, self._url, message, "session_resumed")
            except Closed as closed:
                error = closed.fatal()
                if error and closed.code != 1013:  # a full server may have room again while the session still waits
                    raise error from None
                wait_s = max(self._backoff(attempt), (error and error.retry_after_s) or 0)
                if asyncio.get_running_loop().time() + wait_s > deadline:
                    message_ = f"the connection was lost, and {attempt} tries to resume within {ttl_s:.0f} s failed"
                    raise ConsultationError("connection_lost", message_) from closed.__cause__
                await asyncio.sleep(wait_s)
                continue
            self._outbox.rewind(resumed["received_samples"])
            self._room.set()
            self._deliver(resumed)
            return ws

    def _deliver(self, event: Message) -> None:
        for due in self._order.due(event):
            if due["type"] == "progress":
                self._outbox.acknowledge(due["received_samples"])
                self._room.set()
            elif due["type"] == "marker":
                self._outbox.marker_echoed(due["id"])
            elif due["type"] == "session_stopped":
                self._ended.set_result(cast(SessionStopped, due))
            self._events.put_nowait(cast(Event, due))
