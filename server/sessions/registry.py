"""The sessions of one server: how many may be open, and where a lost one is found again."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from inference.pipeline import Pipeline
from inference.stream import StreamOptions
from server.audit.trail import Audit
from server.media.decoding import Decoding
from server.monitoring.metrics import Metrics
from server.protocol import Close, ProtocolError
from server.sessions import refusing
from server.sessions.drain import drain
from server.sessions.erasing import Erasing
from server.sessions.patience import patience
from server.sessions.presence import Limits
from server.sessions.refusing import Full
from server.sessions.session import Again, Session
from server.sessions.watch import Watched
from server.store.restoring import Declared
from server.store.sharing import MOST_AHEAD, STORE_RETRY_S, Shared, StoreDown

DEFAULT_CAPACITY = 32
"""Sessions at once where neither a setting nor a measurement tells, as with engines that cannot be measured: few enough
that no host breaks under the sockets and the memory of them."""

ENGINE_FAILED = (
    "the server's engine failed and the server starts anew: start a new session, here in a minute or on another one; "
    "the transcript so far is complete up to the seconds that asr_failed names"
)

TOUCH_S = 300.0
"""How often the store is told that the open sessions are still there: far more often than it forgets them."""

HAND_OVER_S = 2.0
"""The longest wait for the store to take the last events of a session that another server is to continue."""


@dataclass(frozen=True, slots=True)
class Consulted:
    """What a record is drawn from: of a session of this server, or of one that only the store has."""

    id: str
    options: StreamOptions
    started_at: datetime
    events: Sequence[bytes]
    """Wire text, in order."""


@dataclass(slots=True)
class Sessions:
    """Open sessions, and ended ones for as long as a client may still ask for their last events."""

    pipeline: Pipeline
    limits: Limits
    metrics: Metrics
    max_sessions: int | None = None
    audit: Audit = field(default_factory=Audit)
    store: Shared | None = None
    addresses: Sequence[str] = ()
    """The addresses of the servers that share the store, at which clients can resume their sessions."""
    decoding: Decoding = field(default_factory=Decoding)
    """Decodes the streams of recorders."""
    freed: bool = False
    """Sessions ended or were forgotten since memory was given back to the system."""
    _sessions: dict[str, Session] = field(default_factory=dict)
    _tasks: dict["asyncio.Task[None]", Session] = field(default_factory=dict)  # of the open ones
    _kept_until: dict[str, float] = field(default_factory=dict)  # ended ones, in the time of `patience`
    _sockets: set[Watched] = field(default_factory=set)
    _closing: bool = False
    _taking: asyncio.Lock = field(default_factory=asyncio.Lock)
    _journals: set["asyncio.Task[None]"] = field(default_factory=set)
    _erasing: Erasing = field(default_factory=Erasing)
    _sweep: "asyncio.Task[None] | None" = None
    _touched: float = 0.0

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

    @property
    def store_problem(self) -> str | None:
        """Why open sessions could not be resumed on another server, and what to do; None where they could."""
        journals = [session.journal for session in self._tasks.values() if session.journal is not None]
        return next((journal.problem for journal in journals if journal.problem is not None), None)

    def open_of(self, owner: str | None) -> int:
        """Sessions of one owner that are open."""
        return sum(session.owner == owner for session in self._tasks.values())

    def open(self, options: StreamOptions, owner: str | None = None) -> Session:
        """A new running session. Raises Full, and AudioError if the options do not fit together."""
        self._check_room()
        session = self._made(options, owner)
        self._begin(session)
        return session

    def _made(self, options: StreamOptions, owner: str | None, again: Again | None = None) -> Session:
        return Session(
            self.pipeline,
            options,
            self.limits,
            self.metrics,
            self._ended,
            owner,
            store=self.store,
            again=again,
            decoding=self.decoding,
        )

    def _begin(self, session: Session) -> None:
        self._sessions[session.id] = session
        self.metrics.sessions.inc()
        task = asyncio.create_task(session.run())
        self._tasks[task] = session
        task.add_done_callback(self._tasks.pop)
        if session.journal is not None:
            writing = asyncio.create_task(session.journal.run())
            self._journals.add(writing)
            writing.add_done_callback(self._journals.discard)

    async def resume(
        self,
        session_id: str,
        resume_token: str,
        last_seq: int,
        owns: Callable[[str | None], bool] = lambda owner: True,
    ) -> Session | None:
        """The session, if the token is its own: open here, or taken over from the store. Raises Full.

        `last_seq` is the last event that the client has; one that the store has lost is not given a second time.
        `owns` tells whether the client may have the sessions of an owner.
        """
        session = self.find(session_id, resume_token)
        if session is not None and not owns(session.owner):
            return None
        if self.store is None or session_id in self._erasing or (session is None and session_id in self._sessions):
            return session
        if session is not None and await self.current(session):
            return session
        async with self._taking:
            session = self.find(session_id, resume_token)  # somebody else may have taken it meanwhile
            if session is not None and await self.current(session):
                return session
            try:
                return await self._take(self.store, session_id, resume_token, last_seq, owns)
            except StoreDown:
                message = "the store of this server does not answer: resume at another address, or here later"
                raise Full("store_away", message, STORE_RETRY_S) from None

    async def current(self, session: Session) -> bool:
        """Whether the session is still this server's. One that was taken or erased by another server is left."""
        if session.journal is None or await session.journal.mine():
            return True
        self._drop(session)
        return False

    async def _take(
        self, store: Shared, session_id: str, token: str, last_seq: int, owns: Callable[[str | None], bool]
    ) -> Session | None:
        """Takes a session over from the store. Raises Full and StoreDown."""
        declared = await store.declared(session_id, token)
        if declared is None or not owns(declared.owner):
            return None
        self._check_room()
        restored = await store.take(session_id, token)
        if restored is None:
            return None
        known = max((seq for seq, _ in restored.events), default=0)
        last = last_seq if known < last_seq <= known + MOST_AHEAD and not restored.ended else known
        again = Again(session_id, token, declared.started_at, restored, last)
        session = self._made(declared.options, declared.owner, again)
        if restored.ended:
            self._sessions[session_id] = session
            session.log.close()
            self._keep(session)
        else:
            self._begin(session)
        return session

    def find(self, session_id: str, resume_token: str) -> Session | None:
        """The session, if the token is its own."""
        session = self._sessions.get(session_id)
        return session if session is not None and session.owns(resume_token) else None

    def known(self, session_id: str) -> Session | None:
        """The session with that id, for those who may read the session and do not have its token."""
        return self._sessions.get(session_id)

    async def readable(self, session_id: str, owns: Callable[[str | None], bool]) -> Session | Declared | None:
        """A session of this server, or what the store has of one, if `owns` is true of its owner. Raises StoreDown.

        A session that lives on, or ended, at another server of the store stays that server's.
        """
        session = self._sessions.get(session_id)
        if session is not None and not owns(session.owner):
            return None
        if session is not None and await self.current(session):
            return session
        return None if session_id in self._erasing else await self._declared(session_id, owns)

    async def consulted(self, session_id: str, owns: Callable[[str | None], bool]) -> Consulted | None:
        """What the record of a `readable` session is drawn from. Raises StoreDown."""
        found = await self.readable(session_id, owns)
        if isinstance(found, Session):
            return Consulted(found.id, found.options, found.started_at, found.log.kept())
        if found is None or self.store is None:
            return None
        events = await self.store.read(session_id)
        return None if events is None else Consulted(session_id, found.options, found.started_at, events)

    def erase(self, session: Session) -> None:
        """Ends a session at once, and forgets it and all that was said in it, whether it runs or has ended.

        `erased` tells when the store has forgotten it too.
        """
        session.withdraw()
        self._drop(session)
        if self.store is not None:
            self._erasing.begin(self.store, session.id)
        for task, running in self._tasks.items():
            if running is session:
                task.cancel()

    async def erased(self, session_id: str) -> None:
        """Waits until the store holds nothing of a session that was erased here.

        Raises StoreDown if that takes long; the erasing goes on.
        """
        await self._erasing.done(session_id)

    async def erase_elsewhere(self, session_id: str, owns: Callable[[str | None], bool]) -> bool:
        """Erases a session that is on another server of the store, or on none, if `owns` is true of its owner.

        Returns whether there was one. The server that holds it ends it with its next event. Raises StoreDown.
        """
        if self.store is None or await self._declared(session_id, owns) is None:
            return False
        await self.store.erase(session_id)
        return True

    async def _declared(self, session_id: str, owns: Callable[[str | None], bool]) -> Declared | None:
        """What was declared of a session of the store, if `owns` is true of its owner. Raises StoreDown."""
        declared = None if self.store is None else await self.store.known(session_id)
        return declared if declared is not None and owns(declared.owner) else None

    def _drop(self, session: Session) -> None:
        """Forgets a session, unless it came back meanwhile as another object."""
        if self._sessions.get(session.id) is session:
            del self._sessions[session.id]
            self._kept_until.pop(session.id, None)
        self.freed = True

    @contextmanager
    def watching(self, socket: Watched) -> Iterator[None]:
        """Looks after a socket, from its handshake to its end."""
        self._sockets.add(socket)
        try:
            yield
        finally:
            self._sockets.discard(socket)

    def check(self, now: float) -> None:
        """Ends the sessions that were given up by their clients, and the sockets that nobody reads."""
        for session in self._tasks.values():
            if session.forsaken(now):
                session.stop("idle")
        for session_id in [ended for ended, until in self._kept_until.items() if now >= until]:
            del self._kept_until[session_id]
            self._sessions.pop(session_id, None)
            self.freed = True
        for socket in self._sockets:
            socket.check(now)
        if self.store is not None and now - self._touched > TOUCH_S:
            self._touched = now
            for session in self._tasks.values():
                if session.journal is not None:
                    session.journal.touch()
            if self._sweep is None or self._sweep.done():
                self._sweep = asyncio.create_task(self._forget_erased())

    async def _forget_erased(self) -> None:
        """Forgets ended sessions that were erased or resumed on another server."""
        for session in [self._sessions[ended] for ended in self._kept_until]:
            await self.current(session)

    async def close(self, grace_s: float) -> None:
        """Stops every session; each has `grace_s` to transcribe what it received.

        Those with the least left are served first, so that as many as possible come to their end.
        """
        self._closing = True
        await asyncio.gather(*(self._hand_over(session) for session in list(self._tasks.values())))
        by_left = sorted(self._tasks.values(), key=lambda session: session.left_s)
        self.pipeline.prefer([session.id for session in by_left])
        for session in by_left:
            if self.pipeline.failed is not None:
                session.error(ProtocolError("engine_failed", ENGINE_FAILED))
            session.stop("shutdown")
        await drain(dict(self._tasks), grace_s)
        if self._journals:
            await asyncio.wait(self._journals, timeout=HAND_OVER_S)
        for writing in self._journals:
            writing.cancel()
        if self._sweep is not None:
            self._sweep.cancel()
        await self._erasing.close()

    async def _hand_over(self, session: Session) -> None:
        """Leaves a session that the store holds to another server; one that it does not hold is drained here."""
        if session.journal is None or session.stopping or self.pipeline.failed is not None:
            return
        if await session.journal.settle(HAND_OVER_S) and not session.journal.behind:
            session.leave()

    def check_ready(self) -> None:
        """Raises Full while the server can transcribe nothing, or nothing new."""
        unready = refusing.unready(self.pipeline, self.audit, self._closing)
        if unready is not None:
            raise unready

    def _check_room(self) -> None:
        self.check_ready()
        if self._taken() >= self.capacity and not self._make_room():
            raise refusing.full(self.capacity)

    def _taken(self) -> int:
        """Places that are taken; a session that was given up leaves its own within a moment."""
        return self.open_count - sum(session.given_up for session in self._tasks.values())

    def _make_room(self) -> bool:
        """Whether a session that never sent audio could be given up; of several, the one that was opened first."""
        now = patience.now()
        return any(session.give_up(now) for session in self._tasks.values() if not session.given_up)

    def _ended(self, session: Session) -> None:
        outcome: str = session.reason or "shutdown"
        if session.left is not None:
            outcome = "erased" if session.left is Close.NO_SUCH_SESSION else "elsewhere"
        self.audit.note("session_ended", actor="server", session=session.id, address=None, outcome=outcome)
        self.metrics.sessions.dec()
        self.freed = True
        if self._closing or session.left is not None or session.reason == "withdrawn":
            self._drop(session)
        else:
            self._keep(session)

    def _keep(self, session: Session) -> None:
        """Keeps an ended session for those who ask for its last events or its record."""
        limits = self.limits
        kept_s = limits.resume_ttl_s if limits.retention_s is None else limits.retention_s
        self._kept_until[session.id] = patience.now() + kept_s
