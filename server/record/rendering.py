"""Records, rendered by a process of their own (record/renderer.py), which is started again when it is gone."""

import asyncio
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from server.record import renderer
from server.record.formats import FormatName

logger = logging.getLogger(__name__)

NICENESS = 10
"""Of the process: whoever speaks comes before whoever reads."""

END_S = 2.0


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


class Rendering:
    """One record at a time; `waiting` more may wait. The process starts with the first record, or with `start`.

    `templates` is the folder of a site's own.
    """

    def __init__(self, bounds: Bounds | None = None, templates: Path | None = None) -> None:
        self._bounds = bounds or Bounds()
        self._templates = "" if templates is None else str(templates.resolve())
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._formats: Sequence[FormatName] = ()
        self._changing = threading.Lock()  # a start may outlast the request that wanted it
        self._process: subprocess.Popen[bytes] | None = None
        self._line: socket.socket | None = None

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

    async def close(self) -> None:
        """Ends the process, and the record that it is at."""
        await asyncio.to_thread(self._end)

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

    async def _hand(self) -> socket.socket:
        """Our end of a new socket pair, whose other end the process has."""
        for last in (False, True):
            await asyncio.to_thread(self._ensure)
            assert self._line is not None
            ours, theirs = socket.socketpair()
            with theirs:
                try:
                    socket.send_fds(self._line, [b"\0"], [theirs.fileno()])
                except OSError:  # it has ended since
                    ours.close()
                    await asyncio.to_thread(self._end)
                    if last:
                        raise
                    continue
            ours.setblocking(False)
            return ours
        raise AssertionError("the last try returns or raises")

    def _ensure(self) -> None:
        with self._changing:
            if self._process is not None and self._process.poll() is None:
                return
            if self._process is not None:
                status = self._process.returncode
                logger.warning("the process that renders records ended with %s: it is started again", status)
            self._stop()
            self._begin()

    def _end(self) -> None:
        with self._changing:
            self._stop()

    def _begin(self) -> None:
        bounds = self._bounds
        command = [
            sys.executable,
            "-m",
            renderer.__name__,
            str(bounds.memory_bytes),
            str(bounds.cpu_s),
            self._templates,
        ]
        root = str(Path(__file__).parents[2])
        path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                self._process = subprocess.Popen(
                    [*command, *self._formats],
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    # One thread, so that it may fork; a group of its own, for `_stop` and against Ctrl-C, but no
                    # session: Linux would give it as much of the processors as the server (sched_autogroup).
                    env={**os.environ, "PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
                    process_group=0,
                )
            except OSError:
                ours.close()
                raise
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, self._process.pid, os.getpriority(os.PRIO_PROCESS, 0) + NICENESS)
        self._line = ours

    def _stop(self) -> None:
        process, line, self._process, self._line = self._process, self._line, None, None
        if line is not None:
            line.close()
        if process is None or process.returncode is not None:
            return
        until = time.monotonic() + END_S
        # Not reaped before its group is killed, or the number could be another group's by then.
        while os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            if time.monotonic() > until:
                break
            time.sleep(0.01)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)  # with the forks that still render
        process.wait()


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
