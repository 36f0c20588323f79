import asyncio
import json

import pytest

from server.sessions.events import NEWEST_REFUSALS, PASSING, EventLog


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


async def test_of_the_old_events_only_passing_ones_and_replaced_partials_are_dropped_and_no_seq_changes():
    log = EventLog(newest=10)
    written = _consultation(log, segments=40)
    log.close()
    read = [json.loads(text) async for text in log.follow(0)]
    newest = [event for event in written if event["seq"] > len(log) - 10]
    lasting = [event for event in written if event["type"] not in PASSING and not _is_partial(event)]
    assert [event for event in read if event in lasting] == lasting, "in order, each once"
    assert [event for event in read if event in newest] == newest
    assert len(read) < len(lasting) + 10 + 10, "what is neither is gone, but for the stride"


async def test_a_partial_that_was_never_replaced_stays():
    log = EventLog(newest=4)
    log.append("transcript", segment={"id": "s1", "final": False, "text": "the last word on it"})
    for _ in range(50):
        log.append("progress")
    log.close()
    assert (await _read(log, 0))[0] == (1, "transcript")


async def test_a_resume_from_any_old_seq_gets_the_rest_in_order():
    log = EventLog(newest=10)
    _consultation(log, segments=20)
    log.close()
    everything = await _read(log, 0)
    for after in range(len(log) + 1):
        assert await _read(log, after) == [event for event in everything if event[0] > after]


async def test_a_reader_that_is_slower_than_the_log_is_swept_misses_nothing_that_lasts():
    log = EventLog(newest=10)
    reader = log.follow(0)
    log.append("session_started")
    read = [json.loads(await anext(reader))]
    written = _consultation(log, segments=30)
    log.close()
    read += [json.loads(text) async for text in reader]
    lasting = [event for event in written if event["type"] not in PASSING and not _is_partial(event)]
    assert [event for event in read[1:] if event in lasting] == lasting
    assert [event["seq"] for event in read] == sorted(event["seq"] for event in read)


def test_a_log_grows_with_what_was_said_and_not_with_how_it_was_cut():
    sizes = []
    for chunks_a_segment in (2, 40):
        log = EventLog(newest=20)
        _consultation(log, segments=50, partials=chunks_a_segment)
        sizes.append(len(log._texts))
    assert sizes[1] <= sizes[0] + 20


async def test_of_refusals_only_the_newest_few_are_kept_and_nothing_else_is_lost():
    log = EventLog(newest=10)
    lasting = []
    for number in range(100):
        log.refuse(code="not_json")
        lasting.append(log.append("error", code="asr_failed", number=number))
    log.close()
    read = [json.loads(text) async for text in log.follow(0)]
    assert [event["seq"] for event in read if event["code"] == "asr_failed"] == lasting
    assert sum(event["code"] == "not_json" for event in read) == NEWEST_REFUSALS
    assert [event["seq"] for event in read] == sorted(event["seq"] for event in read)


async def test_a_refusal_that_is_held_reaches_its_client_before_it_makes_room_for_newer_ones():
    log = EventLog(held=True)
    for _ in range(NEWEST_REFUSALS + 3):
        log.refuse(code="not_json")
    reader = asyncio.create_task(_read(log, 0))
    log.release(len(log))
    log.close()
    assert len(await reader) == NEWEST_REFUSALS + 3
    again = EventLog(held=True)
    for number in range(NEWEST_REFUSALS + 3):
        again.refuse(code="not_json")
        again.release(number)
    again.refuse(code="not_json")
    assert len(again.kept()) == NEWEST_REFUSALS, "what was sent makes room for what is held"


def _consultation(log: EventLog, segments: int, partials: int = 3) -> list[dict]:
    """Chunks of a consultation as a session writes them: partials and progress, finals, findings, now and then more."""
    written = []

    def write(type_: str, **fields: object) -> None:
        seq = log.append(type_, **fields)
        written.append({"type": type_, "seq": seq, **fields})

    for number in range(segments):
        for words in range(partials):
            segment = {"id": f"s{number}", "final": False, "text": f"{words} words so far"}
            write("transcript", segment=segment)
            write("progress", received_samples=number)
        write("transcript", segment={"id": f"s{number}", "final": True, "text": "all of it"})
        write("extraction", revision=number, ops=[])
        if number % 7 == 0:
            write("marker", id=number)
            write("error", code="partial_failed", message="", fatal=False)
    return written


def _is_partial(event: dict) -> bool:
    return event["type"] == "transcript" and not event["segment"]["final"]


async def _read(log: EventLog, after: int) -> list[tuple[int, str]]:
    events = [json.loads(text) async for text in log.follow(after)]
    return [(event["seq"], event["type"]) for event in events]
