"""The keys in force: those of the keys file as it is now, which is read again when it has changed."""

import hmac
import logging
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from server.access import keys
from server.access.keys import Key, KeysError
from server.access.principal import Principal

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0
"""A revoked key is refused within this time."""

_NOBODY = "0" * 64


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Keyring:
    """Raises KeysError at its beginning if the file cannot be used. Later on, the keys that were read last stay."""

    def __init__(
        self, path: Path, clock: Callable[[], float] = time.monotonic, now: Callable[[], datetime] = _utc_now
    ) -> None:
        self._path = path
        self._clock = clock
        self._now = now
        self._looked_at = clock()
        self._seen = self._mark()
        self._keys = {key.id: key for key in keys.read(path)}

    def __len__(self) -> int:
        return len(self._keys)

    def find(self, text: str) -> Principal | None:
        """The holder of a key; None where the key is unknown, revoked or expired."""
        key = self._in_force(keys.identifier_of(text) or "")
        # Also for a key that does not exist, so that the time of the answer does not tell which ones do.
        right = hmac.compare_digest(keys.digest(text), key.sha256 if key else _NOBODY)
        return key.principal() if key is not None and right else None

    def holder(self, key_id: str) -> Principal | None:
        """Who holds the key with that identifier now, for what was signed when its holder showed it."""
        key = self._in_force(key_id)
        return key.principal() if key is not None else None

    def holds(self, key_id: str) -> bool:
        """Whether the key with that identifier is in force."""
        return self._in_force(key_id) is not None

    def _in_force(self, key_id: str) -> Key | None:
        self._look()
        key = self._keys.get(key_id)
        return key if key is not None and not key.expired(self._now()) else None

    def _look(self) -> None:
        if self._clock() - self._looked_at < LOOK_EVERY_S:
            return
        self._looked_at = self._clock()
        mark = self._mark()
        if mark == self._seen:
            return
        self._seen = mark
        try:
            self._keys = {key.id: key for key in keys.read(self._path)}
        except KeysError:
            logger.error("the keys file changed and cannot be used, the keys before stay: drtranscribe keys list")
        else:
            logger.info("the keys file changed: %d keys", len(self._keys))

    def _mark(self) -> tuple[int, int, int] | None:
        try:
            state = os.stat(self._path)
        except OSError:
            return None
        return state.st_mtime_ns, state.st_size, state.st_ino
