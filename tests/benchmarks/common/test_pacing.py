"""The paced sender, on a clock that the test moves."""

import asyncio
from types import SimpleNamespace

import pytest

from benchmarks.common import pacing
from benchmarks.common.pacing import cut, paced

BYTES_PER_S = 10


@pytest.fixture
def clock(monkeypatch):
    """A monotonic clock at 100 s; sleeping moves it and is noted."""
    now = SimpleNamespace(s=100.0, slept=[])

    async def sleep(seconds: float) -> None:
        now.slept.append(seconds)
        now.s += seconds

    monkeypatch.setattr(pacing, "time", SimpleNamespace(monotonic=lambda: now.s))
    monkeypatch.setattr(pacing, "asyncio", SimpleNamespace(sleep=sleep))
    return now


async def test_a_chunk_is_due_when_its_last_sample_has_been_spoken(clock):
    found = [(due, clock.s, chunk) async for due, chunk in paced([b"x" * 10, b"y" * 5], BYTES_PER_S)]
    assert found == [(101.0, 101.0, b"x" * 10), (101.5, 101.5, b"y" * 5)]


async def test_a_slow_caller_gets_the_next_chunk_at_once_and_moves_none(clock):
    dues = []
    async for due, _ in paced([b"x" * 10] * 3, BYTES_PER_S, began=100.0):
        dues.append(due)
        clock.s += 1.5 if due == 101.0 else 0.0
    assert dues == [101.0, 102.0, 103.0]
    assert clock.slept == [1.0, 0.0, 0.5]


async def test_speed_shortens_the_waits_and_none_leaves_them_out(clock):
    assert [due async for due, _ in paced([b"x" * 10] * 2, BYTES_PER_S, 100.0, speed=4.0)] == [100.25, 100.5]
    assert [due async for due, _ in paced([b"x" * 10] * 2, BYTES_PER_S, 100.0, speed=None)] == [100.5, 100.5]


async def test_a_caller_that_is_cancelled_ends_the_sending(clock, monkeypatch):
    monkeypatch.setattr(pacing, "asyncio", asyncio)
    sent = []

    async def speak() -> None:
        async for _, chunk in paced([b"x"] * 5, 1.0, began=1e9):
            sent.append(chunk)

    speaking = asyncio.create_task(speak())
    await asyncio.sleep(0)
    speaking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await speaking
    assert sent == []


def test_data_is_cut_into_the_given_sizes_and_the_last_one_repeats():
    assert cut(b"abcdefgh", 1, 3) == [b"a", b"bcd", b"efg", b"h"]
    assert cut(b"", 2) == []
