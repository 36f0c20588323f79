"""vLLM goes away in the middle of a consultation, and comes back."""

import json

from benchmarks.vllm import counters as vllm_counters
from tests.support.live import serving
from tests.vllm.consultations import DIALOGUES
from tests.vllm.speaking import WAITING, LineAsr, pipeline
from tests.vllm.waiting import until
from tests.vllm.watched import Watched

LINES = [line[3:] for line in DIALOGUES[1][:5]]


async def test_a_restart_of_vllm_within_a_session_loses_no_segment_and_the_findings_catch_up(vllm):
    asr, model = LineAsr(LINES), Watched(vllm.url)

    async def asking() -> bool:
        return (await vllm_counters.read(vllm.root)).running > 0

    async with serving(pipeline(asr, model), **WAITING) as server, server.connect() as client:

        async def readiness() -> tuple[int, str]:
            status, body = await server.get("/health/ready")
            return status, json.loads(body)["status"]

        async def ready() -> bool:
            return await readiness() == (200, "ready")

        async def degraded() -> bool:
            return await readiness() == (200, "degraded")

        async def caught_up() -> bool:
            return model.read(LINES[0]) == spoken

        async def say(*lines: str) -> None:
            for line in lines:
                await client.say(asr.spoken(line))
                while (await client.hear("transcript"))["segment"]["text"] != line or not client.events[-1]["segment"][
                    "final"
                ]:
                    pass

        await client.start()
        await until(ready)
        spoken = 1
        await say(LINES[0])
        await until(caught_up)
        await say(LINES[1])
        await until(asking)
        vllm.kill()  # with the second line's request on its way
        await say(*LINES[2:4])
        assert model.read(LINES[0]) == 1, "it was not gone"
        await until(degraded)
        vllm.start()
        await vllm.until_up()
        spoken = 4
        await until(caught_up)
        await until(ready)
        spoken = 5
        await say(LINES[4])
        await until(caught_up)
        stopped = await client.finish()
    assert [text for *_, text in client.finals()] == LINES
    assert stopped["segments"] == len(LINES)
    faults = [event["code"] for event in client.events if event["type"] == "error"]
    assert faults == ["extraction_unavailable"], "told once, and nothing else went wrong"
