"""`drtranscribe keys`: the keys of a server, in a file that it reads again when it has changed."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from server.access.keys import KeysError, add, generate, read, remove
from server.access.principal import SCOPES, KeyLimits, Scope
from server.cli.command import fail, told_clearly
from server.settings import ENV_PREFIX

keys = typer.Typer(help="Keys of a server: make, list and revoke them.", no_args_is_help=True)

File = Annotated[
    Path, typer.Option("--file", envvar=f"{ENV_PREFIX}KEYS_FILE", help="The keys file that the server is given.")
]


@keys.command("create")
def create(
    file: File,
    name: Annotated[str, typer.Option(help="Whose key it is, such as ward-3; audits and records show it.")],
    scope: Annotated[
        list[str] | None,
        typer.Option(help=f"What it may do: {', '.join(SCOPES)}; may be given several times (default: speak, read)."),
    ] = None,
    owner: Annotated[
        str | None, typer.Option(help="Keys of one owner share their sessions (default: the name of the key).")
    ] = None,
    expires_days: Annotated[int | None, typer.Option(min=1, help="Days until it is refused (default: never).")] = None,
    max_sessions: Annotated[int | None, typer.Option(min=1, help="Sessions at once.")] = None,
    connections_per_minute: Annotated[int | None, typer.Option(min=1, help="Requests and connections.")] = None,
    bytes_per_minute: Annotated[int | None, typer.Option(min=4_000_000, help="Bytes of all its sessions.")] = None,
) -> None:
    """Make a key and print it, once: the file keeps only its SHA-256."""
    scopes: list[Scope] = []
    for given in scope or ["speak", "read"]:
        known = next((each for each in SCOPES if each == given), None)
        if known is None:
            fail(f"--scope: choose from {', '.join(SCOPES)}", 2)
        scopes.append(known)
    expires_at = None
    if expires_days is not None:
        expires_at = datetime.now(UTC).replace(microsecond=0) + timedelta(days=expires_days)
    limits = KeyLimits(max_sessions, connections_per_minute, bytes_per_minute)
    with told_clearly(KeysError):
        text, key = generate(name, tuple(dict.fromkeys(scopes)), owner, expires_at, limits)
        add(file, key)
    typer.echo(text)
    typer.echo(f"keep this key now, it is shown once: {name} may {', '.join(key.scopes)}", err=True)


@keys.command("list")
def list_keys(file: File) -> None:
    """The keys of a file, without what would open the server."""
    with told_clearly(KeysError):
        found = read(file)
    table = Table("name", "owner", "scopes", "created", "expires", "sessions", "connections/min", "bytes/min")
    now = datetime.now(UTC)
    for key in found:
        expires = "never" if key.expires_at is None else "expired" if key.expired(now) else f"{key.expires_at:%Y-%m-%d}"
        limits = (key.max_sessions, key.connections_per_minute, key.bytes_per_minute)
        shown = ("" if limit is None else str(limit) for limit in limits)
        table.add_row(key.name, key.owner, " ".join(key.scopes), f"{key.created_at:%Y-%m-%d}", expires, *shown)
    Console().print(table)


@keys.command("revoke")
def revoke(file: File, name: Annotated[str, typer.Argument(help="The name of the key.")]) -> None:
    """Remove a key. A server that runs refuses it, and ends its connections, within a second or two."""
    with told_clearly(KeysError):
        remove(file, name)
    typer.echo(f"{name} is revoked", err=True)
