"""Consultations in real time through the real Pipeline: how long after its words a finding is on the screen."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.extraction.replay import spread
from benchmarks.extraction.transcripts import engines, hear, pcm
from inference.extraction import Extractor
from inference.findings import Evidence, Finding
from inference.pipeline import Pipeline
from inference.stream import Mode
from inference.updates import ExtractionUpdate, TranscriptUpdate, Update

Timed = tuple[float, Update]


async def measure(
    recordings: Sequence[Path], mode: Mode, model: str, extractors: Sequence[Extractor], chunk_s: float = 3.0
) -> dict[str, Any]:
    """Streams recordings at the pace of life, all at once into one engine, as a server does. Seconds, see `delays`."""
    async with engines(model, extractors) as pipeline:
        rows = await asyncio.gather(*(_one(pipeline, audio, mode, chunk_s) for audio in recordings))
    medians = [row["speech_to_finding_s"]["median"] for row in rows if row["findings"]]
    return {
        "mode": mode,
        "chunk_s": chunk_s,
        "sessions": len(rows),
        "median_of_medians_s": round(float(np.median(medians)), 2) if medians else None,
        "recordings": rows,
    }


async def _one(pipeline: Pipeline, audio: Path, mode: Mode, chunk_s: float) -> dict[str, Any]:
    updates: list[Timed] = []

    def emit(update: Update) -> None:
        updates.append((time.monotonic(), update))

    began = await hear(pipeline, pcm(audio, mode), mode, emit, chunk_s, speed=1.0)
    after_speech, after_final = delays([(when - began, update) for when, update in updates])
    return {
        "recording": audio.stem,
        "findings": len(after_speech),
        "speech_to_finding_s": spread(after_speech),
        "final_to_finding_s": spread(after_final),
    }


def delays(updates: Sequence[Timed]) -> tuple[list[float], list[float]]:
    """Of every operation that new words prove: seconds from the end of those words, and from their final, to its event.

    Times of updates are seconds since the first sample. An update that brings no new words has no delay.
    """
    finals: dict[str, float] = {}
    known: dict[str, Finding] = {}
    after_speech, after_final = [], []
    for when, update in updates:
        if isinstance(update, TranscriptUpdate) and update.segment.final:
            finals.setdefault(update.segment.id, when)
        elif isinstance(update, ExtractionUpdate):
            for operation in update.operations:
                before = known.get(operation.finding.id)
                known[operation.finding.id] = operation.finding
                new = _new_words(before, operation.finding)
                if operation.op != "retract" and new:
                    last = max(new, key=lambda evidence: evidence.to_s)
                    after_speech.append(when - last.to_s)
                    after_final.append(when - max(finals[evidence.segment] for evidence in new))
    return after_speech, after_final


def _new_words(before: Finding | None, now: Finding) -> list[Evidence]:
    return [evidence for evidence in now.evidence if before is None or evidence not in before.evidence]
