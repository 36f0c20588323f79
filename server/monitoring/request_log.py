"""What aiohttp and asyncio have to say about requests, without a word of the request.

aiohttp logs the line of a malformed request with its traceback, so the id of a session, which is the key of its record,
would lie in the log; and a client that sends nothing but such lines would fill the disk. Here each kind of event is one
line a minute, with how often it happened and, for a fault of our own, where in the code.
"""

import asyncio
import logging
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from aiohttp.http import HttpProcessingError

from server.audit.actors import ANONYMOUS
from server.audit.trail import Audit
from server.monitoring.metrics import Metrics

logger = logging.getLogger(__name__)

EVERY_S = 60.0
NAMES = ("aiohttp.access", "aiohttp.internal", "aiohttp.server", "aiohttp.web", "aiohttp.websocket")
OUT_OF_DESCRIPTORS = "socket.accept() out of system resource"
"""The message with which asyncio reports that `accept` failed, up to a hundred times a second."""


@dataclass(slots=True)
class CountedLog:
    """Writes a line at once, and the next of its kind after a minute at the earliest, with the count since then."""

    clock: Callable[[], float] = time.monotonic
    _counts: dict[str, int] = field(default_factory=dict)
    _written_at: dict[str, float] = field(default_factory=dict)

    def note(self, level: int, text: str) -> None:
        """`text` says what happened; it comes from a fixed set, since each is remembered."""
        self._counts[text] = self._counts.get(text, 0) + 1
        now = self.clock()
        if now - self._written_at.get(text, -EVERY_S) >= EVERY_S:
            logger.log(level, "%s (%d since the last such line)", text, self._counts.pop(text))
            self._written_at[text] = now


class RequestFilter(logging.Filter):
    """Keeps every record of aiohttp's server from the log, and has it counted instead."""

    def __init__(self, counted: CountedLog, metrics: Metrics, audit: Audit) -> None:
        super().__init__()
        self._counted = counted
        self._audit = audit
        self._metrics = metrics

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, HttpProcessingError):
            self._metrics.refused.labels("malformed_request").inc()
            self._audit.note("refused", actor=ANONYMOUS, session=None, address=None, outcome="malformed_request")
            self._counted.note(logging.WARNING, "requests that are not HTTP were refused")
        elif error is not None:
            self._counted.note(logging.ERROR, f"a request failed: {place(error)}")
        elif record.levelno >= logging.WARNING:
            self._counted.note(logging.WARNING, f"{record.name} warns in {record.filename}:{record.lineno}")
        return False


def place(error: BaseException) -> str:
    """The type of an error and the way to it through the code. Its message is left out: it may repeat what was sent."""
    return f"{type(error).__name__} in {_frames(error.__traceback__)}"


def _frames(trace: TracebackType | None) -> str:
    frames = traceback.extract_tb(trace)[-4:]
    return " < ".join(f"{frame.filename}:{frame.lineno} {frame.name}" for frame in reversed(frames)) or "no frame"


@contextmanager
def guarded(metrics: Metrics, audit: Audit | None = None) -> Iterator[None]:
    """While it is entered, aiohttp's loggers and the running loop's handler of errors say nothing of a request."""
    counted = CountedLog()
    kept_out = RequestFilter(counted, metrics, audit or Audit())
    loop = asyncio.get_running_loop()

    def failed(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if context.get("message") == OUT_OF_DESCRIPTORS:
            metrics.accept_failures.inc()
            counted.note(logging.ERROR, "connections cannot be accepted, no descriptor is left: raise ulimit -n")
        elif isinstance(error, BaseException):
            counted.note(logging.ERROR, f"the event loop caught an error: {place(error)}")
        else:
            counted.note(logging.ERROR, "the event loop caught an error without an exception")

    before = loop.get_exception_handler()
    loop.set_exception_handler(failed)
    for name in NAMES:
        logging.getLogger(name).addFilter(kept_out)
    # aiohttp tells at this level of a first request that is no HTTP; the filter counts it and lets nothing through.
    server, level = logging.getLogger("aiohttp.server"), logging.getLogger("aiohttp.server").level
    server.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        server.setLevel(level)
        loop.set_exception_handler(before)
        for name in NAMES:
            logging.getLogger(name).removeFilter(kept_out)
