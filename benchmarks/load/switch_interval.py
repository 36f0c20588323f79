"""How late the event loop wakes up beside busy Python threads, by the interpreter's switch interval.

    python -m benchmarks.load.switch_interval [--threads 3] [--intervals 0.005 0.0005] [--output FILE.json]

A thread that computes in Python keeps the interpreter's lock until another one has waited for it as long as the switch
interval. sleep_ms: how much later than after 10 ms a coroutine goes on. hop_ms: from a call in another thread that does
nothing, to its result in the coroutine, as a batch's result comes back. million_steps_s: what busy threads, one more of
them, count together in a second, which is what switching costs them. Each interval has two rounds, in turn. The last
line is JSON.
"""

import argparse
import asyncio
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.common.machine import card
from benchmarks.common.percentiles import ranks
from benchmarks.common.result import deliver

WAKE_UPS = 150
SLEEP_S = 0.01
COUNTING_S = 2.0
ROUNDS = 2


@contextmanager
def busy(threads: int) -> Iterator[list[int]]:
    """Threads that count in Python until the end; yields their counts."""
    over, counts = threading.Event(), [0] * threads

    def count(index: int) -> None:
        while not over.is_set():
            for _ in range(1000):
                counts[index] += 1

    running = [threading.Thread(target=count, args=(index,)) for index in range(threads)]
    for thread in running:
        thread.start()
    try:
        yield counts
    finally:
        over.set()
        for thread in running:
            thread.join()


async def wake_ups() -> dict[str, list[float]]:
    """Milliseconds of each wake-up, by kind."""
    late: dict[str, list[float]] = {"sleep_ms": [], "hop_ms": []}
    for _ in range(WAKE_UPS):
        began = time.perf_counter()
        await asyncio.sleep(SLEEP_S)
        late["sleep_ms"].append((time.perf_counter() - began - SLEEP_S) * 1000)
    for _ in range(WAKE_UPS):
        began = time.perf_counter()
        await asyncio.to_thread(lambda: None)
        late["hop_ms"].append((time.perf_counter() - began) * 1000)
    return late


def measure(interval_s: float, threads: int) -> dict[str, Any]:
    sys.setswitchinterval(interval_s)
    with busy(threads):
        late = asyncio.run(wake_ups())
    with busy(threads + 1) as counts:
        time.sleep(COUNTING_S)
        steps = sum(counts) / COUNTING_S
    quantiles = {kind: ranks(times, ("p50", "p95", "max"), 2) for kind, times in late.items()}
    return {"interval_s": interval_s, **quantiles, "million_steps_s": round(steps / 1e6, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=3)
    parser.add_argument("--intervals", type=float, nargs="+", default=[sys.getswitchinterval(), 0.0005])
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    rounds = [measure(interval_s, options.threads) for _ in range(ROUNDS) for interval_s in options.intervals]
    deliver(
        {"benchmark": "switch_interval", "machine": card(), "threads": options.threads, "rounds": rounds},
        options.output,
    )


if __name__ == "__main__":
    main()
