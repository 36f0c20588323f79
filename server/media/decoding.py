"""The server's side of the process that decodes compressed audio (server/media/worker.py)."""

import asyncio
import json
import logging
import socket
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from inference.audio.containers import Head, Packet
from server.forks import Forks
from server.media import worker

logger = logging.getLogger(__name__)

FRAME_BYTES = 4
"""Of one sample frame of decoded Opus: two channels of 16 bits."""

NOT_DECODED = (
    "the file could not be decoded: it may be damaged, or need too much memory or time; convert it to WAV or FLAC"
)


FILE_FAULTS = ("unreadable", "one_channel", "too_long")


class FileFault(Exception):
    """A recording cannot be read. `code` is one of `FILE_FAULTS`; `str()` says what to do."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class _Gone(Exception):
    """The fork has ended without an answer, or does not answer."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one recording or one stream may cost. `memory_bytes` are of address space, libraries included.

    `silent_s` is the longest time in which a fork may say nothing that it was asked for.
    """

    memory_bytes: int = 1 << 30
    cpu_s: int = 300
    silent_s: float = 30.0


class Decoding(Forks):
    """Recordings and streams, decoded in a fork each. The process starts with the first of them."""

    def __init__(self, bounds: Bounds | None = None) -> None:
        self._bounds = bounds or Bounds()
        super().__init__(worker.__name__, "decodes audio", self._told, niceness=0)

    def _told(self) -> Sequence[str]:
        return str(self._bounds.memory_bytes), str(self._bounds.cpu_s)

    async def read(self, file: int, channels: int, most_s: float) -> AsyncGenerator[bytes, None]:
        """s16le at 16 kHz of an open file, in pieces of at most ten seconds. Raises FileFault.

        One channel is mixed from all, two are those of the file. The caller closes the file.
        """
        try:
            with await self._hand(file) as line:
                told = json.dumps({"channels": channels, "most_s": most_s}).encode()
                await asyncio.get_running_loop().sock_sendall(line, worker.message(worker.READ, told))
                while True:
                    kind, body = await self._heard(line)
                    if kind == worker.END:
                        return
                    if kind == worker.FAULT:
                        code, _, message = body.decode(errors="replace").partition("\n")
                        raise FileFault(code, message)
                    yield body
        except (OSError, _Gone) as error:
            logger.warning("a recording could not be decoded: %s", type(error).__name__)
            raise FileFault("unreadable", NOT_DECODED) from None

    def stream(self) -> "OpusStream":
        """A decoder for the packets of one session."""
        return OpusStream(self)

    async def _heard(self, line: socket.socket) -> tuple[bytes, bytes]:
        """The next message of a fork. Raises _Gone."""
        try:
            async with asyncio.timeout(self._bounds.silent_s):
                head = await _exactly(line, worker.HEAD_BYTES)
                return head[:1], await _exactly(line, int.from_bytes(head[1:], "little"))
        except TimeoutError:
            raise _Gone from None


class OpusStream:
    """The decoder of one session's packets. What cannot be decoded is silence, so that times stay true."""

    def __init__(self, decoding: Decoding) -> None:
        self._decoding = decoding
        self._head: Head | None = None
        self._line: socket.socket | None = None
        self.damaged = False
        """Whether a packet could not be decoded."""

    async def decode(self, head: Head, packets: Sequence[Packet]) -> bytes:
        """s16le of two channels at 48 kHz, as many samples as the packets say."""
        try:
            if self._line is None or self._head is not head:
                await self._begin(head)
            assert self._line is not None
            told = worker.message(worker.PACKETS, worker.packed([packet.data for packet in packets]))
            await asyncio.get_running_loop().sock_sendall(self._line, told)
            kind, pcm = await self._decoding._heard(self._line)
            self.damaged |= kind == worker.DAMAGED
            return pcm
        except (OSError, _Gone) as error:
            logger.warning("a stream's decoder is gone and is begun again: %s", type(error).__name__)
            self.damaged = True
            self.close()
            return bytes(sum(packet.samples for packet in packets) * FRAME_BYTES)
        except BaseException:
            self.close()  # an answer may be on its way that nobody waits for any more
            raise

    def close(self) -> None:
        """Ends the fork."""
        line, self._line = self._line, None
        if line is not None:
            line.close()

    async def _begin(self, head: Head) -> None:
        if self._line is None:
            self._line = await self._decoding._hand()
        await asyncio.get_running_loop().sock_sendall(self._line, worker.message(worker.HEAD, head.data))
        self._head = head


async def _exactly(line: socket.socket, size: int) -> bytes:
    """Raises _Gone where the fork ends before that."""
    loop = asyncio.get_running_loop()
    found = bytearray()
    while len(found) < size:
        part = b""
        with suppress(ConnectionResetError):
            part = await loop.sock_recv(line, min(size - len(found), 1 << 20))
        if not part:
            raise _Gone
        found += part
    return bytes(found)
