"""A session over as many connections as it takes: begun, kept up, and resumed where it left off."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import cast

from aiohttp import ClientSession, ClientWebSocketResponse, WSCloseCode
from yarl import URL

from drtranscribe.events import Event, SessionStarted, SessionStopped
from drtranscribe.outbox import Outbox
from drtranscribe.socket import (
    FULL,
    NO_SUCH_SESSION,
    PROTOCOL,
    Closed,
    ConsultationError,
    Message,
    Ticket,
    address,
    authorised,
    greet,
    receive,
)

ENCODED_BYTES_PER_S = 16_000
"""What a recorder's stream is taken to have: 128 kbit/s. Its bytes say nothing of their time."""

_CONNECT_TRIES = 4
_DIAL_TIMEOUT_S = 10.0
_DIAL_OF_SEVERAL_S = 2.0
_MIN_FRAME_S, _MAX_FRAME_S = 0.02, 5.0  # the protocol's most is 10 s; half of it leaves room to join two frames


class Transport:
    """Moves the messages of one session: `outbox` to the server, and the server's events into `events`.

    `ended` is done when the session is: with its last event, or with the ConsultationError that it failed with.
    `room` is set whenever audio was acknowledged, or no more will be. `events` ends with None.
    """

    started: SessionStarted

    def __init__(
        self,
        urls: Sequence[URL],
        start: Message,
        api_key: str | None,
        backoff: Callable[[int], float],
        ticket: Ticket | None = None,
    ) -> None:
        audio = start["audio"]
        self._bare = audio["encoding"] == "pcm_s16le"
        # The position in a recorder's stream is counted in bytes, and every byte is one of its frames.
        rate, frame_bytes = (audio["sample_rate"], 2 * audio["channels"]) if self._bare else (ENCODED_BYTES_PER_S, 1)
        self._urls, self._start, self._api_key, self._backoff = list(urls), start, api_key, backoff
        self._ticket = ticket
        self.outbox = Outbox(frame_bytes=frame_bytes, min_samples=int(rate * _MIN_FRAME_S) if self._bare else 1)
        self.max_frame_bytes = int(rate * _MAX_FRAME_S) * frame_bytes
        self.events: asyncio.Queue[Event | None] = asyncio.Queue()
        self.room = asyncio.Event()
        self._last_seq = 0
        self._to_send = asyncio.Event()

    @property
    def url(self) -> URL:
        """The server that the session is at."""
        return self._urls[0]

    async def open(self) -> None:
        """Start the session. Raises ConsultationError."""
        self.ended: asyncio.Future[SessionStopped] = asyncio.get_running_loop().create_future()
        self.ended.add_done_callback(lambda ended: ended.cancelled() or ended.exception())  # nobody has to ask for it
        self._http = ClientSession(headers=authorised(self._api_key))
        try:
            self._ws = await self._begin()
        except BaseException:
            await self._http.close()
            raise
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Leave the session as it is; the server ends it later."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._finish(ConsultationError("ended", "the consultation was left before it was stopped"))
        await self._ws.close(code=WSCloseCode.GOING_AWAY)
        await self._http.close()

    def put_audio(self, pcm: bytes) -> None:
        """Sends whole sample frames, at most `max_frame_bytes`, after all that was put before."""
        self.outbox.put_audio(pcm)
        self._to_send.set()

    def put_control(self, message: Message) -> None:
        """Sends a control message after all that was put before."""
        self.outbox.put_control(message)
        self._to_send.set()

    async def _begin(self) -> ClientWebSocketResponse:
        attempt = 0
        while True:
            attempt += 1
            try:
                ws, started = await self._greet(self._start, "session_started")
            except Closed as closed:
                error = closed.fatal()
                if error and (closed.code != FULL or attempt >= len(self._urls)):
                    raise error from None
                if attempt >= _CONNECT_TRIES * len(self._urls):
                    message = f"cannot reach {self.url}: is the server running there (drtranscribe serve)?"
                    raise ConsultationError("unreachable", message) from closed.__cause__
                await self._go_on(attempt, self._backoff(attempt // len(self._urls)))
                continue
            self.started = cast(SessionStarted, started)
            self._learn_addresses(started)
            limit = int(started.get("limits", {}).get("max_frame_bytes", 0)) // 2
            if limit:
                frame = self.outbox.frame_bytes
                self.max_frame_bytes = max(frame, min(self.max_frame_bytes, limit // frame * frame))
            self._deliver(started)
            return ws

    @property
    def _dial_s(self) -> float:
        """Where another server may answer, this one has less time."""
        return _DIAL_TIMEOUT_S if len(self._urls) == 1 else _DIAL_OF_SEVERAL_S

    async def _greet(self, message: Message, answer: str) -> tuple[ClientWebSocketResponse, Message]:
        return await greet(self._http, self.url, message, answer, self._dial_s, self._ticket)

    async def _go_on(self, attempt: int, wait_s: float) -> None:
        """To the next address at once, and to the first one again after a wait."""
        self._urls.append(self._urls.pop(0))
        if attempt % len(self._urls) == 0:
            await asyncio.sleep(wait_s)

    def _learn_addresses(self, started: Message) -> None:
        for told in started.get("addresses", ()):
            with suppress(ConsultationError):
                if (url := address(str(told))) not in self._urls:
                    self._urls.append(url)

    async def _run(self) -> None:
        try:
            while not self.ended.done():
                wait_s = await self._converse(self._ws)
                if not self.ended.done():
                    await asyncio.sleep(wait_s)
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
        if error and not self.ended.done():
            self.ended.set_exception(error)
        self.events.put_nowait(None)
        self.room.set()

    async def _converse(self, ws: ClientWebSocketResponse) -> float:
        """Send and receive until the connection is lost or the session has ended.

        Returns the seconds that the server wants to have passed before the session is resumed.
        """
        sender = asyncio.create_task(self._send_all(ws))
        fatal: ConsultationError | None = None
        wait_s = 0.0
        try:
            while not self.ended.done():
                event = await receive(ws)
                if event["type"] == "error":
                    wait_s = event.get("retry_after_s", 0.0)
                    if event.get("fatal"):
                        fatal = ConsultationError.of(event)
                self._deliver(event)
        except Closed as closed:
            if closed.code == WSCloseCode.TRY_AGAIN_LATER and fatal is None:
                return wait_s  # the key was used too much for the moment: the session waits
            if error := fatal or closed.fatal():
                raise error from None
        finally:
            sender.cancel()
            await asyncio.gather(sender, return_exceptions=True)
        return 0.0

    async def _send_all(self, ws: ClientWebSocketResponse) -> None:
        # A broken connection ends this quietly: the receiver may still read why the server closed it.
        with suppress(ConnectionError):
            while True:
                self._to_send.clear()
                while (message := self.outbox.next()) is not None:
                    await (ws.send_bytes(message) if isinstance(message, bytes) else ws.send_json(message))
                await self._to_send.wait()

    async def _resume(self) -> ClientWebSocketResponse:
        """A connection on which the session goes on. Raises ConsultationError when every server has given it up."""
        ttl_s = float(self.started["limits"].get("resume_ttl_s", 120))
        deadline, attempt, unknown = asyncio.get_running_loop().time() + ttl_s, 0, 0
        resume = {"session_id": self.started["session_id"], "resume_token": self.started["resume_token"]}
        while True:
            attempt += 1
            try:
                message = {"type": "resume_session", **resume, "last_seq": self._last_seq}
                ws, resumed = await self._greet(message, "session_resumed")
            except Closed as closed:
                error = closed.fatal()
                unknown += closed.code == NO_SUCH_SESSION
                # A full server may have room again, and a session that one server does not know another one may.
                final = unknown >= len(self._urls) if closed.code == NO_SUCH_SESSION else closed.code != FULL
                if error and final:
                    raise error from None
                wait_s = max(self._backoff(attempt // len(self._urls)), (error and error.retry_after_s) or 0)
                if asyncio.get_running_loop().time() + wait_s > deadline:
                    message_ = f"the connection was lost, and {attempt} tries to resume within {ttl_s:.0f} s failed"
                    raise ConsultationError("connection_lost", message_) from closed.__cause__
                await self._go_on(attempt, wait_s)
                continue
            self.outbox.rewind(resumed["received_samples" if self._bare else "received_bytes"])
            self.room.set()
            return ws

    def _deliver(self, event: Message) -> None:
        seq = event.get("seq")  # an error before there is a session has none
        if seq is not None:
            if seq <= self._last_seq:
                return  # a resumed connection repeats it
            self._last_seq = seq
        if "request" in event or event["type"] == "marker":
            self.outbox.answered(event)
        if event["type"] == "progress":
            unit = "samples" if self._bare else "bytes"
            self.outbox.acknowledge(event[f"received_{unit}"], event.get(f"durable_{unit}"))
            self.room.set()
        elif event["type"] == "session_stopped":
            self.ended.set_result(cast(SessionStopped, event))
        self.events.put_nowait(cast(Event, event))
