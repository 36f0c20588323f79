"""A Redis of its own on this machine: started empty, killed, started again with or without its data."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.common.server_process import free_port

STARTED_S = 10.0


def installed() -> bool:
    """Whether there is a `redis-server` (Debian: apt install redis-server)."""
    return shutil.which("redis-server") is not None


class RedisProcess:
    """A context: Redis on a free port of loopback, with a folder of its own; both are gone at its end."""

    def __init__(self, *options: str, environment: Mapping[str, str] | None = None) -> None:
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="redis-"))
        self.options: Sequence[str] = options
        self.environment = {**os.environ, **(environment or {})}
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Starts it with what its folder holds, and returns when it answers."""
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self.folder)]
        self.process = subprocess.Popen(
            ["redis-server", *options, *self.options],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=self.environment,
        )
        until = time.monotonic() + STARTED_S
        while not self._answers():
            if time.monotonic() > until or self.process.poll() is not None:
                raise SystemExit("redis-server does not start: run it by hand to see why")
            time.sleep(0.02)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Ends it as by a signal; its folder stays."""
        if self.process is not None:
            self.process.send_signal(number)
            if number is not signal.SIGSTOP:
                self.process.wait()
                self.process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop(signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=0.5) as line:
                line.sendall(b"PING\r\n")
                return line.recv(16).startswith(b"+PONG")
        except OSError:
            return False
