"""An hour of consultations at eight places in fast time: nothing may grow with it."""

import asyncio
import time
from dataclasses import dataclass

import numpy as np

from benchmarks.attack.target import Target
from benchmarks.chaos.lab import Lab
from benchmarks.chaos.outcome import Outcome
from benchmarks.common.server_process import FAKES
from benchmarks.load.consultation import Told, consult

SESSIONS = 8
CONSULTATION_S = 300.0
SPEED = 60.0
EVERY_S = 1.0
LEFT_OUT = 0.25
"""Share of the run at its beginning in which the server takes the memory that ordinary work needs."""

MOST_MB_AN_HOUR = 8.0
"""Slope of the resident memory, for each hour of audio at each of the eight places."""

MOST_AN_HOUR = 2.0
"""Slope of tasks and of descriptors, likewise."""

KEPT_S = "2"
SETTLE_S = 8.0


@dataclass(frozen=True, slots=True)
class Moment:
    """The server at one moment; `hours` of audio that each place has held by then."""

    hours: float
    memory_mb: float
    tasks: float
    descriptors: float


async def soak(lab: Lab) -> Outcome:
    """An hour of audio at each of eight places, in consultations of five minutes: memory, tasks, handles are flat."""
    outcome, hours = Outcome(), lab.size(5, 60) / 60
    flags = ("--max-sessions", "64", "--retention", KEPT_S, "--resume-ttl-s", KEPT_S)
    moments: list[Moment] = []
    async with lab.server(*flags, model=FAKES) as server:
        url = server.socket
        audio = [lab.audio(number, CONSULTATION_S, FAKES) for number in range(SESSIONS)]
        undisturbed = await asyncio.gather(*(consult(url, one, SPEED) for one in audio))
        idle_before = await _settled(server)
        done_s = 0.0
        began = time.monotonic()

        async def place(number: int) -> None:
            nonlocal done_s
            for _ in range(round(hours * 3600 / CONSULTATION_S)):
                told: Told = await consult(url, audio[number], SPEED)
                outcome.same(f"place {number}", told, undisturbed[number])
                done_s += CONSULTATION_S

        async def watch() -> None:
            while True:
                moments.append(await _moment(server, done_s / SESSIONS / 3600))
                await asyncio.sleep(EVERY_S)

        watching = asyncio.create_task(watch())
        try:
            await asyncio.gather(*(place(number) for number in range(SESSIONS)))
        finally:
            watching.cancel()
        took_s = time.monotonic() - began
        idle_after = await _settled(server)
        outcome.survived(server)
    slopes = {name: slope(moments, name) for name in ("memory_mb", "tasks", "descriptors")}
    if not lab.short:  # one consultation is too short for a slope: its own memory would decide it
        outcome.expect(slopes["memory_mb"] <= MOST_MB_AN_HOUR, f"memory grows by {slopes['memory_mb']} MB an hour")
        for name in ("tasks", "descriptors"):
            outcome.expect(slopes[name] <= MOST_AN_HOUR, f"{name} grow by {slopes[name]} an hour")
    outcome.expect(idle_after.tasks <= idle_before.tasks, f"{idle_after.tasks:g} tasks, {idle_before.tasks:g} before")
    more = idle_after.descriptors - idle_before.descriptors
    outcome.expect(more <= 0, f"{idle_after.descriptors:g} descriptors, {idle_before.descriptors:g} before")
    outcome.figures |= {
        "sessions": SESSIONS,
        "audio_hours": round(hours * SESSIONS, 2),
        "took_s": round(took_s),
        "slope_an_hour": slopes,
        "idle_before": _shown(idle_before),
        "idle_after": _shown(idle_after),
        "most": {
            name: round(max(getattr(moment, name) for moment in moments), 1)
            for name in ("memory_mb", "tasks", "descriptors")
        },
    }
    return outcome


def slope(moments: list[Moment], name: str) -> float:
    """The growth for each hour of audio at each place: a line of least squares, the beginning left out."""
    late = [moment for moment in moments if moment.hours >= LEFT_OUT * moments[-1].hours]
    if len({moment.hours for moment in late}) < 2:
        return 0.0
    line = np.polyfit([moment.hours for moment in late], [getattr(moment, name) for moment in late], 1)
    return round(float(line[0]), 2)


async def _settled(server: Target) -> Moment:
    """The server when no session is left and what it keeps of ended ones is forgotten."""
    await server.empty()
    await asyncio.sleep(SETTLE_S)
    return await _moment(server, 0.0)


async def _moment(server: Target, hours: float) -> Moment:
    descriptors = server.descriptors()  # counted first: the connection that asks for the metrics may close later
    tasks = (await server.metrics())["drtranscribe_tasks"]
    return Moment(hours, server.memory_mb(), tasks, descriptors)


def _shown(moment: Moment) -> dict[str, float]:
    return {"memory_mb": moment.memory_mb, "tasks": moment.tasks, "descriptors": moment.descriptors}
