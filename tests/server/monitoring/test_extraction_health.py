"""Readiness while the extraction server comes and goes."""

import asyncio
import json
import re

import pytest
from aiohttp import web
from aiohttp.test_utils import unused_port

from inference.extraction.llm.client import VllmExtractor
from inference.extraction.rules.engine import RulesExtractor
from inference.pipeline import Pipeline
from server.monitoring.health import ExtractionHealth
from server.runtime import _extractors
from server.settings import SettingsError, load
from tests.support.fakes import ONE_PAUSE, LevelAsr, LoudnessVad, speech
from tests.support.live import Server, serving, until
from tests.support.model_server import answers, as_json, completion, serving_model


async def ready(server: Server) -> tuple[int, dict]:
    status, body = await server.get("/health/ready")
    return status, json.loads(body)


async def test_a_server_whose_vllm_is_gone_is_degraded_and_still_ready_and_ready_again_when_it_is_back(monkeypatch):
    monkeypatch.setattr(ExtractionHealth.watch, "__defaults__", (0.05,))
    port = unused_port()
    pipeline = Pipeline(
        LoudnessVad(), LevelAsr(), [RulesExtractor(), VllmExtractor(f"http://127.0.0.1:{port}/v1", timeout_s=5)]
    )
    async with serving(pipeline) as server:
        seen: dict = {}

        async def wait_for(status: str) -> None:
            async with asyncio.timeout(30):
                while seen.get("status") != status:
                    code, body = await ready(server)
                    assert code == 200, "an orchestrator must not turn speakers away"
                    seen.update({"reason": None, **body})
                    await asyncio.sleep(0.02)

        await wait_for("degraded")
        assert "start vLLM there" in seen["reason"]
        assert seen["models"]["extraction"] == "rules+vllm"
        assert 'drtranscribe_extractor_up{extractor="vllm"} 0.0' in (await server.get("/metrics"))[1]
        async with server.connect() as client:
            await client.start()
            await client.say(speech((1.0, 0.5), (2.0, 0)))
            assert (await client.finish())["segments"] == 1
        async with serving_model(answers(), port):
            await wait_for("ready")
            assert seen["reason"] is None
            assert 'drtranscribe_extractor_up{extractor="vllm"} 1.0' in (await server.get("/metrics"))[1]
        await wait_for("degraded")


async def test_a_server_without_vllm_is_ready_and_has_no_gauge_of_one():
    async with serving(Pipeline(LoudnessVad(), LevelAsr(), [RulesExtractor()])) as server:
        assert (await ready(server))[1]["status"] == "ready"
        assert "drtranscribe_extractor_up{" not in (await server.get("/metrics"))[1]


async def test_readiness_asks_nobody():
    asked = 0

    async def models(_):
        nonlocal asked
        asked += 1
        return await as_json({"data": [{"id": "m"}]})

    async with serving_model(answers()) as model:
        model.models = models
        pipeline = Pipeline(LoudnessVad(), LevelAsr(), [VllmExtractor(model.url)])
        async with serving(pipeline) as server:
            await until(lambda: asked >= 2)  # the start, and the first question of the watch
            before = asked
            for _ in range(20):
                await ready(server)
            assert asked == before


class Broken:
    name = "broken"

    async def check(self) -> None:
        raise KeyError("a patient's words")


async def test_a_check_that_breaks_is_told_by_its_kind_and_does_not_end_the_watch():
    told = []
    health = ExtractionHealth([Broken()], lambda name, up: told.append((name, up)))
    watch = asyncio.create_task(health.watch(0.001))
    await until(lambda: len(told) >= 3)
    watch.cancel()
    await asyncio.gather(watch, return_exceptions=True)
    assert set(told) == {("broken", False)}
    assert "KeyError" in health.problem
    assert "words" not in health.problem


async def test_a_vllm_that_is_too_slow_for_many_segments_is_asked_about_fewer_and_late_answers_are_counted():
    down, read, marks = True, [], 0

    async def slow(request: web.Request) -> web.StreamResponse:
        asked = (await request.json())["messages"][-1]["content"]
        first, last = re.findall(r"^New lines: s(\d+) to s(\d+)$", asked, re.MULTILINE)[-1]
        if first != last:
            await asyncio.sleep(60)
        read.append(int(first))
        return await as_json(completion({"operations": []}))

    async def models(_: web.Request) -> web.Response:
        return await as_json({"object": "list", "data": [{"id": "slow"}]}, status=503 if down else 200)

    async with serving_model(slow) as model:
        model.models = models
        extractors = _extractors(load({"vllm_url": model.url, "vllm_timeout_s": "0.5"}))
        async with serving(Pipeline(LoudnessVad(), LevelAsr(), extractors, ONE_PAUSE)) as server:
            async with server.connect() as client:
                await client.start()
                await client.say(speech(*[(1.0, 0.5), (1.0, 0)] * 4))
                while len(client.finals()) < 4:
                    await client.hear("transcript")
                down = False
                while len(read) < 4:
                    marks += 1
                    await client.say({"type": "marker", "id": marks})  # asks for the findings now
                    await client.hear("marker")
                await client.finish()
            told = (await server.get("/metrics"))[1]
    assert read == [1, 2, 3, 4], "none was passed over, and none was read twice"
    late = re.search(r'drtranscribe_extraction_seconds_count\{extractor="vllm",outcome="late"\} (\S+)', told)
    assert late is not None
    assert float(late[1]) >= 2, "four segments, then two"


def test_a_timeout_of_nothing_is_refused():
    with pytest.raises(SettingsError, match="vllm-timeout-s"):
        load({"vllm_timeout_s": "0"})
