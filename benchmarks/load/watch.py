"""What a run costs the host: CPU and memory of server and clients, the GPU, and how soon the server answers."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from statistics import mean
from typing import Any

import aiohttp
import numpy as np
import psutil

from benchmarks.common.nvidia import GpuWatch, Reading
from benchmarks.common.percentiles import distribution

EVERY_S = 0.5
PROBE_EVERY_S = 0.1


def listening(port: int) -> int | None:
    """The process on this host that listens on a port, where this user may know it."""
    try:
        found = psutil.net_connections("tcp")
    except psutil.AccessDenied:
        return None
    return next((c.pid for c in found if c.status == psutil.CONN_LISTEN and c.laddr and c.laddr.port == port), None)


def usage(pids: Sequence[int]) -> tuple[float, float]:
    """CPU seconds and resident MB of processes and all below them; those that have gone count nothing."""
    cpu_s = resident = 0.0
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            root = psutil.Process(pid)
            for process in [root, *root.children(recursive=True)]:
                with suppress(psutil.NoSuchProcess):
                    times = process.cpu_times()
                    cpu_s += times.user + times.system
                    resident += process.memory_info().rss
    return cpu_s, resident / 2**20


@dataclass(frozen=True, slots=True)
class Sample:
    at: float
    server_cpu_s: float
    server_mb: float
    clients_cpu_s: float


@dataclass(slots=True)
class Watch:
    """Run `run` beside the load and cancel it at the end; `server` is None where the server is on another host."""

    live_url: str
    server: int | None
    clients: Sequence[int] = ()
    samples: list[Sample] = field(default_factory=list)
    probes: list[tuple[float, float]] = field(default_factory=list)  # (when asked, ms)
    unanswered: int = 0
    gpus: GpuWatch = field(default_factory=GpuWatch)

    async def run(self) -> None:
        timeout = aiohttp.ClientTimeout(total=10)
        with closing(self.gpus):
            async with aiohttp.ClientSession(timeout=timeout) as http, asyncio.TaskGroup() as group:
                group.create_task(self._measure())
                due = time.monotonic()
                while True:  # by absolute time: a slow answer must not spare the server the next question
                    group.create_task(self._probe(http))
                    due += PROBE_EVERY_S
                    await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def _probe(self, http: aiohttp.ClientSession) -> None:
        asked = time.monotonic()
        try:
            async with http.get(self.live_url) as response:
                await response.read()
        except (aiohttp.ClientError, TimeoutError):
            self.unanswered += 1
        else:
            self.probes.append((asked, (time.monotonic() - asked) * 1000))

    async def _measure(self) -> None:
        while True:
            server, clients = usage([self.server] if self.server else []), usage(self.clients)
            self.samples.append(Sample(time.monotonic(), *server, clients[0]))
            await asyncio.sleep(EVERY_S)

    def summary(self, begin: float, end: float, audio_s: float, sessions: int, before_mb: float) -> dict[str, Any]:
        """Between two moments, in which `audio_s` seconds of audio were sent; `before_mb` without any session."""
        at = [sample.at for sample in self.samples]

        def spent(values: list[float]) -> float | None:
            if len(at) < 2 or audio_s <= 0:
                return None
            first, last = np.interp((begin, end), at, values)
            return round(float(last - first) / audio_s, 5)

        inside = [sample for sample in self.samples if begin <= sample.at <= end]
        gpus = self.gpus.between(begin, end)
        here = self.server is not None and bool(inside)
        return {
            "live_ms": distribution([ms for asked, ms in self.probes if begin <= asked <= end]),
            "live_unanswered": self.unanswered,
            "server_cpu_s_per_audio_s": spent([sample.server_cpu_s for sample in self.samples]) if here else None,
            "client_cpu_s_per_audio_s": spent([sample.clients_cpu_s for sample in self.samples]),
            "memory_mb": _memory([sample.server_mb for sample in inside], before_mb, sessions) if here else None,
            "gpu": _all_gpus(gpus) if gpus else None,
        }


def _all_gpus(moments: Sequence[Mapping[int, Reading]]) -> dict[str, Any]:
    """The mean use of all GPUs, and the most memory in use on all of them together."""
    return {
        "busy_percent": distribution([mean(gpu.busy_percent for gpu in gpus.values()) for gpus in moments]),
        "memory_mb": max(sum(gpu.memory_mb for gpu in gpus.values()) for gpus in moments),
    }


def _memory(resident: Sequence[float], before_mb: float, sessions: int) -> dict[str, float]:
    peak = max(resident)
    return {
        "before": round(before_mb, 1),
        "mean": round(sum(resident) / len(resident), 1),
        "peak": round(peak, 1),
        "a_session": round((peak - before_mb) / sessions, 3),
    }
