"""Processes of our own that fork for each piece of work, so that what goes wrong there costs that piece alone.

The process imports what the work needs once. The server hands it one end of a socket pair for each piece, over the Unix
socket that is its standard input; the fork works under limits of memory and processor time, answers, and ends.
"""

import asyncio
import logging
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

logger = logging.getLogger(__name__)

NICENESS = 10
"""Of work that nobody waits for while speaking."""

END_S = 2.0


class Forks:
    """The server's side of one process, which starts with the first piece of work, and again when it is gone.

    `module` is what it runs, `arguments` what that is told, and `does` completes "the process that ..." in the log.
    """

    def __init__(
        self, module: str, does: str, arguments: Callable[[], Sequence[str]], niceness: int = NICENESS
    ) -> None:
        self._module = module
        self._does = does
        self._arguments = arguments
        self._niceness = niceness
        self._changing = threading.Lock()  # a start may outlast the request that wanted it
        self._process: subprocess.Popen[bytes] | None = None
        self._line: socket.socket | None = None

    async def close(self) -> None:
        """Ends the process, and the work that it is at."""
        await asyncio.to_thread(self._end)

    async def _hand(self, *files: int) -> socket.socket:
        """Our end of a new socket pair, whose other end the process has, with these files. Raises OSError."""
        for last in (False, True):
            await asyncio.to_thread(self._ensure)
            assert self._line is not None
            ours, theirs = socket.socketpair()
            with theirs:
                try:
                    socket.send_fds(self._line, [b"\0"], [theirs.fileno(), *files])
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
                logger.warning("the process that %s ended with %s: it is started again", self._does, status)
            self._stop()
            self._begin()

    def _end(self) -> None:
        with self._changing:
            self._stop()

    def _begin(self) -> None:
        command = [sys.executable, "-m", self._module, *self._arguments()]
        root = str(Path(__file__).parents[1])
        path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                self._process = subprocess.Popen(
                    command,
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
            os.setpriority(os.PRIO_PROCESS, self._process.pid, os.getpriority(os.PRIO_PROCESS, 0) + self._niceness)
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
            os.killpg(process.pid, signal.SIGKILL)  # with the forks that still work
        process.wait()


def set_apart() -> None:
    """Prepares such a process, before it loads anything: no service manager ends it, and it leaves no core dump."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a service manager tells every process; the server says when to end
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # forks that have ended are not waited for
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def fork_for_each(work: Callable[[list[int]], None], memory_bytes: int, cpu_s: int, files: int = 0) -> None:
    """Runs each piece of work that the server hands over in a fork of its own, until the server closes its line.

    `work` gets descriptors: its end of the socket pair, then those of as many `files` at most. `memory_bytes` are of
    address space. What `work` raises ends its fork and is not told.
    """
    with socket.socket(fileno=os.dup(0)) as server:
        while True:
            _, handed, _, _ = socket.recv_fds(server, 1, 1 + files)
            if not handed:
                return  # the server has closed its end, or is gone
            if os.fork() == 0:
                try:
                    server.close()
                    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
                    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s))
                    work(handed)
                finally:
                    os._exit(0)
            for each in handed:
                os.close(each)
