"""Where a batch of one takes as long as a batch of many, partials let finals pass only for so long."""

import asyncio

import pytest

from inference.asr.recognition import PATIENCE, Recogniser
from inference.batching import waiting
from inference.batching.waiting import Lane
from inference.config import ASR_DEFAULTS
from tests.inference.batching.test_batching import Engine, batcher

FINAL, RETRY, PARTIAL, FILE = Lane.FINAL, Lane.RETRY, Lane.PARTIAL, Lane.FILE


@pytest.fixture
async def engine():
    return Engine()


async def served(engine, queued: list[tuple[str, Lane, float]], **options) -> list[list[str]]:
    """The batches in which items are served; each is (name, lane, since), and its kind is the case of its name."""
    queue = batcher(engine, kind=str.isupper, **options)
    blocking = queue.submit("x", session="x")
    await engine.begun()
    now = blocking.queued_at
    tickets = [queue.submit(name, session=name, lane=lane, since=now + since) for name, lane, since in queued]
    engine.gate.release(1 + len(queued))
    await asyncio.gather(*(ticket.future for ticket in tickets))
    await queue.close()
    return engine.batches[1:]


async def test_a_partial_that_has_waited_long_enough_goes_before_a_final_that_came_later(engine):
    queued = [("p", PARTIAL, -0.4), ("q", PARTIAL, 0.0), ("A", FINAL, 0.0)]
    assert await served(engine, queued, patience={PARTIAL: 0.3}) == [["p", "q"], ["A"]]


async def test_a_final_goes_before_a_partial_whose_patience_has_not_ended(engine):
    queued = [("p", PARTIAL, -0.2), ("A", FINAL, 0.0)]
    assert await served(engine, queued, patience={PARTIAL: 0.3}) == [["A"], ["p"]]


async def test_without_patience_every_final_goes_before_every_partial(engine):
    assert await served(engine, [("p", PARTIAL, -0.9), ("A", FINAL, 0.0)]) == [["A"], ["p"]]


async def test_second_tries_share_the_batch_of_finals_of_their_kind(engine):
    queued = [("a", FINAL, 0.0), ("B", FINAL, 0.01), ("c", RETRY, 0.0)]
    assert await served(engine, queued, patience=PATIENCE) == [["a", "c"], ["B"]]


async def test_what_has_no_patience_entered_and_recordings_come_last(engine):
    queued = [("f", FILE, -9.0), ("R", RETRY, -5.0), ("p", PARTIAL, 0.0)]
    assert await served(engine, queued, patience={PARTIAL: 0.3}) == [["p"], ["R"], ["f"]]


async def test_when_a_final_is_late_all_finals_go_first(engine, monkeypatch):
    monkeypatch.setattr(waiting, "LATE_S", -1.0)  # any final has waited longer
    queued = [("p", PARTIAL, -2.0), ("A", FINAL, 0.0)]
    assert await served(engine, queued, patience={PARTIAL: 0.3}) == [["A"], ["p"]]


@pytest.mark.parametrize(("device", "patience"), [("cpu", {}), ("cuda", PATIENCE)])
async def test_lanes_take_turns_on_a_gpu_alone(engine, device, patience):
    engine.transcribe = engine.prepare = engine.restart = engine
    recogniser = Recogniser(engine, ASR_DEFAULTS[device])
    assert recogniser.queue._patience == patience
    await recogniser.close()
