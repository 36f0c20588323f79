"""One live session against a real server process, in real time: what a clinician waits for, and what it costs.

    python benchmarks/live.py --corpus DIR [--files 2] [--chunk-s 3] [--model base] [--output FILE]

Starts `drtranscribe serve`, times it to readiness, and sends each recording at the pace of life (absolute times, so a
slow answer never delays the next chunk). Reported:
- partial_ms: from the arrival of a chunk to its partial;
- chunk_ms: from sending a chunk to its work being done (its partial shown, where somebody speaks);
- final_ms: from sending the chunk that holds the end of the deciding pause (end of speech + pause_s), which is when
  the server can know it, to the final's text;
- final_after_pause_ms: the same from that moment itself, the wait for the chunk included;
- rtf: CPU seconds of the whole server process for each second of audio; memory: its peak.
The last line is JSON.
"""

import argparse
import asyncio
import json
import statistics
import time
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from benchmarks.corpus import Recording, consultations, pcm, word_errors
from benchmarks.machine import card
from benchmarks.server_process import ServerProcess
from inference.config import SAMPLE_RATE, SegmenterConfig


@dataclass(slots=True)
class Run:
    """Timestamps of one session, monotonic seconds."""

    began: float = 0.0
    sent: list[float] = field(default_factory=list)  # of each chunk
    progress: list[tuple[float, int]] = field(default_factory=list)  # (time, received samples)
    finals: list[tuple[float, float, float, str]] = field(default_factory=list)  # (time, start and end in s, text)
    partials_ms: list[float] = field(default_factory=list)  # from the arrival of the chunk, as the server tells it


async def session(http: aiohttp.ClientSession, url: str, recording: Recording, chunk_s: float) -> Run:
    run = Run()
    data, size = pcm(recording.audio), 2 * int(chunk_s * SAMPLE_RATE)
    async with http.ws_connect(f"{url}ws", protocols=["drtranscribe.v1"], max_msg_size=0) as ws:
        await ws.send_json({"type": "start_session", "consent": True})

        async def send() -> None:
            run.began = time.monotonic()
            for i, at in enumerate(range(0, len(data), size)):
                due = run.began + min((i + 1) * chunk_s, recording.seconds)
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                await ws.send_bytes(data[at : at + size])
                run.sent.append(time.monotonic())
            await ws.send_json({"type": "stop_session"})

        sender = asyncio.create_task(send())
        async for message in ws:
            now, event = time.monotonic(), json.loads(message.data)
            if event["type"] == "progress":
                run.progress.append((now, event["received_samples"]))
            elif event["type"] == "transcript" and event["segment"]["final"]:
                segment = event["segment"]
                run.finals.append((now, segment["start"], segment["end"], segment["text"]))
            elif event["type"] == "transcript":
                run.partials_ms.append(event["timings"]["total_ms"])
        await sender
    return run


def summary(values: list[float]) -> dict[str, float]:
    ordered = sorted(values)
    return {
        "p50": round(statistics.median(ordered), 1),
        "p95": round(ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))], 1),
        "max": round(ordered[-1], 1),
        "n": len(ordered),
    }


def latencies(runs: list[Run], chunk_s: float, config: SegmenterConfig) -> dict[str, object]:
    chunk_ms, final_ms, after_pause_ms = [], [], []
    for run in runs:
        chunk_ms += [(done - sent) * 1000 for sent, (done, _) in zip(run.sent, run.progress, strict=False)]
        starts = {start_s for _, start_s, _, _ in run.finals}
        for when, _, end_s, _ in run.finals:
            if end_s in starts:
                continue  # cut in the middle of speech: no pause decided it
            decided_s = end_s - config.tail_s + config.pause_s
            chunk = int(decided_s / chunk_s)
            if chunk < len(run.sent):  # not those that stop_session ended
                final_ms.append((when - run.sent[chunk]) * 1000)
                after_pause_ms.append((when - run.began - decided_s) * 1000)
    return {
        "chunk_ms": summary(chunk_ms),
        "final_ms": summary(final_ms),
        "final_after_pause_ms": summary(after_pause_ms),
        "partial_ms": summary([ms for run in runs for ms in run.partials_ms]),
    }


async def measure(args: argparse.Namespace) -> dict[str, object]:
    recordings = consultations(args.corpus)[: args.files]
    config = SegmenterConfig()
    result: dict[str, object] = {"benchmark": "live", "model": args.model, "chunk_s": args.chunk_s, "machine": card()}
    server = ServerProcess.serving(args.model, args.serve or [])
    async with aiohttp.ClientSession() as http:
        try:
            result["ready_s"] = round(await server.ready(http), 2)
            before = server.cpu_s()
            runs = []
            for recording in recordings:
                runs.append(await session(http, server.url, recording, args.chunk_s))
                print(recording.name, latencies(runs[-1:], args.chunk_s, config), flush=True)
            audio_s = sum(recording.seconds for recording in recordings)
            result |= latencies(runs, args.chunk_s, config)
            result["rtf"] = round((server.cpu_s() - before) / audio_s, 4)
            result["memory_mb"] = round(server.memory_mb())
            texts = [" ".join(text for *_, text in run.finals) for run in runs]
            result["wer"] = word_errors([recording.text for recording in recordings], texts).wer
            result["audio_s"] = round(audio_s, 1)
        finally:
            result["exit_code"] = server.stop()
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--files", type=int, default=2)
    parser.add_argument("--chunk-s", type=float, default=3.0)
    parser.add_argument("--model", default="base")
    parser.add_argument("--serve", nargs="*", help="further flags of `drtranscribe serve`")
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    line = json.dumps(asyncio.run(measure(args)))
    if args.output:
        args.output.write_text(line + "\n")
    print(line)


if __name__ == "__main__":
    main()
