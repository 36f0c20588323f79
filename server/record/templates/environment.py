"""Renders templates: Jinja2 in a sandbox, with bounds of time and output. The only import of jinja2.

A template is read each time, so that a site's change of a file takes effect at once. It reaches no file but those of
its folder and of ours, and no attribute but those of the values that it is given.
"""

import functools
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from jinja2 import BaseLoader, Environment, StrictUndefined, TemplateNotFound, TemplateSyntaxError
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from server.record.record import Record
from server.record.templates.catalogue import BUILTIN, KINDS, TemplateFailed, within
from server.record.templates.tracing import Traced
from server.record.templates.values import Given, given

MOST_CHARACTERS = 1_000_000
"""Of what a template may write: a long consultation's note has some 20,000."""

TIME_S = 5.0
"""Of the processor, for one note."""

_TEXT_FILTERS = ("upper", "lower", "capitalize", "title", "trim", "truncate", "wordwrap", "indent", "center", "replace")


class TooMuch(Exception):
    """A template takes more time, or writes more, than it may."""


class _Loader(BaseLoader):
    """The files of a site's folder before ours, by their names alone."""

    def __init__(self, folder: Path | None) -> None:
        self._folders = _folders(folder)

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, Callable[[], bool]]:
        for folder in self._folders:
            path = within(folder, template)
            if path is not None:
                return path.read_text(), str(path), lambda: False
        raise TemplateNotFound(template)


class _Sandbox(ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset(["**"])

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        raise SecurityError(f"{operator} is not there for templates")


def environment(folder: Path | None) -> Environment:
    """The sandbox, in which what is unknown is an error and not empty."""
    made = _Sandbox(
        loader=_Loader(folder),
        undefined=StrictUndefined,
        autoescape=lambda name: name is not None and name.endswith(".html"),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        cache_size=0,
    )
    for name in _TEXT_FILTERS:
        made.filters[name] = _keeping(made.filters[name])
    return made


def rendered(record: Record, name: str, folder: Path | None) -> tuple[str, Given]:
    """What the template of that name writes, with its marks (see tracing.py). Raises TemplateFailed."""
    files = (f"{name}{ending}" for place in _folders(folder) for ending in KINDS if within(place, f"{name}{ending}"))
    file, values = next(files, name), given(record)
    try:
        with _bounded(TIME_S):
            length = 0
            written: list[str] = []
            for piece in environment(folder).get_template(file).generate(values.values):
                written.append(piece)
                length += len(piece)
                if length > MOST_CHARACTERS:
                    raise TooMuch(f"it writes more than {MOST_CHARACTERS} characters")
            return "".join(written), values
    except TemplateSyntaxError as error:
        raise TemplateFailed(error.name or file, error.lineno, "TemplateSyntaxError", error.message or "") from None
    except TemplateNotFound as error:
        reason = f"there is no file {error.name} in its folder"
        raise TemplateFailed(*_where(error, folder, file), "TemplateNotFound", reason) from None
    except Exception as error:
        raise TemplateFailed(*_where(error, folder, file), type(error).__name__, str(error)) from None


def _folders(folder: Path | None) -> tuple[Path, ...]:
    """Where templates are looked for, in this order."""
    return (BUILTIN,) if folder is None else (folder, BUILTIN)


def _where(error: Exception, folder: Path | None, file: str) -> tuple[str, int | None]:
    """The file and the line of the template that the error came from: perhaps one that `file` includes."""
    folders = set(map(str, _folders(folder)))
    trace, line = error.__traceback__, None
    while trace is not None:
        path = Path(trace.tb_frame.f_code.co_filename)
        if str(path.parent) in folders:
            file, line = path.name, trace.tb_lineno
        trace = trace.tb_next
    return file, line


def _keeping(filter_: Callable[..., Any]) -> Callable[..., Any]:
    """The filter for text, such that what it makes of a finding's words is still of that finding."""
    at = 1 if getattr(filter_, "jinja_pass_arg", None) is not None else 0

    @functools.wraps(filter_)
    def kept(*args: Any, **options: Any) -> Any:
        words = args[at]
        if not isinstance(words, Traced):
            return filter_(*args, **options)
        return Traced(str(filter_(*args[:at], words.words, *args[at + 1 :], **options)), words.number)

    return kept


@contextmanager
def _bounded(seconds: float) -> Iterator[None]:
    """Raises in the body once it has used the processor for so long. In the main thread alone, as a renderer's is."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def late(_number: int, _frame: FrameType | None) -> None:
        raise TooMuch(f"it takes more than {seconds:g} s")

    before = signal.signal(signal.SIGPROF, late)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
