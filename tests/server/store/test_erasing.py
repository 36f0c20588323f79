"""Sessions of a store that are erased, and whose they are: two servers with the same keys over one real Redis."""

import signal
from contextlib import asynccontextmanager

import pytest

from benchmarks.common.redis_process import RedisProcess
from inference.extraction import tables
from server.app import SESSIONS
from server.store.redis_store import RedisStore
from tests.support.access import Notes, key
from tests.support.fakes import speech
from tests.support.live import Client, Event, Server, serving, until
from tests.support.redis import redis_or_skip

SAID = speech((1.0, 0.5), (1.0, 0), (1.5, 0.4), (1.0, 0))


@pytest.fixture(scope="module", autouse=True)
def _codes() -> None:
    """As a server does before it listens: tables that are loaded later hold the event loop for longer than Redis has."""
    tables.load()


@pytest.fixture
def redis():
    with redis_or_skip() as running:
        yield running


@pytest.fixture
def keys(tmp_path):
    return tmp_path / "keys.json"


@asynccontextmanager
async def two(redis: RedisProcess, keys, notes: Notes | None = None):
    settings = {"store": redis.url, "keys_file": keys}
    async with serving(**settings) as first, serving(audit_trail=notes, **settings) as second:
        yield first, second


async def begun(client: Client) -> Event:
    """A session with a final of which the store knows."""
    started = await client.start()
    await client.say(SAID)
    await client.say({"type": "marker", "id": 1})
    await client.hear("marker")
    assert client.finals()
    return started


async def resumed(server: Server, started: Event, header: dict[str, str]) -> int | None:
    """The close code of a connection that asks for the session; None if it gets it."""
    async with server.connect(headers=header) as client:
        name, token = started["session_id"], started["resume_token"]
        await client.say({"type": "resume_session", "session_id": name, "resume_token": token, "last_seq": 1})
        if (await client.hear())["type"] == "session_resumed":
            return None
        return await client.close_code()


async def erase(server: Server, started: Event, header: dict[str, str]) -> tuple[int, str | None]:
    async with server.http.delete(f"{server.url}/v1/sessions/{started['session_id']}", headers=header) as response:
        return response.status, (await response.json())["code"] if response.status != 204 else None


async def record(server: Server, started: Event, header: dict[str, str]) -> int:
    url = f"{server.url}/v1/sessions/{started['session_id']}/record"
    async with server.http.get(url, headers=header) as response:
        return response.status


async def watched(server: Server, started: Event, header: dict[str, str]) -> int:
    url = f"{server.url}/v1/sessions/{started['session_id']}/events"
    async with server.http.get(url, headers=header) as response:
        return response.status


async def held(redis: RedisProcess, started: Event) -> list[bytes]:
    store = RedisStore(redis.url, None, 60)
    try:
        return await store.held_of(started["session_id"])
    finally:
        await store.close()


async def test_consent_that_is_withdrawn_empties_the_store_and_its_client_hears_the_last_word(redis, keys):
    header = key(keys, "ward")
    async with two(redis, keys) as (first, second):
        async with first.connect(headers=header) as client:
            started = await begun(client)
            await client.say({"type": "withdraw_consent"})
            stopped = await client.hear("session_stopped")
            assert (stopped["reason"], stopped["segments"], stopped["findings"]) == ("withdrawn", 0, 0)
            assert await client.close_code() == 1000
        await first.app[SESSIONS].erased(started["session_id"])
        assert await held(redis, started) == [b"1"]
        assert await resumed(first, started, header) == 4404
        assert await resumed(second, started, header) == 4404
        await until(lambda: not first.app[SESSIONS]._journals)
        assert await held(redis, started) == [b"1"], "its last word is not stored again"


async def test_a_session_is_erased_at_another_server_than_its_own_by_its_owner_alone(redis, keys):
    header, other, notes = key(keys, "ward"), key(keys, "other"), Notes()
    async with two(redis, keys, notes) as (first, second), first.connect(headers=header) as client:
        started = await begun(client)
        assert await erase(second, started, other) == (404, "no_such_session")
        assert len(await held(redis, started)) > 1
        assert await erase(second, started, header) == (204, None)
        assert await held(redis, started) == [b"1"]
        assert await record(first, started, header) == 404
        await client.say(SAID)
        assert await client.close_code() == 4404
        assert first.app[SESSIONS].known(started["session_id"]) is None
    assert ("session_erased", "other", "no_such_session") in notes.lines
    assert ("session_erased", "ward", "ok") in notes.lines


async def test_a_server_that_keeps_an_ended_session_forgets_it_when_it_is_erased_elsewhere(redis, keys):
    header = key(keys, "ward")
    async with two(redis, keys) as (first, second):
        async with first.connect(headers=header) as client:
            started = await begun(client)
            await client.finish()
        await until(lambda: not first.app[SESSIONS]._journals)
        assert await record(first, started, header) == 200
        assert await erase(second, started, header) == (204, None)
        sessions = first.app[SESSIONS]
        assert sessions.known(started["session_id"]) is not None
        sessions._touched = float("-inf")
        sessions.check(0.0)
        await sessions._sweep
        assert sessions.known(started["session_id"]) is None
        assert await resumed(first, started, header) == 4404


async def test_who_erases_while_the_store_is_away_is_told_so_and_it_is_done_when_the_store_is_back(redis, keys):
    header = key(keys, "ward")
    async with two(redis, keys) as (first, second):
        async with first.connect(headers=header) as client:
            started = await begun(client)
            redis.stop(signal.SIGSTOP)  # it takes nothing, and forgets nothing
            assert await erase(first, started, header) == (503, "store_away")
            assert (await client.hear("session_stopped"))["reason"] == "withdrawn"
            assert await record(first, started, header) == await watched(first, started, header) == 404
            assert await erase(second, started, header) == (503, "store_away")
        redis.process.send_signal(signal.SIGCONT)
        await until(lambda: not first.app[SESSIONS]._erasing)
        assert await held(redis, started) == [b"1"]
        assert await erase(second, started, header) == (404, "no_such_session")


async def test_a_session_of_the_store_is_resumed_by_its_owner_alone_and_that_is_audited(redis, keys):
    header, other, notes = key(keys, "ward"), key(keys, "other"), Notes()
    async with two(redis, keys, notes) as (first, second):
        async with first.connect(headers=header) as client:
            started = await begun(client)
        assert await resumed(second, started, other) == 4404
        assert (first.app[SESSIONS].open_count, second.app[SESSIONS].open_count) == (1, 0)
        assert await resumed(second, started, header) is None
        session = second.app[SESSIONS].known(started["session_id"])
        assert session.owner == "key:ward"
        assert await record(second, started, header) == 200
        assert await record(second, started, other) == 404
    assert ("session_resumed", "ward", "ok") in notes.lines
