"""What the commands share: settings as flags, and one line that says what to do in place of a traceback."""

import asyncio
import inspect
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import typer

from inference.weights.models import ModelError
from server.settings import ENV_PREFIX, Settings, SettingsError, load

Command = TypeVar("Command", bound=Callable[..., Any])

Config = Annotated[Path | None, typer.Option(help=f"TOML file of settings; {ENV_PREFIX}* and flags win over it.")]
ModelsDir = Annotated[str | None, typer.Option(help="Folder where bundled models are put together.")]


KEY_VARIABLE = f"{ENV_PREFIX}KEY"
"""The environment variable with a client's key: a flag would show it to everybody who lists the processes."""


def fail(message: str, code: int = 1) -> NoReturn:
    """Ends the command with one line on standard error and this exit status."""
    typer.echo(message, err=True)
    raise typer.Exit(code)


def settings_options(*names: str) -> Callable[[Command], Command]:
    """Gives a command a flag for each named setting; it arrives as text, so that one place judges all sources."""

    def with_options(command: Command) -> Command:
        own = [p for p in inspect.signature(command).parameters.values() if p.kind is not p.VAR_KEYWORD]
        for name in names:
            field = Settings.model_fields[name]
            known = field.get_default(call_default_factory=True)
            shown = "" if known in (None, ()) else f" (default: {known})"
            option = typer.Option(help=f"{field.description}{shown}", show_default=False)
            annotation: Any = Annotated[str | None, option]
            if field.annotation is bool:
                annotation = Annotated[bool | None, option]  # a flag without a value
            own.append(inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation))
            command.__annotations__[name] = annotation
        command.__signature__ = inspect.Signature(own)  # type: ignore[attr-defined]
        return command

    return with_options


def load_settings(flags: dict[str, Any], config: Path | None) -> Settings:
    """The settings of flags, environment and file; ends the command with status 2 if one of them is wrong."""
    try:
        return load(flags, config)
    except SettingsError as error:
        fail(str(error), 2)


def key_of(path: Path | None) -> str | None:
    """The key in a file, or in the environment; None where neither is given."""
    if path is None:
        return os.environ.get(KEY_VARIABLE, "").strip() or None
    try:
        key = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        fail(f"--key-file: {path} cannot be read: {reason}", 2)
    if not key or len(key.split()) != 1:
        fail(f"--key-file: {path} must hold one key and nothing else", 2)
    return key


@contextmanager
def told_clearly(*errors: type[Exception]) -> Iterator[None]:
    """Ends the command with one line instead of a traceback for the errors whose message says what to do."""
    try:
        yield
    except SettingsError as error:
        fail(str(error), 2)
    except ModelError as error:
        fail(str(error))
    except errors as error:
        fail(str(error))
    except KeyboardInterrupt:
        fail("interrupted", 130)


async def warmed(started: "asyncio.Future[None]") -> None:
    """Wait until the engines have run once; ends the command if they cannot."""
    try:
        await asyncio.shield(started)
    except Exception as error:
        fail(f"the engines do not run here: {type(error).__name__}: {error}")
