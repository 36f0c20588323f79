"""The lines of the audit trail: each holds the SHA-256 of the line before it, so a changed or missing one shows. Pure.

The chain has no secret. Who may write the file can also compute a new chain from any line on; that shows only where an
earlier hash is kept elsewhere. The server therefore writes the number and the hash of the last line to its log when it
starts, when it stops and when the file is rotated, and `verify` tells both.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

GENESIS = "0" * 64
"""What the first line of a trail has in place of the hash of the line before."""

FIELDS = {"seq", "time", "action", "actor", "session", "address", "outcome", "prev"}
MAX_FIELD = 200
"""Characters of a field: a name that a proxy hands over may be longer, and must not fill the file."""


@dataclass(frozen=True, slots=True)
class Note:
    """One thing that somebody did. `count` is above 1 where several alike became one line."""

    action: str
    actor: str
    session: str | None
    address: str | None
    outcome: str
    time: datetime
    count: int = 1


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a trail: how many lines it has had since its beginning, and the hash of the last one."""

    seq: int = 0
    hash: str = GENESIS

    def after(self, line: bytes) -> "Head":
        """The end once `line`, without its newline, is written."""
        return Head(self.seq + 1, sha256(line).hexdigest())


@dataclass(frozen=True, slots=True)
class Broken:
    """The first line that does not fit: its file, its number in that file, and what is wrong."""

    file: str
    number: int
    fault: str


def line_of(note: Note, head: Head) -> bytes:
    """The line, without its newline, that records `note` at the end of a trail."""
    fields: dict[str, object] = {
        "seq": head.seq + 1,
        "time": note.time.astimezone(UTC).isoformat(timespec="milliseconds"),
        "action": note.action[:MAX_FIELD],
        "actor": note.actor[:MAX_FIELD],
        "session": None if note.session is None else note.session[:MAX_FIELD],
        "address": None if note.address is None else note.address[:MAX_FIELD],
        "outcome": note.outcome[:MAX_FIELD],
    }
    if note.count > 1:
        fields["count"] = note.count
    # Escaped to ASCII: a name may hold line separators, and half a surrogate pair, which no encoder takes.
    return json.dumps(fields | {"prev": head.hash}, separators=(",", ":")).encode("ascii")


def head_of(line: bytes) -> Head | None:
    """The end of a trail whose last line this is, without its newline; None if it is no line of a trail."""
    fields = _fields(line + b"\n")
    return Head(fields["seq"], sha256(line).hexdigest()) if fields is not None else None


def verify(files: Iterable[tuple[str, Iterable[bytes]]]) -> tuple[Head, Head, Broken | None]:
    """Follows the chain through the lines of the files, given by name, oldest first.

    Returns the end before the first line, which is `Head()` if the trail is here from its beginning, the end after the
    last line that holds, and the first line that does not.
    """
    begin = head = Head()
    before: tuple[str, int] | None = None
    for name, number, line in _numbered(files):
        fields = _fields(line)
        if fields is None:
            return begin, head, Broken(name, number, "it is not a whole line of an audit trail")
        if before is None:
            begin = head = Head(fields["seq"] - 1, fields["prev"])
            if head.seq == 0 and head.hash != GENESIS:
                return begin, head, Broken(name, number, "it is numbered 1 and holds the hash of a line before it")
        if fields["seq"] != head.seq + 1:
            told = f"it is numbered {fields['seq']} where {head.seq + 1} follows: lines are missing or out of order"
            return begin, head, Broken(name, number, told)
        if fields["prev"] != head.hash:
            assert before is not None
            return begin, head, Broken(*before, "it was changed: the line after it holds another hash")
        head, before = head.after(line.removesuffix(b"\n")), (name, number)
    return begin, head, None


def _numbered(files: Iterable[tuple[str, Iterable[bytes]]]) -> Iterator[tuple[str, int, bytes]]:
    for name, lines in files:
        for number, line in enumerate(lines, 1):
            yield name, number, line


def _fields(line: bytes) -> dict[str, Any] | None:
    """The fields of a whole line with its newline; None if it is none."""
    try:
        fields = json.loads(line)
    except ValueError:
        return None
    if not line.endswith(b"\n") or not isinstance(fields, dict) or fields.keys() - {"count"} != FIELDS:
        return None
    sound = isinstance(fields["seq"], int) and fields["seq"] > 0 and isinstance(fields["prev"], str)
    return fields if sound else None
