"""What the sessions of one server do with a store that they share with other servers."""

import logging
import secrets
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from inference.stream import StreamOptions
from inference.updates import NoticeCode
from server.store.journal import HeldLog, Journal
from server.store.restoring import Declared, Restored, declarations, hashed, restored, without_token
from server.store.sealing import KeyFault, master_key
from server.store.stored import Newer, Store, StoreDown

logger = logging.getLogger(__name__)

MOST_AHEAD = 10_000
"""The most events that a client may have received and the store not hold: those sent while the store was away, and
those that the store has lost."""

STORE_RETRY_S = 2.0
"""How soon a store that does not answer is asked again."""


@dataclass(slots=True)
class Shared:
    """The store of this server's sessions. `writer` names this process: a session has one writer at a time."""

    store: Store
    observe: Callable[[float | None], None] = lambda seconds: None
    writer: str = field(default_factory=lambda: secrets.token_hex(16))

    def journal(
        self,
        session_id: str,
        token: str,
        options: StreamOptions,
        started_at: datetime,
        log: HeldLog,
        tell: Callable[[NoticeCode, str], None],
        lost: Callable[[str], None],
        resumed: Restored | None,
        owner: str | None = None,
    ) -> Journal:
        """What stores a session; nothing is stored before it runs."""
        declared = Declared(options, hashed(token), started_at, owner)
        return Journal(
            self.store,
            session_id,
            self.writer,
            declarations.dump_json(declared),
            log,
            tell,
            lost,
            self.observe,
            lambda text: without_token(text, token),
            None if resumed is None else max((seq for seq, _ in resumed.events), default=0),
            0 if resumed is None else resumed.mark,
            0 if resumed is None else (resumed.container or {}).get("byte", 0),
        )

    async def declared(self, session_id: str, token: str) -> Declared | None:
        """What was declared of a session of the store, if the token is its own. Raises StoreDown."""
        declared = await self.known(session_id)
        return declared if declared is not None and declared.owns(token) else None

    async def known(self, session_id: str) -> Declared | None:
        """What was declared of a session of the store, for whoever knows its id. Raises StoreDown."""
        try:
            meta = await self.store.meta(session_id)
        except KeyFault as fault:
            logger.error("%s", fault)
            return None
        return None if meta is None else declarations.validate_json(meta)

    async def take(self, session_id: str, token: str) -> Restored | None:
        """Makes the session this server's: whoever wrote it before cannot any more. Raises StoreDown."""
        try:
            kept = await self.store.take(session_id, self.writer)
        except KeyFault as fault:
            logger.error("%s", fault)
            return None
        return None if kept is None else restored(kept, token)

    async def read(self, session_id: str) -> list[bytes] | None:
        """The events of a session of the store as wire text, in order. Raises StoreDown."""
        stored = await self.newer(session_id, 0, sys.maxsize)
        return None if stored is None else [text for _, text in stored.events]

    async def newer(self, session_id: str, seq: int, most: int) -> Newer | None:
        """Stored events above `seq` of a session that any server writes, for a reader. Raises StoreDown."""
        try:
            return await self.store.newer(session_id, seq, most)
        except KeyFault as fault:
            logger.error("%s", fault)
            return None

    async def erase(self, session_id: str) -> int:
        """Deletes what is stored of a session, on whichever server it is, and returns how many keys there were.

        Raises StoreDown.

        A session that is open somewhere ends there with its next event: its connection is closed with 4404, and no
        `session_stopped` is sent. To tell the client first, stop the session and let its journal settle before this.
        """
        return await self.store.erase(session_id)


def shared(url: str, key_file: Path | None, retention_s: float, observe: Callable[[float | None], None]) -> Shared:
    """The store at a URL. Raises KeyFault for a key file that cannot be used, and ImportError without its packages."""
    from server.store.redis_store import RedisStore  # here: a server that stores nothing needs no redis

    if key_file is not None:
        import cryptography  # noqa: F401  # to miss it now, and not with the first session
    return Shared(RedisStore(url, None if key_file is None else master_key(key_file), retention_s), observe)


__all__ = ["MOST_AHEAD", "STORE_RETRY_S", "KeyFault", "Shared", "StoreDown", "shared"]
