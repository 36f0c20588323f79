"""Recordings through `POST /v1/audio/transcriptions`: how fast they are, and what they cost live sessions.

    python -m benchmarks.load.files speed --model base --corpus DIR --output FILE.json
    python -m benchmarks.load.files lag --model base --corpus DIR --sessions 8 [--order beside,alone --more]
        --output FILE.json

`speed` gives one recording of ten minutes, put together from the corpus, to faster-whisper (the same weights, beam 5,
its own voice detection, all cores) and to a server without sessions. `lag` measures live sessions alone, and again
while a recording is being transcribed all the time, and tells how many seconds of it were transcribed meanwhile
(`file_transcribed_s`, from the server's metrics). Each is run in turn on the same machine. `--more` adds the runs to
those of FILE.json, and `p95` has the medians of them all, and by which share the recording moves them: one pair says
little, so take three that begin in turn alone and beside. The last line is JSON.
"""

import argparse
import asyncio
import itertools
import json
import os
import tempfile
import time
import wave
from collections.abc import Sequence
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from statistics import median
from typing import Any

import aiohttp

from benchmarks.common.result import deliver
from benchmarks.load import command
from benchmarks.load.audio import tracks
from benchmarks.load.target import Target, target
from benchmarks.load.watch import usage

LIMIT_S = 600.0
PROGRESS = "drtranscribe_file_seconds_total"
NAMES = ("alone", "beside")
METRICS = ("coverage_lag_s", "chunk_done_ms", "final_ms")


def recording(corpus: Path | None, seconds: float) -> tuple[bytes, str, Any]:
    """A WAV of the corpus' consultations in turn, mixed to one channel: the file, its words, and its samples.

    The last consultation is cut behind an utterance, and its words up to there count: the recording is somewhat shorter
    than `seconds`.
    """
    import numpy as np

    from benchmarks.common.corpus import consultations, pcm

    folder = corpus or Path(__file__).parents[2] / "tests" / "data"
    found = consultations(folder)
    parts = []
    left = seconds
    for one in itertools.cycle(found):
        if one.seconds > left:
            break
        parts.append(one)
        left -= one.seconds
    parts.append(consultations(folder, left)[len(parts) % len(found)])
    samples = np.concatenate([part.audio for part in parts])
    file = BytesIO()
    with wave.open(file, "wb") as made:
        made.setparams((1, 2, 16_000, 0, "NONE", ""))
        made.writeframes(pcm(samples))
    return file.getvalue(), " ".join(part.text for part in parts), samples


Found = tuple[float, float | None, str]
"""Seconds until the answer, CPU seconds of whoever transcribes, and the text."""


async def post(at: Target, data: bytes) -> Found:
    form = aiohttp.FormData({"model": "whisper-1"})
    form.add_field("file", BytesIO(data), filename="recording.wav")
    began, before = time.perf_counter(), _cpu_s(at)
    timeout = aiohttp.ClientTimeout(total=LIMIT_S)
    async with (
        aiohttp.ClientSession(timeout=timeout) as http,
        http.post(at.url / "v1/audio/transcriptions", data=form) as response,
    ):
        response.raise_for_status()
        text = (await response.json())["text"]
        took, after = time.perf_counter() - began, _cpu_s(at)
        return took, None if before is None or after is None else after - before, text


def _cpu_s(at: Target) -> float | None:
    """Of the server and the processes that it has started."""
    return usage([at.pid])[0] if at.pid else None


def by_faster_whisper(model: str, samples: Any, batched: bool) -> Found:
    """The same for faster-whisper: from samples in memory, once its weights are loaded and it is warm."""
    from faster_whisper import BatchedInferencePipeline, WhisperModel

    from inference.weights.models import default_cache, resolve

    cores = os.cpu_count() or 1
    whisper: Any = WhisperModel(
        str(resolve(model, default_cache())), device="cpu", compute_type="int8", cpu_threads=cores
    )
    options: dict[str, Any] = {"language": "en", "beam_size": 5, "vad_filter": True}
    if batched:
        whisper, options["batch_size"] = BatchedInferencePipeline(whisper), 8
    list(whisper.transcribe(samples[: 20 * 16_000], **options)[0])
    began, cpu = time.perf_counter(), time.process_time()
    text = " ".join(segment.text.strip() for segment in whisper.transcribe(samples, **options)[0])
    return time.perf_counter() - began, time.process_time() - cpu, text


async def speed(args: argparse.Namespace) -> dict[str, Any]:
    from benchmarks.common.corpus import word_errors

    data, said, samples = recording(args.corpus, args.file_s)
    file_s = len(samples) / 16_000
    result: dict[str, Any] = {"file_s": round(file_s, 1)}

    def told(name: str, found: Found) -> None:
        seconds, cpu_s, text = found
        result[name] = {
            "seconds": round(seconds, 2),
            "times_real": round(file_s / seconds, 1),
            "cpu_s": None if cpu_s is None else round(cpu_s, 2),
            "wer": word_errors([said], [text]).wer,
        }
        print(name, result[name], flush=True)

    if not args.no_peer:
        told("faster_whisper", await asyncio.to_thread(by_faster_whisper, args.model, samples, False))
    if args.batched:
        told("faster_whisper_batched", await asyncio.to_thread(by_faster_whisper, args.model, samples, True))
    async with target(args.load) as at:
        await post(at, data[: 44 + 32_000 * 20])  # the process that decodes has started then
        for number in range(args.repeat):
            told(f"endpoint_{number + 1}", await post(at, data))
    return result


async def lag(args: argparse.Namespace) -> dict[str, Any]:
    data, _, _ = recording(args.corpus, args.file_s)
    with tempfile.TemporaryDirectory() as folder:
        among = tracks(args.corpus, Path(folder))
        settings = {"sessions": args.sessions, "seconds": args.load.seconds, "chunk_s": args.load.chunk_s}
        result: dict[str, Any] = before_of(args, settings)
        async with target(args.load) as at:
            for name in args.order.split(","):
                files: list[float] = []
                began, before = time.perf_counter(), await file_progress(at)
                posting = asyncio.create_task(_again_and_again(at, data, files)) if name == "beside" else None
                found = await command.measure(args.sessions, among, at, args.load)
                took, progress_s = time.perf_counter() - began, await file_progress(at) - before
                if posting is not None:
                    posting.cancel()
                    with suppress(asyncio.CancelledError):
                        await posting
                shown = {key: found[key] for key in (*METRICS, "failed", "refused")}
                shown |= {
                    "files_done_in_s": [round(one, 1) for one in files],
                    "file_transcribed_s": round(progress_s, 1),
                    "file_times_real": round(progress_s / took, 2),
                    "server_cpu_s_per_audio_s": found["server_cpu_s_per_audio_s"],
                }
                result.setdefault(name, []).append(shown)
                print(name, result[name][-1], flush=True)
    return result | {"p95": moved(result)}


def before_of(args: argparse.Namespace, settings: dict[str, Any]) -> dict[str, Any]:
    """The runs to which those of now are added. Raises SystemExit where they have other settings."""
    if not args.more:
        return settings
    before = json.loads(args.output.read_text())
    if {name: before.get(name) for name in settings} != settings:
        raise SystemExit(f"{args.output} has runs with other settings: leave out --more, or give the same ones")
    return settings | {name: before[name] for name in NAMES if name in before}


def moved(result: dict[str, Any]) -> dict[str, dict[str, float]]:
    """The medians of each p95 over the runs, and by which share a recording moves it."""
    found: dict[str, dict[str, float]] = {}
    for metric in METRICS:
        at = {name: median(run[metric]["p95"] for run in result[name]) for name in NAMES if name in result}
        found[metric] = {name: round(value, 3) for name, value in at.items()}
        if len(at) == len(NAMES) and at["alone"]:
            found[metric]["moved"] = round(at["beside"] / at["alone"] - 1, 3)
    return found


async def file_progress(at: Target) -> float:
    """Seconds of recordings that the server has transcribed since its start, those under way included."""
    async with aiohttp.ClientSession() as http, http.get(at.url / "metrics") as response:
        response.raise_for_status()
        text = await response.text()
    return next(float(line.split()[1]) for line in text.splitlines() if line.startswith(f"{PROGRESS} "))


async def _again_and_again(at: Target, data: bytes, took: list[float]) -> None:
    while True:
        took.append((await post(at, data))[0])


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("speed", "lag"))
    parser.add_argument("--model", default="base")
    parser.add_argument("--corpus", type=Path, help="NAME.flac with NAME.json; default: the sample, again and again")
    parser.add_argument("--file-s", type=float, default=600.0, help="length of the recording")
    parser.add_argument("--repeat", type=int, default=1, help="speed: how often the server transcribes it")
    parser.add_argument("--no-peer", action="store_true", help="speed: without faster-whisper")
    parser.add_argument("--batched", action="store_true", help="speed: faster-whisper's batched pipeline as well")
    parser.add_argument("--sessions", type=int, default=8, help="lag: live sessions")
    parser.add_argument("--seconds", type=float, default=60.0, help="lag: length of each session")
    parser.add_argument("--order", default="alone,beside", help="lag: what is measured, in this order")
    parser.add_argument("--chunk-s", type=float, default=3.0, help="lag: length of a session's chunks")
    parser.add_argument("--more", action="store_true", help="lag: adds the runs to those of --output")
    parser.add_argument("--output", type=Path)
    args = parser.parse_args(argv)
    if args.more and not (args.output and args.output.exists()):
        parser.error("--more needs the file of --output: leave it out for the first run")
    flags = ["--model", args.model, "--sessions", str(args.sessions), "--seconds", str(args.seconds), "--warmup-s", "9"]
    flags += ["--chunk-s", str(args.chunk_s)]
    args.load = command.parse(flags + (["--corpus", str(args.corpus)] if args.corpus else []))
    args.load.texts = False
    return args


def main(argv: Sequence[str] | None = None) -> None:
    args = parse(argv)
    from benchmarks.common.machine import card

    machine = card()
    found = asyncio.run(speed(args) if args.what == "speed" else lag(args))
    deliver({"benchmark": f"files-{args.what}", "model": args.model, "machine": machine, **found}, args.output)


if __name__ == "__main__":
    main()
