"""What was said and not noted, with a real model as the one that lists the facts. It shows the mechanics alone: what so
small a model lists is of no worth."""

import asyncio

import pytest

from benchmarks.vllm import counters as vllm_counters
from inference.extraction import ExtractionRequest, Listed
from inference.extraction.live import LiveExtraction
from inference.findings import Proposal
from inference.timing import Timings
from inference.updates import Fault, Omissions, Update
from tests.support.consultation import segments
from tests.support.live import serving
from tests.vllm.consultations import DIALOGUES
from tests.vllm.speaking import WAITING, LineAsr, pipeline
from tests.vllm.waiting import until
from tests.vllm.watched import Watched


class Listing(Watched):
    """Is asked for the facts at the end alone, and keeps what it listed."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.listed: list[Proposal] = []

    async def extract(self, consultation: ExtractionRequest) -> list[Proposal]:
        return []

    async def list_facts(self, consultation: ExtractionRequest) -> Listed:
        listed = await super().list_facts(consultation)
        self.listed += listed.facts
        return listed


class Consultation:
    def __init__(self, model: Listing) -> None:
        self.updates: list[Update] = []
        self.live = LiveExtraction([model], self.updates.append)

    async def hear(self, lines: tuple[str, ...]) -> "Consultation":
        for segment in segments(*lines):
            await self.live.add(segment, Timings())
        return self

    @property
    def told(self) -> list[Omissions]:
        return [update for update in self.updates if isinstance(update, Omissions)]


@pytest.mark.parametrize("number", range(2))
async def test_the_facts_obey_their_schema_and_only_what_the_words_prove_is_offered(vllm, number):
    model = Listing(vllm.url)
    heard = await Consultation(model).hear(DIALOGUES[number])
    await heard.live.compare(600, asked=True)
    await model.close()
    assert [update for update in heard.updates if isinstance(update, Fault)] == []
    assert model.lists == 1
    said = {segment.id: segment.text for segment in segments(*DIALOGUES[number])}
    offered = [evidence for item in heard.told[-1].items for evidence in item.evidence]
    assert all(said[one.segment][one.start : one.end] == one.quote for one in offered)
    assert len(heard.told[-1].items) <= len(model.listed)


async def test_the_end_does_not_wait_for_a_slow_list_which_is_told_when_it_is_there(vllm):
    model = Listing(vllm.url)
    await model.start()
    heard = await Consultation(model).hear(DIALOGUES[0])

    async def listed() -> bool:
        return bool(model.lists)

    async with asyncio.timeout(20):
        await heard.live.compare(0.01, asked=True)
    assert heard.told[-1].items == ()
    assert not model.lists
    await until(listed)
    await heard.live.compare(600, asked=True)
    await model.close()
    assert model.lists == 1, "the same finals were listed twice"


async def test_a_session_that_ends_gives_the_place_of_its_list_back(vllm):
    model = Listing(vllm.url)
    await model.start()
    heard = await Consultation(model).hear(DIALOGUES[1])
    running = asyncio.create_task(heard.live.run())

    async def asked() -> bool:
        return (await vllm_counters.read(vllm.root)).running > 0

    async def free() -> bool:
        now = await vllm_counters.read(vllm.root)
        return now.running == now.waiting == 0

    await until(free)
    await heard.live.compare(0.01)
    await until(asked)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await until(free, limit_s=20)
    await model.close()
    assert not model.lists


async def test_over_the_wire_the_comparison_with_a_model_ends_without_a_fault_and_quotes_what_was_said(vllm):
    lines = [line[3:] for line in DIALOGUES[2][:4]]
    asr, model = LineAsr(lines), Watched(vllm.url)

    async def read() -> bool:
        return model.read(lines[0]) == len(lines)

    async def listed() -> bool:
        return bool(model.lists)

    async with serving(pipeline(asr, model), **WAITING) as server, server.connect() as client:
        await client.start()
        for line in lines:
            await client.say(asr.spoken(line))
        await until(read)
        await client.say({"type": "review_note", "request": 1})
        assert (await client.hear("omissions"))["request"] == 1
        await until(listed)
        await client.say({"type": "review_note", "request": 2})
        while (told := await client.hear("omissions")).get("request") != 2:
            pass
        await client.finish()
    assert [event for event in client.events if event["type"] == "error"] == []
    said = {e["segment"]["id"]: e["segment"]["text"] for e in client.events if e["type"] == "transcript"}
    quotes = [evidence for item in told["items"] for evidence in item["evidence"]]
    assert all(said[one["segment"]][one["start"] : one["end"]] == one["quote"] for one in quotes)
