"""Two servers over one real Redis, and a client that goes from one to the other."""

import json
import signal
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import pytest

from benchmarks.common.redis_process import RedisProcess
from drtranscribe import Consultation
from inference.extraction import tables
from server.app import SESSIONS
from tests.support.fakes import speech
from tests.support.live import Client, Event, serving, until
from tests.support.redis import redis_or_skip
from tests.support.speech import chunks

SAID = speech((1.0, 0.5), (1.0, 0), (1.5, 0.4), (1.0, 0), (2.0, 0.3), (1.2, 0), (1.0, 0.6))
HALF = 3 * 32_000 + 8_000  # in the middle of the second word


@pytest.fixture(scope="module", autouse=True)
def _codes() -> None:
    """As a server does before it listens: tables that are loaded later hold the event loop for longer than Redis has."""
    tables.load()


@pytest.fixture
def redis():
    with redis_or_skip() as running:
        yield running


@asynccontextmanager
async def two(redis: RedisProcess, **settings):
    async with serving(store=redis.url, **settings) as first, serving(store=redis.url, **settings) as second:
        yield first, second


async def resume(client: Client, started: Event, last_seq: int) -> Event:
    token, name = started["resume_token"], started["session_id"]
    await client.say({"type": "resume_session", "session_id": name, "resume_token": token, "last_seq": last_seq})
    return await client.hear("session_resumed")


async def undisturbed() -> list:
    async with serving() as server, server.connect() as client:
        await client.start()
        await speak(client, SAID)
        await client.finish()
        return client.finals()


def by_seq(*clients: Client) -> list[Event]:
    return [event for client in clients for event in client.events if "seq" in event]


def findings(events: list[Event]) -> dict[str, Event]:
    return {op["finding"]["id"]: op["finding"] for event in events for op in event.get("ops", ())}


async def speak(client: Client, data: bytes) -> None:
    """Frames of half a second: hearing can begin again at the beginning of a frame."""
    for frame in chunks(data, 16_000):
        await client.say(frame)


async def marked(client: Client, number: int) -> None:
    await client.say({"type": "marker", "id": number, "request": number})
    await client.hear("marker")


async def test_a_session_goes_on_at_another_server_with_the_same_finals_ids_and_findings_and_each_event_once(redis):
    async with two(redis) as (first, second):
        async with first.connect() as one:
            started = await one.start()
            await speak(one, SAID[:HALF])
            while not one.finals() or not findings(one.events):
                await one.hear()
            await one.say({"type": "edit_finding", "finding_id": "f1", "fields": {"text": "by hand"}, "request": 9})
            edited = await one.hear("extraction")
            assert edited["judged"]
            assert edited["request"] == 9
        async with second.connect() as two_:
            resumed = await resume(two_, started, edited["seq"])
            mark = resumed["received_samples"]
            assert 0 < mark <= HALF // 2
            await two_.say({"type": "edit_finding", "finding_id": "f1", "fields": {"text": "by hand"}, "request": 9})
            await speak(two_, SAID[2 * mark :])
            stopped = await two_.finish()
        events = by_seq(one, two_)
        assert [event["seq"] for event in events] == sorted({event["seq"] for event in events})
        assert one.finals() + two_.finals() == await undisturbed()
        assert stopped["audio_s"] == len(SAID) / 32_000
        assert sum(event.get("judged", False) for event in events) == 1
        assert findings(events)["f1"]["text"] == "by hand"
        assert len(findings(events)) == len(one.finals() + two_.finals())


async def test_the_first_server_ends_a_session_that_another_one_has_taken_and_says_nothing_more(redis):
    async with two(redis) as (first, second), first.connect() as one, second.connect() as other:
        started = await one.start()
        await speak(one, SAID[:HALF])
        await one.hear("progress")
        await resume(other, started, 1)
        with suppress(ConnectionError):  # it may be ended before all of this is sent
            await speak(one, SAID[HALF:])
        assert await one.close_code() == 1001
        await until(lambda: first.app[SESSIONS].open_count == 0)
        assert second.app[SESSIONS].open_count == 1
        await other.finish()


async def test_a_client_that_comes_back_to_the_first_server_gets_what_happened_at_the_second(redis):
    async with two(redis) as (first, second):
        async with first.connect() as one:
            started = await one.start()
            await speak(one, SAID[:HALF])
            await one.hear("progress")
        async with second.connect() as other:
            mark = (await resume(other, started, len(one.events)))["received_samples"]
            await speak(other, SAID[2 * mark : 5 * 32_000])
            await marked(other, 1)
            last = other.events[-1]["seq"]
        async with first.connect() as back:
            mark = (await resume(back, started, last))["received_samples"]
            await speak(back, SAID[2 * mark :])
            await back.finish()
        assert one.finals() + other.finals() + back.finals() != []
        assert len({final[0] for final in other.finals() + back.finals()}) == len(other.finals() + back.finals())


async def test_a_server_that_shuts_down_hands_its_sessions_over_within_seconds_and_without_a_last_event(redis):
    async with serving(store=redis.url) as second, AsyncExitStack() as until_shutdown:
        first = await until_shutdown.enter_async_context(serving(store=redis.url))
        urls = ",".join(server.url.replace("http", "ws") for server in (first, second))
        async with Consultation.connect(urls, backoff=lambda attempt: 0.05) as consultation:
            for frame in chunks(SAID[:HALF], 16_000):
                await consultation.send(frame)
            session = first.app[SESSIONS].known(consultation.session_id)
            # The store, and not what the client was told: a checkpoint after the last chunk is told with the next one.
            await until(lambda: session.journal.durable_samples > 0)
            await until_shutdown.aclose()
            await consultation.send(SAID[HALF:])
            stopped = await consultation.stop()
            assert (stopped["reason"], stopped["audio_s"]) == ("client", len(SAID) / 32_000)
            events = [event async for event in consultation]
        finals = [e["segment"] for e in events if e["type"] == "transcript" and e["segment"]["final"]]
        assert [(s["id"], s["start"], s["end"], s["text"]) for s in finals] == await undisturbed()
        assert [e["type"] for e in events].count("session_stopped") == 1


async def test_a_session_that_has_ended_can_be_read_to_its_end_at_the_other_server(redis):
    async with two(redis) as (first, second):
        async with first.connect() as one:
            started = await one.start()
            await speak(one, SAID)
            await one.finish()
        async with second.connect() as other:
            await resume(other, started, 0)
            assert await other.close_code() == 1000
        assert by_seq(other) == by_seq(one)


async def test_a_pause_that_was_answered_holds_where_it_stood_when_its_audio_is_heard_again(redis):
    async with two(redis) as (first, second):
        async with first.connect() as one:
            started = await one.start()
            await speak(one, SAID[: 32_000 + 8_000])
            await one.say({"type": "pause_session", "request": 1})
            await one.hear("session_paused")
        async with second.connect() as other:
            mark = (await resume(other, started, one.events[-1]["seq"]))["received_samples"]
            await speak(other, SAID[2 * mark : 32_000 + 8_000])
            await other.say({"type": "pause_session", "request": 1})  # not answered a second time
            await speak(other, SAID[32_000 + 8_000 : 5 * 32_000])
            await other.say({"type": "continue_session", "request": 2})
            await speak(other, SAID[5 * 32_000 :])
            await other.finish()
        types = [event["type"] for event in by_seq(one, other)]
        assert (types.count("session_paused"), types.count("session_continued")) == (1, 1)
        texts = [text for _, _, _, text in one.finals() + other.finals()]
        assert len(texts) == 3
        assert "0.40" not in texts[1]


async def test_nobody_resumes_a_session_of_the_store_with_another_token(redis):
    async with two(redis) as (first, second):
        async with first.connect() as one:
            started = await one.start()
        async with second.connect() as other:
            await other.say(
                {"type": "resume_session", "session_id": started["session_id"], "resume_token": "x", "last_seq": 0}
            )
            assert await other.close_code() == 4404
        assert first.app[SESSIONS].open_count == 1


async def test_without_redis_a_session_goes_on_the_mark_stands_and_nothing_is_lost_when_it_is_back(redis):
    async with two(redis) as (first, second):
        async with first.connect() as one:
            started = await one.start()
            redis.stop(signal.SIGKILL)
            await speak(one, SAID[:HALF])
            notice = await one.hear("notice")
            assert (notice["code"], "durable_samples" in notice["message"]) == ("store_behind", True)
            behind = await one.hear("progress")
            while behind["received_samples"] < HALF // 2:
                behind = await one.hear("progress")
            assert (behind["received_samples"], behind["durable_samples"]) == (HALF // 2, 0)
            status, ready = await first.get("/health/ready")
            assert (status, json.loads(ready)["status"]) == (200, "degraded")
            assert "--store" in json.loads(ready)["reason"]
            redis.start()  # with nothing of what it held
            assert (await one.hear("notice"))["code"] == "store_caught_up"
            assert json.loads((await first.get("/health/ready"))[1])["status"] == "ready"
            await marked(one, 1)
            last = one.events[-1]["seq"]
        async with second.connect() as other:
            resumed = await resume(other, started, last)
            mark = resumed["received_samples"]
            await speak(other, SAID[2 * mark :])
            await other.finish()
        ids = [final[0] for final in one.finals() + other.finals()]
        assert ids == [f"s{number + 1}" for number in range(len(ids))]


async def test_a_client_that_has_seen_more_than_the_store_loses_nothing_and_gets_no_number_twice():
    # One that is only halted would take, when it goes on, what was written to its sockets meanwhile.
    with redis_or_skip("--appendonly", "yes") as redis:
        await _seen_more_than_the_store(redis)


async def _seen_more_than_the_store(redis: RedisProcess) -> None:
    async with two(redis) as (first, second):
        async with first.connect() as one:
            started = await one.start()
            redis.stop(signal.SIGKILL)  # it takes nothing, and forgets nothing
            await speak(one, SAID)
            while len(one.finals()) < 2:
                await one.hear()
            last = one.events[-1]["seq"]
            first.app[SESSIONS].find(started["session_id"], started["resume_token"]).leave()
            redis.start()
        async with second.connect() as other:
            resumed = await resume(other, started, last)
            assert resumed["received_samples"] == 0
            await speak(other, SAID)
            await other.finish()
        assert min(event["seq"] for event in by_seq(other)) > last
        assert other.finals() == await undisturbed()
