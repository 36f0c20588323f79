"""Against a real Redis."""

import asyncio

import pytest
from redis.exceptions import ResponseError

from benchmarks.common.server_process import free_port
from server.store.redis_store import RedisStore
from server.store.stored import Batch, StoreDown
from tests.support.redis import redis_or_skip
from tests.support.tools import certificate

KEY = bytes(32)


@pytest.fixture(scope="module")
def redis():
    with redis_or_skip("--maxmemory-policy", "noeviction") as running:
        yield running


@pytest.fixture
async def store(redis):
    made = RedisStore(redis.url, KEY, 60)
    yield made
    await made.close()


def batch(writer: str, stored: int, *events: tuple[int, bytes], **fields) -> Batch:
    return Batch(writer, stored, events, **fields)


async def begun(store: RedisStore, name: str) -> None:
    assert (
        await store.write(name, batch("a", 0, (1, b"one"), (2, b"two"), meta=b"declared", checkpoint=b"here"), 60)
        == "OK"
    )


async def test_another_writer_gets_all_that_was_stored_and_the_first_one_cannot_write_any_more(store):
    await begun(store, "taken")
    kept = await store.take("taken", "b")
    assert (kept.meta, kept.checkpoint, kept.events) == (b"declared", b"here", ((1, b"one"), (2, b"two")))
    assert await store.write("taken", batch("a", 2, (3, b"late")), 60) == "TAKEN"
    assert await store.write("taken", batch("b", 2, (3, b"three")), 60) == "OK"
    assert await store.standing("taken", "a") == "TAKEN"
    assert await store.standing("taken", "b") == "OK"
    assert await store.standing("unknown", "a") == "OK"


async def test_redis_itself_refuses_an_event_whose_number_it_has(store, redis):
    await begun(store, "numbers")
    (key,) = [key for key in await store._redis.keys("*:events") if await store._redis.xlen(key) == 2][:1]
    with pytest.raises(Exception, match="equal or smaller"):
        await store._redis.xadd(key, {"e": b"again"}, id="2-0")


async def test_a_write_that_arrives_twice_is_stored_once(store):
    await begun(store, "twice")
    again = batch("a", 2, (3, b"three"))
    assert [await store.write("twice", again, 60) for _ in range(2)] == ["OK", "OK"]
    assert [seq for seq, _ in (await store.take("twice", "a")).events] == [1, 2, 3]


async def test_a_session_that_the_store_has_lost_is_told_from_one_that_is_another_writers(store):
    assert await store.write("lost", batch("a", 2, (3, b"three")), 60) == "GONE"
    await begun(store, "shorter")
    assert await store.write("shorter", batch("a", 9, (10, b"ten")), 60) == 2


async def test_events_that_are_worthless_are_dropped_and_the_others_stay(store):
    await begun(store, "dropped")
    assert await store.write("dropped", batch("a", 2, (3, b"three"), dropped=[2]), 60) == "OK"
    assert [seq for seq, _ in (await store.take("dropped", "a")).events] == [1, 3]


async def test_an_erased_session_leaves_nothing_of_it_and_is_not_stored_again(store):
    await begun(store, "erased")
    assert len(await store.held_of("erased")) == 5
    assert await store.erase("erased") == 2
    assert await store.held_of("erased") == [b"1"]
    assert await store.write("erased", batch("a", 2, (3, b"three"), meta=b"declared"), 60) == "ERASED"
    assert await store.standing("erased", "a") == "ERASED"
    assert await store.take("erased", "b") is None
    assert await store.meta("erased") is None


async def test_the_keys_of_a_session_expire_and_do_not_name_it(store):
    before = set(await store._redis.keys("*"))
    await begun(store, "a-session-id")
    keys = [key.decode() for key in set(await store._redis.keys("*")) - before]
    assert len(keys) == 2
    assert not any("a-session-id" in key for key in keys)
    assert all([0 < await store._redis.pttl(key) <= 60_000 for key in keys])


async def test_a_full_store_says_that_it_is_full(store):
    await store._redis.config_set("maxmemory", "100kb")
    try:
        with pytest.raises(StoreDown) as down:
            await store.write("full", batch("a", 0, (1, b"x" * 1000), meta=b"m"), 60)
        assert down.value.full
        assert "x" * 20 not in str(down.value)
    finally:
        await store._redis.config_set("maxmemory", "0")


async def test_a_store_whose_disk_takes_nothing_more_says_that_it_is_full(store, monkeypatch):
    async def refuses(*_):
        raise ResponseError("MISCONF Errors writing to the AOF file: No space left on device")

    monkeypatch.setattr(store._writing, "call", refuses)
    with pytest.raises(StoreDown, match="MISCONF") as down:
        await store.write("full", batch("a", 0, (1, b"x"), meta=b"m"), 60)
    assert down.value.full


async def test_over_tls_the_certificate_of_redis_and_its_name_are_checked(tmp_path):
    ours, other = certificate(tmp_path), certificate(tmp_path, "other", "other.example", alone=True)
    port = free_port()
    options = ("--tls-port", str(port), "--tls-cert-file", str(ours[0]), "--tls-key-file", str(ours[1]))
    with redis_or_skip(*options, "--tls-ca-cert-file", str(ours[0]), "--tls-auth-clients", "no"):
        for trusted, answers in ((ours[0], True), (other[0], False), (None, False)):
            named = f"?ssl_ca_certs={trusted}" if trusted else ""
            store = RedisStore(f"rediss://localhost:{port}/0{named}", None, 60)
            try:
                if answers:
                    await begun(store, "tls")
                else:
                    with pytest.raises(StoreDown, match="does not answer"):
                        await store.meta("tls")
            finally:
                await store.close()


async def test_writes_that_come_together_go_together_and_one_that_fails_costs_no_other(store, redis):
    names = [f"together-{number}" for number in range(20)]
    await begun(store, names[0])
    answers = await asyncio.gather(
        *(store.write(name, batch("b", 0, (1, b"one"), meta=b"declared"), 60) for name in names),
        store.write("unknown", batch("b", 2, (3, b"three")), 60),
    )
    assert answers == ["TAKEN", *["OK"] * 19, "GONE"]
    assert [(await store.take(name, "c")).events for name in names[1:]] == [((1, b"one"),)] * 19


async def test_a_redis_that_was_started_anew_is_told_the_script_again(store):
    await begun(store, "script")
    await store._redis.script_flush()
    answers = await asyncio.gather(*(store.write("script", batch("a", 2, (3, b"three")), 60) for _ in range(3)))
    assert answers == ["OK"] * 3
    assert [seq for seq, _ in (await store.take("script", "a")).events] == [1, 2, 3]


async def test_a_write_whose_session_ends_meanwhile_keeps_nobody_waiting(store):
    await begun(store, "ends")
    going = [asyncio.create_task(store.write("ends", batch("a", 2, (3, b"three")), 60)) for _ in range(3)]
    await asyncio.sleep(0)
    going[1].cancel()
    assert [await going[0], await going[2]] == ["OK", "OK"]
    going = asyncio.create_task(store.write("ends", batch("a", 3, (4, b"four")), 60))
    await asyncio.sleep(0)
    await store.close()
    with pytest.raises((asyncio.CancelledError, StoreDown)):
        await going


async def test_a_store_that_is_not_there_is_down_and_the_message_names_no_address():
    store = RedisStore("redis://:secret@127.0.0.1:1/0", None, 60)
    with pytest.raises(StoreDown) as down:
        await asyncio.wait_for(store.meta("any"), 5)
    assert "secret" not in str(down.value)
    assert "127.0.0.1" not in str(down.value)
    await store.close()
