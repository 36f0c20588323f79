"""The consultations of legacy clients, found by the appointment that they name."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from inference.stream import Control
from server.compat.legacy.messages import SOURCES, Mode, Source
from server.compat.legacy.note import extraction
from server.compat.legacy.tracks import Tracks
from server.record.fold import EventFold
from server.sessions.session import Session

Owner = str | None

ALL = 1 << 62
"""More events than there are."""

SILENCE_S = 1800.0
"""How long silence goes on to a session of which nothing is heard: its client sends no chunk without speech."""


@dataclass(slots=True, eq=False)
class Visit:
    """One consultation, which outlives its connections. To be made while the event loop runs.

    `seq` is the last event that its client was told of. `heard` are the sources of which a chunk came.
    """

    appointment_id: str
    session: Session
    mode: Mode
    chunks: int = 0
    seq: int = 0
    heard: set[Source] = field(default_factory=set)
    _tracks: Tracks = field(init=False)
    _ready: bytearray = field(default_factory=bytearray)  # audio that the session has no room for yet
    _handing_on: asyncio.Lock = field(default_factory=asyncio.Lock)
    _findings: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._tracks = Tracks(SOURCES[self.mode], _now())

    async def hear(self, source: Source, samples: bytes) -> None:
        """Takes a chunk. Waits while the session is behind. Raises ProtocolError."""
        self.chunks += 1
        self.heard.add(source)
        self._tracks.put(source, samples, _now())
        await self.hand_on()

    async def hand_on(self, everything: bool = False) -> None:
        """Gives the session what has come, in order. Waits while the session is behind. Raises ProtocolError."""
        async with self._handing_on:
            now = _now()
            if everything:
                self._ready += self._tracks.flush()
            elif self._tracks.silent_s(now) <= SILENCE_S:
                self._ready += self._tracks.take(now)
            while self._ready:
                frame = bytes(self._ready[: self.session.max_frame_bytes])
                await self.session.receive_audio(frame)
                del self._ready[: len(frame)]  # not before: a lost connection may cancel the wait for room

    @property
    def paused(self) -> bool:
        """What the client asked for last: the session's log may be behind it."""
        return self._tracks.held

    async def pause(self) -> None:
        """Raises ProtocolError."""
        await self.hand_on(everything=True)
        await self.session.control(Control("pause"))
        self._tracks.hold(_now())

    async def go_on(self) -> None:
        """Ends a pause, if there is one. Raises ProtocolError."""
        if self._tracks.held:
            await self.session.control(Control("continue"))
            self._tracks.go_on(_now())

    async def stop(self) -> None:
        """Raises ProtocolError."""
        await self.hand_on(everything=True)
        self.session.stop("client")

    def reconnected(self) -> None:
        """A lost client is back, and sends first what it has kept."""
        self._tracks.reconnected(_now())

    def apply(self, event: Mapping[str, Any]) -> None:
        """Notes what an event says of findings. What was withdrawn is forgotten here too."""
        self._findings = _after(self._findings, event)
        if event["type"] == "session_stopped" and event["reason"] == "withdrawn":
            self._findings = {}

    def extraction(self) -> dict[str, str]:
        """The five strings, as of the last event that the client was told of."""
        return extraction(self._findings.values())

    def newest_extraction(self) -> dict[str, str]:
        """The five strings as of now, for a client that is back and has missed some events."""
        findings = self._findings
        for _, text in self.session.log.after(self.seq, ALL):
            findings = _after(findings, json.loads(text))
        return extraction(findings.values())


def _now() -> float:
    return asyncio.get_running_loop().time()


def _after(findings: dict[str, dict[str, Any]], event: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The findings after an event."""
    if event["type"] != "extraction":
        return findings
    fold = EventFold(findings=dict(findings))
    fold.apply(event)
    return fold.findings


@dataclass(slots=True)
class Visits:
    """The open visits of one server. An appointment is its owner's: others may have one of the same name."""

    _open: dict[tuple[Owner, str], Visit] = field(default_factory=dict)
    _ends: set["asyncio.Task[None]"] = field(default_factory=set)

    def find(self, owner: Owner, appointment_id: str) -> Visit | None:
        """The visit, if its session goes on."""
        visit = self._open.get((owner, appointment_id))
        return visit if visit is not None and not visit.session.stopping else None

    def add(self, owner: Owner, visit: Visit) -> None:
        """Keeps a visit until its session has ended. To be called while the event loop runs."""
        key = owner, visit.appointment_id
        self._open[key] = visit
        end = asyncio.create_task(self._forget(key, visit))
        self._ends.add(end)
        end.add_done_callback(self._ends.discard)

    async def _forget(self, key: tuple[Owner, str], visit: Visit) -> None:
        async for _ in visit.session.log.follow(ALL):  # of which none is told; it returns when the log is closed
            pass
        if self._open.get(key) is visit:
            del self._open[key]
