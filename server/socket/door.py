"""The door: what a connection may take of the server before it is known, that is, before a session is its own.

It stands between asyncio and aiohttp, as a protocol around aiohttp's own, so that it sees every byte and every
connection, whatever aiohttp makes of them. aiohttp keeps what is unfinished (request heads, frames, fragments) until it
is whole, 2 MB for a frame; here 64 kB without a whole message is too much, and so is 32 MB of all who wait.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, cast

from server.access.networks import counted
from server.audit.actors import ANONYMOUS
from server.audit.trail import Audit
from server.guards.bounds import MAX_TEXT_BYTES
from server.monitoring.metrics import Metrics
from server.socket.turns import Turns

MAX_WAITING_BYTES = 32 << 20
"""Bytes of all connections without a session that no handler has taken yet."""

UPLOADS = b"POST /v1/audio/transcriptions "
MAX_UPLOAD_BYTES = 1 << 20
"""How a request begins that has a large body, and the bytes of it that may come before its handler runs. aiohttp stops
reading at 128 kB of a body that nobody takes; one read may bring 256 kB more."""

MAX_DISCARDED_BYTES = 128 << 20
"""Of a body that came after its request was answered. aiohttp reads and drops it for ten seconds, so that a client that
still sends gets the answer and not a reset."""

_OVERHEAD_BYTES = 1 << 10  # the heads of frames, and pings before the first message
_HEAD_BYTES = 1 << 16
_BUSY = b"the server has as many connections as it can hold: try again in some seconds\n"
_BUSY_ANSWER = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nRetry-After: 5\r\nConnection: close\r\n"
    b"Content-Length: %d\r\n\r\n%b" % (len(_BUSY), _BUSY)
)


class Gate(Protocol):
    """What looks at first requests while too many come without a key."""

    def crowded(self, peer: str) -> bool: ...

    def answer(self, peer: str, data: bytes) -> bytes | None: ...


class Visitor(asyncio.Protocol):
    """One connection; `admitted` once a session is its own."""

    def __init__(self, door: "Door") -> None:
        self.address = ""
        """Of the peer, as it is counted."""
        self.overflowed = False
        """More came than a connection may send before its first message is whole."""
        self.on_overflow: Callable[[], None] | None = None
        """Says goodbye and closes; without it the connection is cut off."""
        self._door = door
        self._inner: asyncio.Protocol | None = None
        self._transport: asyncio.Transport | None = None
        self._peer = ""
        self._gated = False
        self._securing: asyncio.Task[None] | None = None
        self._early: list[bytes] | None = None  # what the TLS layer hands over before the task that waits for it runs
        self._deaf = False
        self._uploads = False
        self._discards = 0  # bytes that may still come of a body that nobody keeps
        self.held_bytes = 0
        self.most_bytes = MAX_TEXT_BYTES
        """What may come before a handler has taken a whole message."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = outer = cast(asyncio.Transport, transport)
        name = outer.get_extra_info("peername")
        self._peer = str(name[0]) if isinstance(name, tuple) else ""
        self.address = counted(self._peer)
        if not self._door.let_in(self):
            if self._door.tls is None:
                outer.write(_BUSY_ANSWER)
            outer.close()
        elif self._door.tls is None:
            self._opened(outer)
        else:
            # Here and not by the listener, so that connections in their handshake are counted and bounded as well.
            self._early = []
            self._securing = asyncio.ensure_future(self._secure(outer, self._door.tls))

    def connection_lost(self, exc: Exception | None) -> None:
        self._door.left(self)
        if self._securing is not None:
            self._securing.cancel()
        inner, self._inner, self._transport = self._inner, None, None
        if inner is not None:
            inner.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._early is not None:
            self._early.append(data)
            return
        if self._gated and not self._passes(data):
            return
        if self._inner is None or self._deaf:
            return
        if self._door.waits(self) and not self._discarded(data) and not self._hold(data):
            return
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        return self._inner.eof_received() if self._inner is not None else None

    def pause_writing(self) -> None:
        if self._inner is not None:
            self._inner.pause_writing()

    def resume_writing(self) -> None:
        if self._inner is not None:
            self._inner.resume_writing()

    def taken(self) -> None:
        """A handler took a whole request or message: what was held is held no more."""
        self._discards = 0
        self._door.taken(self)

    def discards(self) -> None:
        """The request is answered, or about to be: what still comes of its body is dropped, and not held."""
        self._discards = MAX_DISCARDED_BYTES

    def admitted(self) -> None:
        """A session is its own: from here on that session's limits hold."""
        self.on_overflow = None
        self._door.admitted(self)

    def waits_again(self) -> None:
        """What it was admitted for is over."""
        if self._transport is not None and not self._deaf:
            self._door.readmitted(self)

    def deafen(self) -> None:
        """What still comes is thrown away; the connection is about to be closed."""
        self._deaf = True

    def drop(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    async def _secure(self, plain: asyncio.Transport, context: ssl.SSLContext) -> None:
        loop = asyncio.get_running_loop()
        try:
            plain.pause_reading()  # or the first bytes of the handshake would come here
            async with asyncio.timeout(self._door.handshake_s):
                await self._door.turns.take(self.address)
            secured = await loop.start_tls(
                plain, self, context, server_side=True, ssl_handshake_timeout=self._door.handshake_s
            )
        except OSError:  # of TLS, of the connection, or of the time: asyncio tells the protocol of none
            self._door.refused(self, "tls_failed")
            self._door.left(self)
            plain.abort()
            return
        if secured is None or secured.is_closing() or self._deaf:  # gone, or cut off meanwhile
            self._door.left(self)
            plain.abort()
            return
        self._transport = secured
        self._opened(secured)
        early, self._early = self._early or [], None
        for data in early:
            self.data_received(data)

    def _opened(self, transport: asyncio.Transport) -> None:
        if self._door.gate is not None and self._door.gate.crowded(self._peer):
            self._gated = True
        else:
            self._let_through(transport)

    def _let_through(self, transport: asyncio.Transport) -> None:
        self._gated = False
        self._inner = self._door.handler()
        self._inner.connection_made(transport)

    def _passes(self, data: bytes) -> bool:
        """Whether the first request shows a key; otherwise it is answered and the connection closed."""
        if self._transport is None or self._deaf:
            return False
        assert self._door.gate is not None
        refusal = self._door.gate.answer(self._peer, data)
        if refusal is None:
            self._let_through(self._transport)
            return True
        self.deafen()
        self._transport.write(refusal)
        self._transport.close()
        return False

    def _discarded(self, data: bytes) -> bool:
        """Whether bytes are of a body that is dropped, which ends with the next request or when it is too much."""
        if self._discards <= 0:
            return False
        self._discards -= len(data)
        return True

    def _hold(self, data: bytes) -> bool:
        """Counts bytes that aiohttp is about to keep. False if they are too many."""
        if not self.held_bytes:
            self._uploads = data.startswith(UPLOADS)
        # Asked before they are added: a first message and the audio behind it may come in one piece.
        if self.held_bytes > (MAX_UPLOAD_BYTES if self._uploads else self.most_bytes + _OVERHEAD_BYTES):
            self.overflowed = True
            self.deafen()
            if self.on_overflow is not None:
                self.on_overflow()
            else:
                self._door.cut(self, "text_too_large")
            return False
        self._door.hold(self, len(data))
        return not self._deaf


@dataclass(slots=True)
class Door:
    """The factory of a server's protocols. `handler` makes aiohttp's."""

    handler: Callable[[], asyncio.Protocol]
    metrics: Metrics
    most: int
    """Connections in all."""

    most_waiting_per_address: int
    """Connections of one address without a session; the one that waits longest makes room for a new one."""

    audit: Audit = field(default_factory=Audit)
    gate: Gate | None = None
    tls: ssl.SSLContext | None = None
    handshake_s: float = 10.0
    turns: Turns = field(default_factory=Turns)
    """Of TLS handshakes."""
    _inside: set[Visitor] = field(default_factory=set)
    _waiting: dict[str, dict[Visitor, None]] = field(default_factory=dict)  # by address, who waits longest first
    _held_bytes: int = 0

    def __call__(self) -> Visitor:
        return Visitor(self)

    def __len__(self) -> int:
        return len(self._inside)

    @property
    def held_bytes(self) -> int:
        return self._held_bytes

    def let_in(self, visitor: Visitor) -> bool:
        """Whether there is room, if need be that of another who waits. A flood of silence pushes out itself first."""
        neighbours = self._waiting.get(visitor.address, {})
        if len(neighbours) >= self.most_waiting_per_address:
            self.cut(next(iter(neighbours)), "too_many_connections")
        elif len(self._inside) >= self.most:
            crowd = max(self._waiting.values(), key=len, default=None)
            if crowd is None:
                self.refused(visitor, "too_many_connections")
                return False
            self.cut(next(iter(crowd)), "too_many_connections")
        self._inside.add(visitor)
        self._waiting.setdefault(visitor.address, {})[visitor] = None
        return True

    def turn_away(self, connection: socket.socket, peer: str) -> bool:
        """Answers a connection that comes while too many come without a key, and whose first bytes show none.

        False where the connection is to be taken, also where nothing has come over it yet: then its visitor asks the
        gate.
        """
        gate = self.gate
        if gate is None or self.tls is not None or not gate.crowded(peer):
            return False
        connection.setblocking(False)
        try:
            data = connection.recv(_HEAD_BYTES, socket.MSG_PEEK)
            refusal = gate.answer(peer, data) if data else None
            if refusal is None:
                return False
            connection.recv(_HEAD_BYTES)  # what is left unread would reset the connection, and lose the answer
            connection.send(refusal)
        except BlockingIOError:
            return False
        except OSError:
            pass
        connection.close()
        return True

    def waits(self, visitor: Visitor) -> bool:
        return visitor in self._waiting.get(visitor.address, ())

    def hold(self, visitor: Visitor, size: int) -> None:
        visitor.held_bytes += size
        self._held_bytes += size
        while self._held_bytes > MAX_WAITING_BYTES:
            waiting = (each for group in self._waiting.values() for each in group)
            self.cut(max(waiting, key=lambda each: each.held_bytes), "too_many_bytes")

    def taken(self, visitor: Visitor) -> None:
        if self.waits(visitor):
            self._release(visitor)
            group = self._waiting[visitor.address]
            group[visitor] = group.pop(visitor)  # from now on it waits the shortest

    def admitted(self, visitor: Visitor) -> None:
        self._release(visitor)
        self._forget(visitor)

    def readmitted(self, visitor: Visitor) -> None:
        """Puts a connection back among those without a session."""
        self._waiting.setdefault(visitor.address, {})[visitor] = None

    def left(self, visitor: Visitor) -> None:
        self._release(visitor)
        self._forget(visitor)
        self._inside.discard(visitor)

    def cut(self, visitor: Visitor, code: str) -> None:
        """Ends a connection at once, and counts it under `code`."""
        self.refused(visitor, code)
        self.left(visitor)
        visitor.deafen()
        visitor.drop()

    def refused(self, visitor: Visitor, code: str) -> None:
        """Counts and notes the refusal of a connection."""
        self.metrics.refused.labels(code).inc()
        self.audit.note("refused", actor=ANONYMOUS, session=None, address=visitor.address or None, outcome=code)

    def _release(self, visitor: Visitor) -> None:
        self._held_bytes -= visitor.held_bytes
        visitor.held_bytes = 0

    def _forget(self, visitor: Visitor) -> None:
        group = self._waiting.get(visitor.address, {})
        group.pop(visitor, None)
        if not group:
            self._waiting.pop(visitor.address, None)


def visitor_of(transport: asyncio.BaseTransport | None) -> Visitor | None:
    """The door's side of a connection; None where the server was started without a door, or the client has gone."""
    protocol = transport.get_protocol() if transport is not None else None
    return protocol if isinstance(protocol, Visitor) else None
