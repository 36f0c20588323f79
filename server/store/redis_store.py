"""The store in Redis: one stream of events and one hash for each session, both written in one atomic step.

The id of an event in the stream is its own `seq`. Redis takes growing ids only, and the hash names the one writer, so a
server whose session was taken over by another one cannot write any more, however late it notices.
"""

from hashlib import sha256
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis
from redis.exceptions import OutOfMemoryError, RedisError, ResponseError

from server.store.journal import LIVE_S
from server.store.sealing import Seal
from server.store.stored import Answer, Batch, Kept, Newer, Standing, StoreDown
from server.store.together import Together

TIMEOUT_S = 1.0
"""For every answer of Redis. Events wait for it at most this long; then the session goes on without the store."""

CONNECTIONS = 32

FULL = ("OOM", "MISCONF")
"""How Redis begins its answer where it has no memory left, or where its disk takes nothing more."""

WRITE = """
local held = redis.call('HMGET', KEYS[2], 'writer', 'erased')
if held[2] then return 'ERASED' end
if not held[1] then
  if ARGV[5] == '' then return 'GONE' end
  redis.call('HSET', KEYS[2], 'writer', ARGV[1], 'meta', ARGV[5])
elseif held[1] ~= ARGV[1] then
  return 'TAKEN'
end
local newest = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)
local last = 0
if newest[1] then last = tonumber(string.match(newest[1][1], '^%d+')) end
if last < tonumber(ARGV[3]) then return last end
local drops = tonumber(ARGV[6])
for i = 7 + drops, #ARGV, 2 do
  if tonumber(ARGV[i]) > last then redis.call('XADD', KEYS[1], ARGV[i] .. '-0', 'e', ARGV[i + 1]) end
end
if ARGV[4] ~= '' then redis.call('HSET', KEYS[2], 'checkpoint', ARGV[4]) end
for i = 7, 6 + drops do redis.call('XDEL', KEYS[1], ARGV[i] .. '-0') end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return 'OK'
"""
"""Arguments: writer, milliseconds to keep, last event known to be stored, checkpoint or nothing, what was declared or
nothing, the number of events to drop and their numbers, then number and text of each new event."""

TAKE = """
if redis.call('HEXISTS', KEYS[2], 'writer') == 0 then return false end
redis.call('HSET', KEYS[2], 'writer', ARGV[1])
return {redis.call('HGET', KEYS[2], 'meta'), redis.call('HGET', KEYS[2], 'checkpoint'),
  redis.call('XRANGE', KEYS[1], '-', '+')}
"""
NEWER = """
if redis.call('HEXISTS', KEYS[2], 'writer') == 0 then return false end
return {redis.call('XRANGE', KEYS[1], ARGV[1], '+', 'COUNT', ARGV[2]),
  redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)}
"""

ERASE = """
local held = redis.call('DEL', KEYS[1], KEYS[2])
redis.call('HSET', KEYS[2], 'erased', '1')
redis.call('PEXPIRE', KEYS[2], ARGV[1])
return held
"""


class RedisStore:
    """Sessions in one Redis. Every method raises StoreDown; those that read raise KeyFault too."""

    def __init__(self, url: str, key: bytes | None, retention_s: float) -> None:
        self.retention_s = retention_s
        self._key = key
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=CONNECTIONS,
            timeout=TIMEOUT_S,
            socket_timeout=TIMEOUT_S,
            socket_connect_timeout=TIMEOUT_S,
        )
        self._redis: Any = Redis.from_pool(pool)
        self._writing = Together(self._redis, WRITE)
        self._take = self._redis.register_script(TAKE)
        self._newer = self._redis.register_script(NEWER)
        self._erase = self._redis.register_script(ERASE)

    async def write(self, session_id: str, batch: Batch, keep_s: float) -> Answer:
        """Stores a batch, all of it or nothing."""
        seal = Seal(self._key, session_id)
        arguments: list[Any] = [
            batch.writer,
            round(keep_s * 1000),
            batch.stored,
            b"" if batch.checkpoint is None else seal.close(batch.checkpoint, "checkpoint"),
            b"" if batch.meta is None else seal.close(batch.meta, "meta"),
            len(batch.dropped),
            *batch.dropped,
        ]
        for seq, text in batch.events:
            arguments += [seq, seal.close(text, f"event {seq}")]
        answer = await self._asked(self._writing.call(_keys(session_id), arguments))
        return answer if isinstance(answer, int) else answer.decode()

    async def meta(self, session_id: str) -> bytes | None:
        """What was declared of the session; None if the store does not have it."""
        meta = await self._asked(self._redis.hget(_keys(session_id)[1], "meta"))
        return None if meta is None else Seal(self._key, session_id).open(meta, "meta")

    async def standing(self, session_id: str, writer: str) -> Standing:
        """Whether the session is still this writer's: TAKEN by another one, or ERASED; OK if it is not stored."""
        held, erased = await self._asked(self._redis.hmget(_keys(session_id)[1], "writer", "erased"))
        if erased is not None:
            return "ERASED"
        return "OK" if held is None or held.decode() == writer else "TAKEN"

    async def take(self, session_id: str, writer: str) -> Kept | None:
        """Makes `writer` the only one that writes the session, and returns what is stored."""
        held = await self._asked(self._take(keys=_keys(session_id), args=[writer]))
        if held is None:
            return None
        seal = Seal(self._key, session_id)
        meta, checkpoint, entries = held
        opened = None if checkpoint is None else seal.open(checkpoint, "checkpoint")
        return Kept(seal.open(meta, "meta"), opened, _events(seal, entries))

    async def newer(self, session_id: str, seq: int, most: int) -> Newer | None:
        """Events above `seq`, and the newest of all. Nothing of the session is changed by it."""
        held = await self._asked(self._newer(keys=_keys(session_id), args=[f"{seq + 1}-0", most]))
        if held is None:
            return None
        seal = Seal(self._key, session_id)
        entries, newest = held
        return Newer(_events(seal, entries), _events(seal, newest)[0][1] if newest else b"")

    async def erase(self, session_id: str) -> int:
        """Deletes all that is stored of a session, on every server: its writer notices with its next event.

        Returns how many keys there were. For as long as the retention, and an hour at least, a mark stays that holds
        nothing of the session, or its writer would store it again.
        """
        marked_ms = round(max(self.retention_s, LIVE_S) * 1000)
        return int(await self._asked(self._erase(keys=_keys(session_id), args=[marked_ms])))

    async def held_of(self, session_id: str) -> list[bytes]:
        """Every value that the store holds of a session: nothing but the mark once it is erased."""
        events, state = _keys(session_id)
        entries = await self._asked(self._redis.xrange(events))
        values = await self._asked(self._redis.hgetall(state))
        return [value for _, fields in entries for value in fields.values()] + list(values.values())

    async def close(self) -> None:
        await self._writing.close()
        await self._redis.aclose()

    async def _asked(self, asking: Any) -> Any:
        try:
            return await asking
        except ResponseError as error:
            # The first word alone: the rest of the message may repeat what was sent.
            word = "OOM" if isinstance(error, OutOfMemoryError) else str(error).partition(" ")[0]
            full = word in FULL
            raise StoreDown(f"Redis refuses to write ({word if full else type(error).__name__})", full) from None
        except (RedisError, OSError, TimeoutError) as error:
            raise StoreDown(f"Redis does not answer ({type(error).__name__})") from None


def _events(seal: Seal, entries: Any) -> tuple[tuple[int, bytes], ...]:
    """Number and text of each entry of a stream."""
    numbered = [(int(number.partition(b"-")[0]), fields[1]) for number, fields in entries]
    return tuple((seq, seal.open(stored, f"event {seq}")) for seq, stored in numbered)


def _keys(session_id: str) -> list[str]:
    """The keys of the stream and of the hash. Their names do not reveal the id of the session."""
    name = sha256(session_id.encode()).hexdigest()[:32]
    return [f"drtranscribe:{{{name}}}:events", f"drtranscribe:{{{name}}}:state"]
