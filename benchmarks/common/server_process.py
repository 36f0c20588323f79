"""A server as a process of its own: started, timed to readiness, stopped."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import aiohttp
import psutil

FAKES = "fakes"
"""In place of a model's name: engines that answer at once."""


def free_port() -> int:
    """A port of 127.0.0.1 on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def serve(model: str, *flags: str, staged: Sequence[str] = ()) -> tuple[str, ...]:
    """What `ServerProcess` is given for `drtranscribe serve` with a model, or with `FAKES`.

    `staged` are flags of benchmarks/attack/server.py, which sets up the engines of `FAKES`.
    """
    if model == FAKES:
        return " ".join(("benchmarks.attack.server", *staged, "serve")), *flags
    return "server serve", "--model", model, *flags


class ServerProcess:
    """`python -m MODULE ... --port N` on a free port, or on `port`.

    All that it writes goes to `log`, if that is given; `nofile` is the most descriptors that it may ever open;
    `environment` adds variables.
    """

    def __init__(
        self,
        module: str,
        *flags: str,
        log: Path | None = None,
        nofile: int | None = None,
        environment: Mapping[str, str] | None = None,
        port: int | None = None,
    ) -> None:
        self.port = free_port() if port is None else port
        self.url = f"http://127.0.0.1:{self.port}/"
        self.began = time.monotonic()
        command: list[str] = [sys.executable, "-m", *module.split(), "--port", str(self.port), *flags]
        if nofile is not None:
            command = ["sh", "-c", f'ulimit -n {nofile}; exec "$@"', "sh", *command]
        variables = {**os.environ, **(environment or {})}
        if log is None:
            self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=variables)
        else:
            with log.open("wb") as file:
                self.process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, env=variables)

    @classmethod
    def serving(cls, model: str, extra: Sequence[str] = ()) -> "ServerProcess":
        """`drtranscribe serve` with a model, or with `FAKES`."""
        return cls(*serve(model, *extra))

    async def ready(self, http: aiohttp.ClientSession) -> float:
        """Seconds from its start until it was warm. Raises SystemExit if it ends before."""
        while self.process.poll() is None:
            try:
                async with http.get(f"{self.url}health/ready") as response:
                    if response.status == 200:
                        return time.monotonic() - self.began
            except (aiohttp.ClientError, TimeoutError):  # not listening yet, or busy with its start
                pass
            await asyncio.sleep(0.05)
        raise SystemExit("the server ended before it was ready: see its message above")

    def cpu_s(self) -> float:
        times = psutil.Process(self.process.pid).cpu_times()
        return float(times.user + times.system)

    def memory_mb(self) -> float:
        """The most that it held so far."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 1024

    def stop(self) -> int:
        """Its exit status; one that does not end by itself is killed, and that is no normal status."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()
