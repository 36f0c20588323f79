"""What vLLM writes down: never what was said, however a request ends."""

import asyncio

import aiohttp
import pytest

from benchmarks.vllm import counters as vllm_counters
from inference.extraction import ExtractionError, ExtractionRequest, Patient
from inference.transcript import Segment
from tests.vllm.consultations import DIALOGUES
from tests.vllm.waiting import until
from tests.vllm.watched import Watched

SECRET = "xylophonitis"


def spoken(text: str) -> ExtractionRequest:
    segment = Segment("s1", "patient", 0.0, 3.0, text, final=True)
    return ExtractionRequest([segment], 0, [], Patient(name="Ada Byron", history=f"{SECRET} in 1998"))


async def test_no_spoken_word_reaches_the_log_of_vllm(vllm):
    extractor = Watched(vllm.url)
    await extractor.start()

    async def asking() -> bool:
        return (await vllm_counters.read(vllm.root)).running > 0

    async def gone() -> bool:
        return not vllm.running

    await extractor.extract(spoken(f"I have had {SECRET} since Tuesday"))

    cancelled = asyncio.create_task(extractor.extract(spoken(f"{SECRET} again, and {SECRET} in the leg")))
    await until(asking)
    cancelled.cancel()

    with pytest.raises(ExtractionError, match="refuses the request"):  # longer than the window
        await extractor.extract(spoken(f"{SECRET} " * 8000))

    broken = {"model": SECRET, "messages": [{"role": SECRET}], "response_format": {"type": SECRET}}
    async with aiohttp.ClientSession() as http, http.post(f"{vllm.url}/chat/completions", json=broken) as response:
        assert response.status in (400, 404, 422)

    under_way = asyncio.create_task(extractor.extract(spoken(f"{SECRET} at last")))
    await until(asking)
    for engine in vllm.engines():  # the one that listens is left to write its last words
        engine.kill()
    with pytest.raises(ExtractionError):
        await under_way
    await until(gone, limit_s=120)
    await extractor.close()

    written = vllm.log.read_text(errors="replace")
    assert "EngineCore" in written, "this is not its log"
    assert SECRET not in written.lower()
    assert "Byron" not in written
    # What the other tests said to it before:
    assert not [line for dialogue in DIALOGUES for line in dialogue if line[3:] in written]
