"""What /health and /metrics say of an engine whose memory runs out, or that is gone."""

import asyncio
import json

import numpy as np

from inference.asr.hypothesis import AsrRequest
from inference.config import AsrConfig, EngineConfig
from inference.device.faults import DeviceError, OutOfMemory
from inference.pipeline import Pipeline
from server.monitoring.metrics import Metrics
from tests.support.fakes import LevelAsr, LoudnessVad, speech
from tests.support.live import serving, until


class Small(LevelAsr):
    """A device that holds two spans at once."""

    def transcribe(self, requests, mels=None):
        if len(requests) > 2:
            raise OutOfMemory("the device's memory ran out")
        return super().transcribe(requests)


async def test_the_metrics_tell_how_often_memory_ran_out_and_the_limit_that_follows():
    engine, metrics = Small(), Metrics()
    config = EngineConfig(asr=AsrConfig(workers=1, max_batch=4))
    pipeline = Pipeline(LoudnessVad(), engine, [], config, out_of_memory=metrics.observe_out_of_memory)
    async with serving(pipeline, metrics) as server:
        _, before = await server.get("/metrics")
        assert "drtranscribe_asr_batch_limit 4.0" in before
        assert "drtranscribe_asr_out_of_memory_total 0.0" in before
        engine.go.clear()
        span = AsrRequest(np.zeros(32_000, np.float32), final=True)
        begun = len(engine.requests)
        finals = [asyncio.create_task(pipeline.asr.final(span, session="0"))]
        await until(lambda: len(engine.requests) > begun)
        finals += [asyncio.create_task(pipeline.asr.final(span, session=str(i))) for i in range(1, 5)]
        await asyncio.sleep(0)  # for the four to queue while the first one is decoded: they are the next batch
        engine.go.set()
        assert len({final.value.text for final in await asyncio.gather(*finals)}) == 1
        _, after = await server.get("/metrics")
    assert "drtranscribe_asr_batch_limit 2.0" in after
    assert "drtranscribe_asr_out_of_memory_total 1.0" in after


class Doomed(LevelAsr):
    """A device that fails at the first loud span and does not come back."""

    def transcribe(self, requests, mels=None):
        if any(np.abs(request.audio).max() > 0.8 for request in requests):
            raise DeviceError("the device failed (an illegal memory access): see its driver's log")
        return super().transcribe(requests)

    def restart(self):
        raise RuntimeError("CUDA error: an illegal memory access was encountered")


async def test_a_server_whose_engine_is_gone_is_neither_alive_nor_ready_and_says_why():
    pipeline = Pipeline(LoudnessVad(), Doomed(), [], EngineConfig(asr=AsrConfig(workers=1)))
    async with serving(pipeline) as server:
        assert await server.get("/health/live") == (200, '{"status": "live"}')
        async with server.connect() as client:
            await client.start()
            await client.say(speech((1.0, 0.9), (2.0, 0)))
            await pipeline.gone()
            for path in ("/health/live", "/health/ready"):
                status, text = await server.get(path)
                assert (status, json.loads(text)["status"]) == (503, "failed"), path
                assert "an illegal memory access" in json.loads(text)["reason"]
                assert "restart the server" in json.loads(text)["reason"], "what to do"
