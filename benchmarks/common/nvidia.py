"""What nvidia-smi says of the GPUs of this host while a benchmark runs. Imports nothing heavy."""

import shutil
import subprocess
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

QUERY = ("index", "utilization.gpu", "memory.used", "power.draw", "clocks.sm")
EVERY_MS = 500


@dataclass(frozen=True, slots=True)
class Reading:
    """One GPU at one moment; power and clock are None on cards that do not tell them."""

    busy_percent: float
    memory_mb: float
    power_w: float | None
    clock_mhz: float | None


class GpuWatch:
    """Readings of all GPUs from the moment it is made, twice a second; none where there is no nvidia-smi.

    `close` ends the process that reads.
    """

    def __init__(self) -> None:
        self._moments: list[tuple[float, Mapping[int, Reading]]] = []
        self._process: subprocess.Popen[str] | None = None
        if shutil.which("nvidia-smi"):
            self._process = subprocess.Popen(
                ["nvidia-smi", f"--query-gpu={','.join(QUERY)}", "--format=csv,noheader,nounits", f"-lms={EVERY_MS}"],
                stdout=subprocess.PIPE,
                text=True,
            )
            self._reader = threading.Thread(target=self._read, args=(self._process.stdout,), daemon=True)
            self._reader.start()

    def between(self, begin: float, end: float) -> list[Mapping[int, Reading]]:
        """For each moment between two of time.monotonic(): what each GPU, by its index, told."""
        return [gpus for at, gpus in self._moments if begin <= at <= end]

    def close(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._reader.join()
            assert self._process.stdout is not None
            self._process.stdout.close()

    def _read(self, lines: Iterable[str]) -> None:
        for line in lines:
            told = parsed(line)
            if told is None:
                continue
            index, reading = told
            at, others = self._moments[-1] if self._moments else (0.0, {index: reading})
            if index in others:  # nvidia-smi tells one GPU after the other, and then begins again
                self._moments.append((time.monotonic(), {index: reading}))
            else:
                self._moments[-1] = at, {**others, index: reading}


def parsed(line: str) -> tuple[int, Reading] | None:
    """One line of nvidia-smi's CSV: the GPU's index and its reading; None where use or memory are not told."""
    values = [_number(value) for value in line.split(",")]
    if len(values) != len(QUERY) or any(value is None for value in values[:3]):
        return None
    index, busy, memory, power, clock = values
    assert index is not None
    assert busy is not None
    assert memory is not None
    return int(index), Reading(busy, memory, power, clock)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:  # "[N/A]"
        return None
