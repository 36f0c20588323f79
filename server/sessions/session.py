"""A session: the event log, the count of received samples, and the stream that turns audio into events.

A session exists independently of any socket: a connection attaches to it, may be lost, and another one takes its place.
"""

import asyncio
import hmac
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol, TypeVar
from weakref import WeakMethod

from inference.extraction.isolation import place_of, release
from inference.pipeline import Pipeline
from inference.stream import Checkpoint, Control, Stream, StreamOptions
from inference.updates import Drained, Fault, Notice, Update
from server.media.decoding import Decoding
from server.monitoring.metrics import Metrics
from server.protocol import (
    Close,
    ClosingReason,
    ProtocolError,
    answered,
    error_fields,
    update_fields,
)
from server.sessions.events import EventLog
from server.sessions.intake.intake import Intake
from server.sessions.intake.requests import Requests
from server.sessions.judging import Judging
from server.sessions.presence import Limits, Presence
from server.store.restoring import Restored
from server.store.sharing import Shared

logger = logging.getLogger(__name__)

T = TypeVar("T")

ROUNDING_S = 0.1
"""A resampler returns slightly less audio than it was given; a difference below this is not lost audio."""


@dataclass(frozen=True, slots=True)
class Again:
    """A session that is taken over from the store. `last_seq` is the highest event number that was ever given."""

    id: str
    token: str
    started_at: datetime
    restored: Restored
    last_seq: int


class Attachment(Protocol):
    """The part of a connection that its session uses."""

    async def alive(self) -> bool: ...

    def drop(self) -> None: ...


class Session:
    """Run `run` once as a task, and pass in what the client sends. All events for the client are in `log`."""

    def __init__(
        self,
        pipeline: Pipeline,
        options: StreamOptions,
        limits: Limits,
        metrics: Metrics,
        ended: Callable[["Session"], None] = lambda session: None,
        owner: str | None = None,
        *,
        store: Shared | None = None,
        again: Again | None = None,
        decoding: Decoding | None = None,
    ) -> None:
        restored = again.restored if again is not None else Restored()
        self.id = again.id if again is not None else secrets.token_urlsafe(12)
        self.resume_token = again.token if again is not None else secrets.token_urlsafe(32)
        self.owner = owner
        """Whom the session belongs to (see server/access/principal.py); None on a server without keys."""
        self.options = options
        self.limits = limits
        self.started_at = again.started_at if again is not None else datetime.now(UTC)
        self.log = (
            EventLog(held=store is not None) if again is None else EventLog.restored(restored.events, again.last_seq)
        )
        self._received_before, self._notices_before = restored.received, restored.notices
        self.requests = Requests(restored.requests)
        self.reason: ClosingReason | None = None
        self.attachment: Attachment | None = None
        # A weak reference: otherwise the session and its stream would keep each other until the cyclic collector runs.
        tell, keep = _weakly(self._emit), _weakly(self._keep)
        self._intake = Intake(
            options, limits.queue_chunks, decoding or Decoding(), restored, keeps=store is not None, tell=tell
        )
        self._stream: Stream = pipeline.open(
            self.id, options, tell, None if store is None else keep, None if again is None else restored.resumed
        )
        self.judging = Judging(self.log, self.requests, self._stream.extraction, restored.edits_bytes)
        self.journal = None
        if store is not None:
            self.journal = store.journal(
                self.id,
                self.resume_token,
                options,
                self.started_at,
                self.log,
                lambda code, message: tell(Notice(code, message)),
                _weakly(self._lose),
                None if again is None else restored,
                owner,
            )
        self._presence = Presence(limits, restored.paused)
        self._stop: asyncio.Task[None] | None = None
        self._metrics = metrics
        self._trace = metrics.trace()
        self._ended = ended
        self._running: asyncio.Task[None] | None = None
        self.left: Close | None = None
        """The close code for the client of a session that goes on elsewhere or was erased; None while neither is so.
        Such a session ends without a `session_stopped`."""
        self.given_up = False
        """True when the session is stopped because another one needs its place."""

    @property
    def max_frame_bytes(self) -> int:
        return self._intake.max_frame_bytes

    @property
    def received_samples(self) -> int:
        return self._intake.received_samples

    @property
    def durable_samples(self) -> int:
        """The client may forget its audio before this sample."""
        return self.received_samples if self.journal is None else self.journal.durable_samples

    @property
    def positions(self) -> dict[str, int]:
        """Where the client stands in bytes, with the names of the protocol; empty where it sends bare samples."""
        received = self._intake.received_bytes
        if received is None:
            return {}
        return {
            "received_bytes": received,
            "durable_bytes": received if self.journal is None else self.journal.durable_bytes,
        }

    @property
    def audio_s(self) -> float:
        return self.received_samples / self.options.audio.sample_rate

    @property
    def transcribed_s(self) -> float:
        """Seconds of received audio whose finals are out."""
        return self._stream.transcribed_s

    @property
    def left_s(self) -> float:
        """Seconds of received audio whose finals are not out."""
        left = self.audio_s - self.transcribed_s
        return left if left > ROUNDING_S else 0.0

    @property
    def stopping(self) -> bool:
        return self.reason is not None

    def owns(self, resume_token: str) -> bool:
        # What a client sends may hold half a surrogate pair, which no encoder takes.
        return hmac.compare_digest(self.resume_token.encode(), resume_token.encode(errors="replace"))

    async def run(self) -> None:
        """Runs until, after a stop, everything received is transcribed; then appends `session_stopped` to the log."""
        self._running = asyncio.current_task()
        try:
            if self.left is None:
                await self._work()
        except ExceptionGroup as failed:
            # A bug of ours, or a device that is gone for good. What was transcribed so far is in the log.
            names = ", ".join(sorted({type(error).__name__ for error in failed.exceptions}))
            places = "; ".join(map(place_of, failed.exceptions))
            logger.error("a session failed: %s", places)
            self._fault("internal", f"the session failed ({names}): start a new one; the transcript so far is complete")
            self.reason = self.reason or "shutdown"
            release(failed)
        except asyncio.CancelledError as cancelled:
            release(cancelled)
            raise
        finally:
            self._running = None
            if self._stop is not None:
                self._stop.cancel()
            if self.left is None:
                self._finish()
            self._trace.end(self.reason or ("shutdown" if self.left is None else "elsewhere"))
            self.log.close(abandoned=self.left is not None)
            self._ended(self)
            self._stream.erase()
            self._intake.close()

    async def _work(self) -> None:
        # In a frame of its own, so that `release` can empty it: its task group refers to the task, that to the error.
        async with asyncio.TaskGroup() as group:
            group.create_task(self._stream.run())
            group.create_task(self._intake.run(self._stream))

    def _finish(self) -> None:
        extraction, findings = self._stream.extraction, 0
        segments = sum(bool(segment.text) for segment in self._stream.transcript.finals)
        with extraction.isolation:
            findings = len(extraction.findings.all())
        left_s = self.left_s
        if self.reason == "withdrawn":
            self.log.erase()
            segments = findings = 0
        elif left_s:
            self._fault(
                "untranscribed",
                f"the last {left_s:.1f} s of the audio received are not in the transcript: the server had no time left "
                "for them; if you still have the audio, send it in a new session",
            )
        self.log.append(
            "session_stopped",
            reason=self.reason or "shutdown",
            audio_s=round(self.audio_s, 3),
            transcribed_s=round(self.audio_s - left_s, 3),
            segments=segments,
            findings=findings,
        )
        self._metrics.sessions_ended.labels(self.reason or "shutdown").inc()

    def _fault(self, code: str, message: str) -> None:
        self._metrics.observe(Fault(code, message))
        if not self.log.closed:
            self.log.append("error", **error_fields(code, message, fatal=False))

    def attach(self, attachment: Attachment) -> None:
        assert self.attachment is None
        self.attachment = attachment
        self._intake.begin()
        self._presence.heard()
        self._metrics.connections.inc()

    def detach(self, attachment: Attachment) -> None:
        """Leaves the session to be resumed. Does nothing if another connection is attached by now."""
        if self.attachment is attachment:
            self.attachment = None
            self._presence.heard()
            self._metrics.connections.dec()

    async def receive_audio(self, data: bytes, waited_s: float = 0.0) -> int:
        """Accepts a binary frame for which the socket waited `waited_s` seconds. Waits while the session is behind.

        Returns by how many bytes the frame would be longer as bare samples at 16 kHz. Raises ProtocolError for a frame
        that it cannot accept.
        """
        self._presence.heard()
        if self.stopping:
            raise ProtocolError("session_stopping", "audio after stop_session: start a new session for more")
        frame = await self._intake.put_audio(data, waited_s)
        self._presence.heard()  # the time spent waiting for the session is not the client's silence
        if self.log.closed:  # it ended while the frame waited for room, and has told how much it received
            return 0
        more_bytes = self._intake.count(frame)
        self._metrics.chunks.inc()
        self._metrics.audio_seconds.inc(self._intake.seconds(frame))
        if self.audio_s >= self.limits.max_session_s:
            self.stop("limit")
        return more_bytes

    async def control(self, control: Control) -> None:
        """Accepts a marker, a pause, its end, or a request for the review. Raises ProtocolError.

        A control with a number is answered once, however often it comes.
        """
        self._presence.heard()
        if self.requests.is_repeated(control.request):
            return
        if self.stopping:
            raise ProtocolError("session_stopping", "the session is stopping: wait for session_stopped")
        self.requests.allow()
        if control.kind in ("pause", "continue"):
            self._presence.paused = control.kind == "pause"
        try:
            await self._intake.put_control(control)
        except asyncio.CancelledError:
            # Its connection was lost while it waited for room: it was not taken, and the client sends it again.
            self.requests.forget(control.request)
            raise
        self._presence.heard()

    def touch(self) -> None:
        """Notes that the client is there, and has nothing to say: the session does not end for its silence."""
        self._presence.heard()

    def error(self, error: ProtocolError, request: int | None = None) -> None:
        """Tells the client that a message was refused, its own number of it being `request`; the session continues."""
        self._metrics.observe(Fault(error.code, str(error)))
        if error.retry_after_s is not None:
            self.requests.forget(request)  # it was not taken, and may come again
        if not self.log.closed:
            fields = error_fields(error.code, str(error), False, error.retry_after_s)
            self.log.refuse(**fields, **answered(request))

    def stop(self, reason: ClosingReason) -> None:
        """Begins to stop: what was received is transcribed and extracted, then the log is closed."""
        if self.reason is None:
            self.reason = reason
            # A task of the session: the connection that asks for the stop may be gone before the queue has room.
            self._stop = asyncio.create_task(self._intake.put_control(Control("stop")))

    def withdraw(self) -> None:
        """Notes that the consent was withdrawn: whoever runs the session cancels it, and nothing of it is kept."""
        self.reason = "withdrawn"
        self.log.erase()

    def leave(self, close: Close = Close.GOING_AWAY) -> None:
        """Ends the session here without its last event, because it goes on elsewhere or was erased."""
        self.left = self.left or close
        if self._running is not None:
            self._running.cancel()

    def give_up(self, now: float) -> bool:
        """Stops the session if it has kept its place for too long without sending audio. Returns whether it stops."""
        late = not self.received_samples and self._presence.is_late(now)
        if late and not self.stopping and not self._intake.held_back:
            self.given_up = True
            self.stop("idle")
        return self.given_up

    def forsaken(self, now: float) -> bool:
        """Whether the session should end because nothing came, or nobody resumed it, for too long.

        `now` is the time of `patience`.
        """
        # A client that waits for room in the queue has sent something that was not counted yet.
        if self.stopping or self._intake.held_back:
            return False
        # One that waits for what its audio says, or for an answer, says nothing until it has that.
        if self.attachment is not None and not (self._intake.idle and self._stream.idle):
            self._presence.heard()
            return False
        return self._presence.is_over(now, attached=self.attachment is not None, audio=self.received_samples > 0)

    def _emit(self, update: Update) -> None:
        if isinstance(update, Notice) and self._was_told(update):
            return
        self._metrics.observe(update)
        self._trace.observe(update)
        event = update_fields(update, self.received_samples, self.durable_samples, self.positions)
        if event is not None and not self.log.closed:
            type_, fields = event
            if type_ == "extraction":
                self.judging.mark(fields)
            self.log.append(type_, **fields)
        assert not isinstance(update, Drained) or self.stopping

    def _was_told(self, notice: Notice) -> bool:
        """Whether a notice about audio that is heard again was told before the session was resumed here."""
        told = notice.code, notice.message
        if self.received_samples > self._received_before or not self._notices_before[told]:
            return False
        self._notices_before[told] -= 1
        return True

    def _keep(self, checkpoint: Checkpoint) -> None:
        if self.journal is not None:
            self.journal.keep(replace(checkpoint, container=self._intake.place(checkpoint.mark)))

    def _lose(self, why: str) -> None:
        if self.reason == "withdrawn":
            self.log.let_go()  # the last event is not stored, and the client is to receive it all the same
            return
        if why == "ERASED":
            self.log.erase()
        self.leave(Close.NO_SUCH_SESSION if why == "ERASED" else Close.GOING_AWAY)


def _weakly(method: Callable[[T], None]) -> Callable[[T], None]:
    """Calls a method of the session while the session is there."""
    weak = WeakMethod(method)

    def call(told: T) -> None:
        there = weak()
        if there is not None:  # whoever runs the stream holds the session, so this is so until it has ended
            there(told)

    return call
