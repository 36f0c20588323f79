"""The sessions of one server: how many may be open, and where a lost one is found again."""

import asyncio
import logging
from dataclasses import dataclass, field

from inference.pipeline import Pipeline
from inference.stream import StreamOptions
from server.metrics import Metrics
from server.session import Limits, Session

logger = logging.getLogger(__name__)

RETRY_AFTER_S = 10


class Full(Exception):
    """No session can be opened now; try again after `retry_after_s`."""

    def __init__(self, code: str, message: str, retry_after_s: float) -> None:
        super().__init__(message)
        self.code = code
        self.retry_after_s = retry_after_s


@dataclass(slots=True)
class Sessions:
    """Open sessions, and ended ones for as long as a client may still ask for their last events."""

    pipeline: Pipeline
    limits: Limits
    metrics: Metrics
    max_sessions: int
    _sessions: dict[str, Session] = field(default_factory=dict)
    _tasks: set["asyncio.Task[None]"] = field(default_factory=set)
    _open: int = 0
    _closing: bool = False

    def open(self, options: StreamOptions) -> Session:
        """A new running session. Raises Full, and AudioError if the options do not fit together."""
        if self._closing:
            raise Full("shutting_down", "the server is going down: connect to another one, or later", RETRY_AFTER_S)
        if not self.pipeline.ready:
            raise Full("not_ready", "the server is warming up: try again in a few seconds", 5)
        if self._open >= self.max_sessions:
            raise Full(
                "full", f"all {self.max_sessions} sessions are taken: try again, or raise --max-sessions", RETRY_AFTER_S
            )
        session = Session(self.pipeline, options, self.limits, self.metrics, self._ended)
        self._sessions[session.id] = session
        self._open += 1
        self.metrics.sessions.inc()
        task = asyncio.create_task(session.run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return session

    def find(self, session_id: str, resume_token: str) -> Session | None:
        """The session, if the token is its own."""
        session = self._sessions.get(session_id)
        return session if session is not None and session.owns(resume_token) else None

    async def close(self, grace_s: float) -> None:
        """Stops every session; each has `grace_s` to transcribe what it received."""
        self._closing = True
        open_sessions = [session for session in self._sessions.values() if not session.log.closed]
        stops = [asyncio.create_task(session.stop("shutdown")) for session in open_sessions]
        if self._tasks:
            _, late = await asyncio.wait(set(self._tasks), timeout=grace_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        for stop in stops:
            stop.cancel()

    def _ended(self, session: Session) -> None:
        self._open -= 1
        self.metrics.sessions.dec()
        if self._closing:
            self._sessions.pop(session.id, None)
        else:
            loop = asyncio.get_running_loop()
            loop.call_later(self.limits.resume_ttl_s, self._sessions.pop, session.id, None)
