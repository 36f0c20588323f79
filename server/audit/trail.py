"""Writes the audit trail.

A line is handed to the kernel before `note` returns, so a server that is killed loses none; a thread has the disk store
it within `SYNC_EVERY_S`, so a host that loses its power loses at most the lines of that time.

While the file cannot be written, as on a full disk, `problem` says what to do: the server then begins no new session,
and those that run go on. What they do is kept in memory, `MOST_KEPT` lines at most, and written when the disk takes it.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from server.audit.chain import Head, Note, line_of
from server.audit.file import AuditError, TrailFile
from server.audit.repeats import Repeats

logger = logging.getLogger(__name__)

SYNC_EVERY_S = 1.0
MOST_KEPT = 10_000

REPEATED = "refused"
"""The action of which repetitions become one line a minute."""


class Audit:
    """Where actions are noted; this one is off and keeps nothing."""

    @property
    def problem(self) -> str | None:
        """Why nothing can be written and what to do, or None."""
        return None

    def note(self, action: str, *, actor: str, session: str | None, address: str | None, outcome: str) -> None:
        """Records that `actor` did something from `address`, and how it went: `outcome` is "ok" or a code.

        None of the arguments may hold anything that was said. Never raises and never waits for the disk.
        """


class AuditTrail(Audit):
    """Appends to `path`. Run `watch` beside it and `close` it at the end.

    Raises AuditError if the file cannot be opened, or if another server writes it.
    """

    def __init__(
        self,
        path: Path,
        up: Callable[[bool], None] = lambda up: None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._file = TrailFile(path)
        self._up = up
        self._now = now
        self._repeats = Repeats(clock)
        self._kept: deque[Note] = deque()
        self._lost = 0
        self._problem: str | None = None
        self._stored = True  # the last attempt to store what was written
        self._tell_head("begins after")
        if self._file.repaired:
            logger.warning("the last line of the audit trail was written in part: it was taken out")
            self.note("line_removed", actor="server", session=None, address=None, outcome="written_in_part")

    @property
    def problem(self) -> str | None:
        return self._problem

    @property
    def head(self) -> Head:
        return self._file.head

    def note(self, action: str, *, actor: str, session: str | None, address: str | None, outcome: str) -> None:
        note: Note | None = Note(action, actor, session, address, outcome, self._now())
        assert note is not None
        if action == REPEATED:
            note = self._repeats.take(note)
        if note is not None:
            self._keep(note)
            self._write()

    async def watch(self, every_s: float = SYNC_EVERY_S) -> None:
        """Has the disk store what was written, and tries again what could not be, until cancelled."""
        while True:
            await asyncio.sleep(every_s)
            await asyncio.to_thread(self._sync)
            self.tick()

    def tick(self) -> None:
        """Writes what is due: counts of repeated refusals, and lines that the disk did not take before."""
        for note in self._repeats.due():
            self._keep(note)
        self._write()

    def close(self) -> None:
        for note in self._repeats.due(every=True):
            self._keep(note)
        self._write()
        self._sync()
        self._tell_head("ends with")
        self._file.close()

    def _keep(self, note: Note) -> None:
        if len(self._kept) >= MOST_KEPT:
            self._kept.popleft()
            self._lost += 1
        self._kept.append(note)

    def _write(self) -> None:
        try:
            if self._lost:
                lost = Note("lines_lost", "server", None, None, "audit_unavailable", self._now(), self._lost)
                self._file.append(line_of(lost, self._file.current()))
                self._lost = 0
            while self._kept:
                if self._file.moved:
                    self._tell_head("goes on in a new file after")
                self._file.append(line_of(self._kept[0], self._file.current()))
                self._kept.popleft()
        except AuditError as error:
            self._fail(error)
        else:
            self._recover()

    def _sync(self) -> None:
        try:
            self._file.sync()
        except AuditError as error:
            self._stored = False
            self._fail(error)
        else:
            self._stored = True

    def _fail(self, error: AuditError) -> None:
        if self._problem is None:
            logger.error("%s", error)
            self._up(False)
        self._problem = str(error)

    def _recover(self) -> None:
        if self._problem is not None and self._stored:
            self._problem = None
            self._up(True)
            logger.warning("the audit trail is written again")

    def _tell_head(self, what: str) -> None:
        head = self._file.head
        logger.info("the audit trail %s line %d, whose hash is %s", what, head.seq, head.hash)


@asynccontextmanager
async def auditing(path: Path | None, up: Callable[[bool], None]) -> AsyncIterator[Audit]:
    """The audit trail of a server, from its start to its end; without a path, one that is off. Raises AuditError."""
    if path is None:
        yield Audit()
        return
    trail = AuditTrail(path, up)
    trail.note("server_started", actor="server", session=None, address=None, outcome="ok")
    watch = asyncio.create_task(trail.watch())
    try:
        yield trail
    finally:
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)
        trail.note("server_stopped", actor="server", session=None, address=None, outcome="ok")
        trail.close()
