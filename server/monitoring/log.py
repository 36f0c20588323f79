"""Where the log goes and how much of it: our own modules at the level that was asked for, libraries at WARNING.

At DEBUG the clients of model servers write whole prompts, which are what a patient said. Errors that nobody catches are
logged by their place alone, since their messages may repeat what was said.
"""

import logging
import sys
import threading
from types import TracebackType

from inference.extraction.isolation import place_of

OWN = ("server", "inference")
FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"

logger = logging.getLogger(__name__)


def configure(level: str) -> None:
    """Logs to stderr; `level` as in the setting `log_level`."""
    logging.basicConfig(level=logging.WARNING, format=FORMAT)
    for name in OWN:
        logging.getLogger(name).setLevel(level.upper())
    keep_words_out()


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
