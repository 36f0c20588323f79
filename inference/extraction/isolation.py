"""Where errors of extraction end: they cost findings, never the transcript."""

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Callable

from inference.updates import Emit, Fault

logger = logging.getLogger(__name__)

PAUSES_S = (0.0, 0.0, 1.0, 5.0, 30.0)
"""Before work that failed begins again: the last one before every further attempt."""

SHOWN_FRAMES = 6


def place_of(error: BaseException) -> str:
    """The type of an error and where it was raised, the innermost call first.

    Its message, its locals and what it was raised from may hold a patient's words and are left out.
    """
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    frames = traceback.extract_tb(error.__traceback__)[: -SHOWN_FRAMES - 1 : -1]
    calls = [f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames]
    return " < ".join([type(error).__name__, *calls])


def release(error: BaseException) -> None:
    """Empties the frames that an error came through, but for those that still run.

    A TaskGroup that fails or is cancelled leaves an exception and a frame that hold each other, and with them the
    session and what was said in it, until the collector of cycles comes by.
    """
    pending, seen = [error], set[int]()
    while pending:
        one = pending.pop()
        seen.add(id(one))
        traceback.clear_frames(one.__traceback__)
        behind = [one.__cause__, one.__context__]
        behind += one.exceptions if isinstance(one, BaseExceptionGroup) else ()
        pending += [other for other in behind if other is not None and id(other) not in seen]


class _Guard:
    """As a context manager it ends every `Exception` that its block raises, and notes it."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if not isinstance(error, Exception):
            return False
        self.note(error)
        return True

    def note(self, error: Exception) -> None:
        raise NotImplementedError


class Apart(_Guard):
    """The errors of the comparison with the note. The client is not told: they cost no finding."""

    def note(self, error: Exception) -> None:
        """Logs where an error was raised. Never raises."""
        logger.error("what was said could not be compared with the note: %s", place_of(error))


class Isolation(_Guard):
    """The errors of one session's extraction. As a context manager it ends every `Exception` that its block raises.

    The client is told of the first one, and the log of the first at each place.
    """

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self.told = False
        self._logged: set[str] = set()

    def note(self, error: Exception) -> None:
        """Logs where an error was raised, and tells the client once that findings may be missing. Never raises."""
        place = place_of(error)
        if place not in self._logged:
            self._logged.add(place)
            logger.error("extraction failed: %s", place)
        if self.told:
            return
        self.told = True
        try:
            self._emit(
                Fault(
                    "extraction_failed",
                    f"an error of the server ({place.partition(' ')[0]}) may have cost findings: read the transcript "
                    "for them; it is complete and goes on. Please report the server's log line",
                )
            )
        except Exception as silent:
            logger.error("the client could not be told: %s", place_of(silent))

    async def supervise(self, work: Callable[[], Awaitable[None]]) -> None:
        """Runs `work` to its end. If it fails, it is started again, after the pauses of `PAUSES_S` (seconds)."""
        failures = 0
        while True:
            with self:
                try:
                    await work()
                except asyncio.CancelledError as error:
                    release(error)
                    raise
                return
            await asyncio.sleep(PAUSES_S[min(failures, len(PAUSES_S) - 1)])
            failures += 1
