"""A place in vLLM is given back when nobody waits for the answer any more."""

import asyncio

import pytest

from benchmarks.vllm import counters as vllm_counters
from tests.vllm.consultations import requests
from tests.vllm.waiting import until
from tests.vllm.watched import Watched

PLACES = 8
"""`--max-num-seqs` of benchmarks/vllm/serve_cpu.sh."""


async def test_a_cancelled_request_frees_its_slot_at_once(vllm):
    extractor = Watched(vllm.url)
    await extractor.start()
    before = await vllm_counters.read(vllm.root)
    longest = list(requests())[-1]

    async def state() -> tuple[int, int]:
        now = await vllm_counters.read(vllm.root)
        return now.running, now.waiting

    async def full() -> bool:
        return await state() == (PLACES, 1)

    async def free() -> bool:
        return await state() == (0, 0)

    asked = [asyncio.create_task(extractor.extract(longest)) for _ in range(PLACES + 1)]
    await until(full)
    for one in asked:
        one.cancel()
    await until(free, limit_s=60)
    spent = (await vllm_counters.read(vllm.root)).since(before)
    for one in asked:
        with pytest.raises(asyncio.CancelledError):
            await one
    await extractor.close()
    assert spent.finished["stop"] == spent.finished["length"] == 0, "they ended by themselves"
    assert not extractor.answered
