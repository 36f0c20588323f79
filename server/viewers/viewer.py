"""One viewer: a connection that is written to and never read."""

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress

from server.viewers.frames import KEEP_ALIVE, Frame, chunk

MOST_UNSENT = 256 << 10
"""Bytes that may wait in this process for one viewer to read: minutes of a consultation. One who leaves more is cut
off, and goes on from `Last-Event-ID`."""

KERNEL_BYTES = 64 << 10
"""What the kernel is asked to hold for one viewer. By itself it takes up to 4 MB, and only when it takes no more is it
noticed that a viewer reads nothing."""

KEEP_ALIVE_S = 15.0
"""Between two signs of life, so that no proxy takes a silent session for a dead connection."""


def narrow(transport: asyncio.Transport) -> None:
    """Bounds what the kernel holds for a viewer."""
    line = transport.get_extra_info("socket")
    if line is not None:
        with suppress(OSError):  # the client is gone already
            line.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_BYTES)


class Viewer:
    """Writes to `transport` and waits for nobody: what a client leaves unread is bounded, then the client is cut off.

    `chunked` says that the response has the chunks of HTTP/1.1. `in_force` says whether the key is still valid. A
    client that reads nothing for `limit_s` is cut off too; `cut` is called with the reason.
    """

    def __init__(
        self,
        transport: asyncio.Transport,
        chunked: bool,
        limit_s: float,
        in_force: Callable[[], bool] = lambda: True,
        cut: Callable[[str], None] = lambda reason: None,
    ) -> None:
        self.seq = 0
        """The number of the last event that was written."""
        self.over = asyncio.Event()
        """Set when the last event was written, or the connection is gone."""
        self._transport = transport
        self._chunked = chunked
        self._limit_s = limit_s
        self._in_force = in_force
        self._cut = cut
        self._keep_alive = chunk(KEEP_ALIVE) if chunked else KEEP_ALIVE
        self._live = False
        self._written = False  # since the last keep-alive was due
        self._next_s: float | None = None
        self._unsent = 0
        self._moved_s: float | None = None

    def begin(self, seq: int) -> None:
        """From here on `show` writes the events above `seq`."""
        self.seq, self._live = seq, True

    def show(self, frame: Frame) -> None:
        """Writes an event, unless the viewer has it already."""
        if frame.seq <= self.seq or self._transport.is_closing():
            return
        if self._transport.get_write_buffer_size() > MOST_UNSENT:
            self.drop("slow")
            return
        self._transport.write(frame.chunk if self._chunked else frame.plain)
        self.seq, self._written = frame.seq, True

    def end(self, whole: bool = True) -> None:
        """Nothing follows. Unless the session is told as a `whole`, what is not sent may be erased: it stays here."""
        if not whole and self._transport.get_write_buffer_size():
            self._transport.abort()
        self.over.set()

    def drop(self, reason: str) -> None:
        """Cuts the connection off."""
        self._cut(reason)
        self._transport.abort()
        self.over.set()

    def check(self, now: float) -> None:
        """Looks after the connection; `now` is that of `patience`."""
        if self._transport.is_closing():
            self.over.set()
        elif not self._in_force():
            self.drop("key_revoked")
        elif self._stuck(now):
            self.drop("slow")
        elif self._next_s is None or now >= self._next_s:
            if self._live and not self._written and self._next_s is not None:
                self._transport.write(self._keep_alive)
            self._next_s, self._written = now + KEEP_ALIVE_S, False

    def _stuck(self, now: float) -> bool:
        """Whether something waits for the client, and nothing of it has left for `limit_s`."""
        unsent, before = self._transport.get_write_buffer_size(), self._unsent
        self._unsent = unsent
        if not unsent or unsent < before or self._moved_s is None:
            self._moved_s = now
        return now - self._moved_s > self._limit_s
