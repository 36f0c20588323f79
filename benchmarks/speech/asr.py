"""The recogniser alone on a CPU: each stage by batch and length, and what padding every span to 30 s would cost.

    python -m pytest benchmarks/speech/asr.py --benchmark-only        # each stage under pytest-benchmark
    python -m benchmarks.speech.asr [--models tiny.en base] [--corpus DIR] [--repeats 3] [--output FILE]

Real speech, no text before it, int8, one thread. Milliseconds are a batch's time by its size; `audio_s_per_s` is how
many seconds of finals one thread takes in: mel, encoder, beam search and word times.
Padding: the same finals, cut by the real VAD, and partials of 3 s, through the real second tries, once with the
shortened encoder input and once with 3000 frames; CPU seconds a second of audio.
"""

import argparse
import asyncio
import statistics
import time
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.common.machine import card
from benchmarks.common.result import deliver
from benchmarks.gpu.session import recording
from benchmarks.gpu.sweep import windows
from inference.asr.hypothesis import AsrRequest
from inference.asr.recognition import Recogniser
from inference.asr.whisper import WhisperAsr
from inference.audio.decoding import Samples
from inference.audio.segmenter import Segmenter
from inference.audio.vad import SileroVad
from inference.audio.vad_state import VadState
from inference.config import FULL_FRAMES, SAMPLE_RATE, AsrConfig, SegmenterConfig
from inference.weights.models import default_cache, resolve

MODELS = ("tiny.en", "base")
BATCHES = (1, 4, 8)
LENGTHS_S = (3.0, 6.0, 13.0)
STAGES = ("mel", "encode", "greedy", "beam", "align")
FINAL = ("mel", "encode", "beam", "align")
"""The stages of a final."""

PARTIAL_S = 3.0


def _id(asr: WhisperAsr, token: str) -> int:
    found = asr.tokenizer.token_to_id(token)
    assert found is not None
    return found


class Case:
    """A model, a length and a batch; each method runs one stage on what the stage before it gave."""

    def __init__(self, asr: WhisperAsr, audio: Samples, seconds: float, batch: int) -> None:
        self._asr = asr
        self._requests = [AsrRequest(span, True) for span in windows(audio, seconds, batch)]
        names = ["<|en|>", "<|transcribe|>"] if asr.multilingual else []
        self._task = [_id(asr, name) for name in ("<|startoftranscript|>", *names)]
        self._untimed = _id(asr, "<|notimestamps|>")
        self._frames = [len(request.audio) // 160 for request in self._requests]
        self._mels = self.mel()
        self._encoded = self.encode()
        end = _id(asr, "<|endoftext|>")
        self._tokens = [[t for t in result.sequences_ids[0] if t < end] for result in self.beam()]

    def mel(self) -> Any:
        return self._asr.prepare(self._requests)

    def encode(self) -> Any:
        return self._asr.encode(self._mels)

    def greedy(self) -> Any:
        return self._generate([*self._task, self._untimed], 1)

    def beam(self) -> Any:
        return self._generate(self._task, self._asr.config.final_beam)

    def align(self) -> Any:
        return self._asr.model.align(self._encoded, self._task, self._tokens, self._frames)

    def _generate(self, start: list[int], beam: int) -> Any:
        limit = self._asr._token_limit(self._requests[0])
        return self._asr.model.generate(
            self._encoded, [start] * len(self._requests), beam_size=beam, max_length=2 * limit
        )


@cache
def engine(model: str) -> WhisperAsr:
    torch.set_num_threads(1)
    return WhisperAsr(resolve(model, default_cache()), AsrConfig(workers=1, threads=1))


@cache
def sample() -> Samples:
    return recording(None, None)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("seconds", LENGTHS_S)
@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("stage", STAGES)
def test_stage(benchmark: Any, stage: str, batch: int, seconds: float, model: str) -> None:
    case = Case(engine(model), sample(), seconds, batch)
    benchmark.group = f"{model}, {stage}, {seconds:g} s"
    benchmark.extra_info["batch"] = batch
    benchmark.pedantic(getattr(case, stage), rounds=3, warmup_rounds=1)


def stages(model: str, audio: Samples, repeats: int) -> list[dict[str, Any]]:
    """A row for each length and batch: milliseconds an item of each stage, medians of `repeats` after a warm-up."""
    rows = []
    for seconds in LENGTHS_S:
        for batch in BATCHES:
            case = Case(engine(model), audio, seconds, batch)
            item_ms = {stage: _median_s(getattr(case, stage), repeats) * 1000 / batch for stage in STAGES}
            row: dict[str, Any] = {"seconds": seconds, "batch": batch}
            row |= {f"{stage}_ms": round(ms, 2) for stage, ms in item_ms.items()}
            row["audio_s_per_s"] = round(seconds * 1000 / sum(item_ms[stage] for stage in FINAL), 1)
            rows.append(row)
            print("| " + " | ".join(f"{value:>8}" for value in (model, *row.values())) + " |", flush=True)
    return rows


def cut(audio: Samples) -> list[Samples]:
    """The finals of a recording, as a session would decode them."""
    ((probabilities, _),) = SileroVad().speech_probabilities([audio], [VadState()])
    segmenter = Segmenter(SegmenterConfig())
    return [span.audio for span in [*segmenter.push(audio, probabilities), *segmenter.flush()]]


async def padding(asr: WhisperAsr, spans: Sequence[Samples], final: bool, repeats: int) -> dict[str, Any]:
    """CPU seconds an audio second with the shortened input, with 30 s, and their ratio; second tries included."""
    recogniser = Recogniser(asr, asr.config)
    ask = recogniser.final if final else recogniser.partial
    audio_s = sum(map(len, spans)) / SAMPLE_RATE
    found: dict[str, Any] = {"spans": len(spans), "audio_s": round(audio_s, 1)}
    for name, frames in (("shortened", 0), ("padded", FULL_FRAMES)):
        costs = []
        for _ in range(repeats):
            began = time.process_time()
            heard = [(await ask(AsrRequest(span, final, frames=frames), session="s")).value for span in spans]
            costs.append((time.process_time() - began) / audio_s)
        found[f"{name}_cpu_s_per_audio_s"] = round(statistics.median(costs), 4)
        found[f"{name}_second_tries"] = sum(hypothesis.retried for hypothesis in heard)
        found[f"{name}_doubtful"] = sum(hypothesis.doubtful for hypothesis in heard)
    await recogniser.close()
    return found | {"ratio": round(found["shortened_cpu_s_per_audio_s"] / found["padded_cpu_s_per_audio_s"], 3)}


def _median_s(work: Callable[[], object], repeats: int) -> float:
    work()
    taken = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="*", default=list(MODELS))
    parser.add_argument("--corpus", type=Path, help="a folder of .flac in place of the sample consultation")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    audio = recording(None, args.corpus)
    result: dict[str, Any] = {"benchmark": "asr", "machine": card(), "repeats": args.repeats, "models": {}}
    names = ("model", "seconds", "batch", *(f"{stage}_ms" for stage in STAGES), "audio s/s")
    print("| " + " | ".join(names) + " |\n" + "|" + " --- |" * len(names))
    for model in args.models:
        found: dict[str, Any] = {"rows": stages(model, audio, args.repeats)}
        spans = cut(audio)
        partials = [span[: round(PARTIAL_S * SAMPLE_RATE)] for span in spans]
        found["finals"] = asyncio.run(padding(engine(model), spans, True, args.repeats))
        found["partials"] = asyncio.run(padding(engine(model), partials, False, args.repeats))
        result["models"][model] = found
        for lane in ("finals", "partials"):
            print(f"\n{model}, {lane}: {found[lane]}", flush=True)
    deliver(result, args.output)


if __name__ == "__main__":
    main()
