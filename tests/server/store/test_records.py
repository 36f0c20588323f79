"""The record of a session at another server than its own: two servers with the same keys over one real Redis."""

import json
import signal
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from inference.extraction import tables
from server.app import METRICS, SESSIONS
from tests.support.access import Notes, key
from tests.support.fakes import speech
from tests.support.live import Client, Event, Server, serving
from tests.support.redis import redis_or_skip

SAID = speech((1.0, 0.5), (1.0, 0), (1.5, 0.4), (1.0, 0))
PATIENT = {"name": "Zebulon Quine", "age": 61, "gender": "male", "history": "Gout."}


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


async def begun(client: Client) -> Event:
    started = await client.start(patient=PATIENT)
    await client.say(SAID)
    await client.say({"type": "marker", "id": 1})
    await client.hear("marker")
    assert client.finals()
    return started


async def asked(server: Server, started: Event, header: dict[str, str], form: str = "json") -> tuple[int, dict, dict]:
    url = f"{server.url}/v1/sessions/{started['session_id']}/record"
    async with server.http.get(url, params={"format": form}, headers=header) as response:
        told = json.loads(await response.read()) if "json" in response.content_type else {}
        return response.status, told, dict(response.headers)


def lasting(record: dict) -> dict:
    return {name: value for name, value in record.items() if name not in ("drawn_at", "seq")}


@asynccontextmanager
async def two(redis, keys, notes=None):
    settings = {"store": redis.url, "keys_file": keys}
    async with serving(**settings) as first, serving(audit_trail=notes, **settings) as second:
        yield first, second


async def test_any_server_of_a_store_gives_the_owner_the_record_of_a_session_which_goes_on_where_it_is(redis, keys):
    header, other, notes = key(keys, "ward"), key(keys, "other"), Notes()
    async with two(redis, keys, notes) as (first, second), first.connect(headers=header) as client:
        started = await begun(client)
        (status, own, _), (elsewhere, stored, headers) = [await asked(one, started, header) for one in (first, second)]
        assert (status, elsewhere, stored["state"]) == (200, 200, "open")
        assert lasting(stored) == lasting(own)
        assert stored["patient"]["name"] == PATIENT["name"]
        assert (len(stored["segments"]), headers["Cache-Control"]) == (2, "no-store")
        unknown = await asked(second, {"session_id": "unknown"}, header)
        assert (await asked(second, started, other))[:2] == unknown[:2] == (404, unknown[1]), "not even that it exists"
        assert (first.app[SESSIONS].open_count, second.app[SESSIONS].open_count) == (1, 0)
        await client.finish()
        status, ended, _ = await asked(second, started, header)
        assert (status, ended["state"]) == (200, "ended")
        assert (await asked(second, started, header, "markdown"))[0] == 200
    assert notes.lines[0] == ("record_read", "ward", "ok")
    assert ("record_read", "other", "no_such_session") in notes.lines


async def test_the_record_of_a_session_whose_server_is_gone_is_read_and_erased_at_the_other(redis, keys):
    header, other = key(keys, "ward"), key(keys, "other")
    settings = {"store": redis.url, "keys_file": keys}
    async with serving(**settings) as second:
        async with AsyncExitStack() as stack:
            first = await stack.enter_async_context(serving(**settings))
            async with first.connect(headers=header) as client:
                started = await begun(client)
        status, record, _ = await asked(second, started, header)
        assert (status, record["state"], len(record["segments"])) == (200, "open", 2)
        url = f"{second.url}/v1/sessions/{started['session_id']}"
        for shown, answer in ((other, 404), (header, 204), (header, 404)):
            async with second.http.delete(url, headers=shown) as response:
                assert response.status == answer
        assert (await asked(second, started, header))[:2] == (
            404,
            (await asked(second, {"session_id": "x"}, header))[1],
        )


async def test_while_the_store_is_away_its_sessions_are_not_said_to_be_gone(redis, keys):
    header, notes = key(keys, "ward"), Notes()
    async with two(redis, keys, notes) as (first, second), first.connect(headers=header) as client:
        started = await begun(client)
        redis.stop(signal.SIGSTOP)
        status, told, headers = await asked(second, started, header)
        assert (status, told["code"], int(headers["Retry-After"]) > 0) == (503, "store_away", True)
        assert (await asked(first, started, header))[0] == 200, "its own server has it in memory"
        assert second.app[METRICS].records_refused.labels("store_away")._value.get() == 1
        assert ("record_read", "ward", "store_away") in notes.lines
        redis.process.send_signal(signal.SIGCONT)
