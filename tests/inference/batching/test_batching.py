import asyncio
import threading
import time

import pytest

from inference.batching import waiting
from inference.batching.batcher import Batcher
from inference.batching.waiting import Lane, Superseded
from inference.device.faults import DeviceError, OutOfMemory
from tests.support.live import until


class Engine:
    """Holds every batch until the test lets it go."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.prepared: list[list[str | None]] = []
        self.began = threading.Semaphore(0)
        self.gate = threading.Semaphore(0)
        self.fits = 100

    def __call__(self, items, prepared):
        self.batches.append(list(items))
        self.prepared.append(list(prepared))
        self.began.release()
        assert self.gate.acquire(timeout=10)
        if len(items) > self.fits:
            raise OutOfMemory("the device's memory ran out")
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
    queue.submit("c", session="3").future.cancel()
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


async def test_a_batch_that_does_not_fit_runs_in_parts_and_later_batches_of_its_kind_are_no_larger(engine):
    ran_out = []
    queue = batcher(engine, kind=str.isupper, out_of_memory=lambda: ran_out.append(1))
    engine.fits = 2
    queue.submit("x", session="0")
    await engine.begun()
    tickets = [queue.submit(item, session=item) for item in "abcde"]
    engine.gate.release(5)
    assert [(await ticket.future).value for ticket in tickets] == list("ABCDE"), "nothing is lost"
    assert engine.batches[1:] == [["a", "b", "c", "d", "e"], ["a", "b"], ["c", "d"], ["e"]]
    assert (len(ran_out), queue.batch_limit, queue.up) == (1, 2, True)
    queue.submit("x", session="0")
    for _ in range(5):
        await engine.begun()
    engine.fits = 100
    tickets = [queue.submit(item, session=item) for item in ("f", "g", "h", "A", "B", "C")]
    engine.gate.release(4)
    await asyncio.gather(*(ticket.future for ticket in tickets))
    assert engine.batches[-3:] == [["f", "g"], ["A", "B", "C"], ["h"]], "another kind has a limit of its own"
    await queue.close()


async def test_an_item_that_does_not_fit_beside_other_batches_runs_alone(engine):
    restarts = []

    async def restart():
        restarts.append(1)

    queue = batcher(engine, workers=2, restart=restart)
    engine.fits = 0
    first = queue.submit("a", session="1")
    await engine.begun()
    beside = queue.submit("b", session="2")
    await engine.begun()
    engine.gate.release(1)
    await until(lambda: queue.batch_limit == 1)
    waiting = queue.submit("c", session="3")
    assert len(engine.batches) == 2, "one batch at a time from now on"
    engine.fits = 8
    engine.gate.release(3)
    results = await asyncio.gather(first.future, beside.future, waiting.future)
    assert sorted(result.value for result in results) == ["A", "B", "C"]
    assert restarts == []
    await queue.close()


async def test_an_item_that_does_not_fit_alone_is_a_fault_of_the_device(engine):
    restarts = []

    async def restart():
        restarts.append(1)

    queue = batcher(engine, restart=restart)
    engine.fits = 0
    engine.gate.release(2)
    for _ in range(2):
        with pytest.raises(OutOfMemory):
            await queue.run("a", session="1")
        await asyncio.gather(*queue._tasks)
    assert restarts == [1]
    assert queue.gone.is_set()
    await queue.close()


async def test_a_partial_that_did_not_fit_gives_way_to_a_newer_one_of_its_session(engine):
    queue = batcher(engine)
    engine.fits = 1
    queue.submit("x", session="0")
    await engine.begun()
    older = queue.submit("old", session="1", lane=Lane.PARTIAL)
    other = queue.submit("other", session="2", lane=Lane.PARTIAL)
    engine.gate.release(1)
    await engine.begun()
    newer = queue.submit("new", session="1", lane=Lane.PARTIAL)
    engine.gate.release(3)
    with pytest.raises(Superseded):
        await older.future
    assert [(await ticket.future).value for ticket in (other, newer)] == ["OTHER", "NEW"]
    await queue.close()


async def test_a_queue_that_closes_while_a_batch_does_not_fit_leaves_nobody_waiting(engine):
    queue = batcher(engine)
    engine.fits = 1
    queue.submit("x", session="0")
    await engine.begun()
    tickets = [queue.submit(item, session=item) for item in "ab"]
    engine.gate.release(1)
    await engine.begun()
    closing = asyncio.create_task(queue.close())
    await asyncio.sleep(0)
    engine.gate.release(1)
    await closing
    assert all(ticket.future.cancelled() for ticket in tickets)


async def test_a_device_that_takes_too_long_to_come_back_is_given_up(engine):
    async def restart():
        await asyncio.Event().wait()

    queue = batcher(engine, restart=restart, restart_limit_s=0.01)
    burning = queue.submit("fire", session="1")
    engine.gate.release(1)
    with pytest.raises(DeviceError):
        await burning.future
    await queue.gone.wait()
    assert "did not come back (TimeoutError)" in str(queue.failed)
    await queue.close()
