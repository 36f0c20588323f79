"""How many decoders side by side a CPU carries best, and with how many threads each: measured, not guessed.

Whisper's decoder takes many short steps, in which threads mostly wait for each other; how much they do depends on the
processor and on the model. So the choices for this host are timed on the model itself, before the server is ready.
"""

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TypeVar

from inference.asr.recognition import AsrEngine
from inference.config import AsrConfig
from inference.serving.capacity import FINALS, batch_size

Engine = TypeVar("Engine", bound=AsrEngine)

CLEARLY_BETTER = 1.1
"""Wider decoders must win by this much: narrow ones serve more sessions at once, and a noisy host measures noise."""


@dataclass(frozen=True, slots=True)
class Trial:
    """Spans a second with `workers` decoders of `threads` each."""

    workers: int
    threads: int
    spans_per_s: float

    def __str__(self) -> str:
        return f"{_count(self.workers, 'decoder')} of {_count(self.threads, 'thread')}: {self.spans_per_s:.2f} spans/s"


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def choices(cores: int) -> list[tuple[int, int]]:
    """(workers, threads) that fill the cores: single-threaded decoders first, then ever fewer and wider ones."""
    widths = [threads for threads in (1, 2, 4, 8) if threads <= cores]
    return [(max(1, cores // threads), threads) for threads in widths]


def fastest(
    load: Callable[[AsrConfig], Engine], config: AsrConfig, cores: int
) -> tuple[Engine, AsrConfig, list[Trial]]:
    """The fastest way to use so many cores: its engine, its settings, and every trial. Loads the model for each."""
    best: tuple[Engine, AsrConfig, float] | None = None
    trials = []
    for workers, threads in choices(cores):
        tried = replace(config, workers=workers, threads=threads)
        engine = load(tried)
        rate = _spans_per_s(engine, tried, best[2] if best is not None else 0.0)
        trials.append(Trial(workers, threads, round(rate, 2)))
        if best is None or rate > CLEARLY_BETTER * best[2]:
            best = (engine, tried, rate)
    assert best is not None
    return best[0], best[1], trials


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _spans_per_s(engine: AsrEngine, config: AsrConfig, to_beat: float) -> float:
    """With every worker busy; the first pass warms them up, the better of two more counts.

    Those two are spared where the first is not half as fast as what there is `to_beat`: no warmth makes up for that.
    """
    spans = config.workers * batch_size(config)

    def run(_: int) -> None:
        engine.rehearse(FINALS.rehearsal(config))

    with ThreadPoolExecutor(config.workers) as pool:
        taken = []
        for _ in range(3):
            began = time.monotonic()
            list(pool.map(run, range(config.workers)))
            taken.append(time.monotonic() - began)
            if spans < 0.5 * to_beat * taken[0]:
                break
    return spans / max(min(taken[1:] or taken), 1e-9)
