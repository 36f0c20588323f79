"""The end of a server: sessions that stop have a grace to come to their end, and what it cuts off is logged."""

import asyncio
import logging
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from inference.extraction.live import LAST_PASS_S

logger = logging.getLogger(__name__)

LOOK_S = 0.05
"""Between two looks at what the sessions have done."""


class Draining(Protocol):
    """A session that stops, as far as its drain needs it."""

    @property
    def left_s(self) -> float: ...

    @property
    def transcribed_s(self) -> float: ...


@dataclass(slots=True)
class Pace:
    """Seconds of audio done per second of time, from the first final that was watched to the last. Pure.

    What came with the first one does not count: part of it was done before anybody watched.
    """

    _first: tuple[float, float] | None = None
    _last: tuple[float, float] | None = None
    _done_s: float | None = None

    def note(self, at_s: float, done_s: float) -> None:
        """`done_s` seconds of audio were done at the time `at_s`; to be told again and again, whether more or not."""
        if self._done_s is not None and done_s > self._done_s:
            self._last = (at_s, done_s)
            self._first = self._first or self._last
        self._done_s = done_s

    @property
    def last_s(self) -> float:
        """When the last final came; 0 if none has."""
        return self._last[0] if self._last else 0.0

    @property
    def per_s(self) -> float | None:
        """None until a second final has come."""
        if self._first is None or self._last is None or self._last == self._first:
            return None
        (begun_s, before_s), (ended_s, after_s) = self._first, self._last
        return (after_s - before_s) / (ended_s - begun_s + LOOK_S)


@dataclass(slots=True)
class Watch:
    """What the sessions of one drain do while it lasts. Times are seconds since its beginning. Pure."""

    all: Pace = field(default_factory=Pace)
    each: dict[Draining, Pace] = field(default_factory=dict)
    _read_since: dict[Draining, float] = field(default_factory=dict)
    _reading_s: float = 0.0

    def note(self, at_s: float, sessions: Mapping[Draining, bool]) -> None:
        """`sessions` with whether each has ended."""
        self.all.note(at_s, sum(session.transcribed_s for session in sessions))
        for session, ended in sessions.items():
            self.each.setdefault(session, Pace()).note(at_s, session.transcribed_s)
            if not session.left_s:
                self._read_since.setdefault(session, at_s)
            if ended and (since := self._read_since.pop(session, None)) is not None:
                self._reading_s = max(self._reading_s, at_s - since + LOOK_S)

    def enough_s(self, grace_s: float, left_s: list[float]) -> int | None:
        """The grace in seconds that would have sufficed for sessions with so much left; None if no pace is known.

        A session's finals come one after the other, so the longest one may need its own pace to the end, when no other
        one keeps the other workers busy. After its last word a session's findings are read.
        """
        if not any(left_s):
            return math.ceil(grace_s + LAST_PASS_S)
        paces = [pace.per_s for pace in self.each.values() if pace.per_s is not None]
        if self.all.per_s is None or not paces:
            return None
        longest_s = max(left_s)
        audio_s = (sum(left_s) - longest_s) / self.all.per_s + longest_s / min(max(paces), self.all.per_s)
        return math.ceil(max(grace_s, self.all.last_s + audio_s + (self._reading_s or LAST_PASS_S)))


async def drain(tasks: Mapping["asyncio.Task[None]", Draining], grace_s: float) -> None:
    """Waits until the sessions have ended, for `grace_s` at most; then cancels those that are left, and logs that."""
    watch, began, pending = Watch(), time.monotonic(), set(tasks)
    while pending:
        at_s = time.monotonic() - began
        watch.note(at_s, {session: task.done() for task, session in tasks.items()})
        if at_s >= grace_s:
            break
        _, pending = await asyncio.wait(pending, timeout=min(LOOK_S, grace_s - at_s))
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    if pending:  # counted now, as each of them has told its client
        _tell_late(grace_s, watch, [tasks[task].left_s for task in pending])


def _tell_late(grace_s: float, watch: Watch, left_s: list[float]) -> None:
    enough_s = watch.enough_s(grace_s, left_s)
    if enough_s is None:
        enough = "too little was transcribed meanwhile to name a grace that would have sufficed"
    else:
        enough = f"--shutdown-grace-s {enough_s} would have sufficed"
    logger.warning(
        "the shutdown cut off %d sessions after %g s with %.1f s of audio untranscribed: %s",
        len(left_s),
        grace_s,
        sum(left_s),
        enough,
    )
