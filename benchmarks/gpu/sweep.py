"""Each stage by batch size: what one item costs, and how many seconds of audio a second of the device takes in."""

import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from benchmarks.gpu.deadline import Deadline
from benchmarks.gpu.engine import MeasuredAsr
from benchmarks.gpu.session import CHUNK_S
from benchmarks.gpu.watch import device_memory_gb
from inference.asr.encoding.lengths import encoder_frames
from inference.asr.encoding.mel import LogMel
from inference.asr.hypothesis import AsrRequest
from inference.audio.decoding import Samples
from inference.audio.vad import SileroVad
from inference.audio.vad_state import VadState
from inference.config import SAMPLE_RATE, Device, VadConfig

PROMPT = "So what I would like to do today is to go through what has been happening over the last few weeks, and then"
"""What was said before, as in the middle of a consultation: as many tokens as a prompt may have."""


def windows(audio: Samples, seconds: float, count: int) -> list[Samples]:
    """`count` stretches of speech of one length, begun at points spread over the recording."""
    size = round(seconds * SAMPLE_RATE)
    room = max(1, len(audio) - size)
    return [audio[round(i * 0.618 * room) % room :][:size] for i in range(count)]


def sweep(
    asr: MeasuredAsr,
    audio: Samples,
    sizes: Sequence[int],
    lengths_s: Iterable[float],
    deadline: Deadline,
    keep: Callable[[dict[str, Any]], None] = lambda row: None,
) -> list[dict[str, Any]]:
    """A row for each length, lane and batch size, through the engine's own path; stops a lane at its first failure.

    `keep` is called with each row as soon as it is known.
    """
    rows: list[dict[str, Any]] = []
    for seconds in lengths_s:
        for final in (True, False):
            row: dict[str, Any] = {}
            for size in sizes:
                # Twice the last batch's time for a batch of twice the size, once to warm up and twice to measure.
                expected_s = 6 * row.get("batch_s", 0.0)
                what = f"{'finals' if final else 'partials'} of {seconds:g} s, batch {size}"
                if not deadline.allows(expected_s, what):
                    break
                row = _row(asr, audio, seconds, size, final)
                rows.append(row)
                keep(row)
                print(row, flush=True)
                if "error" in row:
                    break
    return rows


def _row(asr: MeasuredAsr, audio: Samples, seconds: float, size: int, final: bool) -> dict[str, Any]:
    requests = _requests(asr, windows(audio, seconds, size), final)
    row: dict[str, Any] = {"lane": "final" if final else "partial", "seconds": seconds, "batch": size}
    try:
        batch_s, laps = measured(lambda: asr.transcribe(requests), asr)
    except RuntimeError as error:  # the device's memory, as a rule
        return row | {"error": str(error).splitlines()[0][:200]}
    stages = asr.watch.lap()
    tokens = stages.pop("tokens")[1]
    row |= {f"{stage}_ms": round(1000 * taken_s / laps / size, 3) for stage, (taken_s, *_) in stages.items()}
    return row | {
        "tokens": round(tokens / laps / size, 1),
        "item_ms": round(1000 * batch_s / size, 3),
        "audio_s_per_s": round(size * seconds / batch_s, 1),
        "batch_s": round(batch_s, 4),
        "device_gb": device_memory_gb(),
    }


def _requests(asr: MeasuredAsr, spans: Sequence[Samples], final: bool) -> list[AsrRequest]:
    # Real weights would be led astray by text that has nothing to do with the audio.
    return [AsrRequest(span, final, prompt=PROMPT if asr.random else "") for span in spans]


def measured(
    work: Callable[[], object], asr: MeasuredAsr | None = None, least_s: float = 0.3, most: int = 20
) -> tuple[float, int]:
    """Median seconds of a call after one to warm up, and the number of calls: two, and more while they are quick.

    The stopwatch of `asr` starts after the warm-up.
    """
    work()
    if asr is not None:
        asr.watch.lap()
    taken: list[float] = []
    while len(taken) < 2 or (sum(taken) < least_s and len(taken) < most):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken), len(taken)


def two_workers(asr: MeasuredAsr, audio: Samples, sizes: Sequence[int], deadline: Deadline) -> list[dict[str, Any]]:
    """Audio seconds a second of finals of 6 s, from one thread and from two at once. Needs an engine of two workers."""
    rows = []
    for size in sizes:
        requests = _requests(asr, windows(audio, 6.0, size), True)
        alone_s, _ = measured(partial(asr.transcribe, requests))
        if not deadline.allows(5 * alone_s, f"two workers, batch {size}"):
            break
        with ThreadPoolExecutor(2) as pool:

            def both(r: list[AsrRequest] = requests, pool: ThreadPoolExecutor = pool) -> None:
                list(pool.map(asr.transcribe, [r, r]))

            both_s, _ = measured(both)
        asr.watch.lap()
        row = {
            "batch": size,
            "one_worker": round(size * 6.0 / alone_s, 1),
            "two_workers": round(2 * size * 6.0 / both_s, 1),
            "one_batch_s": round(alone_s, 4),
            "two_batch_s": round(both_s, 4),
            "device_gb": device_memory_gb(),
        }
        rows.append(row)
        print(row, flush=True)
    return rows


def alone(device: Device, n_mels: int, audio: Samples, sizes: Sequence[int], deadline: Deadline) -> dict[str, Any]:
    """VAD over chunks of 3 s and log-mel of spans of 6 s, each by itself."""
    vad = SileroVad(VadConfig(device=device))
    mel = LogMel(n_mels, device)
    frames = encoder_frames(6 * SAMPLE_RATE, 3.0)
    rows: dict[str, list[dict[str, Any]]] = {"vad": [], "mel": []}

    def log_mel(spans: list[Samples]) -> None:
        mel(spans, frames)
        mel.synchronize()

    for size in sizes:
        if not deadline.allows(2.0, f"VAD and mel alone, batch {size}"):
            break
        chunks, states = windows(audio, CHUNK_S, size), [VadState()] * size
        spans = windows(audio, 6.0, size)
        works: dict[str, tuple[Callable[[], object], float]] = {
            "vad": (partial(vad.speech_probabilities, chunks, states), CHUNK_S),
            "mel": (partial(log_mel, spans), 6.0),
        }
        for name, (work, seconds) in works.items():
            taken_s, _ = measured(work)
            row = {
                "batch": size,
                "item_ms": round(1000 * taken_s / size, 4),
                "audio_s_per_s": round(size * seconds / taken_s),
            }
            rows[name].append(row)
            print(name, row, flush=True)
    return rows
