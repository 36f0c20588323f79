"""What the load benchmark computes from timestamps. Pure: numbers in, numbers out; benchmarks/README.md defines each.

All times are seconds of one monotonic clock. Only what was due in the window counts: while every session speaks, and
warm-up is over.
"""

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.common.percentiles import Numbers, distribution
from benchmarks.load.client import SAMPLE_RATE, Run, TranscriptEvent
from inference.config import SegmenterConfig

SAMPLING_S = 0.1
LATE_S = 0.1
"""A chunk handed over this much after its time is late, and a hand-over that takes this long was held back."""

ROUNDING_S = 0.002
"""Seconds on the wire have three decimals."""

STAGES = ("vad_ms", "queue_ms", "asr_ms", "total_ms")


@dataclass(frozen=True, slots=True)
class Window:
    since: float
    until: float

    def __contains__(self, moment: float) -> bool:
        return self.since <= moment < self.until


def window(runs: Sequence[Run], warmup_s: float) -> Window | None:
    """From the end of the last session's warm-up to the end of the first one's audio; None if nobody began."""
    began = [(run.began, run.began + run.seconds) for run in runs if run.began is not None]
    if not began:
        return None
    return Window(max(start for start, _ in began) + warmup_s, min(end for _, end in began))


def steps(times: Sequence[float], values: Sequence[float], at: Numbers) -> Numbers:
    """The value of a count that rises to values[i] at times[i], at each moment of `at`; 0 before the first."""
    if not times:
        return np.zeros(len(at))
    risen = np.concatenate(([0.0], np.maximum.accumulate(np.asarray(values, dtype=np.float64))))
    return risen[np.searchsorted(np.asarray(times), at, side="right")]


def coverage_lags(run: Run, during: Window) -> tuple[Numbers, Numbers]:
    """Coverage lag (audio sent less transcribed) and how far behind the speaker (spoken less transcribed), in seconds.

    Sampled every 100 ms.
    """
    assert run.began is not None
    at = np.arange(during.since, during.until, SAMPLING_S)
    transcribed = steps([when for when, _, _ in run.progress], [covered for *_, covered in run.progress], at)
    sent = steps(run.sent, [end / SAMPLE_RATE for end in run.ends], at)
    return np.maximum(sent - transcribed, 0.0), np.maximum(at - run.began - transcribed, 0.0)


def counted(run: Run, during: Window) -> list[int]:
    """The chunks that were due in the window."""
    return [i for i in range(len(run.sent)) if run.due[i] in during]


def covered_ms(run: Run, during: Window) -> list[float]:
    """From sending a chunk to the first event by which the transcript reaches its end."""
    found, at = [], 0
    for i in counted(run, during):
        end_s = run.ends[i] / SAMPLE_RATE - ROUNDING_S
        while at < len(run.progress) and run.progress[at][2] < end_s:
            at += 1
        if at < len(run.progress):
            found.append((run.progress[at][0] - run.sent[i]) * 1000)
        elif run.stopped is not None:
            found.append((run.stopped[0] - run.sent[i]) * 1000)
    return found


def done_ms(run: Run, during: Window) -> list[float]:
    """From sending a chunk to its own progress: there is one a chunk, in order, and it counts the chunk as received."""
    if len(run.progress) > len(run.ends):
        raise ValueError("more progress events than chunks: the server no longer sends one a chunk")
    pairs = [(i, run.progress[i]) for i in counted(run, during) if i < len(run.progress)]
    return [(at - run.sent[i]) * 1000 for i, (at, received, _) in pairs if received >= run.ends[i]]


def lost_chunks(run: Run) -> int:
    """Chunks beyond the last sample that the server said it had received."""
    received = max([r for _, r, _ in run.progress] + ([run.stopped[1]] if run.stopped else []), default=0)
    return sum(end - ROUNDING_S * SAMPLE_RATE > received for end in run.ends)


def holding(run: Run, second: float) -> int | None:
    """The chunk that holds a moment of the session's audio, if it was sent."""
    index = int(np.searchsorted(np.asarray(run.ends), second * SAMPLE_RATE, side="right"))
    return index if index < len(run.sent) else None


def partials_ms(run: Run, during: Window) -> list[float]:
    """From sending the chunk that holds the end of a partial to that partial."""
    found = []
    for heard in run.heard:
        chunk = holding(run, heard.end_s - ROUNDING_S)
        if not heard.final and chunk is not None and run.due[chunk] in during:
            found.append((heard.at - run.sent[chunk]) * 1000)
    return found


def finals_ms(run: Run, during: Window, cut: SegmenterConfig) -> tuple[list[float], list[float]]:
    """Of each final that a pause decided: from sending the chunk that holds that moment, and from the moment itself.

    `cut` tells the pauses. Left out are finals cut in the middle of speech, those that go on from such a cut (the wire
    does not tell the length that their pause follows from), and those that a session's end decided.
    """
    assert run.began is not None
    finals = [heard for heard in run.heard if heard.final]
    starts, ends = {heard.start_s for heard in finals}, {heard.end_s for heard in finals}
    from_chunk, from_pause = [], []
    for heard in finals:
        speech_end_s = heard.end_s - cut.tail_s
        decided_s = speech_end_s + cut.pause_after(speech_end_s - heard.start_s)
        chunk = holding(run, decided_s)
        at_a_split = heard.end_s in starts or heard.start_s in ends
        if at_a_split or chunk is None or run.due[chunk] not in during:
            continue
        from_chunk.append((heard.at - run.sent[chunk]) * 1000)
        from_pause.append((heard.at - run.began - decided_s) * 1000)
    return from_chunk, from_pause


def stages(heard: Sequence[TranscriptEvent]) -> dict[str, object]:
    """The server's own times of its transcript events."""
    return {stage: distribution([event.timings[stage] for event in heard]) for stage in STAGES}


def level(runs: Sequence[Run], during: Window, cut: SegmenterConfig) -> dict[str, Any]:
    """Everything that the clients of one run saw. Losses and errors count over all of it, window or not."""
    live = [run for run in runs if run.began is not None]
    sampled = [coverage_lags(run, during) for run in live]
    finals = [finals_ms(run, during, cut) for run in live]
    chunks = [(run, i) for run in live for i in counted(run, during)]
    heard = [event for run in live for event in run.heard if event.at in during]
    late = [run.sent[i] - run.due[i] for run, i in chunks]
    held = [run.taken[i] - run.sent[i] for run, i in chunks if i < len(run.taken)]
    return {
        "coverage_lag_s": _pooled(lag for lag, _ in sampled),
        "behind_s": _pooled(behind for _, behind in sampled),
        "chunk_done_ms": _pooled(done_ms(run, during) for run in live),
        "chunk_covered_ms": _pooled(covered_ms(run, during) for run in live),
        "chunk_partial_ms": _pooled(partials_ms(run, during) for run in live),
        "final_ms": _pooled(from_chunk for from_chunk, _ in finals),
        "final_after_pause_ms": _pooled(from_pause for _, from_pause in finals),
        "stages_final": stages([event for event in heard if event.final]),
        "stages_partial": stages([event for event in heard if not event.final]),
        "connect_ms": distribution([run.connect_s * 1000 for run in runs if run.connect_s is not None]),
        "late_ms": distribution([seconds * 1000 for seconds in late]),
        "late_sends": sum(seconds > LATE_S for seconds in late),
        "held_ms": distribution([seconds * 1000 for seconds in held]),
        "held_sends": sum(seconds > LATE_S for seconds in held),
        "chunks": sum(len(run.ends) for run in runs),
        "lost_chunks": sum(lost_chunks(run) for run in live),
        "refused": sum(run.refused for run in runs),
        "failed": sum(run.failure is not None for run in runs),
        "failures": dict(Counter(run.failure for run in runs if run.failure)),
        "errors": dict(Counter(code for run in runs for code in run.errors)),
    }


def _pooled(sessions: Iterable[Sequence[float] | Numbers]) -> dict[str, float | None]:
    parts = [np.asarray(values, dtype=np.float64) for values in sessions]
    return distribution(np.concatenate(parts) if parts else [])


def middle(values: Sequence[Any]) -> Any:
    """Medians of equal results of several runs, number by number; what is no number is the first's."""
    if any(isinstance(value, Mapping) for value in values):
        found = [value for value in values if isinstance(value, Mapping)]
        names = list(dict.fromkeys(name for value in found for name in value))
        return {name: middle([value[name] for value in found if name in value]) for name in names}
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    return statistics.median(numbers) if numbers else values[0]


def holds(runs: Sequence[Mapping[str, Any]], metric: str, bound_s: float) -> bool:
    """Whether the median p95 is under the bound, and no run refused, failed or lost anything."""
    found = [run[metric]["p95"] for run in runs]
    if any(p95 is None for p95 in found) or any(run["refused"] + run["failed"] + run["lost_chunks"] for run in runs):
        return False
    return bool(statistics.median(found) / (1000 if metric.endswith("_ms") else 1) < bound_s)


def most_sessions(verdicts: Mapping[int, bool]) -> int | None:
    """The largest number that holds together with every smaller one that was tried."""
    most = None
    for sessions in sorted(verdicts):
        if not verdicts[sessions]:
            break
        most = sessions
    return most


def settled(verdicts: Sequence[bool]) -> bool:
    """Whether a sweep may stop: two failures in a row."""
    return len(verdicts) >= 2 and not any(verdicts[-2:])
