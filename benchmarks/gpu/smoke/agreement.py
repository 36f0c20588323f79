"""Does the device in its compute type say what the CPU says in float32? Encoder, text and word times."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common.random_whisper import TOY
from benchmarks.gpu.engine import exact_length
from benchmarks.gpu.smoke.bench import Bench, view
from inference.asr.encoding.mel import LogMel

FRAMES = 900
TOKENS = 24


def toy(bench: Bench) -> Iterator[dict[str, Any]]:
    """Random weights: their text may differ where two words are nearly as likely, so the share of it is told."""
    yield _compared(bench, bench.weights(TOY), [50258, 50259, 50360, 50364], exact_length(TOKENS, 4))


def tiny_en(bench: Bench) -> Iterator[dict[str, Any]]:
    if bench.tiny_en is None:
        yield {"left_out": "no folder was given with --tiny-en"}
        return
    yield _compared(bench, bench.tiny_en, [50257, 50362], 120)


def _compared(bench: Bench, folder: Path, start: list[int], max_length: int) -> dict[str, Any]:
    encoded, texts, times = [], [], []
    spans = bench.spans(FRAMES, 2)
    for device, compute_type in (("cpu", "float32"), (bench.device, bench.compute_type)):
        model = bench.load(folder, device, compute_type)
        features = view(LogMel(model.n_mels)(spans, FRAMES))
        output = model.encode(features, to_cpu=True)
        encoded.append(np.array(output).astype(np.float32))
        said = [r.sequences_ids[0] for r in model.generate(output, [start] * 2, beam_size=5, max_length=max_length)]
        texts.append(said)
        # The CPU's text for both, so that the times can be compared.
        aligned = model.align(output, start[:-1], texts[0], [FRAMES - 300] * 2)
        times.append([dict(reversed(r.alignments)) for r in aligned])
    same = [a == b for one, other in zip(*texts, strict=True) for a, b in zip(one, other, strict=False)]
    moved = [
        abs(one[i] - other[i]) * 0.02 for one, other in zip(*times, strict=True) for i in one.keys() & other.keys()
    ]
    return {
        "encoder_difference": round(float(np.abs(encoded[0] - encoded[1]).max()), 5),
        "encoder_scale": round(float(np.abs(encoded[0]).max()), 3),
        "same_text": texts[0] == texts[1],
        "same_tokens": round(sum(same) / max(1, len(same)), 3),
        "tokens": len(same),
        "word_times_differ_s": round(max(moved, default=0.0), 3),
    }
