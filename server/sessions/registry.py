"""The sessions of one server: how many may be open, and where a lost one is found again."""

import asyncio
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from inference.pipeline import Pipeline
from inference.stream import StreamOptions
from server.audit.trail import Audit
from server.monitoring.metrics import Metrics
from server.protocol import ProtocolError
from server.sessions import garbage
from server.sessions.drain import drain
from server.sessions.patience import patience
from server.sessions.session import Limits, Session

DEFAULT_CAPACITY = 32
"""Sessions at once where neither a setting nor a measurement tells, as with engines that cannot be measured: few enough
that no host breaks under the sockets and the memory of them."""

WARM_UP_RETRY_S = 5.0
SHUTDOWN_RETRY_S = 10.0
FAILED_RETRY_S = 60.0
AUDIT_RETRY_S = 30.0
SHORTEST_RETRY_S, LONGEST_RETRY_S = 5.0, 60.0

CONSULTATION_S = 900.0
"""A usual consultation: of N places one is free again after about an N-th of it."""

AUDIT_UNAVAILABLE = (
    "the server cannot write its audit trail and begins no session meanwhile: connect to another one, or later; its "
    "operator reads the reason in the log and on the metrics port"
)
ENGINE_FAILED = (
    "the server's engine failed and the server starts anew: start a new session, here in a minute or on another one; "
    "the transcript so far is complete up to the seconds that asr_failed names"
)

WATCH_S = 0.25
"""How often sessions and sockets are looked at: by one timer, since one for each wakes up a thousand times a second."""

GIVE_BACK_S = 5.0
"""Between two times that the memory of ended sessions is given back to the system, at least."""


class Full(Exception):
    """No session can be opened now; try again after `retry_after_s`."""

    def __init__(self, code: str, message: str, retry_after_s: float) -> None:
        super().__init__(message)
        self.code = code
        # Who was turned away together should not come back together.
        self.retry_after_s = round(retry_after_s * random.uniform(0.8, 1.2), 1)


class Watched(Protocol):
    """A socket, as far as the watch over all of them needs it."""

    def check(self, now: float) -> None:
        """Looks after the socket; `now` is that of `patience`. It must not wait and must not raise."""
        ...


@dataclass(slots=True)
class Sessions:
    """Open sessions, and ended ones for as long as a client may still ask for their last events."""

    pipeline: Pipeline
    limits: Limits
    metrics: Metrics
    max_sessions: int | None = None
    audit: Audit = field(default_factory=Audit)
    _sessions: dict[str, Session] = field(default_factory=dict)
    _tasks: dict["asyncio.Task[None]", Session] = field(default_factory=dict)  # of the open ones
    _kept_until: dict[str, float] = field(default_factory=dict)  # ended ones, in the time of `patience`
    _sockets: set[Watched] = field(default_factory=set)
    _freed: bool = False  # sessions ended or were forgotten since memory was given back
    _closing: bool = False

    def __post_init__(self) -> None:
        self.metrics.capacity.set_function(lambda: self.capacity)

    @property
    def capacity(self) -> int:
        """The most sessions at once: what the operator set, else what was measured at warm-up."""
        if self.max_sessions is not None:
            return self.max_sessions
        measured = self.pipeline.capacity
        return DEFAULT_CAPACITY if measured is None else max(1, measured)

    @property
    def open_count(self) -> int:
        return len(self._tasks)

    def open_of(self, owner: str | None) -> int:
        """Sessions of one owner that are open."""
        return sum(session.owner == owner for session in self._tasks.values())

    def open(self, options: StreamOptions, owner: str | None = None) -> Session:
        """A new running session. Raises Full, and AudioError if the options do not fit together."""
        self._check_room()
        session = Session(self.pipeline, options, self.limits, self.metrics, self._ended, owner)
        self._sessions[session.id] = session
        self.metrics.sessions.inc()
        task = asyncio.create_task(session.run())
        self._tasks[task] = session
        task.add_done_callback(self._tasks.pop)
        return session

    def find(self, session_id: str, resume_token: str) -> Session | None:
        """The session, if the token is its own."""
        session = self._sessions.get(session_id)
        return session if session is not None and session.owns(resume_token) else None

    def known(self, session_id: str) -> Session | None:
        """The session with that id, for who may read it but not speak in it."""
        return self._sessions.get(session_id)

    def erase(self, session: Session) -> None:
        """Ends a session at once, and forgets it and all that was said in it, whether it runs or has ended."""
        session.withdraw()
        self._kept_until.pop(session.id, None)
        self._sessions.pop(session.id, None)
        self._freed = True
        for task, running in self._tasks.items():
            if running is session:
                task.cancel()

    @contextmanager
    def watching(self, socket: Watched) -> Iterator[None]:
        """Looks after a socket, from its handshake to its end."""
        self._sockets.add(socket)
        try:
            yield
        finally:
            self._sockets.discard(socket)

    async def watch(self, shortest_limit_s: float) -> None:
        """Looks after everything until cancelled; often enough for the shortest of the limits in seconds."""
        patience.tick()
        patience.ticking = True
        given_back = time.monotonic()
        try:
            while True:
                await asyncio.sleep(min(WATCH_S, shortest_limit_s / 4))
                self.check(patience.tick())
                if self._freed and time.monotonic() - given_back > GIVE_BACK_S:
                    self._freed, given_back = False, time.monotonic()
                    await asyncio.to_thread(garbage.give_back)
        finally:
            patience.ticking = False

    def check(self, now: float) -> None:
        """Ends the sessions that were given up by their clients, and the sockets that nobody reads."""
        for session in self._tasks.values():
            if session.forsaken(now):
                session.stop("idle")
        for session_id in [ended for ended, until in self._kept_until.items() if now >= until]:
            del self._kept_until[session_id]
            self._sessions.pop(session_id, None)
            self._freed = True
        for socket in self._sockets:
            socket.check(now)

    async def close(self, grace_s: float) -> None:
        """Stops every session; each has `grace_s` to transcribe what it received.

        Those with the least left are served first, so that as many as possible come to their end.
        """
        self._closing = True
        by_left = sorted(self._tasks.values(), key=lambda session: session.left_s)
        self.pipeline.prefer([session.id for session in by_left])
        for session in by_left:
            if self.pipeline.failed is not None:
                session.error(ProtocolError("engine_failed", ENGINE_FAILED))
            session.stop("shutdown")
        await drain(dict(self._tasks), grace_s)

    def _check_room(self) -> None:
        if self._closing:
            message = "the server is going down: connect to another one, or later"
            raise Full("shutting_down", message, SHUTDOWN_RETRY_S)
        if self.pipeline.failed is not None:
            message = "the server's engine is gone: connect to another one; GET /health/ready tells its operator why"
            raise Full("not_ready", message, FAILED_RETRY_S)
        if not self.pipeline.ready:
            state = "is restarting its engine" if self.pipeline.restarting else "is warming up"
            raise Full("not_ready", f"the server {state}: try again in a few seconds", WARM_UP_RETRY_S)
        if self.audit.problem is not None:
            raise Full("audit_unavailable", AUDIT_UNAVAILABLE, AUDIT_RETRY_S)
        if self._taken() >= self.capacity and not self._make_room():
            again_s = min(LONGEST_RETRY_S, max(SHORTEST_RETRY_S, CONSULTATION_S / self.capacity))
            raise Full("full", f"all {self.capacity} sessions of this server are taken: try again later", again_s)

    def _taken(self) -> int:
        """Places that are taken; a session that was given up leaves its own within a moment."""
        return self.open_count - sum(session.given_up for session in self._tasks.values())

    def _make_room(self) -> bool:
        """Whether a session that never sent audio could be given up; of several, the one that was opened first."""
        now = patience.now()
        return any(session.give_up(now) for session in self._tasks.values() if not session.given_up)

    def _ended(self, session: Session) -> None:
        self.audit.note(
            "session_ended", actor="server", session=session.id, address=None, outcome=session.reason or "shutdown"
        )
        self.metrics.sessions.dec()
        self._freed = True
        if self._closing or session.reason == "withdrawn":
            self._sessions.pop(session.id, None)
        else:
            limits = self.limits
            kept_s = limits.resume_ttl_s if limits.retention_s is None else limits.retention_s
            self._kept_until[session.id] = patience.now() + kept_s
