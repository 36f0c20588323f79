"""Spans of recordings take what live sessions leave."""

import asyncio

import pytest

from inference.batching import batcher as batcher_module
from inference.batching.waiting import Lane
from tests.inference.batching.test_batching import Engine, batcher


@pytest.fixture
async def engine():
    return Engine()


def files(queue, names: str) -> list:
    return [queue.submit(name, session=name, lane=Lane.FILE) for name in names]


async def test_everything_live_goes_before_a_recording_that_waited_longer(engine):
    queue = batcher(engine)
    queue.submit("x", session="0")
    await engine.begun()
    tickets = files(queue, "f")
    lanes = (("p", Lane.PARTIAL), ("r", Lane.RETRY), ("a", Lane.FINAL))
    tickets += [queue.submit(name, session=name, lane=lane) for name, lane in lanes]
    engine.gate.release(5)
    await asyncio.gather(*(ticket.future for ticket in tickets))
    assert engine.batches == [["x"], ["a"], ["r"], ["p"], ["f"]]
    await queue.close()


async def test_without_live_sessions_recordings_have_every_worker_and_whole_batches(engine):
    queue = batcher(engine, workers=2)
    first = files(queue, "a")
    await engine.begun()
    first += files(queue, "b")
    await engine.begun()
    rest = files(queue, "cdefghij")
    engine.gate.release(3)
    await asyncio.gather(*(ticket.future for ticket in first + rest))
    assert engine.batches == [["a"], ["b"], list("cdefghij")]
    await queue.close()


async def test_beside_live_sessions_a_recording_has_short_batches_and_leaves_a_worker_free(engine):
    queue = batcher(engine, workers=2)
    live = queue.submit("x", session="0")
    await engine.begun()
    waiting = files(queue, "abcdefgh")
    engine.gate.release(1)
    await live.future
    await engine.begun()
    assert engine.batches == [["x"], ["a", "b"]]  # a quarter of eight; the second worker has nothing
    final = queue.submit("y", session="0")
    await engine.begun()
    assert engine.batches[2:] == [["y"]]
    engine.gate.release(9)
    await asyncio.gather(final.future, *(ticket.future for ticket in waiting))
    assert engine.batches[3:] == [["c", "d"], ["e", "f"], ["g", "h"]]
    await queue.close()


async def test_beside_live_sessions_the_part_that_waited_longest_goes_before_a_larger_batch_of_another_length(engine):
    queue = batcher(engine, kind=str.isupper)
    live = queue.submit("x", session="0")
    await engine.begun()
    waiting = [queue.submit("A", session="A", lane=Lane.FILE, since=1.0), *files(queue, "bcd")]
    engine.gate.release(3)
    await asyncio.gather(live.future, *(ticket.future for ticket in waiting[:3]))
    assert engine.batches[:3] == [["x"], ["A"], ["b", "c"]]
    engine.gate.release(1)
    await waiting[3].future
    await queue.close()


async def test_a_recording_gets_everything_back_when_no_session_has_asked_for_a_while(engine, monkeypatch):
    queue = batcher(engine)
    live = queue.submit("x", session="0")
    await engine.begun()
    waiting = files(queue, "abcdefgh")
    monkeypatch.setattr(batcher_module, "LIVE_S", 0.0)
    engine.gate.release(2)
    await asyncio.gather(live.future, *(ticket.future for ticket in waiting))
    assert engine.batches == [["x"], list("abcdefgh")]
    await queue.close()
