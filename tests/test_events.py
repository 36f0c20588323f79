import asyncio
import json

import pytest

from server.events import EventLog


async def test_events_are_numbered_from_one_and_every_reader_gets_each_once():
    log = EventLog()
    readers = [asyncio.create_task(_read(log, after)) for after in (0, 0, 1)]
    for name in "abc":
        log.append(name)
        await asyncio.sleep(0)
    log.close()
    assert [await reader for reader in readers] == [[(1, "a"), (2, "b"), (3, "c")]] * 2 + [[(2, "b"), (3, "c")]]
    assert await _read(log, 2) == [(3, "c")], "a reader that comes after the end gets the rest"
    assert len(log) == 3


async def test_a_reader_waits_for_what_is_still_to_come():
    log = EventLog()
    reader = asyncio.create_task(_read(log, 0))
    await asyncio.sleep(0)
    assert not reader.done()
    log.append("late", value="é")
    log.close()
    assert await reader == [(1, "late")]


def test_nothing_follows_the_last_event():
    log = EventLog()
    log.close()
    with pytest.raises(AssertionError):
        log.append("more")


async def _read(log: EventLog, after: int) -> list[tuple[int, str]]:
    events = [json.loads(text) async for text in log.follow(after)]
    return [(event["seq"], event["type"]) for event in events]
