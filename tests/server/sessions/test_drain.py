"""The grace that a drain names would have sufficed: against simulated sessions, whose true end is known."""

import asyncio
import logging
import random
from dataclasses import dataclass, field

import pytest

from inference.extraction.live import LAST_PASS_S
from server.sessions.drain import LOOK_S, Pace, Watch, drain


@dataclass(eq=False)
class Simulated:
    """A session of finals with a length in seconds of audio each."""

    finals: list[float]
    done: list[float] = field(default_factory=list)

    @property
    def left_s(self):
        return sum(self.finals)

    @property
    def transcribed_s(self):
        return sum(self.done)


def simulated(sessions, workers, audio_per_s, begun):
    """(time, session) of every final's end: the sessions in their order, one final of each at a time.

    `begun`: seconds of work that were already done on the first finals.
    """
    free = [-begun] * workers
    ready = dict.fromkeys(sessions, -begun)
    waiting = {session: list(session.finals) for session in sessions}
    ends = []
    while any(waiting.values()):
        worker = min(range(workers), key=free.__getitem__)
        now = free[worker]
        session = next((s for s in sessions if waiting[s] and ready[s] <= now), None)
        if session is None:
            free[worker] = min(ready[s] for s in sessions if waiting[s])
            continue
        free[worker] = ready[session] = now + waiting[session].pop(0) / audio_per_s
        ends.append((ready[session], session))
    return sorted(ends, key=lambda end: end[0])


def named(sessions, ends, grace_s):
    """What a drain of these sessions with that grace names."""
    watch, at_s, pending = Watch(), 0.0, list(ends)
    while at_s < grace_s:
        while pending and pending[0][0] <= at_s:
            _, session = pending.pop(0)
            session.done.append(session.finals.pop(0))
        watch.note(at_s, {session: not session.left_s for session in sessions})
        at_s += LOOK_S
    return watch.enough_s(grace_s, [session.left_s for session in sessions if session.left_s])


@pytest.mark.parametrize("workers", [1, 2, 3])
@pytest.mark.parametrize("begun_s", [0.0, 0.4])
def test_the_grace_that_is_named_suffices_and_is_not_far_above_what_is_needed(workers, begun_s):
    chosen = random.Random(7)
    seen = 0
    for _ in range(60):
        lengths = sorted(chosen.randint(1, 30) for _ in range(chosen.randint(2, 8)))
        sessions = [Simulated([2.0] * length) for length in lengths]
        ends = simulated(sessions, workers, chosen.uniform(2.0, 8.0), begun_s)
        needed_s = ends[-1][0]
        enough_s = named(sessions, ends, grace_s=needed_s * chosen.uniform(0.2, 0.9))
        if enough_s is not None:
            assert enough_s >= needed_s
            seen += enough_s <= 1.6 * needed_s + 2
    assert seen > 45


def test_no_grace_is_named_where_one_final_or_none_came():
    session = Simulated([2.0] * 10)
    ends = [(0.5, session)]
    assert named([session], ends, grace_s=1.0) is None
    assert named([session], [], grace_s=1.0) is None


def test_findings_that_are_still_read_get_the_time_of_the_last_pass():
    session = Simulated([])
    watch = Watch()
    watch.note(0.0, {session: False})
    assert watch.enough_s(20.0, [0.0]) == 20 + LAST_PASS_S


def test_the_reading_of_findings_at_the_end_counts_as_long_as_it_was_seen_to_take():
    quick, slow = Simulated([]), Simulated([2.0] * 4, [2.0])
    watch = Watch()
    for tick in range(41):
        if tick in (10, 20):
            slow.done.append(slow.finals.pop())
        watch.note(tick / 10, {quick: tick >= 30, slow: False})
    # The last final after 2 s, the other two at 2 s of audio a second, and 3 s of reading.
    assert watch.enough_s(4.0, [slow.left_s]) == 8


def test_the_first_final_does_not_count_for_the_pace_since_part_of_it_was_done_before():
    pace = Pace()
    for at_s, done_s in ((0.0, 0.0), (0.1, 6.0), (1.1, 8.0), (2.1, 10.0), (3.0, 10.0)):
        pace.note(at_s, done_s)
    assert pace.per_s == pytest.approx(4.0 / (2.0 + LOOK_S))
    assert pace.last_s == 2.1


async def test_the_log_counts_what_is_left_when_the_sessions_have_ended(caplog):
    caplog.set_level(logging.WARNING)
    session = Simulated([2.0, 2.0])

    async def run():
        try:
            await asyncio.Event().wait()
        finally:  # one more final is out by the time the session has ended
            session.done.append(session.finals.pop())

    await drain({asyncio.create_task(run()): session}, 0.1)
    (line,) = [record.getMessage() for record in caplog.records]
    assert "cut off 1 sessions after 0.1 s with 2.0 s of audio untranscribed" in line
