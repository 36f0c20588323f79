import asyncio
import threading

import pytest

from inference.batching import Batcher


class Engine:
    """Holds every batch until the test lets it go."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.began = threading.Semaphore(0)
        self.gate = threading.Semaphore(0)

    def __call__(self, items):
        self.batches.append(list(items))
        self.began.release()
        assert self.gate.acquire(timeout=10)
        if "bad" in items:
            raise ValueError("a bad item")
        return [item.upper() for item in items]

    async def begun(self) -> None:
        assert await asyncio.to_thread(self.began.acquire, timeout=10)


@pytest.fixture
async def engine():
    return Engine()


def batcher(engine, **options):
    return Batcher(engine, **{"max_batch": 8, "length": len, **options})


async def test_what_queued_while_the_device_was_busy_is_the_next_batch_urgent_ones_first(engine):
    queue = batcher(engine)
    first = queue.submit("a", session="1")
    await engine.begun()
    others = [
        queue.submit("b", session="2"),
        queue.submit("c", session="3", urgent=True),
        queue.submit("d", session="4"),
    ]
    engine.gate.release(2)
    results = await asyncio.gather(first.future, *(ticket.future for ticket in others))
    assert engine.batches == [["a"], ["c", "b", "d"]]
    assert [result.value for result in results] == ["A", "B", "C", "D"]
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


async def test_a_batch_holds_neighbours_in_length_of_one_kind_and_no_more_than_it_may(engine):
    queue = batcher(engine, max_batch=2, kind=str.isupper)
    queue.submit("x", session="0")
    await engine.begun()
    tickets = [queue.submit(item, session=item) for item in ("aaaa", "BBBB", "cccccc", "dddd", "eeeeeeeee")]
    engine.gate.release(5)
    await asyncio.gather(*(ticket.future for ticket in tickets))
    assert engine.batches == [["x"], ["aaaa", "cccccc"], ["BBBB"], ["dddd"], ["eeeeeeeee"]]
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


async def test_closing_drops_what_waits_and_lets_the_running_batch_end(engine):
    queue = batcher(engine)
    running, waiting = queue.submit("a", session="1"), queue.submit("b", session="2")
    await engine.begun()
    engine.gate.release(1)
    await queue.close()
    assert (await running.future).value == "A"
    assert waiting.future.cancelled()
