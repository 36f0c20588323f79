"""Mel and voice activity detection while the encoder works: on the stream of all, on one of their own, on the CPU."""

import threading
import time
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import torch

from benchmarks.gpu.smoke.bench import Bench
from benchmarks.gpu.sweep import windows
from inference.asr.encoding.mel import LogMel
from inference.audio.vad import SileroVad
from inference.audio.vad_state import VadState
from inference.config import VadConfig

MODES = ("null_stream", "own_stream", "cpu")


def beside(bench: Bench) -> Iterator[dict[str, Any]]:
    """Milliseconds of each with an encoder at work, and what is left of the encoder's speed."""
    batch = bench.batches[1]
    features = bench.features(900, batch)
    alone_ms = bench.milliseconds(lambda: bench.model.encode(features))
    rows: list[dict[str, Any]] = []
    for name in ("mel", "vad"):
        for mode in MODES:
            rows.append({"work": name, "on": mode} | _one(bench, features, name, mode))
            yield {
                "batch": batch,
                "encoder_alone_ms": alone_ms,
                "rows": rows,
            }


def _one(bench: Bench, features: Any, name: str, mode: str) -> dict[str, Any]:
    device: Any = "cpu" if mode == "cpu" else bench.device
    on_card = device == "cuda"
    stream = torch.cuda.Stream() if on_card and mode == "own_stream" else None
    spans, chunks = bench.spans(900, 16), windows(bench.audio, 3.0, 16)
    mel, vad = LogMel(bench.shape.mels, device), SileroVad(VadConfig(device=device))

    def work() -> None:
        with torch.cuda.stream(stream) if stream else nullcontext():
            if name == "mel":
                mel(spans, 900)
            else:
                vad.speech_probabilities(chunks, [VadState()] * len(chunks))
            if on_card:
                torch.cuda.current_stream().synchronize()

    work()
    stop, encoded = threading.Event(), 0

    def encode() -> None:
        nonlocal encoded
        while not stop.is_set():
            bench.model.encode(features)
            encoded += 1

    thread = threading.Thread(target=encode)
    began = time.perf_counter()
    thread.start()
    try:
        ms = bench.milliseconds(work, 0.1, 3) if bench.short else bench.milliseconds(work, 0.4, 20)
    finally:
        stop.set()
        thread.join()
    return {"ms": ms, "encodes_a_second": round(encoded / (time.perf_counter() - began), 2)}
