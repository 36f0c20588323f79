"""Records, rendered by a process of their own (record/renderer.py), which is started again when it is gone."""

import asyncio
import logging
import socket
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from server.forks import Forks
from server.record import renderer
from server.record.formats import FormatName

logger = logging.getLogger(__name__)


class RecordsBusy(Exception):
    """More records wait than may; `retry_after_s` is when one more may be asked for."""

    retry_after_s = 5


class TemplateBroken(Exception):
    """A site's template cannot be rendered. The message is its file and line, and holds no word of the record."""


class RenderingFailed(Exception):
    """The record could not be made: an error, or one of the bounds. The message holds no word of the record."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one record may cost. `memory_bytes` are of address space, that of the libraries (200 MB) included."""

    waiting: int = 16
    time_s: float = 30.0
    cpu_s: int = 20
    memory_bytes: int = 1 << 30


class Rendering(Forks):
    """One record at a time; `waiting` more may wait. The process starts with the first record, or with `start`.

    `templates` is the folder of a site's own.
    """

    def __init__(self, bounds: Bounds | None = None, templates: Path | None = None) -> None:
        self._bounds = bounds or Bounds()
        self._templates = "" if templates is None else str(templates.resolve())
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._formats: Sequence[FormatName] = ()
        super().__init__(renderer.__name__, "renders records", self._told)

    async def start(self, formats: Sequence[FormatName] = ()) -> None:
        """Starts the process, which loads the libraries of the formats before the first record. Raises OSError."""
        self._formats = tuple(formats)
        async with self._turn:
            await asyncio.to_thread(self._ensure)

    async def render(self, job: bytes) -> bytes:
        """The record that a `renderer.job` asks for. Raises RecordsBusy, TemplateBroken or RenderingFailed.

        The format must be one that is installed: see `formats.check_installed`.
        """
        if self._waiting > self._bounds.waiting:
            raise RecordsBusy
        self._waiting += 1
        try:
            async with self._turn:
                return await self._render(job)
        finally:
            self._waiting -= 1

    def _told(self) -> Sequence[str]:
        return str(self._bounds.memory_bytes), str(self._bounds.cpu_s), self._templates, *self._formats

    async def _render(self, job: bytes) -> bytes:
        try:
            async with asyncio.timeout(self._bounds.time_s):
                line = await self._hand()
                with line:
                    answer = await _ask(line, job)
        except TimeoutError:
            await asyncio.to_thread(self._end)  # with the fork that is late
            raise _failed(f"not done within {self._bounds.time_s:g} s") from None
        except OSError as error:
            raise _failed(f"the process that renders is gone ({type(error).__name__})") from None
        kind, body = answer[:1], answer[1:]
        if kind == renderer.RENDERED:
            return body
        if kind == renderer.TEMPLATE_FAILED:
            logger.error("a template could not be rendered: %s", body.decode())
            raise TemplateBroken(body.decode())
        if kind == renderer.FAILED:
            raise _failed(body.decode())
        raise _failed("ended without an answer: it may have taken too much memory or time")


def _failed(reason: str) -> RenderingFailed:
    logger.error("a record could not be made: %s", reason)
    return RenderingFailed(reason)


async def _ask(line: socket.socket, job: bytes) -> bytes:
    """The answer, which is empty where the fork has ended without one."""
    loop = asyncio.get_running_loop()
    answer = bytearray()
    with suppress(BrokenPipeError, ConnectionResetError):
        await loop.sock_sendall(line, job)
        line.shutdown(socket.SHUT_WR)
        while part := await loop.sock_recv(line, renderer.READ_BYTES):
            answer += part
    return bytes(answer)
