"""Word error rate of the streamed transcript against whole-file decoding: same weights, same audio, same run.

    python benchmarks/accuracy.py --corpus DIR [--clips DIR] [--model base] [--phases 10] [--output FILE]

Streamed: 3 s chunks through the real Pipeline, ambient mono, finals only. Offline: faster-whisper over the whole file,
greedy, with its VAD filter, which sees all of the future. Phases: the same audio cut into chunks of random lengths;
shifted phases also begin it at a random sample, which moves every VAD frame. The last line is JSON.
"""

import argparse
import asyncio
import json
import time
from pathlib import Path

import numpy as np
import torch

from benchmarks.corpus import Errors, Recording, clips, consultations, pcm, word_errors
from benchmarks.machine import card
from inference.asr import WhisperAsr
from inference.config import SAMPLE_RATE, AsrConfig, EngineConfig
from inference.models import default_cache, resolve
from inference.pipeline import Pipeline
from inference.stream import Control, StreamOptions
from inference.timing import Timings
from inference.updates import TranscriptUpdate, Update
from inference.vad import SileroVad

CHUNK_BYTES = 2 * 3 * SAMPLE_RATE


async def stream(pipeline: Pipeline, data: bytes, sizes: list[int] | None = None) -> str:
    """The finals of one stream; `sizes` in bytes, the last of them repeated to the end."""
    updates: list[Update] = []
    session = pipeline.open("benchmark", StreamOptions(), updates.append)
    task = asyncio.create_task(session.run())
    at, sizes = 0, sizes or [CHUNK_BYTES]
    for i in range(len(data)):
        if at >= len(data):
            break
        size = sizes[min(i, len(sizes) - 1)]
        await session.feed(data[at : at + size], Timings())
        at += size
    await session.control(Control("stop"))
    await task
    return " ".join(u.segment.text for u in updates if isinstance(u, TranscriptUpdate) and u.segment.final)


async def streamed(pipeline: Pipeline, recordings: list[Recording], abreast: int) -> tuple[list[str], float]:
    """Texts, and the CPU seconds of this process for each second of audio, partials included."""
    gate = asyncio.Semaphore(abreast)

    async def one(recording: Recording) -> str:
        async with gate:
            return await stream(pipeline, pcm(recording.audio))

    began = time.process_time()
    texts = await asyncio.gather(*(one(recording) for recording in recordings))
    return texts, (time.process_time() - began) / sum(r.seconds for r in recordings)


def offline(model_dir: Path, recordings: list[Recording], threads: int) -> tuple[list[str], float]:
    from faster_whisper import WhisperModel

    model = WhisperModel(str(model_dir), device="cpu", compute_type="int8", cpu_threads=threads)
    began = time.process_time()
    texts = []
    for recording in recordings:
        segments, _ = model.transcribe(recording.audio, language="en", beam_size=1, vad_filter=True)
        texts.append(" ".join(segment.text for segment in segments))
    return texts, (time.process_time() - began) / sum(r.seconds for r in recordings)


async def phases(pipeline: Pipeline, recordings: list[Recording], count: int, shifted: bool) -> list[float]:
    """WER over the recordings as they are, and at `count` random phases.

    A phase cuts the same audio into chunks of random lengths; a shifted one also begins it at a random sample, which
    moves every VAD frame.
    """
    rng = np.random.default_rng(0)
    gate = asyncio.Semaphore(2)

    async def one(recording: Recording, lead_samples: int, sizes: list[int]) -> str:
        async with gate:
            lead = (0.001 * np.random.default_rng(lead_samples).standard_normal(lead_samples)).astype(np.float32)
            return await stream(pipeline, pcm(np.concatenate((lead, recording.audio))), sizes)

    found = []
    for phase in range(count + 1):
        sizes = [int(2 * size) for size in rng.integers(320, 80_000, 2000)] if phase else [CHUNK_BYTES]
        lead_samples = int(rng.integers(1, CHUNK_BYTES // 2)) if phase and shifted else 0
        texts = await asyncio.gather(*(one(recording, lead_samples, sizes) for recording in recordings))
        found.append(word_errors([recording.text for recording in recordings], list(texts)).wer)
    return found


async def measure(args: argparse.Namespace) -> dict[str, object]:
    torch.set_num_threads(1)
    model_dir = resolve(args.model, default_cache()).directory
    config = EngineConfig(asr=AsrConfig(workers=args.workers))
    pipeline = Pipeline(SileroVad(), WhisperAsr(model_dir, config.asr), [], config)
    await pipeline.start()
    recordings = consultations(args.corpus)
    references = [recording.text for recording in recordings]
    result: dict[str, object] = {"benchmark": "accuracy", "model": args.model, "machine": card()}
    texts, cost = await streamed(pipeline, recordings, args.workers)
    errors = word_errors(references, texts)
    result["streamed"] = {**_fields(errors), "cpu_s_per_audio_s": round(cost, 3)}
    result["streamed_by_file"] = _by_file(recordings, texts)
    print("streamed", result["streamed"], flush=True)
    whole, cost = await asyncio.to_thread(offline, model_dir, recordings, args.workers)
    result["offline"] = {**_fields(word_errors(references, whole)), "cpu_s_per_audio_s": round(cost, 3)}
    result["offline_by_file"] = _by_file(recordings, whole)
    print("offline ", result["offline"], flush=True)
    result["above_offline"] = round(errors.wer - word_errors(references, whole).wer, 4)
    if args.clips:
        spoken = [clip for clip in clips(args.clips) if clip.text]
        silent = [clip for clip in clips(args.clips) if not clip.text]
        texts, _ = await streamed(pipeline, spoken, args.workers)
        result["clips"] = _fields(word_errors([clip.text for clip in spoken], texts))
        heard, _ = await streamed(pipeline, silent, args.workers)
        result["words_on_noise"] = sum(len(text.split()) for text in heard)
        print("clips   ", result["clips"], "words on noise", result["words_on_noise"], flush=True)
    if args.phases:
        for name, count, shifted in (("phases", args.phases, False), ("shifted_phases", args.shifted_phases, True)):
            found = await phases(pipeline, recordings[: args.phase_files], count, shifted)
            change = max((abs(wer - found[0]) for wer in found[1:]), default=0.0)
            result[name] = {"files": args.phase_files, "wer": found, "largest_change": round(change, 4)}
            print(name, result[name], flush=True)
    await pipeline.close()
    return result


def _fields(errors: Errors) -> dict[str, float]:
    return {
        "wer": errors.wer,
        "substitutions": errors.substitutions,
        "insertions": errors.insertions,
        "deletions": errors.deletions,
    }


def _by_file(recordings: list[Recording], texts: list[str]) -> dict[str, float]:
    return {r.name: word_errors([r.text], [text]).wer for r, text in zip(recordings, texts, strict=True)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--clips", type=Path)
    parser.add_argument("--model", default="base")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--phases", type=int, default=0)
    parser.add_argument("--shifted-phases", type=int, default=0)
    parser.add_argument("--phase-files", type=int, default=1)
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    line = json.dumps(asyncio.run(measure(args)))
    if args.output:
        args.output.write_text(line + "\n")
    print(line)


if __name__ == "__main__":
    main()
