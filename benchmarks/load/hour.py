"""One session that grows old: what a chunk costs, and what memory is held, in its first minutes and after hours.

    python -m benchmarks.load.hour [--hours 2] [--audio FILE] [--output FILE]

The real session, event log, stream, segmenter, queues and rules around engines without models, fed as fast as they go:
what is left is what the product itself adds with age. A reader follows the log as a socket would. Last line: JSON.
"""

import argparse
import asyncio
import gc
import time
from pathlib import Path
from typing import Any

import psutil

from benchmarks.common.corpus import load, pcm
from benchmarks.common.fake_server import LoudnessVad, ReadyAsr
from benchmarks.common.machine import card
from benchmarks.common.percentiles import nearest_rank
from benchmarks.common.result import deliver
from inference.config import SAMPLE_RATE
from inference.extraction.rules.engine import RulesExtractor
from inference.pipeline import Pipeline
from inference.stream import StreamOptions
from server.monitoring.metrics import Metrics
from server.sessions.presence import Limits
from server.sessions.session import Session

SAMPLE = Path(__file__).parents[2] / "tests" / "data" / "consultation.flac"
CHUNK_S = 3
WINDOW_S = 600
"""Seconds of the session that are reported together."""


async def grow_old(data: bytes, hours: float) -> list[dict[str, float]]:
    """Windows of the session's life, in order."""
    pipeline = Pipeline(LoudnessVad(), ReadyAsr(), [RulesExtractor()])
    await pipeline.start()
    session = Session(pipeline, StreamOptions(), Limits(8, 60.0, 1e9, 120.0), Metrics())
    life = asyncio.create_task(session.run())
    done: asyncio.Queue[float] = asyncio.Queue()
    sent_bytes = 0

    async def read() -> None:
        nonlocal sent_bytes
        async for text in session.log.follow(0):
            sent_bytes += len(text)
            if b'"type":"progress"' in text:
                done.put_nowait(time.perf_counter())

    reader = asyncio.create_task(read())
    size, at, windows = 2 * CHUNK_S * SAMPLE_RATE, 0, []
    for _ in range(int(hours * 3600 / WINDOW_S)):
        took_ms, cpu, before = [], time.process_time(), sent_bytes
        for _ in range(WINDOW_S // CHUNK_S):
            chunk = data[at : at + size]
            at = (at + size) % (len(data) - size)
            began = time.perf_counter()
            await session.receive_audio(chunk)
            took_ms.append((await done.get() - began) * 1000)
        cpu_ms = (time.process_time() - cpu) * 1000
        gc.collect()
        windows.append(
            {
                "minutes": round(session.audio_s / 60),
                "chunk_ms_p50": nearest_rank(took_ms, 0.5, 2),
                "chunk_ms_p95": nearest_rank(took_ms, 0.95, 2),
                "cpu_ms_a_chunk": round(cpu_ms / len(took_ms), 2),
                "event_bytes": sent_bytes - before,
                "memory_mb": round(psutil.Process().memory_info().rss / 2**20, 1),
            }
        )
        print(windows[-1], flush=True)
    session.stop("client")
    await life
    await reader
    await pipeline.close()
    return windows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, default=2.0)
    parser.add_argument("--audio", type=Path, default=SAMPLE)
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    windows = asyncio.run(grow_old(pcm(load(args.audio)), args.hours))
    result: dict[str, Any] = {"benchmark": "hour", "machine": card(), "windows": windows}
    for name in ("chunk_ms_p50", "cpu_ms_a_chunk"):
        result[f"{name}_growth"] = round(windows[-1][name] / windows[0][name], 2)
    result["memory_mb_growth"] = round(windows[-1]["memory_mb"] - windows[0]["memory_mb"], 1)
    deliver(result, args.output)


if __name__ == "__main__":
    main()
