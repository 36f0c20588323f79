"""What a run costs: the GPU's use and memory, and how busy the event loop and the process are."""

import asyncio
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from benchmarks.common.nvidia import Reading
from benchmarks.common.percentiles import distribution

LAG_EVERY_S = 0.02


def means(moments: Sequence[Mapping[int, Reading]]) -> dict[str, float] | None:
    """The means of the first GPU's readings; None without a reading that tells all of them."""
    told = [gpus[min(gpus)] for gpus in moments]
    rows = [
        (gpu.busy_percent, gpu.memory_mb, gpu.power_w, gpu.clock_mhz)
        for gpu in told
        if gpu.power_w is not None and gpu.clock_mhz is not None
    ]
    if not rows:
        return None
    busy, memory, power, clock = (sum(column) / len(rows) for column in zip(*rows, strict=True))
    return {
        "utilisation": round(busy / 100, 3),
        "memory_gb": round(memory / 1024, 2),
        "power_w": round(power, 1),
        "clock_mhz": round(clock),
    }


def device_memory_gb() -> float | None:
    """Memory in use on the current GPU, by everybody."""
    if not torch.cuda.is_available():
        return None
    free, total = torch.cuda.mem_get_info()
    return round((total - free) / 2**30, 2)


def gpu_card() -> dict[str, Any] | None:
    """The GPU and what drives it."""
    if not torch.cuda.is_available():
        return None
    properties = torch.cuda.get_device_properties(0)
    driver = None
    if shutil.which("nvidia-smi"):
        query = ["nvidia-smi", "--query-gpu=driver_version,power.limit", "--format=csv,noheader"]
        driver = subprocess.run(query, capture_output=True, text=True, check=False).stdout.strip().splitlines()[:1]
    return {
        "name": properties.name,
        "memory_gb": round(properties.total_memory / 2**30, 1),
        "multiprocessors": properties.multi_processor_count,
        "driver_and_power_limit": driver[0] if driver else None,
        "cuda_of_torch": torch.version.cuda,
    }


@dataclass(frozen=True, slots=True)
class Busy:
    """How busy the host was: CPU seconds a second of the event loop's thread and of the whole process, loop lag."""

    loop_cpu: float
    process_cpu: float
    loop_lag_ms: dict[str, float | None]


class LoopWatch:
    """Made and asked on the event loop's own thread; run `run` beside the work."""

    def __init__(self) -> None:
        self._lags: list[float] = []
        self.restart()

    def restart(self) -> None:
        self._lags.clear()
        self._began = (time.monotonic(), time.thread_time(), time.process_time())

    def busy(self) -> Busy:
        """Since the last restart."""
        wall, thread, process = (
            now - began
            for now, began in zip((time.monotonic(), time.thread_time(), time.process_time()), self._began, strict=True)
        )
        lags = [lag * 1000 for lag in self._lags]
        return Busy(round(thread / wall, 3), round(process / wall, 2), distribution(lags))

    async def run(self) -> None:
        while True:
            due = time.monotonic() + LAG_EVERY_S
            await asyncio.sleep(LAG_EVERY_S)
            self._lags.append(max(0.0, time.monotonic() - due))
