"""Live sessions on this server and on WhisperLive with its batching on: same weights, audio, pacing, machine and run.

    benchmarks/peers/setup.sh FOLDER
    python -m benchmarks.peers.compare --peer-python FOLDER/venv/bin/python --corpus DIR [--output FILE.json]

Both servers stay up and are measured in turn, never together; each run waits until both are idle. For each number of
sessions, with frames of 3 s, then with frames of 4096 samples, which is what WhisperLive's own client sends:
- lag: speech lag in seconds (benchmarks/peers/lag.py), p50 and p95 of all sessions; worst: p95 of the worst;
- held: p95 of the lag within --bound-s, every session served to its end, no error;
- wer: of what each session was told by the end. What a server skipped to keep up shows here, not in its lag;
- cpu_s_per_audio_s: CPU seconds of the server for each second of audio.
faster-whisper over whole files comes first: the ceiling of accuracy and throughput with these weights.
A system whose p95 was twice above three times the bound is not asked for more sessions. No run begins that could end
after --budget-s. The last line is JSON; --output writes it, and a table in Markdown beside it.
"""

import argparse
import asyncio
import os
import time
from collections import Counter
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks.common.corpus import word_errors
from benchmarks.common.machine import card
from benchmarks.common.percentiles import nearest_rank, ranks
from benchmarks.common.result import deliver
from benchmarks.peers.drtranscribe import DrTranscribe
from benchmarks.peers.excerpt import Excerpt, excerpts
from benchmarks.peers.lag import speech_lags
from benchmarks.peers.offline import ceiling
from benchmarks.peers.session import DRAIN_S, SessionLog, System
from benchmarks.peers.whisper_live import WhisperLive
from inference.config import SAMPLE_RATE
from inference.weights.models import default_cache, resolve

PEER_FRAME = 4096
"""Samples in a frame of WhisperLive's own client."""

HOPELESS = 3
"""Times the bound beyond which more sessions tell nothing new."""

COLUMNS = ("system", "frame_s", "sessions", "held", "lag_p50", "lag_p95", "lag_worst", "wer", "cpu_s_per_audio_s")


async def settle(systems: list[System]) -> None:
    """Waits until no server works any more on what the last run left behind."""
    for _ in range(30):
        before = sum(system.cpu_s() for system in systems)
        await asyncio.sleep(0.5)
        if sum(system.cpu_s() for system in systems) - before < 0.03:
            return


async def run(
    http: aiohttp.ClientSession, system: System, cuts: list[Excerpt], frame_samples: int, bound_s: float
) -> dict[str, object]:
    frame_s = frame_samples / SAMPLE_RATE
    cpu, errors, load = system.cpu_s(), system.errors(), os.getloadavg()[0]

    async def one(i: int) -> SessionLog:
        await asyncio.sleep(3.0 * i / len(cuts))  # chunks of 3 s do not all end at the same moment
        return await system.session(http, cuts[i], frame_samples)

    sessions = await asyncio.gather(*(one(i) for i in range(len(cuts))))
    lag = [
        speech_lags(heard.reports, cut.speech, cut.seconds, frame_s) for heard, cut in zip(sessions, cuts, strict=True)
    ]
    every = [value for values in lag for value in values]
    pooled = ranks(every, digits=2)
    seconds = sum(cut.seconds for cut in cuts)
    faults = [heard.fault for heard in sessions if heard.fault]
    errors = system.errors() - errors
    words = word_errors([cut.text for cut in cuts], [heard.text for heard in sessions])
    return {
        "system": system.name,
        "frame_s": frame_s,
        "sessions": len(cuts),
        "held": pooled["p95"] <= bound_s and not faults and not errors,
        "lag_p50": pooled["p50"],
        "lag_p95": pooled["p95"],
        "lag_worst": max(nearest_rank(values, 0.95, 2) for values in lag),
        "wer": words.wer,
        "deletions": words.deletions,
        "insertions": words.insertions,
        "cpu_s_per_audio_s": round((system.cpu_s() - cpu) / seconds, 4),
        "audio_s": round(seconds, 1),
        "client_late_s": round(max(heard.late_s for heard in sessions), 3),
        "faults": faults,
        "errors": errors,
        "load_before": round(load, 2),
    }


def table(rows: list[dict[str, object]], offline: dict[str, object], bound_s: float) -> str:
    head = f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}\n"
    lines = [f"| {' | '.join(str(row[column]) for column in COLUMNS)} |" for row in rows]
    return (
        f"{head}{chr(10).join(lines)}\n\nheld: p95 of the speech lag within {bound_s} s, no session lost, no error. "
        f"faster-whisper over the whole files: WER {offline['wer']}, {offline['cpu_s_per_audio_s']} CPU s for each "
        f"second of audio, {offline['audio_s_per_s']} s of audio a second.\n"
    )


async def sweep(args: argparse.Namespace) -> dict[str, Any]:
    ends_at = time.monotonic() + args.budget_s
    model = resolve(args.model, default_cache())
    most = max([*args.sessions, *args.small_frames])
    cuts = excerpts(args.corpus, most, args.seconds)
    result: dict[str, object] = {"benchmark": "peers", "model": args.model, "machine": card()}
    result |= {"settings": {k: v for k, v in vars(args).items() if not isinstance(v, Path)}}
    result["offline"] = offline = ceiling(model, cuts[:6])
    print("offline", offline, flush=True)
    systems: list[System] = []
    rows: list[dict[str, object]] = []
    left_out: list[str] = []
    try:
        if "drtranscribe" in args.systems:
            systems.append(DrTranscribe(args.model, most + 1, args.serve or []))
        if "whisper_live" in args.systems:
            systems.append(
                WhisperLive(
                    args.peer_python,
                    model,
                    max_clients=most + 1,
                    max_batch=args.peer_batch,
                    window_ms=args.peer_window_ms,
                    threads=args.peer_threads,
                )
            )
        async with aiohttp.ClientSession() as http:
            for system in systems:
                await system.start(http)
                await system.session(http, excerpts(args.corpus, 1, 6.0)[0], 3 * SAMPLE_RATE)  # warm
            hopeless: Counter[tuple[str, int]] = Counter()
            plan = [(3 * SAMPLE_RATE, n, s) for n in args.sessions for s in systems]
            plan += [(PEER_FRAME, n, s) for n in args.small_frames for s in systems]
            for frame_samples, count, system in plan:
                what = f"{system.name}, {count} sessions, frames of {frame_samples / SAMPLE_RATE:.3g} s"
                longest = max(cut.seconds for cut in cuts[:count])
                if hopeless[system.name, frame_samples] >= 2:
                    left_out.append(f"{what}: twice already far beyond the bound with fewer")
                elif time.monotonic() + longest + 3 + DRAIN_S > ends_at:
                    left_out.append(f"{what}: the time was up")
                else:
                    await settle(systems)
                    rows.append(await run(http, system, cuts[:count], frame_samples, args.bound_s))
                    print(rows[-1], flush=True)
                    hopeless[system.name, frame_samples] += rows[-1]["lag_p95"] > HOPELESS * args.bound_s
    finally:
        for system in systems:
            system.stop()
    return result | {"rows": rows, "left_out": left_out}


def _same_kernels() -> None:
    """This server asks CTranslate2 for AVX-512 where the processor has it; the others shall have it as well."""
    flags = Path("/proc/cpuinfo")
    if flags.exists() and "avx512vl" in flags.read_text():
        os.environ.setdefault("CT2_FORCE_CPU_ISA", "AVX512")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--peer-python", type=Path, help="the interpreter that benchmarks/peers/setup.sh made")
    parser.add_argument("--systems", nargs="+", default=["drtranscribe", "whisper_live"])
    parser.add_argument("--model", default="base", help="weights that travel as packages: base or tiny.en")
    parser.add_argument("--sessions", type=int, nargs="+", default=[1, 2, 4, 8, 12])
    parser.add_argument("--small-frames", type=int, nargs="*", default=[2, 4], help="sessions with frames of 4096")
    parser.add_argument("--seconds", type=float, default=36.0, help="of audio a session, about")
    parser.add_argument("--bound-s", type=float, default=4.5)
    parser.add_argument("--budget-s", type=float, default=720.0)
    parser.add_argument("--peer-batch", type=int, default=8)
    parser.add_argument("--peer-window-ms", type=int, default=50)
    parser.add_argument("--peer-threads", type=int, default=os.cpu_count())
    parser.add_argument("--serve", nargs="*", help="further flags of `drtranscribe serve`")
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    if "whisper_live" in args.systems and args.peer_python is None:
        parser.error("--peer-python: run benchmarks/peers/setup.sh FOLDER, then pass FOLDER/venv/bin/python")
    _same_kernels()
    result = asyncio.run(sweep(args))
    text = table(result["rows"], result["offline"], args.bound_s)
    print(text)
    if args.output:
        args.output.with_suffix(".md").write_text(text)
    deliver(result, args.output)


if __name__ == "__main__":
    main()
