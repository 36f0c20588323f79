"""Final segments fed through `LiveExtraction` one at a time, and what came of it."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.common.percentiles import ranks
from benchmarks.extraction.score import flips, valid_quotes
from inference.extraction import ExtractionError, ExtractionRequest, Extractor, UnusableAnswer
from inference.extraction.live import LiveExtraction
from inference.findings import Finding, Operation, Proposal
from inference.timing import Timings
from inference.transcript import Segment
from inference.updates import ExtractionUpdate, Ungrounded, Update

LONGEST_SEGMENT = 400
"""Characters: nobody says more in the 10 s at which a segment is cut. Written turns run to thousands."""

LIMIT_S = 600.0
"""For one answer: a model on a CPU is scored too."""


class Metered:
    """An extractor whose answers are counted and timed."""

    def __init__(self, extractor: Extractor) -> None:
        self._extractor = extractor
        self.name = extractor.name
        self.ms: list[float] = []
        self.unusable = 0
        self.failures: Counter[str] = Counter()

    @property
    def languages(self) -> Sequence[str] | None:
        known: Sequence[str] | None = getattr(self._extractor, "languages", None)
        return known

    async def start(self) -> None:
        await self._extractor.start()

    async def close(self) -> None:
        await self._extractor.close()

    async def extract(self, consultation: ExtractionRequest) -> list[Proposal]:
        began = time.perf_counter()
        try:
            return await self._extractor.extract(consultation)
        except ExtractionError as error:
            self.unusable += isinstance(error, UnusableAnswer)
            self.failures[str(error)] += 1
            raise
        finally:
            self.ms.append(1000 * (time.perf_counter() - began))

    def as_dict(self) -> dict[str, Any]:
        """`schema_valid`: the share of answers that could be used, of those that came."""
        answers = len(self.ms) - self.failures.total() + self.unusable
        return {
            "calls": len(self.ms),
            "ms": spread(self.ms),
            "schema_valid": round(1 - self.unusable / answers, 4) if answers else None,
            "failures": dict(self.failures),
        }


@dataclass(slots=True)
class Log:
    """What happened over all consultations that were replayed.

    `ms` is of one final, until its findings are merged. `cpu_ms` is of the whole process, in which nothing else runs:
    on a busy machine it is what `ms` is on a quiet one. `long_cpu_ms` is of texts longer than any live segment.
    """

    seconds: float = 0.0
    ms: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)
    long_cpu_ms: list[float] = field(default_factory=list)
    operations: int = 0
    flips: int = 0
    quotes: int = 0
    valid_quotes: int = 0
    dropped: int = 0

    def as_dict(self) -> dict[str, Any]:
        minutes = max(self.seconds / 60, 1e-9)
        return {
            "segments": len(self.ms) + len(self.long_cpu_ms),
            "minutes": round(minutes, 1),
            "operations": self.operations,
            "flips": self.flips,
            "flips_per_minute": round(self.flips / minutes, 3),
            "evidence": {
                "quotes": self.quotes,
                "valid": self.valid_quotes,
                "share": self.valid_quotes / self.quotes if self.quotes else None,
            },
            "dropped": self.dropped,
            "segment_ms": spread(self.ms),
            "segment_cpu_ms": spread(self.cpu_ms),
            "long_segments": len(self.long_cpu_ms),
            "long_segment_cpu_ms": spread(self.long_cpu_ms),
        }


async def replay(
    segments: Sequence[Segment], extractors: Sequence[Extractor], log: Log, every: int = 1
) -> list[Finding]:
    """The findings after the last pass. Waits for the extractors after `every` segments, as if that took so long."""
    operations: list[Operation] = []

    def emit(update: Update) -> None:
        if isinstance(update, ExtractionUpdate):
            operations.extend(update.operations)
        elif isinstance(update, Ungrounded):
            log.dropped += update.count

    live = LiveExtraction(extractors, emit)
    running = asyncio.create_task(live.run())
    for number, segment in enumerate(segments, 1):
        began, cpu = time.perf_counter(), time.process_time()
        await live.add(segment, Timings())
        if number % every == 0:
            await live.caught_up(LIMIT_S)
        ms, cpu_ms = 1000 * (time.perf_counter() - began), 1000 * (time.process_time() - cpu)
        if len(segment.text) > LONGEST_SEGMENT:
            log.long_cpu_ms.append(cpu_ms)
        else:
            log.ms.append(ms)
            log.cpu_ms.append(cpu_ms)
    await live.finish(LIMIT_S)
    running.cancel()
    by_id = {segment.id: segment for segment in segments}
    for operation in operations:
        log.quotes += len(operation.finding.evidence)
        log.valid_quotes += valid_quotes(operation.finding, by_id)
    log.seconds += max((segment.end for segment in segments), default=0.0)
    log.operations += len(operations)
    log.flips += flips(operations)
    return live.findings.all()


def spread(values: Sequence[float]) -> dict[str, float] | None:
    return ranks(values, ("median", "p95", "max"), 2) if values else None
