"""The process of a model server: our own, or a real vLLM; killed and started again."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import aiohttp

from benchmarks.chaos.lab import until
from benchmarks.common.server_process import free_port

SCRIPT = Path(__file__).parents[1] / "vllm" / "serve_cpu.sh"
READY_S = 900.0
"""A vLLM loads its libraries and its weights, on cores that others use too."""


class ModelProcess:
    """A context in which the model server runs. `vllm` is the folder of a real one; None for our own."""

    def __init__(self, vllm: Path | None = None) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/v1"
        own = [sys.executable, "-m", "benchmarks.chaos.model_server", "--port", str(self.port)]
        self._command = own if vllm is None else [str(SCRIPT), str(vllm.absolute()), str(self.port)]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns at once; `ready` waits."""
        # A session of its own: a real one is several processes, and a kill is for all of them.
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    async def ready(self) -> None:
        """Raises SystemExit if it does not come up."""
        if not await until(self._answers, READY_S):
            raise SystemExit("the model server did not start: run its command by hand to see why")

    def kill(self) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    async def _answers(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            raise SystemExit("the model server ended before it was ready: run its command by hand to see why")
        try:
            async with aiohttp.ClientSession() as http, http.get(f"{self.url}/models") as response:
                return response.status == 200
        except aiohttp.ClientError:
            return False
