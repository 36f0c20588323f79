"""Answers under the schema, all of them."""

import asyncio
import os
from collections import Counter

from benchmarks.vllm import counters as vllm_counters
from inference.extraction import ExtractionError, ExtractionRequest
from tests.vllm.consultations import DIALOGUES, requests
from tests.vllm.watched import Watched

AT_ONCE = 8
EVERY = int(os.environ.get("TEST_VLLM_EVERY", "1"))
"""Of the 200 requests, every how manyth is asked: all of them unless time is short, as in CI. A dialogue has 20 of them,
so a number without a divisor in common with 20, such as 11, asks about every dialogue and about all numbers of lines."""


async def test_every_answer_ends_by_itself_and_obeys_the_schema(vllm):
    extractor = Watched(vllm.url)
    await extractor.start()
    before = await vllm_counters.read(vllm.root)
    places = asyncio.Semaphore(AT_ONCE)
    failures: Counter[str] = Counter()

    async def ask(consultation: ExtractionRequest) -> None:
        async with places:
            try:
                await extractor.extract(consultation)
            except ExtractionError as error:
                failures[str(error)] += 1

    asked = list(requests())[::EVERY]
    assert len({consultation.segments[0].text for consultation in asked}) == len(DIALOGUES)
    assert {len(consultation.segments) - consultation.new_from for consultation in asked} == {1, 2, 3}
    await asyncio.gather(*map(ask, asked))
    await extractor.close()
    spent = (await vllm_counters.read(vllm.root)).since(before)
    assert not failures
    # vLLM's own count: none was cut off. It may have answered more often: a full answer is asked for again, in halves.
    assert {reason for reason, count in spent.finished.items() if count} == {"stop"}
    assert extractor.valid == spent.finished["stop"] >= len(asked)
    assert extractor.proposals > len(asked), "empty answers prove nothing"
