"""What every scenario is given: the model, how much there is time for, and servers to disturb."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import aiohttp
from yarl import URL

from benchmarks.attack.target import Setup, Target
from benchmarks.common.server_process import FAKES
from benchmarks.load.consultation import spoken
from benchmarks.load.failover import SHARED_KEY

Value = TypeVar("Value")

POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class Lab:
    """One run. `folder` is empty, and gone afterwards. `model` decodes wherever transcripts are compared."""

    model: str
    short: bool
    seed: int
    folder: Path
    vllm: Path | None = None
    """The folder of a real vLLM (benchmarks/vllm/serve_cpu.sh)."""

    @property
    def speed(self) -> float:
        """Times as fast as people speak."""
        return 10.0 if self.model == FAKES else 4.0

    def size(self, short: int, full: int) -> int:
        return short if self.short else full

    def audio(self, number: int, seconds: float, model: str | None = None) -> bytes:
        """What consultation `number` holds, s16le."""
        return spoken(self.model if model is None else model, self.seed * 100 + number, seconds)

    def store_key(self) -> Path:
        """The file of the key that the gateways of one store share."""
        path = self.folder / "store-key"
        path.write_text(SHARED_KEY)
        return path

    def server(
        self,
        *flags: str,
        model: str | None = None,
        keys: bool = False,
        environment: Mapping[str, str] | None = None,
    ) -> Target:
        """A server, to be entered with `async with`."""
        chosen = self.model if model is None else model
        decoder = () if chosen == FAKES else ("--asr-workers", "1", "--asr-threads", "2")
        variables = tuple((environment or {}).items())
        return Target(Setup(flags=(*decoder, *flags), keys=keys, environment=variables), chosen)


async def until(ask: Callable[[], Awaitable[Value]], limit_s: float) -> Value | None:
    """The first true answer; None where there is none for so long."""
    ends = time.monotonic() + limit_s
    while time.monotonic() < ends:
        answer = await ask()
        if answer:
            return answer
        await asyncio.sleep(POLL_S)
    return None


async def health(url: URL) -> tuple[int, str, str]:
    """What `/health/ready` answers: its HTTP status, the state of the server, and the reason for it."""
    async with aiohttp.ClientSession() as http, http.get(url / "health/ready") as response:
        told = await response.json()
        return response.status, told["status"], told.get("reason", "")


def audit_verified(trail: Path) -> "subprocess.CompletedProcess[str]":
    """What `drtranscribe audit verify` says of a trail."""
    command = [sys.executable, "-m", "server", "audit", "verify", str(trail)]
    return subprocess.run(command, capture_output=True, text=True, check=False)
