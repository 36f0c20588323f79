"""The keys file: named keys with scopes, of which only the SHA-256 is kept. Written by `drtranscribe keys`."""

import fcntl
import hashlib
import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from server.access.principal import KeyLimits, Principal, Scope

PREFIX = "drt"
_NAME = r"^[\w.@-][\w.@ -]{0,63}$"
_KEY = re.compile(rf"{PREFIX}_([0-9a-f]{{12}})_([A-Za-z0-9_-]{{43}})", re.ASCII)


class KeysError(ValueError):
    """The keys file cannot be used; `str()` says what to do and repeats no key."""


class Key(BaseModel):
    """One entry of the keys file."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    id: str = Field(pattern=r"^[0-9a-f]{12}$")
    name: str = Field(pattern=_NAME)
    owner: str = Field(pattern=_NAME)
    """Keys of one owner share their sessions, such as a key that speaks and a key of a screen that reads."""
    scopes: tuple[Scope, ...] = Field(min_length=1)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    created_at: datetime
    expires_at: datetime | None = None
    max_sessions: int | None = Field(None, ge=1)
    connections_per_minute: int | None = Field(None, ge=1)
    bytes_per_minute: int | None = Field(None, ge=1)

    def principal(self) -> Principal:
        limits = KeyLimits(self.max_sessions, self.connections_per_minute, self.bytes_per_minute)
        return Principal(self.name, frozenset(self.scopes), f"key:{self.owner}", self.id, limits)

    def expired(self, now: datetime) -> bool:
        return self.expires_at is not None and now >= self.expires_at


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    version: int = Field(1, ge=1, le=1)
    keys: list[Key] = Field(default_factory=list)


def generate(
    name: str,
    scopes: tuple[Scope, ...],
    owner: str | None = None,
    expires_at: datetime | None = None,
    limits: KeyLimits | None = None,
) -> tuple[str, Key]:
    """A new key as its holder writes it, of 256 random bits, and its entry. Raises KeysError."""
    identifier, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    text = f"{PREFIX}_{identifier}_{secret}"
    limits = limits or KeyLimits()
    try:
        return text, Key(
            id=identifier,
            name=name,
            owner=owner or name,
            scopes=scopes,
            sha256=digest(text),
            created_at=datetime.now(UTC).replace(microsecond=0),
            expires_at=expires_at,
            max_sessions=limits.sessions,
            connections_per_minute=limits.connections_per_minute,
            bytes_per_minute=limits.bytes_per_minute,
        )
    except ValidationError as error:
        raise KeysError(_fault(error)) from None


def identifier_of(text: str) -> str | None:
    """The identifier within a key; None for what is no key of this server at all."""
    found = _KEY.fullmatch(text)
    return found[1] if found else None


def digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()


def read(path: Path) -> list[Key]:
    """The keys of a file. Raises KeysError where there is none, or it cannot be trusted."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if mode & (stat.S_IWGRP | stat.S_IWOTH):
                raise KeysError(f"{path} may be written by others: chmod 600 {path}")
            return _File.model_validate_json(file.read()).keys
    except FileNotFoundError:
        raise KeysError(f"there is no keys file {path}: make it with drtranscribe keys create --file {path}") from None
    except OSError as error:
        raise KeysError(f"{path} cannot be read: {error.strerror}") from None
    except ValidationError as error:
        raise KeysError(f"{path} is no keys file ({_fault(error)}): restore it, or make a new one") from None


def add(path: Path, key: Key) -> None:
    """Adds a key, and makes the file if there is none. Raises KeysError."""
    with _locked(path):
        keys = read(path) if path.exists() else []
        if any(other.name == key.name for other in keys):
            raise KeysError(f"{path} has a key of this name: choose another --name, or revoke that key first")
        _write(path, [*keys, key])


def remove(path: Path, name: str) -> None:
    """Removes the key of that name. Raises KeysError."""
    with _locked(path):
        keys = read(path)
        left = [key for key in keys if key.name != name]
        if len(left) == len(keys):
            raise KeysError(f"{path} has no key of this name: drtranscribe keys list --file {path}")
        _write(path, left)


def _fault(error: ValidationError) -> str:
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}".removeprefix(": ")


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Lets one command at a time change the file. Raises KeysError."""
    # The lock is a file of its own: the keys file is replaced at each change, and a lock on it would be lost.
    try:
        lock = os.open(path.with_name(path.name + ".lock"), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise KeysError(f"{path} cannot be changed: {error.strerror} ({path.parent})") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _write(path: Path, keys: list[Key]) -> None:
    """Replaces the file as a whole: a reader sees the old one or the new one."""
    text = _File(version=1, keys=keys).model_dump_json(indent=1, exclude_none=True)
    fresh = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    try:
        file = os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        with os.fdopen(file, "w") as out:
            out.write(text + "\n")
            out.flush()
            os.fsync(out.fileno())
        os.replace(fresh, path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)  # or a power failure could bring back a key that was revoked
        finally:
            os.close(folder)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        raise KeysError(f"{path} cannot be written: {error.strerror}") from None
