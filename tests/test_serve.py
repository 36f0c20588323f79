"""`drtranscribe serve` as a process whose engine fails for good."""

import asyncio
import json
import sys
from asyncio import create_subprocess_exec as create
from asyncio.subprocess import PIPE

import aiohttp

from server.serve import ENGINE_FAILED_STATUS
from tests.fakes import speech

SERVER = """
import server.engines
from inference.config import AsrConfig, EngineConfig
from inference.device_faults import DeviceError
from inference.pipeline import Pipeline
from server.cli import main
from tests.fakes import LevelAsr, LoudnessVad

class Breaking(LevelAsr):
    def transcribe(self, requests, mels=None):
        if any(abs(request.audio).max() > 0.8 for request in requests):
            raise DeviceError("the device failed (an illegal memory access): see its driver's log")
        return super().transcribe(requests)
    def restart(self):
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

def build(settings, observe_batch, out_of_memory):
    return Pipeline(LoudnessVad(), Breaking(), [], EngineConfig(asr=AsrConfig(workers=1)))

server.engines.build_pipeline = build
main()
"""


async def test_a_server_whose_engine_is_gone_tells_its_clients_and_ends_with_a_status_and_a_last_line():
    process = await create(sys.executable, "-c", SERVER, "serve", "--port", "0", stdout=PIPE, stderr=PIPE)
    async with asyncio.timeout(60), aiohttp.ClientSession() as http:
        address = (await process.stdout.readline()).decode().strip()
        assert await process.stdout.readline() == b"ready\n"
        async with http.ws_connect(f"{address}ws", protocols=["drtranscribe.v1"]) as ws:
            await ws.send_json({"type": "start_session", "consent": True})
            await ws.send_bytes(speech((1.0, 0.5), (2.0, 0)))
            await ws.send_bytes(speech((1.0, 0.9), (2.0, 0)))
            events = [json.loads(message.data) async for message in ws]
            assert ws.close_code == 1001
        _, err = await process.communicate()
    assert process.returncode == ENGINE_FAILED_STATUS
    assert [event["segment"]["text"][-4:] for event in events if event["type"] == "transcript"] == ["0.50"]
    assert {"asr_failed", "engine_failed"} <= {event["code"] for event in events if event["type"] == "error"}
    assert (events[-1]["type"], events[-1]["reason"], events[-1]["segments"]) == ("session_stopped", "shutdown", 1)
    last = err.decode().splitlines()[-1]
    assert last.startswith("the engine failed for good: the device failed (an illegal memory access)")
    assert str(ENGINE_FAILED_STATUS) in last
