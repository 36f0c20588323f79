"""The journal between a held log and a store whose answers the test gives, one at a time."""

import asyncio

import pytest

from inference.audio.decoding import DecoderState
from inference.stream import Checkpoint
from inference.stream.checkpoint import Place
from server.sessions.events import EventLog
from server.store.journal import Journal
from server.store.stored import Batch, StoreDown


class SteppedStore:
    """Keeps the batches, and answers when the test says so; an exception is raised."""

    retention_s = 60.0

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.asked: asyncio.Queue[Batch] = asyncio.Queue()
        self.answers: asyncio.Queue = asyncio.Queue()

    async def write(self, session_id, batch, keep_s):
        self.batches.append(batch)
        self.asked.put_nowait(batch)
        answer = await self.answers.get()
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def standing(self, session_id, writer):
        answer = await self.answers.get()
        if isinstance(answer, Exception):
            raise answer
        return answer


def at(mark: int) -> Checkpoint:
    return Checkpoint(Place(decoder=DecoderState(mark, mark)))


class Case:
    def __init__(self, monkeypatch) -> None:
        monkeypatch.setattr("server.store.journal.FIRST_RETRY_S", 0.0)
        monkeypatch.setattr("server.store.journal.LAST_RETRY_S", 0.0)
        self.store, self.log, self.notices, self.lost = SteppedStore(), EventLog(held=True), [], []
        self.journal = Journal(
            self.store, "s", "w", b"declared", self.log, lambda code, _: self.notices.append(code), self.lost.append
        )
        self.heard: list[bytes] = []

    async def __aenter__(self):
        self.tasks = [asyncio.create_task(self.journal.run()), asyncio.create_task(self._read())]
        return self

    async def __aexit__(self, *_):
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def _read(self):
        async for text in self.log.follow(0):
            self.heard.append(text)

    async def answer(self, *answers):
        for answer in answers:
            await self.store.asked.get()
            self.store.answers.put_nowait(answer)
        for _ in range(5):
            await asyncio.sleep(0)


@pytest.fixture
def case(monkeypatch):
    return Case(monkeypatch)


async def test_an_event_reaches_its_reader_when_it_is_stored_and_not_before(case):
    async with case:
        case.log.append("marker", id=1)
        await case.store.asked.get()
        await asyncio.sleep(0)
        assert case.heard == []
        case.store.answers.put_nowait("OK")
        assert await case.journal.settle(5)
        await asyncio.sleep(0)
        assert len(case.heard) == 1


async def test_a_checkpoint_is_stored_in_one_step_with_the_events_before_it_and_then_moves_the_mark(case):
    async with case:
        case.log.append("marker", id=1)
        case.journal.keep(at(48_000))
        assert case.journal.durable_samples == 0
        await case.answer("OK")
        (batch,) = case.store.batches
        assert len(batch.events) == 1
        assert batch.checkpoint is not None
        assert batch.meta == b"declared"
        assert case.journal.durable_samples == 48_000


async def test_while_the_store_is_away_events_are_sent_the_mark_stands_and_all_is_stored_later(case):
    async with case:
        case.log.append("marker", id=1)
        case.journal.keep(at(16_000))
        await case.answer(StoreDown("away"))
        assert case.notices == ["store_behind"]
        assert len(case.heard) == 1
        case.log.append("marker", id=2)
        assert case.journal.durable_samples == 0
        await case.answer(StoreDown("still"), "OK")
        assert await case.journal.settle(5)
        assert case.notices == ["store_behind", "store_caught_up"]
        assert [seq for seq, _ in case.store.batches[-1].events] == [1, 2]
        assert case.journal.durable_samples == 16_000


async def test_a_store_that_was_emptied_gets_everything_again(case):
    async with case:
        case.log.append("marker", id=1)
        case.journal.keep(at(16_000))
        await case.answer("OK")
        case.log.append("marker", id=2)
        await case.answer("GONE", "OK")
        last = case.store.batches[-1]
        assert (last.meta, [seq for seq, _ in last.events]) == (b"declared", [1, 2])
        assert last.checkpoint is not None
        assert case.notices[0] == "store_behind"


async def test_a_store_that_lost_its_newest_events_gets_these_again(case):
    async with case:
        for number in (1, 2, 3):
            case.log.append("marker", id=number)
            await case.answer("OK")
        case.log.append("marker", id=4)
        await case.answer(2, "OK")
        assert [seq for seq, _ in case.store.batches[-1].events] == [3, 4]


@pytest.mark.parametrize("why", ["TAKEN", "ERASED"])
async def test_a_session_that_is_another_writers_or_erased_is_left_and_its_event_is_not_sent(case, why):
    async with case:
        case.log.append("marker", id=1)
        await case.answer(why)
        assert case.lost == [why]
        assert case.heard == []


async def test_the_token_is_not_stored_and_the_journal_ends_with_its_log(case):
    case.journal._redact = lambda text: text.replace(b"SECRET", b"")
    async with case:
        case.log.append("session_started", resume_token="SECRET")
        case.log.close()
        await case.answer("OK")
        await case.tasks[0]
        assert b"SECRET" not in case.store.batches[0].events[0][1]
        assert b"SECRET" in case.heard[0]


async def test_the_last_word_of_a_session_that_was_erased_is_sent_and_not_stored(case):
    async with case:
        case.log.append("session_stopped", reason="withdrawn")
        case.log.close()
        await case.answer("ERASED")
        assert case.lost == []
        assert len(case.heard) == 1


@pytest.mark.parametrize(
    ("answer", "mine", "lost"),
    [("OK", True, []), ("TAKEN", False, ["TAKEN"]), ("ERASED", False, ["ERASED"]), (StoreDown("away"), True, [])],
)
async def test_a_session_is_lost_that_was_taken_or_erased_elsewhere_and_not_while_the_store_is_away(
    monkeypatch, answer, mine, lost
):
    case = Case(monkeypatch)
    case.store.answers.put_nowait(answer)
    assert await case.journal.mine() is mine
    assert case.lost == lost
