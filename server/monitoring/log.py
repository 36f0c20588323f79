"""Where the log goes and how much of it: our own modules at the level that was asked for, libraries at WARNING.

At DEBUG the clients of model servers write whole prompts, which are what a patient said. Errors that nobody catches are
logged by their place alone, since their messages may repeat what was said, and so are those that a library logs.
"""

import logging
import sys
import threading
from types import TracebackType
from typing import Literal

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from inference.extraction.isolation import place_of

OWN = ("server", "inference")
Format = Literal["console", "json"]

HANDLE_WORDS = ("aiohttp", "asyncio", "httpcore", "httpcore2", "httpx", "httpx2", "openai", "ray", "redis", "uvloop")
"""Libraries through which words of patients, names and keys pass: what they warn of is logged without its arguments."""

logger = logging.getLogger(__name__)


class LibraryFilter(logging.Filter):
    """Keeps out what a library logs below WARNING, whatever level the library, its environment or a debugger set."""

    def filter(self, record: logging.LogRecord) -> bool:
        library = record.name.partition(".")[0]
        if library in OWN:
            return True
        if library in HANDLE_WORDS:
            record.args = None  # asyncio's debug mode puts the arguments of slow callbacks there
        return record.levelno >= logging.WARNING


def configure(level: str, form: Format = "console") -> None:
    """Logs to stderr; `level` and `form` as in the settings `log_level` and `log_format`."""
    handler = logging.StreamHandler()
    handler.setFormatter(formatter(form))
    handler.addFilter(LibraryFilter())
    root = logging.getLogger()
    for other in [each for each in root.handlers if type(each) is logging.StreamHandler]:
        root.removeHandler(other)  # openai adds one of its own where OPENAI_LOG is set
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    for name in OWN:
        logging.getLogger(name).setLevel(level.upper())
    keep_words_out()


def formatter(form: Format) -> logging.Formatter:
    """A line for people, or a JSON object with `timestamp` (UTC), `level`, `logger` and `event`."""
    console = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=0)
    rendered: Processor = structlog.processors.JSONRenderer() if form == "json" else console
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            _without_traceback,
        ],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, rendered],
    )


def _without_traceback(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """The type and the place of a logged error instead of its traceback, which repeats its message."""
    logged = event.pop("exc_info", None)
    event.pop("stack_info", None)
    if isinstance(logged, tuple) and isinstance(logged[1], BaseException):
        event["error"] = place_of(logged[1])
    return event


def keep_words_out() -> None:
    """Replaces Python's own ways to write an error, with its message, to stderr."""
    logging.raiseExceptions = False  # of a record that cannot be formatted, its arguments
    sys.excepthook = _ended
    sys.unraisablehook = lambda ignored: _told("an error was ignored", ignored.exc_value)
    threading.excepthook = lambda ended: _told("a thread ended with an error", ended.exc_value)


def _ended(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if isinstance(error, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
    else:
        _told("the command ended with an error", error)


def _told(what: str, error: BaseException | None) -> None:
    logger.error("%s: %s", what, place_of(error) if error is not None else "of no kind")
