"""Keys for the tests, and an audit trail that a test can read."""

from pathlib import Path

from server.access.keys import add, generate
from server.access.principal import KeyLimits, Scope
from server.audit.trail import Audit


def key(path: Path, name: str, *scopes: Scope, owner: str | None = None, **limits: int) -> dict[str, str]:
    """Adds a key to a file and returns the header that shows it. Without scopes the key may speak and read."""
    text, made = generate(name, scopes or ("speak", "read"), owner, limits=KeyLimits(**limits))
    add(path, made)
    return {"Authorization": f"Bearer {text}"}


def text_of(header: dict[str, str]) -> str:
    return header["Authorization"].removeprefix("Bearer ")


class Notes(Audit):
    """What was noted of clients, in order, without addresses: (action, actor, outcome)."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str, str]] = []
        self.sessions: set[str | None] = set()
        self.addresses: set[str | None] = set()

    def note(self, action: str, *, actor: str, session: str | None, address: str | None, outcome: str) -> None:
        if actor == "server":
            return
        self.lines.append((action, actor, outcome))
        self.sessions.add(session)
        self.addresses.add(address)
