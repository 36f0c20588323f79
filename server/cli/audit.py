"""`drtranscribe audit`: whether an audit trail is whole."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from server.audit.chain import Broken, Head, verify
from server.audit.file import stored_head
from server.cli.command import fail

audit = typer.Typer(help="The audit trail that `drtranscribe serve --audit` writes.", no_args_is_help=True)


@audit.callback()
def group() -> None: ...


@audit.command("verify")
def verify_files(
    files: Annotated[list[Path], typer.Argument(help="The trail; of a rotated one all files, the oldest first.")],
) -> None:
    """Name the first line that was changed, removed or put in; the exit status is 1 if there is one."""
    begin, head, broken = verify((str(path), _lines(path)) for path in files)
    broken = broken or _cut_off(files[-1], head)
    if broken is not None:
        fail(f"{broken.file}, line {broken.number}: {broken.fault}")
    if head == Head():
        fail("there is no line in it: name the file that `drtranscribe serve --audit` writes")
    whole = "from its beginning" if begin == Head() else f"after line {begin.seq} with the hash {begin.hash}"
    typer.echo(f"{head.seq - begin.seq} lines hold, {whole}; line {head.seq} has the hash {head.hash}")


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            yield from file
    except OSError as error:
        fail(f"{path} cannot be read: {error.strerror}", 2)


def _cut_off(path: Path, head: Head) -> Broken | None:
    """What the file beside the trail knows of lines after the last one that is here."""
    stored = stored_head(path)
    number = sum(1 for _ in _lines(path))
    if stored.seq > head.seq:
        return Broken(str(path), number, f"{stored.seq - head.seq} lines after it are missing")
    if stored.seq == head.seq and stored != head:
        return Broken(str(path), number, "it was changed: another hash of it was stored")
    return None
