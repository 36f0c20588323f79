"""CTranslate2's Whisper of large-v3-turbo's shape: what each call costs by batch, beam, rules and workers."""

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from benchmarks.gpu.engine import exact_length
from benchmarks.gpu.smoke.bench import WORKERS, Bench
from benchmarks.gpu.watch import device_memory_gb
from inference.device import memory_pool

TASK = [50258, 50259, 50360]
NO_TIMESTAMPS = 50364
TOKENS = 28
"""Of a span of 6 s."""

OPENERS = [
    7, 9, 58, 359, 522, 542, 918, 931, 1350, 1853, 3961, 6647, 9061, 14635, 15265, 15618, 20075, 26130,
    31650, 32470, 50254,
]  # fmt: skip

SUPPRESSIONS: dict[str, list[int]] = {"long": [-1], "short": [*OPENERS, 50258, 50359, 50360, 50361, 50362, 50363]}
"""The 88 ids of the model's own list, or those 27 of them that a server on CUDA suppresses."""


def first_call(bench: Bench) -> Iterator[dict[str, Any]]:
    """First against second call of each kind: what compiling for this card costs, and the first use of memory."""
    began = time.perf_counter()
    bench.weights(bench.shape)
    made_s = time.perf_counter() - began
    began = time.perf_counter()
    model = bench.model
    found: dict[str, Any] = {"made_s": round(made_s, 1), "loaded_s": round(time.perf_counter() - began, 1)}
    yield found
    features = bench.features(900, 2)
    output = model.encode(features)
    calls: dict[str, Callable[[], object]] = {
        "encode": lambda: model.encode(features),
        "greedy": lambda: _generate(bench, output, 2, 1, timestamps=False),
        "beam_5": lambda: _generate(bench, output, 2, 5, timestamps=False),
        "beam_5_timestamps": lambda: _generate(bench, output, 2, 5, timestamps=True),
        "align": lambda: model.align(output, TASK, [[1000] * TOKENS] * 2, [600, 500]),
        "detect_language": lambda: model.detect_language(output),
    }
    for name, call in calls.items():
        taken = []
        for _ in range(2):
            began = time.perf_counter()
            call()
            taken.append(round(time.perf_counter() - began, 4))
        found[name] = {"first_s": taken[0], "second_s": taken[1]}
        yield found
    yield found | {"device_gb": device_memory_gb()}


def decode(bench: Bench) -> Iterator[dict[str, Any]]:
    """Milliseconds of a batch of finals: beam, timestamps, and suppressed tokens."""
    rows: list[dict[str, Any]] = []
    for batch in sorted(bench.batches, key=lambda size: (size != bench.batches[1], size)):  # the usual one first
        output = bench.model.encode(bench.features(900, batch))
        for beam in (5, 1):
            for timestamps in (False, True):
                for name in SUPPRESSIONS:
                    ms = bench.milliseconds(partial(_generate, bench, output, batch, beam, timestamps, name), 0.1, 3)
                    rows.append({"batch": batch, "beam": beam, "timestamps": timestamps, "suppressed": name, "ms": ms})
                    yield {"tokens": TOKENS, "rows": rows}


def encode(bench: Bench) -> Iterator[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for frames in bench.frames:
        for batch in bench.batches:
            features = bench.features(frames, batch)
            ms = bench.milliseconds(partial(bench.model.encode, features))
            rows.append({"frames": frames, "batch": batch, "ms": ms, "item_ms": round(ms / batch, 3)})
            yield {"rows": rows}


def align(bench: Bench) -> Iterator[dict[str, Any]]:
    """Word times of a batch whose spans are equally long, and of one whose spans are not."""
    rows: list[dict[str, Any]] = []
    for batch in bench.batches:
        output = bench.model.encode(bench.features(900, batch))
        for name, frames in (("equal", [600] * batch), ("unequal", [600 - 7 * (i % 16) for i in range(batch)])):
            texts = [[1000 + i for i in range(TOKENS - (j % 8 if name == "unequal" else 0))] for j in range(batch)]
            ms = bench.milliseconds(partial(bench.model.align, output, TASK, texts, frames))
            rows.append({"frames": name, "batch": batch, "ms": ms})
            yield {"rows": rows}


def workers(bench: Bench) -> Iterator[dict[str, Any]]:
    """Finals a second (encode, beam 5, align) with one, two and four calls at once, on replicas that share weights."""
    batch = bench.batches[1]
    features = bench.features(900, batch)
    rows: list[dict[str, Any]] = []
    for count in (1, 2, WORKERS):
        with ThreadPoolExecutor(count) as pool:
            ms = bench.milliseconds(partial(_finals, bench, features, batch, pool, 2 * count), 0.1, 3)
        rows.append({"workers": count, "finals_a_second": round(2 * count * batch / ms * 1000, 1)})
        yield {"batch": batch, "rows": rows}


def pool(bench: Bench) -> Iterator[dict[str, Any]]:
    """A final's calls, with CUDA's memory pool emptied at each synchronisation or kept: `SMOKE_POOL` says which."""
    kept = os.environ["SMOKE_POOL"]
    how = "as CUDA sets it"
    if kept == "on":
        how = "kept" if memory_pool.keep(0) else "could not be kept: see the log"
    batch = bench.batches[-1]
    features = bench.features(900, batch)
    ms = bench.milliseconds(lambda: _final(bench, features, batch), 0.5)
    yield {"pool": kept, "how": how, "batch": batch, "final_ms": ms, "device_gb": device_memory_gb()}


def _finals(bench: Bench, features: Any, batch: int, pool: ThreadPoolExecutor, count: int) -> None:
    list(pool.map(lambda _: _final(bench, features, batch), range(count)))


def _final(bench: Bench, features: Any, batch: int) -> None:
    output = bench.model.encode(features)
    _generate(bench, output, batch, 5, timestamps=False)
    bench.model.align(output, TASK, [[1000] * TOKENS] * batch, [600] * batch)


def _generate(bench: Bench, output: Any, batch: int, beam: int, timestamps: bool, suppressed: str = "long") -> None:
    start = TASK if timestamps else [*TASK, NO_TIMESTAMPS]
    bench.model.generate(
        output,
        [start] * batch,
        beam_size=beam,
        max_length=exact_length(TOKENS, len(start)),
        suppress_tokens=SUPPRESSIONS[suppressed],
        return_scores=True,
        return_no_speech_prob=True,
    )
