import asyncio
import threading
import time

import pytest

from inference import waiting
from inference.batching import Batcher, DeviceError
from inference.waiting import Lane, Superseded


class Engine:
    """Holds every batch until the test lets it go."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.prepared: list[list[str | None]] = []
        self.began = threading.Semaphore(0)
        self.gate = threading.Semaphore(0)

    def __call__(self, items, prepared):
        self.batches.append(list(items))
        self.prepared.append(list(prepared))
        self.began.release()
        assert self.gate.acquire(timeout=10)
        if "bad" in items:
            raise ValueError("a bad item")
        if "fire" in items:
            raise DeviceError("the device burns: put it out")
        return [item.upper() for item in items]

    async def begun(self) -> None:
        assert await asyncio.to_thread(self.began.acquire, timeout=10)


@pytest.fixture
async def engine():
    return Engine()


def batcher(engine, **options):
    return Batcher(engine, **{"max_batch": 8, **options})


async def test_what_queued_while_the_device_was_busy_is_the_next_batch_finals_before_partials(engine):
    queue = batcher(engine)
    first = queue.submit("a", session="1")
    await engine.begun()
    others = [
        queue.submit("b", session="2", lane=Lane.PARTIAL),
        queue.submit("c", session="3"),
        queue.submit("d", session="4", lane=Lane.PARTIAL),
        queue.submit("e", session="5"),
    ]
    engine.gate.release(3)
    results = await asyncio.gather(first.future, *(ticket.future for ticket in others))
    assert engine.batches == [["a"], ["c", "e"], ["b", "d"]]
    assert [result.value for result in results] == ["A", "B", "C", "D", "E"]
    assert results[1].queue_ms > 0
    await queue.close()


async def test_a_session_gets_one_place_in_a_batch_and_its_items_keep_their_order(engine):
    queue = batcher(engine)
    queue.submit("x", session="0")
    await engine.begun()
    tickets = [queue.submit(item, session="1") for item in "ab"] + [queue.submit("c", session="2")]
    engine.gate.release(3)
    await asyncio.gather(*(ticket.future for ticket in tickets))
    assert engine.batches == [["x"], ["a", "c"], ["b"]]
    await queue.close()


async def test_a_session_that_talks_without_pause_does_not_starve_the_others(engine):
    queue = batcher(engine, max_batch=2)
    queue.submit("x", session="0")
    await engine.begun()
    talker = [queue.submit(f"t{i}", session="talker") for i in range(4)]
    others = [queue.submit(name, session=name) for name in ("a", "b", "c")]
    engine.gate.release(6)
    await asyncio.gather(*(ticket.future for ticket in (*talker, *others)))
    assert engine.batches == [["x"], ["t0", "a"], ["t1", "b"], ["t2", "c"], ["t3"]]
    await queue.close()


async def test_a_batch_holds_one_kind_and_no_more_than_it_may(engine):
    queue = batcher(engine, max_batch=2, kind=len)
    queue.submit("x", session="0")
    await engine.begun()
    tickets = [queue.submit(item, session=item) for item in ("aaa", "bb", "ccc", "ddd", "ee")]
    engine.gate.release(5)
    await asyncio.gather(*(ticket.future for ticket in tickets))
    assert engine.batches == [["x"], ["aaa", "ccc"], ["bb", "ee"], ["ddd"]]
    await queue.close()


async def test_the_kind_that_most_sessions_wait_for_goes_first_until_the_oldest_has_waited_long_enough(
    engine, monkeypatch
):
    def submitted(queue):
        items = ("c", "aa", "bbb", "ddd", "ee", "fff")
        return [queue.submit(item, session=item) for item in items]

    for patience_s, expected in (
        (60.0, [["bbb", "ddd", "fff"], ["aa", "ee"], ["c"]]),
        (0.0, [["c"], ["aa", "ee"], ["bbb", "ddd", "fff"]]),
    ):
        monkeypatch.setattr(waiting, "CROWD_PATIENCE_S", patience_s)
        queue, before = batcher(engine, kind=len), len(engine.batches)
        queue.submit("xxxx", session="0")
        await engine.begun()
        tickets = submitted(queue)
        engine.gate.release(4)
        await asyncio.gather(*(ticket.future for ticket in tickets))
        assert engine.batches[before + 1 :] == expected
        await queue.close()


async def test_one_session_alone_is_no_crowd(engine):
    queue = batcher(engine, kind=len)
    queue.submit("xxx", session="0")
    await engine.begun()
    talker = [queue.submit(item, session="talker") for item in ("aa", "bb", "cc")]
    others = [queue.submit(item, session=item) for item in ("d", "e")]
    engine.gate.release(5)
    await asyncio.gather(*(ticket.future for ticket in (*talker, *others)))
    assert engine.batches[1] == ["d", "e"]
    await queue.close()


async def test_a_newer_partial_takes_the_place_of_the_older_one_of_its_session(engine):
    queue = batcher(engine, max_batch=1)
    queue.submit("x", session="0")
    await engine.begun()
    older = queue.submit("old", session="1", lane=Lane.PARTIAL)
    other = queue.submit("other", session="2", lane=Lane.PARTIAL)
    newer = queue.submit("new", session="1", lane=Lane.PARTIAL)
    assert queue.waiting == 2
    assert queue.holds("1")
    with pytest.raises(Superseded):
        await older.future
    engine.gate.release(3)
    await asyncio.gather(other.future, newer.future)
    assert engine.batches == [["x"], ["new"], ["other"]], "in its place, not behind the others"
    await queue.close()


async def test_a_partial_that_has_begun_is_not_replaced(engine):
    queue = batcher(engine)
    begun = queue.submit("old", session="1", lane=Lane.PARTIAL)
    await engine.begun()
    newer = queue.submit("new", session="1", lane=Lane.PARTIAL)
    engine.gate.release(2)
    assert [(await ticket.future).value for ticket in (begun, newer)] == ["OLD", "NEW"]
    await queue.close()


async def test_second_tries_never_share_a_batch_with_finals_and_let_them_pass_but_not_for_ever(engine, monkeypatch):
    queue = batcher(engine)
    queue.submit("x", session="0")
    await engine.begun()
    tickets = [
        queue.submit("again", session="1", lane=Lane.RETRY),
        queue.submit("final", session="2"),
        queue.submit("partial", session="3", lane=Lane.PARTIAL),
    ]
    engine.gate.release(4)
    await asyncio.gather(*(ticket.future for ticket in tickets))
    assert engine.batches == [["x"], ["final"], ["again"], ["partial"]]
    monkeypatch.setattr(waiting, "RETRY_PATIENCE_S", -1.0)
    queue.submit("y", session="0")
    for _ in range(4):  # the three above, and this one
        await engine.begun()
    tickets = [queue.submit("again", session="1", lane=Lane.RETRY), queue.submit("final", session="2")]
    engine.gate.release(3)
    await asyncio.gather(*(ticket.future for ticket in tickets))
    assert engine.batches[4:] == [["y"], ["again"], ["final"]]
    await queue.close()


async def test_of_second_tries_that_are_due_the_one_whose_first_try_is_oldest_goes_first(engine, monkeypatch):
    monkeypatch.setattr(waiting, "RETRY_PATIENCE_S", 0.0)
    queue = batcher(engine, max_batch=1)
    queue.submit("x", session="0")
    await engine.begun()
    asked = [time.monotonic() - age_s for age_s in (1.0, 3.0, 2.0)]
    tickets = [
        queue.submit(name, session=name, lane=Lane.RETRY, since=at) for name, at in zip("abc", asked, strict=True)
    ]
    tickets.append(queue.submit("d", session="d"))
    engine.gate.release(5)
    await asyncio.gather(*(ticket.future for ticket in tickets))
    assert engine.batches[1:] == [["b"], ["c"], ["a"], ["d"]]
    await queue.close()


async def test_work_for_a_caller_who_has_gone_never_reaches_the_device(engine):
    queue = batcher(engine)
    running = queue.submit("a", session="1")
    await engine.begun()
    gone = asyncio.create_task(queue.run("b", session="2"))
    await asyncio.sleep(0)
    gone.cancel()
    stays = queue.submit("c", session="3")
    assert stays.cancel()
    assert not running.cancel(), "its batch has begun"
    engine.gate.release(1)
    assert (await running.future).value == "A"
    await queue.close()
    assert engine.batches == [["a"]]


async def test_a_failing_item_fails_alone(engine):
    queue = batcher(engine)
    queue.submit("x", session="0")
    await engine.begun()
    good, bad = queue.submit("fin", session="1"), queue.submit("bad", session="2")
    engine.gate.release(4)
    assert (await good.future).value == "FIN"
    with pytest.raises(ValueError, match="a bad item"):
        await bad.future
    assert engine.batches[1:] == [["fin", "bad"], ["fin"], ["bad"]]
    await queue.close()


async def test_as_many_batches_run_at_once_as_there_are_workers(engine):
    queue = batcher(engine, workers=2)
    tickets = [queue.submit(item, session=item) for item in "abc"]
    await engine.begun()
    await engine.begun()
    assert engine.batches == [["a"], ["b"]]
    assert queue.waiting == 1
    engine.gate.release(3)
    await asyncio.gather(*(ticket.future for ticket in tickets))
    await queue.close()


async def test_the_next_batch_is_prepared_while_the_device_is_busy_and_a_free_device_waits_for_nothing(engine):
    made = threading.Semaphore(0)

    def prepare(items):
        made.release()
        return [f"<{item}>" for item in items]

    queue = batcher(engine, prepare=prepare)
    first = queue.submit("a", session="1")
    await engine.begun()
    second = queue.submit("b", session="2")
    assert await asyncio.to_thread(made.acquire, timeout=10), "while the first is still on the device"
    await asyncio.gather(*(task for task in queue._tasks if task is queue._preparing))
    engine.gate.release(2)
    await asyncio.gather(first.future, second.future)
    assert engine.prepared == [[None], ["<b>"]]
    await queue.close()


async def test_what_cannot_be_prepared_still_reaches_the_engine_which_tells_why(engine):
    def prepare(items):
        raise ValueError("no mel of nothing")

    queue = batcher(engine, prepare=prepare)
    first = queue.submit("a", session="1")
    await engine.begun()
    second = queue.submit("bad", session="2")
    engine.gate.release(2)
    await first.future
    with pytest.raises(ValueError, match="a bad item"):
        await second.future
    assert engine.prepared == [[None], [None]]
    await queue.close()


async def test_a_failing_device_fails_its_batch_is_started_anew_and_takes_up_what_waits(engine):
    back, began = asyncio.Event(), asyncio.Event()

    async def restart():
        began.set()
        await back.wait()

    queue = batcher(engine, restart=restart)
    burning = queue.submit("fire", session="1")
    await engine.begun()
    waiting = queue.submit("b", session="2")
    engine.gate.release(2)
    with pytest.raises(DeviceError, match="put it out"):
        await burning.future
    await began.wait()
    assert not queue.up
    assert queue.failed is None
    later = queue.submit("c", session="3")
    assert engine.batches == [["fire"]], "nothing is started meanwhile"
    back.set()
    assert [(await ticket.future).value for ticket in (waiting, later)] == ["B", "C"]
    assert queue.up
    await queue.close()


async def test_a_device_that_fails_again_is_given_up_and_everybody_is_told(engine):
    restarts = []

    async def restart():
        restarts.append(1)

    queue = batcher(engine, restart=restart)
    engine.gate.release(2)
    for _ in range(2):
        with pytest.raises(DeviceError):
            await queue.run("fire", session="1")
        await asyncio.gather(*queue._tasks)
    assert restarts == [1]
    assert queue.failed is not None
    with pytest.raises(DeviceError, match="put it out"):
        await queue.run("a", session="2")
    await queue.close()


async def test_a_device_that_does_not_come_back_fails_what_waits(engine):
    async def restart():
        raise OSError("still burning")

    queue = batcher(engine, restart=restart)
    burning = queue.submit("fire", session="1")
    await engine.begun()
    waiting = queue.submit("b", session="2")
    engine.gate.release(1)
    with pytest.raises(DeviceError):
        await burning.future
    with pytest.raises(DeviceError, match="did not come back"):
        await waiting.future
    await queue.close()


async def test_closing_drops_what_waits_and_lets_the_running_batch_end(engine):
    queue = batcher(engine)
    running, waiting = queue.submit("a", session="1"), queue.submit("b", session="2")
    await engine.begun()
    engine.gate.release(1)
    await queue.close()
    assert (await running.future).value == "A"
    assert waiting.future.cancelled()
