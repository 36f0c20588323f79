"""The doctors who registered with the extension, in SQLite.

What is known of a doctor is personal: it stands in this file and in the answers to its owner, and nowhere else. SQLite
is reached through aiosqlite, in a thread of its own.
"""

import logging
import os
import secrets
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import aiosqlite

MOST = 10_000
"""Doctors of one server: a client in error, or an attacker, does not fill the disk."""

_TABLE = """
CREATE TABLE IF NOT EXISTS users (
    id TEXT PRIMARY KEY, owner TEXT NOT NULL, email TEXT NOT NULL, name TEXT NOT NULL, phone TEXT NOT NULL,
    medical_registration_number TEXT, clinic_name TEXT, created_at TEXT NOT NULL, UNIQUE (owner, email)
)
"""
_COLUMNS = "id, email, name, phone, medical_registration_number, clinic_name, created_at"


logging.getLogger("aiosqlite").addFilter(lambda _: False)  # at level debug it logs every value of a statement


class UsersError(Exception):
    """The store cannot be used; `str()` says what to do."""


@dataclass(frozen=True, slots=True)
class User:
    """A doctor. `email` is in lower case, and belongs to one doctor of an owner."""

    id: str
    email: str
    name: str
    phone: str
    medical_registration_number: str | None
    clinic_name: str | None
    created_at: str

    def as_dict(self) -> Mapping[str, str | None]:
        """The fields of an answer; `doctor_id` is what an older form of the contract calls the id."""
        return {**asdict(self), "doctor_id": self.id}


class Users:
    """The store. Doctors belong to the owner of the key that registered them (server/access/principal.py).

    Open it before use and close it at the end; without a `path` it lives in memory. Raises UsersError if the file
    cannot be used.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._base: aiosqlite.Connection | None = None
        if path is None:
            return
        try:
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            with closing(sqlite3.connect(path)) as base:
                base.execute(_TABLE)
        except (OSError, sqlite3.Error) as fault:
            raise UsersError(
                f"--legacy-users: {path} cannot be used ({type(fault).__name__}): name a file that this user may "
                "write, and that holds doctors or nothing"
            ) from None

    async def open(self) -> None:
        self._base = await aiosqlite.connect(self._path or ":memory:")
        await self._base.execute(_TABLE)
        await self._base.commit()

    async def close(self) -> None:
        if self._base is not None:
            await self._base.close()
            self._base = None

    async def add(self, owner: str | None, fields: Mapping[str, str | None]) -> tuple[User, bool]:
        """The doctor of that email, and whether it is a new one. Raises UsersError where there is no room."""
        base = self._connection()
        row = await (await base.execute("SELECT count(*) FROM users")).fetchone()
        if row is not None and row[0] >= MOST:
            raise UsersError(f"this server keeps {MOST} doctors and has no room: its operator can remove some")
        made = User(
            f"doc_{secrets.token_hex(8)}",
            str(fields["email"]).lower(),
            str(fields["name"]),
            str(fields["phone"]),
            fields.get("medical_registration_number"),
            fields.get("clinic_name"),
            datetime.now(UTC).isoformat(timespec="seconds"),
        )
        values = {**asdict(made), "owner": owner or ""}
        names = ", ".join(values)
        places = ", ".join(f":{name}" for name in values)
        # One statement decides who is first: two clients may register the same doctor at once.
        done = await base.execute(f"INSERT OR IGNORE INTO users ({names}) VALUES ({places})", values)
        await base.commit()
        known = await self.by_email(owner, made.email)
        assert known is not None
        return known, done.rowcount == 1

    async def by_email(self, owner: str | None, email: str) -> User | None:
        return await self._one("email", owner, email.strip().lower())

    async def by_id(self, owner: str | None, user_id: str) -> User | None:
        return await self._one("id", owner, user_id)

    async def _one(self, column: str, owner: str | None, value: str) -> User | None:
        query = f"SELECT {_COLUMNS} FROM users WHERE owner = ? AND {column} = ?"
        row = await (await self._connection().execute(query, (owner or "", value))).fetchone()
        return User(*row) if row is not None else None

    def _connection(self) -> aiosqlite.Connection:
        assert self._base is not None, "the store is not open"
        return self._base
