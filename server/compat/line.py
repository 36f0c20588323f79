"""The socket of a client that speaks another protocol: what every such protocol shares of guarding and closing it."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass

from aiohttp import web
from aiohttp.http import WSMessage

from inference.updates import Fault
from server.access.doorkeeper import Doorkeeper
from server.access.principal import Principal
from server.protocol import ResumeSession, StartSession
from server.sessions.registry import Sessions
from server.sessions.session import Session
from server.settings import Settings
from server.socket.admission import admit
from server.socket.door import visitor_of
from server.socket.peer import Farewell, Peer


@dataclass(frozen=True, slots=True)
class Site:
    """What every connection of one server uses."""

    sessions: Sessions
    settings: Settings
    keeper: Doorkeeper


class Line:
    """One socket. It is what its session is attached to (`alive`, `drop`), and is watched like every other (`check`).

    `revoked` is what a client is told whose key was revoked while it was connected.
    """

    def __init__(
        self, ws: web.WebSocketResponse, request: web.Request, site: Site, principal: Principal, revoked: Farewell
    ) -> None:
        self.visitor = visitor_of(request.transport)
        self._request = request
        self._transport = request.transport
        self._site = site
        self._principal = principal
        self._peer = Peer(ws, site.settings.send_timeout_s, request.transport)
        self._one_sends = asyncio.Lock()
        self._revoked = revoked
        self._dismissal: Farewell | None = None
        self._loops: list[asyncio.Task[Farewell | None]] = []

    async def alive(self) -> bool:
        """Whether the client at the other end still answers."""
        return await self._peer.answers()

    def drop(self) -> None:
        """Ends the connection at once: its client does not listen, and a close handshake would wait for it."""
        self._cancel()
        if self._transport is not None:
            self._transport.abort()

    def check(self, now: float) -> None:
        """Drops a client that reads nothing, and dismisses one whose key was revoked."""
        if self._transport is None or self._transport.is_closing():
            return
        if self._peer.stopped(now):
            self._site.sessions.metrics.unread.inc()
            self.drop()
        elif self._dismissal is None and not self._site.keeper.access.in_force(self._principal):
            self.refused("key_revoked")
            self._dismissal = self._revoked
            self._cancel()

    async def admit(self, message: StartSession | ResumeSession, any_language: str = "auto") -> Session:
        """The session that `message` asks for, to which this connection is now attached. Raises Refused.

        `any_language` is what the client's protocol calls `auto`.
        """
        site, principal = self._site, self._principal
        most = site.keeper.access.quotas.sessions(principal)
        language = site.settings.language
        return (await admit(message, self, site.sessions, language, principal, most, any_language)).session

    async def converse(self, *loops: Coroutine[None, None, Farewell | None]) -> None:
        """Runs the loops of a connection until the first of them ends, and closes the socket after them.

        No loop closes the socket itself: aiohttp's `close` does not wait for the client's answer while another task
        receives. A loop that returns None has nothing to say: the socket is closed already.
        """
        farewell = None
        with self._site.sessions.watching(self):
            try:
                async with asyncio.TaskGroup() as group:
                    self._loops = [group.create_task(loop) for loop in loops]
                    for loop in self._loops:
                        loop.add_done_callback(lambda _: self._cancel())
                said = [self._dismissal, *(loop.result() for loop in self._loops if not loop.cancelled())]
                farewell = next(filter(None, said), None)
            finally:
                self._loops = []  # a cancelled task holds the session through its traceback
            if farewell is not None:
                await self.part(farewell)

    async def next(self) -> WSMessage:
        """The next message of the client."""
        return await self._peer.receive()

    async def send(self, text: bytes) -> None:
        """Sends a message; several loops may. Raises ConnectionError."""
        async with self._one_sends:
            await self._peer.send(text)

    async def part(self, farewell: Farewell) -> None:
        """Closes the socket."""
        await self._peer.close(farewell)

    def deafen(self) -> None:
        """What still comes is thrown away; the connection is about to be closed."""
        if self.visitor is not None:
            self.visitor.deafen()

    def note(self, action: str, session: Session) -> None:
        """Notes in the audit trail what was done."""
        self._site.keeper.note(self._request, action, self._principal, session.id)

    def fault(self, code: str, told: str, session: Session | None) -> None:
        """Counts and notes a message that was not taken."""
        self._site.sessions.metrics.observe(Fault(code, told))
        self.note_fault(code, session)

    def note_fault(self, code: str, session: Session | None) -> None:
        """Notes a message that was not taken and that its session has counted."""
        name = session.id if session is not None else None
        self._site.keeper.note(self._request, "refused", self._principal, name, outcome=code)

    def refused(self, code: str) -> None:
        """Counts and notes a refusal."""
        self._site.keeper.refused(self._request, code, self._principal)

    def _cancel(self) -> None:
        for loop in self._loops:
            loop.cancel()
