"""A session: the event log, the count of received samples, and the stream that turns audio into events.

A session exists independently of any socket: a connection attaches to it, may be lost, and another one takes its place.
"""

import asyncio
import hmac
import logging
import math
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Protocol
from weakref import WeakMethod

from inference.audio.decoding import AudioError
from inference.extraction.evidence.merging import Findings
from inference.extraction.isolation import place_of, release
from inference.findings import Operation, Quote
from inference.pipeline import Pipeline
from inference.stream import Checkpoint, Control, Stream, StreamOptions
from inference.timing import Timings
from inference.updates import Drained, Fault, Notice, Update
from server.guards.bounds import MESSAGES_AT_ONCE, MESSAGES_PER_S
from server.media.decoding import Decoding
from server.monitoring.metrics import Metrics
from server.protocol import (
    Close,
    ClosingReason,
    Judged,
    ProtocolError,
    answered,
    error_fields,
    update_fields,
)
from server.sessions.allowance import Allowance
from server.sessions.events import EventLog
from server.sessions.intake.inbox import Inbox
from server.sessions.intake.incoming import Frame, equivalent_bytes
from server.sessions.intake.pace import Pace
from server.sessions.intake.recorder import incoming
from server.sessions.judging import Judging
from server.sessions.presence import Limits, Presence
from server.store.restoring import Restored
from server.store.sharing import Shared

logger = logging.getLogger(__name__)

DAMAGED = (
    "a part of the recorder's stream could not be decoded and is taken for silence: check that every byte of it is "
    "sent once and in order"
)

ROUNDING_S = 0.1
"""A resampler returns slightly less audio than it was given; a difference below this is not lost audio."""

allowance_clock = time.monotonic


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
        self.received_samples = restored.mark
        self._incoming = incoming(
            options.audio,
            len(options.speakers),
            decoding or Decoding(),
            restored.container,
            restored.mark,
            keeps=store is not None,
        )
        self._told_damage = False
        self._received_before, self._notices_before = restored.received, restored.notices
        self._requests = set(restored.requests)
        self._judging = Judging(self.log, restored.edits_bytes)
        self.reason: ClosingReason | None = None
        self.attachment: Attachment | None = None
        # A weak reference: otherwise the session and its stream would keep each other until the cyclic collector runs.
        tell, keep = WeakMethod(self._emit), WeakMethod(self._keep)
        self._stream: Stream = pipeline.open(
            self.id,
            options,
            lambda update: _deliver(tell, update),
            None if store is None else lambda kept: _deliver(keep, kept),
            None if again is None else restored.resumed,
        )
        self.journal = None
        if store is not None:
            lose = WeakMethod(self._lose)
            self.journal = store.journal(
                self.id,
                self.resume_token,
                options,
                self.started_at,
                self.log,
                lambda code, message: _deliver(tell, Notice(code, message)),
                lambda why: _deliver(lose, why),
                None if again is None else restored,
                owner,
            )
        self._inbox = Inbox(limits.queue_chunks)
        self._presence = Presence(limits, restored.paused)
        self._allowance = Allowance(MESSAGES_PER_S, MESSAGES_AT_ONCE)
        self._pace = Pace()
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
        return self._incoming.max_frame_bytes

    @property
    def audio_s(self) -> float:
        return self.received_samples / self.options.audio.sample_rate

    @property
    def left_s(self) -> float:
        """Seconds of received audio whose finals are not out."""
        left = self.audio_s - self.transcribed_s
        return left if left > ROUNDING_S else 0.0

    @property
    def transcribed_s(self) -> float:
        """Seconds of received audio whose finals are out."""
        return self._stream.transcribed_s

    @property
    def stopping(self) -> bool:
        return self.reason is not None

    def owns(self, resume_token: str) -> bool:
        # What a client sends may hold half a surrogate pair, which no encoder takes.
        return hmac.compare_digest(self.resume_token.encode(), resume_token.encode(errors="replace"))

    @property
    def durable_samples(self) -> int:
        """The client may forget its audio before this sample."""
        return self.received_samples if self.journal is None else self.journal.durable_samples

    @property
    def positions(self) -> dict[str, int]:
        """Where the client stands in bytes, with the names of the protocol; empty where it sends bare samples."""
        received = self._incoming.received_bytes
        if received is None:
            return {}
        return {
            "received_bytes": received,
            "durable_bytes": received if self.journal is None else self.journal.durable_bytes,
        }

    def leave(self, close: Close = Close.GOING_AWAY) -> None:
        """Ends the session here without its last event, because it goes on elsewhere or was erased."""
        self.left = self.left or close
        if self._running is not None:
            self._running.cancel()

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
            self._incoming.close()
            self._inbox.drop()

    async def _work(self) -> None:
        # In a frame of its own, so that `release` can empty it: its task group refers to the task, that to the error.
        async with asyncio.TaskGroup() as group:
            group.create_task(self._stream.run())
            group.create_task(self._pump())

    async def receive_audio(self, data: bytes, waited_s: float = 0.0) -> int:
        """Accepts a binary frame for which the socket waited `waited_s` seconds. Waits while the session is behind.

        Returns by how many bytes the frame would be longer as bare samples at 16 kHz. Raises ProtocolError for a frame
        that it cannot accept.
        """
        now = time.monotonic()
        self._presence.heard()
        if self.stopping:
            raise ProtocolError("session_stopping", "audio after stop_session: start a new session for more")
        try:
            frame = self._incoming.read(data)
        except AudioError as error:
            raise ProtocolError("invalid_audio", str(error)) from None
        duration_s = frame.samples / self.options.audio.sample_rate
        timings = self._inbox.timed(now, duration_s, waited_s)
        self._watch_pace(now, duration_s)
        await self._put((frame, timings))
        if self.log.closed:  # it ended while the frame waited for room, and has told how much it received
            return 0
        self._incoming.count(frame)
        self.received_samples += frame.samples
        self._metrics.chunks.inc()
        self._metrics.audio_seconds.inc(duration_s)
        if self.audio_s >= self.limits.max_session_s:
            self.stop("limit")
        return equivalent_bytes(frame, self.options.audio, len(self.options.speakers))

    async def control(self, control: Control) -> None:
        """Accepts a marker, a pause or its end. A control that comes twice is answered twice. Raises ProtocolError."""
        self._presence.heard()
        if self.is_repeated(control.request):
            return
        if self.stopping:
            raise ProtocolError("session_stopping", "the session is stopping: wait for session_stopped")
        self._allow()
        if control.kind in ("pause", "continue"):
            self._presence.paused = control.kind == "pause"
            self._pace.forget()
        try:
            await self._put(control)
        except asyncio.CancelledError:
            # Its connection was lost while it waited for room: it was not taken, and the client sends it again.
            if control.request is not None:
                self._requests.discard(control.request)
            raise

    def touch(self) -> None:
        """Notes that the client is there, and has nothing to say: the session does not end for its silence."""
        self._presence.heard()

    def is_repeated(self, request: int | None) -> bool:
        """Whether the client sends a message again that was taken; it cannot know that after a lost connection."""
        if request is None:
            return False
        repeated = request in self._requests
        self._requests.add(request)
        return repeated

    def judge(
        self,
        judgement: Callable[[Findings], Operation],
        what: Judged,
        by: str | None,
        request: int | None,
    ) -> bool:
        """Applies a clinician's judgement of a finding, which wins over every later proposal. Raises ProtocolError.

        `what` was done and `by` whom goes into the log with the finding, and the client's own number of the message.
        Returns False for a message that was taken before.
        """
        if not self._may_judge(request):
            return False
        self._judging.apply(self._stream.extraction, judgement, what, by, request)
        return True

    def add_finding(
        self, fields: Mapping[str, Any], quotes: Sequence[Quote], by: str | None, request: int | None
    ) -> bool:
        """Adds a finding of the clinician's own, with the words that prove it. As `judge` otherwise."""
        if not self._may_judge(request):
            return False
        self._judging.add(self._stream.extraction, fields, quotes, by, request)
        return True

    def leave_out(self, omission_id: str, request: int | None) -> bool:
        """Sets aside something that was said and not noted: it is not offered again. As `judge` otherwise."""
        if not self._may_judge(request):
            return False
        self._judging.leave_out(self._stream.extraction, omission_id, request)
        return True

    def _may_judge(self, request: int | None) -> bool:
        """False for a message that was taken before. Raises ProtocolError."""
        self._presence.heard()
        if self.is_repeated(request):
            return False
        if self.log.closed:
            raise ProtocolError("session_stopping", "the session has stopped: its findings no longer change")
        self._allow()
        return True

    def stop(self, reason: ClosingReason) -> None:
        """Begins to stop: what was received is transcribed and extracted, then the log is closed."""
        if self.reason is None:
            self.reason = reason
            # A task of the session: the connection that asks for the stop may be gone before the queue has room.
            self._stop = asyncio.create_task(self._put(Control("stop")))

    def withdraw(self) -> None:
        """Notes that the consent was withdrawn: whoever runs the session cancels it, and nothing of it is kept."""
        self.reason = "withdrawn"
        self.log.erase()

    def give_up(self, now: float) -> bool:
        """Stops the session if it has kept its place for too long without sending audio. Returns whether it stops."""
        late = not self.received_samples and self._presence.is_late(now)
        if late and not self.stopping and not self._inbox.held_back:
            self.given_up = True
            self.stop("idle")
        return self.given_up

    def attach(self, attachment: Attachment) -> None:
        assert self.attachment is None
        self.attachment = attachment
        self._inbox.begin()
        self._pace.forget()
        self._presence.heard()
        self._metrics.connections.inc()

    def detach(self, attachment: Attachment) -> None:
        """Leaves the session to be resumed. Does nothing if another connection is attached by now."""
        if self.attachment is attachment:
            self.attachment = None
            self._presence.heard()
            self._metrics.connections.dec()

    def error(self, error: ProtocolError, request: int | None = None) -> None:
        """Tells the client that a message was refused, its own number of it being `request`; the session continues."""
        self._metrics.observe(Fault(error.code, str(error)))
        if error.retry_after_s is not None and request is not None:
            self._requests.discard(request)  # it was not taken, and may come again
        if not self.log.closed:
            fields = error_fields(error.code, str(error), False, error.retry_after_s)
            self.log.refuse(**fields, **answered(request))

    def forsaken(self, now: float) -> bool:
        """Whether the session should end because nothing came, or nobody resumed it, for too long.

        `now` is the time of `patience`.
        """
        # A client that waits for room in the queue has sent something that was not counted yet.
        if self.stopping or self._inbox.held_back:
            return False
        return self._presence.is_over(now, attached=self.attachment is not None, audio=self.received_samples > 0)

    def _allow(self) -> None:
        """Raises ProtocolError if the client sends messages too fast."""
        wait_s = self._allowance.take(allowance_clock())
        if wait_s:
            raise ProtocolError(
                "too_many_messages",
                f"more than {MESSAGES_AT_ONCE} messages at once, or {MESSAGES_PER_S:g} a second: send it again later",
                math.ceil(10 * wait_s) / 10,
            )

    async def _put(self, item: tuple[Frame, Timings] | Control) -> None:
        """Hands an item to `_pump`, in the order of the calls; waits while the queue is full."""
        await self._inbox.put(item)
        self._presence.heard()  # the time spent waiting for the session is not the client's silence

    async def _pump(self) -> None:
        while True:
            item = await self._inbox.take()
            if isinstance(item, Control):
                await self._stream.control(item)
                if item.kind == "stop":
                    return
            else:
                await self._feed(*item)
            del item  # do not keep a chunk in memory while waiting for the next one

    async def _feed(self, frame: Frame, timings: Timings) -> None:
        async for pcm in self._incoming.decoded(frame):
            await self._stream.feed(pcm, timings)
        if self._incoming.damaged and not self._told_damage:
            self._told_damage = True
            self._emit(Notice("audio_suspect", DAMAGED))

    def _watch_pace(self, now: float, duration_s: float) -> None:
        if self._incoming.received_bytes is not None:
            return  # a recorder's stream has one rate, and its length says nothing of the microphone's
        if self._inbox.behind:
            self._pace.forget()  # the server itself sets the pace
        elif (advice := self._pace.note(now, duration_s)) is not None:
            self._emit(Notice("audio_suspect", advice))

    def _emit(self, update: Update) -> None:
        if isinstance(update, Notice) and self._was_told(update):
            return
        self._metrics.observe(update)
        self._trace.observe(update)
        event = update_fields(update, self.received_samples, self.durable_samples, self.positions)
        if event is not None and not self.log.closed:
            type_, fields = event
            if type_ == "extraction":
                self._judging.mark(fields)
            self.log.append(type_, **fields)
        assert not isinstance(update, Drained) or self.stopping

    def _keep(self, checkpoint: Checkpoint) -> None:
        if self.journal is not None:
            self.journal.keep(replace(checkpoint, container=self._incoming.place(checkpoint.mark)))

    def _lose(self, why: str) -> None:
        if self.reason == "withdrawn":
            self.log.let_go()  # the last event is not stored, and the client is to receive it all the same
            return
        if why == "ERASED":
            self.log.erase()
        self.leave(Close.NO_SUCH_SESSION if why == "ERASED" else Close.GOING_AWAY)

    def _was_told(self, notice: Notice) -> bool:
        """Whether a notice about audio that is heard again was told before the session was resumed here."""
        told = notice.code, notice.message
        if self.received_samples > self._received_before or not self._notices_before[told]:
            return False
        self._notices_before[told] -= 1
        return True

    def _fault(self, code: str, message: str) -> None:
        self._metrics.observe(Fault(code, message))
        if not self.log.closed:
            self.log.append("error", **error_fields(code, message, fatal=False))

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


def _deliver(method: "WeakMethod[Any]", *told: Any) -> None:
    call = method()
    if call is not None:  # whoever runs the stream holds the session, so this is so until it has ended
        call(*told)
