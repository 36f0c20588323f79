"""How many sessions a device can follow in real time: measured at warm-up by work of a known size.

A consultation of real speech asks, for each of its seconds, for a share of a final and of a partial; what the device
takes for both tells how many such consultations fit. Above it new sessions are refused; below it finals are in time.
"""

import asyncio
import time
from dataclasses import dataclass

from inference.asr.hypothesis import Rehearsal
from inference.asr.recognition import AsrEngine
from inference.config import AsrConfig


@dataclass(frozen=True, slots=True)
class Load:
    """One kind of work in an average consultation: `every_s` a span of `seconds` that says `tokens`."""

    final: bool
    every_s: float
    seconds: float
    tokens: int

    def rehearsal(self, config: AsrConfig) -> Rehearsal:
        """One batch of this work, as large as it is under load."""
        return Rehearsal(self.final, self.seconds, self.tokens, batch_size(config))


# Counted over eighteen minutes of two-speaker consultations (benchmarks/LOG.md).
FINALS = Load(True, 6.0, 5.4, 28)
PARTIALS = Load(False, 3.8, 4.0, 16)

BUSY = 0.85
"""Share of the device that sessions may take: above it queues grow without end."""

SHOWN = 0.5
"""Share of the partials that must fit: the others are given up under load before any final is late."""

BESIDE = 1.2
"""What live work costs for each second of this estimate: second tries, passed-over stretches, drafts in vain, the check
of the language, voice detection, rules. The load benchmark finds 0.147 to 0.153 s of CPU an audio second at 12
sessions of base, where the estimate with all partials is 0.126 (benchmarks/LOG.md)."""

UNMEASURABLE_S = 1e-3
"""What answers faster than this does no work: the smallest model takes a hundred times as long."""


async def sessions_in_real_time(engine: AsrEngine, config: AsrConfig) -> int | None:
    """Sessions that the engine can follow; at least 1. None where it does no work to measure.

    The first pass warms every worker up; the second is the measurement, with all of them at work as under load.
    """
    for load in (FINALS, PARTIALS):
        await _batch_s(engine, config, load)
    final_s, partial_s = [await _batch_s(engine, config, load) for load in (FINALS, PARTIALS)]
    if final_s < UNMEASURABLE_S:
        return None
    items = batch_size(config)
    busy = BESIDE * (final_s / items / FINALS.every_s + SHOWN * partial_s / items / PARTIALS.every_s)
    return max(1, int(BUSY * config.workers / busy))


def batch_size(config: AsrConfig) -> int:
    """Batches that form under load: a CPU's workers leave pairs, a GPU fills up."""
    return config.max_batch if config.device == "cuda" else min(2, config.max_batch)


async def _batch_s(engine: AsrEngine, config: AsrConfig, load: Load) -> float:
    """Seconds of one batch with every worker busy.

    On a CPU its processor time: what else the host does at this moment says nothing about what it can carry.
    """
    clock = time.monotonic if config.device == "cuda" else time.process_time
    began = clock()
    await asyncio.gather(*(asyncio.to_thread(engine.rehearse, load.rehearsal(config)) for _ in range(config.workers)))
    together_s = clock() - began
    return together_s if config.device == "cuda" else together_s / config.workers / config.threads
