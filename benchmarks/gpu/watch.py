"""What a run costs: the GPU's use and memory, and how busy the event loop and the process are."""

import asyncio
import shutil
import subprocess
import threading
import time
from dataclasses import dataclass
from typing import Any

import torch

from benchmarks.common.percentiles import distribution

QUERY = ("utilization.gpu", "memory.used", "power.draw", "clocks.sm")
EVERY_MS = 500
LAG_EVERY_S = 0.02


class GpuWatch:
    """Samples of nvidia-smi from the moment it is made; without one, nothing."""

    def __init__(self) -> None:
        self._samples: list[tuple[float, list[float]]] = []
        self._process: subprocess.Popen[str] | None = None
        if torch.cuda.is_available() and shutil.which("nvidia-smi"):
            self._process = subprocess.Popen(
                ["nvidia-smi", f"--query-gpu={','.join(QUERY)}", "--format=csv,noheader,nounits", f"-lms={EVERY_MS}"],
                stdout=subprocess.PIPE,
                text=True,
            )
            threading.Thread(target=self._read, args=(self._process.stdout,), daemon=True).start()

    def between(self, begin: float, end: float) -> dict[str, float] | None:
        """Means between two moments of time.monotonic(); of the first GPU."""
        rows = [values for at, values in self._samples if begin <= at <= end]
        if not rows:
            return None
        means = [sum(column) / len(rows) for column in zip(*rows, strict=True)]
        return {
            "utilisation": round(means[0] / 100, 3),
            "memory_gb": round(means[1] / 1024, 2),
            "power_w": round(means[2], 1),
            "clock_mhz": round(means[3]),
        }

    def close(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait()

    def _read(self, lines: Any) -> None:
        for line in lines:
            values = numbers(line)
            if values is not None:
                self._samples.append((time.monotonic(), values))


def numbers(line: str) -> list[float] | None:
    """One line of nvidia-smi's CSV; None where the card does not tell one of the values."""
    try:
        values = [float(value) for value in line.split(",")]
    except ValueError:
        return None
    return values if len(values) == len(QUERY) else None


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
