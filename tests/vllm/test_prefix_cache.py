"""What a growing consultation costs."""

import asyncio

from benchmarks.vllm import counters as vllm_counters
from inference.extraction import Patient
from inference.extraction.live import LiveExtraction
from inference.extraction.rules.engine import RulesExtractor
from inference.timing import Timings
from tests.support.consultation import segments
from tests.vllm.consultations import DIALOGUES
from tests.vllm.waiting import until
from tests.vllm.watched import Watched

# The patient stands before the transcript: with one of their own, no other test has filled the cache for this one.
PATIENT = Patient(age=61, gender="male", history="a farmer, fell off a ladder in 1987")


async def test_the_prefix_cache_answers_four_fifths_of_a_growing_consultation(vllm):
    said = segments(*(line for dialogue in DIALOGUES[:2] for line in dialogue[:6]))
    extractor = Watched(vllm.url)
    await extractor.start()
    before = await vllm_counters.read(vllm.root)
    live = LiveExtraction([RulesExtractor(), extractor], lambda update: None, PATIENT)

    async def read() -> bool:
        return extractor.read(said[0].text) == len(spoken)

    running = asyncio.create_task(live.run())
    spoken = []
    for segment in said:
        spoken.append(segment)
        await live.add(segment, Timings())
        await until(read)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await extractor.close()
    spent = (await vllm_counters.read(vllm.root)).since(before)
    assert len(extractor.answered[said[0].text]) == len(said)
    assert spent.cached_share > 0.8
