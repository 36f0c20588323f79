"""The server under attack: a process with its log in a file, its memory and its descriptors watched."""

import asyncio
import re
import sys
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import aiohttp
from yarl import URL

from benchmarks.common.server_process import FAKES, ServerProcess, free_port, serve
from server.access.keys import add, generate

READY_S = 240.0
EMPTY_TRIES = 40
ANSWER_S = 5.0
METRIC = re.compile(r"^(\w+) (\S+)$", re.MULTILINE)
"""One without labels, as Prometheus reads it."""

BLOCK = 1 << 24


@dataclass(frozen=True, slots=True)
class Setup:
    """How a server is started: real engines or fakes, its flags, and the descriptors that it may open.

    `flags` may hold {port}: a free one, which the attack serves at.
    """

    flags: tuple[str, ...] = ()
    staged: tuple[str, ...] | None = None
    """Flags of benchmarks/attack/server.py; None for the engines that the command line names."""
    nofile: int | None = None
    environment: tuple[tuple[str, str], ...] = ()
    keys: bool = False
    """The server asks for a key, and the good session shows one."""


class Target:
    """An async context manager: inside it the server is ready."""

    def __init__(self, setup: Setup, model: str) -> None:
        self.port = free_port()
        flags = [flag.format(port=self.port) for flag in setup.flags]
        self._folder = tempfile.TemporaryDirectory()
        self._log = Path(self._folder.name, "log")
        self.headers: dict[str, str] = {}
        """The headers with which the good session and the probes are let in."""
        if setup.keys:
            text, key = generate("witness", ("admin",))
            add(keys_file := Path(self._folder.name, "keys.json"), key)
            flags += ["--keys-file", str(keys_file)]
            self.headers["Authorization"] = f"Bearer {text}"
        command = serve(model if setup.staged is None else FAKES, *flags, staged=setup.staged or ())
        self._process = ServerProcess(*command, log=self._log, nofile=setup.nofile, environment=dict(setup.environment))
        self.url = URL(self._process.url)
        self.pid = self._process.process.pid

    async def __aenter__(self) -> Self:
        try:
            async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as http, asyncio.timeout(READY_S):
                await self._process.ready(http)
        except BaseException as error:
            if isinstance(error, SystemExit):
                print(self.log(), file=sys.stderr, flush=True)
            self._process.process.kill()
            self._process.process.wait()
            self._folder.cleanup()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self._process.stop)
        self._folder.cleanup()

    @property
    def socket(self) -> str:
        """The address of a session's WebSocket."""
        return str(self.url.with_scheme("ws") / "ws")

    async def metrics(self) -> dict[str, float]:
        """What the server tells of itself now, by name. Metrics with labels are left out."""
        async with aiohttp.ClientSession(headers=self.headers) as http, http.get(self.url / "metrics") as response:
            return {name: float(value) for name, value in METRIC.findall(await response.text())}

    @property
    def alive(self) -> bool:
        return self._process.process.poll() is None

    def log(self, since: int = 0) -> str:
        """What the server has written, from a place in its log on."""
        with self._log.open(errors="replace") as file:
            file.seek(since)
            return file.read()

    @property
    def log_size(self) -> int:
        return self._log.stat().st_size

    def memory_mb(self) -> float:
        """Resident now; 0 where the server has ended."""
        try:
            status = Path(f"/proc/{self.pid}/status").read_text()
        except OSError:
            return 0.0
        found = re.search(r"VmRSS:\s+(\d+)", status)
        return round(int(found[1]) / 1024, 1) if found else 0.0

    def descriptors(self) -> int:
        """How many the server has open now."""
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))

    async def empty(self) -> None:
        """Returns when no session is left, those that wait to be resumed included, or after a while."""
        for _ in range(EMPTY_TRIES):
            with suppress(aiohttp.ClientError, TimeoutError):
                async with asyncio.timeout(ANSWER_S):
                    if (await self.metrics()).get("drtranscribe_sessions") == 0:
                        return
            await asyncio.sleep(0.25)

    def held(self, words: Iterable[bytes]) -> int:
        """How many of the words stand in the process's memory; only its parent may look."""
        wanted = set(words)
        longest = max(map(len, wanted), default=0)
        found: set[bytes] = set()
        for first, last in _writable(Path(f"/proc/{self.pid}/maps").read_text()):
            with open(f"/proc/{self.pid}/mem", "rb", buffering=0) as memory:
                for at in range(first, last, BLOCK):
                    memory.seek(at)
                    try:
                        block = memory.read(min(BLOCK + longest, last - at))
                    except OSError:  # a guard page, or unmapped meanwhile
                        continue
                    found |= {word for word in wanted - found if word in block}
        return len(found)


def _writable(maps: str) -> list[tuple[int, int]]:
    """Where a process keeps what it wrote: private mappings that it may write to."""
    ranges = []
    for line in maps.splitlines():
        place, mode, *_ = line.split()
        if mode.startswith("rw") and "p" in mode:
            first, last = place.split("-")
            ranges.append((int(first, 16), int(last, 16)))
    return ranges
