"""What an attack did to the server, against what it may do. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmarks.attack.witness import GoodSession


@dataclass(frozen=True, slots=True)
class Bounds:
    """What must hold under every attack. Memory may stay above its start by the share, or by the MB if that is more."""

    lag_ms: float  # the p95 of the good session's lag, above its idle value
    live_ms: float  # the p99 of /health/live
    memory_share: float
    memory_mb: float
    settle_s: float  # within which the memory must be back
    peak_mb: float = 300.0  # what an attack may make the server hold for a moment
    log_lines: int = 60  # that one attack may cause


STRICT = Bounds(lag_ms=300, live_ms=50, memory_share=0.05, memory_mb=0, settle_s=60)
SHORT = Bounds(lag_ms=2000, live_ms=1000, memory_share=0.25, memory_mb=64, settle_s=8)
"""For a crowded machine: a loop that is blocked for seconds, or memory that is kept, still breaks them."""

CRASHES = ("Traceback (most recent call last)", "never retrieved", "Fatal error on transport")


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident MB of the server."""

    start: float
    peak: float
    after: float


@dataclass(frozen=True, slots=True)
class Observation:
    """One attack: what it was answered, what the good session heard, what became of the server and its log."""

    idle: GoodSession
    good: GoodSession | None  # None where no session ran beside it
    memory: Memory
    log: str
    alive: bool
    codes: Mapping[str, int] = field(default_factory=dict)
    faults: tuple[str, ...] = ()
    figures: Mapping[str, Any] = field(default_factory=dict)
    secrets: frozenset[str] = frozenset()
    allowed: frozenset[str] = frozenset()
    """Errors that the good session may be told, once each."""
    timed: bool = True
    """False where the attack stops the server itself, so that times say nothing."""
    may_end: bool = False
    """The attack ends the server on purpose."""


def verdict(seen: Observation, bounds: Bounds) -> list[str]:
    """Every sentence that should not be true; none where the server held."""
    wrong = list(seen.faults)
    if not seen.alive and not seen.may_end:
        wrong.append("the server ended")
    wrong += _log(seen, bounds)
    if seen.good is not None:
        wrong += lost(seen.idle, seen.good, seen.allowed)
        if seen.timed:
            wrong += _times(seen.idle, seen.good, bounds)
    if not seen.may_end:
        wrong += _memory(seen.memory, bounds)
    return wrong


def lost(idle: GoodSession, good: GoodSession, allowed: frozenset[str] = frozenset()) -> list[str]:
    """What the good session lost, was told twice or was told wrongly, against an undisturbed one."""
    wrong = []
    if good.failure or good.stopped is None:
        wrong.append(f"the good session was lost: {good.failure or f'closed with {good.close_code}'}")
    elif good.stopped.get("reason") != "client":
        wrong.append(f"the good session was ended by the server: {good.stopped.get('reason')}")
    if good.stopped is not None and idle.stopped is not None:
        received, sent = good.stopped["audio_s"], idle.stopped["audio_s"]
        if received != sent:
            wrong.append(f"{received} s of the good session's {sent} s of audio were received")
    if good.finals != idle.finals:
        wrong.append(f"the good session's {len(good.finals)} finals are not the {len(idle.finals)} of a quiet server")
    if good.seqs != sorted(set(good.seqs)):
        wrong.append("the good session got an event twice or out of order")
    once = [code for code in allowed if good.errors.count(code) == 1]
    unexpected = sorted(set(good.errors) - set(idle.errors) - set(once))
    if unexpected:
        wrong.append(f"the good session got errors: {', '.join(unexpected)}")
    return wrong


def _times(idle: GoodSession, good: GoodSession, bounds: Bounds) -> list[str]:
    wrong = []
    lag, quiet, live = good.lag_p95_ms, idle.lag_p95_ms, good.live_p99_ms
    if lag is None or quiet is None:
        wrong.append("nothing was transcribed")
    elif lag > quiet + bounds.lag_ms:
        wrong.append(f"lag p95 {lag:.0f} ms, idle {quiet:.0f} ms: more than {bounds.lag_ms:.0f} ms above it")
    if good.unanswered:
        wrong.append(f"/health/live did not answer {good.unanswered} times")
    if live is None or live > bounds.live_ms:
        shown = "none" if live is None else f"{live:.0f} ms"
        wrong.append(f"/health/live p99 {shown}, bound {bounds.live_ms:.0f} ms")
    return wrong


def _memory(memory: Memory, bounds: Bounds) -> list[str]:
    wrong = []
    if memory.peak - memory.start > bounds.peak_mb:
        wrong.append(f"memory rose from {memory.start:.0f} to {memory.peak:.0f} MB, more than {bounds.peak_mb:.0f} MB")
    if memory.after > settled_mb(memory.start, bounds):
        wrong.append(f"memory {memory.after:.0f} MB {bounds.settle_s:.0f} s after it, {memory.start:.0f} MB before")
    return wrong


def settled_mb(start_mb: float, bounds: Bounds) -> float:
    """What the server may hold when an attack is over."""
    return start_mb + max(start_mb * bounds.memory_share, bounds.memory_mb)


def _log(seen: Observation, bounds: Bounds) -> list[str]:
    # Verdicts are shown to people: they count secrets and repeat none.
    wrong = []
    secrets = seen.secrets | (seen.good.secrets if seen.good else frozenset())
    leaked = sum(secret in seen.log for secret in secrets)
    if leaked:
        wrong.append(f"{leaked} marked words, ids or tokens stand in the log")
    lines = seen.log.count("\n")
    if lines > bounds.log_lines:
        wrong.append(f"{lines} lines in the log, bound {bounds.log_lines}")
    wrong += [f"the log holds: {sign}" for sign in CRASHES if sign in seen.log]
    return wrong
