"""How many live sessions does a device carry, each chunk's text within a bound? The whole engine, in one process.

Sessions are paced by absolute time (an answer that is late delays nobody's next chunk), begin spread over a chunk's
length, and loop real speech from a place of their own. They run through the real Pipeline with VAD on the device.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.common.nvidia import GpuWatch
from benchmarks.common.percentiles import distribution
from benchmarks.gpu.deadline import Deadline
from benchmarks.gpu.engine import MeasuredAsr, MeasuredVad
from benchmarks.gpu.session import CHUNK_S, Session, Speech, past_the_start, unshown_s
from benchmarks.gpu.watch import Busy, LoopWatch, device_memory_gb, means
from inference.config import EngineConfig
from inference.pipeline import Pipeline
from inference.stream import StreamOptions

SPOKEN_S = 0.5
"""Only chunks with this much speech count: silence is quick, and would flatter the percentiles."""

LATE = 0.1
"""A trial is given up once this share of its chunks is later than twice the bound."""

STEP = 0.6180339887
"""Of the recording's length between the beginnings of one session and the next: spreads any number evenly."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """A trial: `settle_s` for segments to reach their usual length, then `window_s` in which chunks count."""

    text_s: float = 1.0
    settle_s: float = 7.0
    window_s: float = 12.0

    @property
    def trial_s(self) -> float:
        return self.settle_s + self.window_s + 2 * self.text_s + 1.5


@dataclass(frozen=True, slots=True)
class Host:
    """What all trials share."""

    vad: MeasuredVad
    asr: MeasuredAsr
    config: EngineConfig
    speech: Speech
    gpu: GpuWatch | None


async def search(
    host: Host,
    bounds: Bounds,
    start: int,
    limit: int,
    deadline: Deadline,
    keep: Callable[[dict[str, Any]], None] = lambda found: None,
) -> dict[str, Any]:
    """Doubles the sessions until a trial misses the bound, then halves the gap, as long as the time allows.

    `keep` is called with the result so far after each trial.
    """
    trials: list[dict[str, Any]] = []
    verdicts: dict[int, bool] = {}
    while (sessions := next_sessions(verdicts, start, limit)) is not None:
        if not deadline.allows(bounds.trial_s, f"{sessions} sessions"):
            break
        found = await trial(sessions, host, bounds)
        found["holds"] = verdicts[sessions] = holds(found, bounds.text_s)
        trials.append(found)
        print(summary(found), flush=True)
        keep(_found(trials, bounds))
    return _found(trials, bounds)


def _found(trials: list[dict[str, Any]], bounds: Bounds) -> dict[str, Any]:
    failed = [found for found in trials if not found["holds"]]
    least = min(failed, key=lambda found: found["sessions"]) if failed else None
    return {
        "bound_s": bounds.text_s,
        "chunk_s": CHUNK_S,
        "most_sessions": max((found["sessions"] for found in trials if found["holds"]), default=0),
        "limited_by": limited_by(least) if least else "not reached",
        "trials": trials,
    }


def next_sessions(verdicts: Mapping[int, bool], start: int, limit: int) -> int | None:
    """The number to try next; None when the largest that holds is known to an eighth, or `limit` holds."""
    if not verdicts:
        return min(start, limit)
    low = max((n for n, held in verdicts.items() if held), default=0)
    failed = [n for n, held in verdicts.items() if not held]
    if not failed:
        return min(2 * low, limit) if low < limit else None
    high = min(failed)
    return (low + high) // 2 if high - low > max(1, low // 8) else None


def holds(found: Mapping[str, Any], bound_s: float) -> bool:
    p95 = found["text_ms"]["p95"]
    return p95 is not None and p95 < 1000 * bound_s and not found["aborted"] and not found["faults"]


def limited_by(found: Mapping[str, Any]) -> str:
    """What was full in a trial that missed the bound."""
    if found["faults"]:
        return "faults"
    if found["loop_cpu"] > 0.85 or (found["loop_lag_ms"]["p95"] or 0.0) > 100:
        return "event loop"
    device = found["gpu"]["utilisation"] if found["gpu"] else None
    if found["recogniser_busy"] > 0.85:
        return "recogniser's host side" if device is not None and device < 0.8 else "recogniser"
    return "wait for a batch"


def summary(found: Mapping[str, Any]) -> dict[str, Any]:
    """One trial in a line."""
    names = (
        "sessions",
        "holds",
        "aborted",
        "batch",
        "recogniser_busy",
        "loop_cpu",
        "process_cpu",
        "share",
        "gpu",
        "items_a_call",
        "call_ms",
        "items_per_s",
        "stages",
    )
    return {"text_ms": found["text_ms"], "loop_lag_p95_ms": found["loop_lag_ms"]["p95"]} | {n: found[n] for n in names}


async def trial(sessions: int, host: Host, bounds: Bounds) -> dict[str, Any]:
    """One number of sessions: latencies of the chunks in the window, and what they cost."""
    batches: Counter[int] = Counter()
    pipeline = Pipeline(host.vad, host.asr, [], host.config, observe_batch=lambda size: batches.update((size,)))
    slack_s, options = unshown_s(host.config.segmenter), StreamOptions()
    begun = past_the_start(host.speech, options)
    live = [Session(round(i * STEP % 1.0 * host.speech.samples), slack_s) for i in range(sessions)]
    watch = LoopWatch()
    began = time.monotonic() + 0.2
    opens, ends = began + bounds.settle_s, began + bounds.settle_s + bounds.window_s
    tasks = [asyncio.create_task(watch.run())]
    for i, session in enumerate(live):
        stream = pipeline.open(f"s{i}", options, session.emit, resumed=begun)
        speaking = session.speak(stream.feed, host.speech, began + CHUNK_S * i / sessions, ends)
        tasks += [asyncio.create_task(stream.run()), asyncio.create_task(speaking)]
    try:
        await asyncio.sleep(opens - time.monotonic())
        watch.restart()
        batches.clear()
        for stopwatch in (host.vad.watch, host.asr.watch):
            stopwatch.lap()
        aborted = await _listen(live, tasks, ends, bounds)
        closed = time.monotonic()
        busy, laps = watch.busy(), host.vad.watch.lap() | host.asr.watch.lap()
        formed = sum(size * n for size, n in batches.items()) / max(1, batches.total())
        if not aborted:
            await _drain(live, ends, 2 * bounds.text_s)
        errors = _errors(tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await pipeline.close()
    return {
        "sessions": sessions,
        **_latencies(live, host.speech, opens, min(ends, closed)),
        **_costs(busy, laps, closed - opens, sessions, host.config.asr.workers),
        "batch": round(formed, 2),
        "gpu": means(host.gpu.between(opens, closed)) if host.gpu else None,
        "device_gb": device_memory_gb(),
        "faults": sum(session.faults for session in live) + len(errors),
        "first_error": errors[0] if errors else None,
        "aborted": aborted,
    }


async def _listen(live: Sequence[Session], tasks: Sequence["asyncio.Task[None]"], ends: float, bounds: Bounds) -> bool:
    """Waits for the end of the window; returns True, early, where the trial is lost."""
    expected = len(live) * bounds.window_s / CHUNK_S
    while time.monotonic() < ends:
        await asyncio.sleep(0.25)
        overdue = sum(session.late(time.monotonic() - 2 * bounds.text_s) for session in live)
        if overdue > max(1.0, LATE * expected) or _errors(tasks):
            return True
    return False


async def _drain(live: Sequence[Session], ends: float, patience_s: float) -> None:
    for _ in range(round(patience_s / 0.05)):
        if not any(session.late(ends) for session in live):
            break
        await asyncio.sleep(0.05)


def _errors(tasks: Sequence["asyncio.Task[None]"]) -> list[str]:
    raised = [task.exception() for task in tasks if task.done() and not task.cancelled()]
    return [repr(error)[:200] for error in raised if error is not None]


def _latencies(live: Sequence[Session], speech: Speech, opens: float, ends: float) -> dict[str, Any]:
    text, done, left = [], [], []
    lanes: dict[bool, list[float]] = {True: [], False: []}
    stages: dict[str, list[float]] = {"vad_ms": [], "queue_ms": [], "asr_ms": []}
    now, unshown, chunks = time.monotonic(), 0, 0
    for session in live:
        for i, due in enumerate(session.due):
            if not opens <= due < ends:
                continue
            chunks += 1
            if speech.speech_in(session.start_of(i)) < SPOKEN_S:
                continue
            unshown += i >= len(session.shown)
            text.append(1000 * ((session.shown[i] if i < len(session.shown) else now) - due))
            if i < len(session.done):
                done.append(1000 * (session.done[i] - due))
                left.append((i + 1) * CHUNK_S - session.covered_s[i])
        for at, update in session.heard:
            due = update.timings.received_at
            if opens <= due < ends:
                lanes[update.segment.final].append(1000 * (at - due))
                for stage, values in stages.items():
                    values.append(getattr(update.timings, stage))
    return {
        "text_ms": distribution(text),
        "unshown_chunks": unshown,
        "chunks": chunks,
        "chunk_done_ms": distribution(done),
        "final_ms": distribution(lanes[True]),
        "partial_ms": distribution(lanes[False]),
        "left_to_the_next_s": distribution(left),
        "stages": {stage: distribution(values) for stage, values in stages.items()},
    }


def _costs(
    busy: Busy, laps: dict[str, tuple[float, int, int]], wall_s: float, sessions: int, workers: int
) -> dict[str, Any]:
    tokens = laps.pop("tokens", (0.0, 0, 0))[1]
    seconds = {stage: taken for stage, (taken, _, _) in laps.items()}
    total = sum(seconds.values()) or 1.0
    recogniser = sum(seconds.get(stage, 0.0) for stage in ("encode", "decode", "align"))
    return {
        "share": {stage: round(taken / total, 4) for stage, taken in seconds.items()},
        "items_per_s": {stage: round(items / wall_s, 1) for stage, (_, items, _) in laps.items()},
        "items_a_call": {stage: round(items / calls, 1) for stage, (_, items, calls) in laps.items()},
        "call_ms": {stage: round(1000 * taken / calls, 1) for stage, (taken, _, calls) in laps.items()},
        "tokens_per_audio_s": round(tokens / (sessions * wall_s), 2),
        "recogniser_busy": round(recogniser / wall_s / workers, 3),
        "loop_cpu": busy.loop_cpu,
        "process_cpu": busy.process_cpu,
        "loop_lag_ms": busy.loop_lag_ms,
    }
