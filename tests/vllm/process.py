"""A real vLLM of the tests' own: started, killed and started again."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import aiohttp
import psutil
from aiohttp.test_utils import unused_port

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "vllm" / "serve_cpu.sh"
START_LIMIT_S = 600
STOP_LIMIT_S = 30


class VllmProcess:
    """`benchmarks/vllm/serve_cpu.sh FOLDER` on a free port; what it prints goes to FOLDER/test.log."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "test.log"
        self.port = unused_port()
        self.root = f"http://127.0.0.1:{self.port}"
        self.url = f"{self.root}/v1"
        self._process: subprocess.Popen[bytes] | None = None
        self.log.write_bytes(b"")

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Returns at once; `until_up` waits."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [str(SCRIPT), str(self.folder), str(self.port)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHON": sys.executable},
                start_new_session=True,  # vLLM is several processes: a signal is for all of them
            )

    async def until_up(self) -> None:
        """Raises RuntimeError with the end of the log if it does not come up."""
        try:
            async with asyncio.timeout(START_LIMIT_S), aiohttp.ClientSession() as http:
                while not await self._healthy(http):
                    if not self.running:
                        raise RuntimeError(f"vLLM ended before it was up:\n{self._end_of_log()}")
                    await asyncio.sleep(0.5)
        except TimeoutError:
            raise RuntimeError(f"vLLM was not up after {START_LIMIT_S} s:\n{self._end_of_log()}") from None

    def engines(self) -> list[psutil.Process]:
        """The processes behind the one that listens."""
        assert self._process is not None
        return psutil.Process(self._process.pid).children(recursive=True)

    def kill(self) -> None:
        """All of it at once, as a lost machine."""
        self._signal(signal.SIGKILL)

    def stop(self) -> None:
        if not self.running:
            return
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_LIMIT_S)
        self.kill()  # an engine may outlive the one that listens

    def _signal(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)
        self._process.wait(STOP_LIMIT_S)

    async def _healthy(self, http: aiohttp.ClientSession) -> bool:
        try:
            async with http.get(f"{self.root}/health", timeout=aiohttp.ClientTimeout(5)) as response:
                return response.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False

    def _end_of_log(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-25:])
