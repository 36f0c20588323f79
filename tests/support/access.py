"""Keys for the tests, and an audit trail that a test can read."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

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


async def found_wanting(
    scene: Any, cases: Mapping[str, Callable[[Any], Awaitable[None]]], limit_s: float, told: bool
) -> list[str]:
    """Provokes each refusal, named CODE or CODE__HOW, and says what it lacks: a metric, a line of the audit trail, words.

    `told`: every refusal is told to the client in a sentence.
    """
    wrong = []
    for name, provoke in cases.items():
        code = name.partition("__")[0]
        counted, noted = scene.counted(code), len(scene.notes.lines)
        scene.told.clear()
        with pytest.MonkeyPatch.context() as scene.patch:
            async with asyncio.timeout(limit_s):
                await provoke(scene)
        if scene.counted(code) == counted:
            wrong.append(f"{name}: no metric")
        if code not in [outcome for _, _, outcome in scene.notes.lines[noted:]]:
            wrong.append(f"{name}: no line in the audit trail")
        if (told and not scene.told) or [sentence for sentence in scene.told if len(sentence.split()) < 4]:
            wrong.append(f"{name}: it does not say what to do: {scene.told}")
    return wrong
