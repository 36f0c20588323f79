"""Writes one session to the store: every event is stored before it is sent, and a checkpoint with each final.

While the store is away the session goes on: events are sent, wait in memory to be stored, and the mark stands still.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Protocol

from pydantic import TypeAdapter

from inference.stream import Checkpoint
from inference.updates import NoticeCode
from server.store.stored import Answer, Batch, Standing, StoreDown

logger = logging.getLogger(__name__)

MOST_AT_ONCE = 500
"""Events of one step: a session that comes back after an outage must not hold Redis up for the others."""

FIRST_RETRY_S, LAST_RETRY_S = 0.25, 2.0

LIVE_S = 3600.0
"""A session that nobody resumes is kept for this long at least behind its last event: longer than any pause."""

AWAY = (
    "the store of this server does not answer: the session goes on, but it could not be resumed on another server; "
    "keep the audio from durable_samples on, and tell the operator"
)
FULL = (
    "the store of this server is full: the session goes on, but it could not be resumed on another server; keep the "
    "audio from durable_samples on, and tell the operator to give Redis more memory, or its disk more room"
)
LOST = (
    "the store of this server has lost what it held: the session goes on and is stored again; keep the audio from "
    "durable_samples on, and tell the operator if Redis was restarted without its data"
)
START_IT = "see whether it runs at the address of --store"
MAKE_ROOM = "give it more memory (maxmemory), or its disk more room"
CAUGHT_UP = "the store has everything again: the session can be resumed on another server"

checkpoints: TypeAdapter[Checkpoint] = TypeAdapter(Checkpoint)


class Writes(Protocol):
    """The part of a store that a journal uses."""

    retention_s: float

    async def write(self, session_id: str, batch: Batch, keep_s: float) -> Answer: ...

    async def standing(self, session_id: str, writer: str) -> Standing: ...


class HeldLog(Protocol):
    """The part of an event log that a journal uses; see server/sessions/events.py."""

    dropped: list[int]

    def __len__(self) -> int: ...

    @property
    def closed(self) -> bool: ...

    def after(self, seq: int, most: int) -> list[tuple[int, bytes]]: ...

    def release(self, upto: int) -> None: ...

    def let_go(self) -> None: ...

    def hold(self) -> None: ...

    def wake(self) -> None: ...

    async def written(self) -> None: ...


class Journal:
    """Stores what is appended to `log`, which must be held, and what `keep` is told. Run `run` beside the session.

    `tell` emits a notice to the client. `lost` is called when the session is no longer this server's: with "TAKEN"
    where another one has resumed it, with "ERASED" where it was erased.
    """

    def __init__(
        self,
        store: Writes,
        session_id: str,
        writer: str,
        meta: bytes,
        log: HeldLog,
        tell: Callable[[NoticeCode, str], None],
        lost: Callable[[str], None],
        observe: Callable[[float | None], None] = lambda seconds: None,
        redact: Callable[[bytes], bytes] = lambda text: text,
        taken: int | None = None,
        mark: int = 0,
        durable_bytes: int = 0,
    ) -> None:
        self._store = store
        self._session_id = session_id
        self._writer = writer
        self._meta = meta
        self._log = log
        self._tell = tell
        self._lost = lost
        self._observe = observe
        self._redact = redact
        self._known = taken is not None  # the store has the session
        self._stored = taken or 0
        self._checkpoint: Checkpoint | None = None
        self._kept = True  # the checkpoint is stored
        self._touch = False
        self._retry_s = FIRST_RETRY_S
        self._settled = asyncio.Event()
        self.problem: str | None = None
        """Why events were sent that are not stored yet, and what an operator does about it; None while there are none.
        """
        self.durable_samples = mark
        """Audio of the client up to here is in finals that the store holds."""
        self.durable_bytes = durable_bytes
        """The same in bytes of a recorder's stream: those before are not needed to go on from there."""

    @property
    def behind(self) -> bool:
        """Whether events were sent that are not stored yet."""
        return self.problem is not None

    def keep(self, checkpoint: Checkpoint) -> None:
        """Stores a checkpoint together with the events before it."""
        self._checkpoint, self._kept = checkpoint, False
        self._log.wake()

    def touch(self) -> None:
        """Lets the store keep the session for longer."""
        self._touch = True
        self._log.wake()

    async def mine(self) -> bool:
        """Whether no other server has taken or erased the session, which is lost then; True while the store is away."""
        try:
            standing = await self._store.standing(self._session_id, self._writer)
        except StoreDown:
            return True
        if standing == "OK":
            return True
        self._lost(standing)
        return False

    async def settle(self, limit_s: float) -> bool:
        """Waits until all is stored, for `limit_s` at most. Returns whether it is."""
        try:
            async with asyncio.timeout(limit_s):
                while self._pending:
                    self._settled.clear()
                    await self._settled.wait()
        except TimeoutError:
            return False
        return True

    async def run(self) -> None:
        """Stores until the log is closed and all of it is stored, or the session is lost."""
        while True:
            if self._pending or self._touch:
                if not await self._step():
                    return
            elif self._log.closed:
                return
            else:
                await self._log.written()

    @property
    def _pending(self) -> bool:
        return bool(self._log.after(self._stored, 1)) or not self._kept

    async def _step(self) -> bool:
        """One write. Returns False if the session is lost."""
        events = self._log.after(self._stored, MOST_AT_ONCE)
        up_to = events[-1][0] if events else self._stored
        whole = len(events) < MOST_AT_ONCE
        checkpoint = self._checkpoint if whole and not self._kept else None
        dropped = self._log.dropped[:MOST_AT_ONCE]
        batch = Batch(
            self._writer,
            self._stored,
            [(seq, self._redact(text)) for seq, text in events],
            dropped,
            None if checkpoint is None else checkpoints.dump_json(checkpoint),
            None if self._known else self._meta,
        )
        began, self._touch = time.monotonic(), False
        try:
            answer = await self._store.write(self._session_id, batch, self._keep_s())
        except StoreDown as down:
            self._fall_behind(FULL if down.full else AWAY, f"{down}: {MAKE_ROOM if down.full else START_IT}")
            await asyncio.sleep(self._retry_s)
            self._retry_s = min(LAST_RETRY_S, 2 * self._retry_s)
            return True
        self._observe(time.monotonic() - began)
        if answer == "ERASED" and self._log.closed:
            self._log.let_go()  # the log holds nothing but the last event, which tells the client of the erasing
            return False
        if answer in ("TAKEN", "ERASED"):
            self._lost(str(answer))
            return False
        if answer == "GONE" or isinstance(answer, int):
            self._fall_behind(LOST, "Redis has lost events: was it restarted without its data? They are stored again")
            self._known, self._stored = isinstance(answer, int), answer if isinstance(answer, int) else 0
            self._kept = self._checkpoint is None
            return True
        del self._log.dropped[: len(dropped)]
        self._known, self._stored, self._retry_s = True, up_to, FIRST_RETRY_S
        if checkpoint is not None:
            self.durable_samples = checkpoint.mark
            self.durable_bytes = (checkpoint.container or {}).get("byte", 0)
            self._kept = checkpoint is self._checkpoint
        self._log.release(up_to)
        if not self._pending:
            self._catch_up()
            self._settled.set()
        return True

    def _keep_s(self) -> float:
        return max(self._store.retention_s, 0.0 if self._log.closed else LIVE_S)

    def _fall_behind(self, message: str, reason: str) -> None:
        if self.behind:
            return
        self.problem = reason
        logger.warning("a session goes on without the store: %s", reason)
        self._observe(None)
        self._log.let_go()
        self._tell("store_behind", message)

    def _catch_up(self) -> None:
        if not self.behind:
            return
        self.problem = None
        self._log.hold()
        self._tell("store_caught_up", CAUGHT_UP)
