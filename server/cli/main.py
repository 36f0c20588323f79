"""The command `drtranscribe`: serve, transcribe, bench, keys, models and audit. Heavy imports wait."""

from importlib.metadata import version
from typing import Annotated

import typer

from server.cli.audit import audit
from server.cli.bench import bench
from server.cli.keys import keys
from server.cli.models import models
from server.cli.serve import serve
from server.cli.transcribe import transcribe

app = typer.Typer(
    help="A live clinical scribe on your own hardware.", no_args_is_help=True, pretty_exceptions_enable=False
)
app.command()(serve)
app.command()(transcribe)
app.command()(bench)
app.add_typer(keys, name="keys")
app.add_typer(models, name="models")
app.add_typer(audit, name="audit")


def main() -> None:
    """Runs the command that the arguments of the process name."""
    app()


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
