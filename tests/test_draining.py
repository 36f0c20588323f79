"""SIGTERM with audio untranscribed: what is cut off is named, and as few sessions as possible are cut off."""

import asyncio
import re
import signal
import subprocess
import sys

import aiohttp

from inference.batch_limits import BatchLimits
from inference.waiting import Lane, Ticket, next_batch, ordered
from tests.fakes import speech
from tests.live import Client

CHILD = """
import asyncio, logging, signal, time
from inference.config import AsrConfig, EngineConfig
from inference.pipeline import Pipeline
from tests.fakes import EchoExtractor, LevelAsr, LoudnessVad
from tests.live import serving

class SlowAsr(LevelAsr):
    slow_s = 0.0

    def transcribe(self, requests, mels=None):
        time.sleep(self.slow_s)
        return super().transcribe(requests)

async def main():
    asr, stop = SlowAsr(), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    pipeline = Pipeline(LoudnessVad(), asr, [EchoExtractor()], EngineConfig(asr=AsrConfig(max_batch=1)))
    async with serving(pipeline, shutdown_grace_s=2.0, queue_chunks=40) as server:
        asr.slow_s = 0.5
        print(server.url, flush=True)
        await stop.wait()

logging.basicConfig(level="INFO")
asyncio.run(main())
"""


def ticket(session, since, kind=None):
    return Ticket(None, session, Lane.FINAL, since, None, kind)


def test_ranks_go_before_the_time_somebody_has_waited_and_a_strict_batch_begins_with_the_first():
    queue = [ticket("long", 1.0, "a"), ticket("other", 2.0, "a"), ticket("short", 3.0, "b")]
    ranks = {"short": 0, "long": 1, "other": 2}
    assert [one.session for one in ordered(queue, 4.0)] == ["long", "other", "short"]
    in_order = ordered(queue, 4.0, ranks)
    assert [one.session for one in in_order] == ["short", "long", "other"]
    assert [one.session for one in next_batch(in_order, 4.0, BatchLimits(8, 1), strict=True)] == ["short"]


async def consult(http, url, seconds):
    """A client that has sent so much that the server is behind; returns it and its id."""
    ws = await http.ws_connect(f"{url}/ws", protocols=["drtranscribe.v1"], max_msg_size=0)
    client = Client(ws)
    started = await client.start()
    for _ in range(seconds // 2):
        await client.say(speech((1.0, 0.5), (1.0, 0)))
    return client, started["session_id"]


async def test_a_sigterm_with_a_backlog_names_what_is_lost_to_clients_and_the_grace_it_needed_to_the_operator():
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    child = subprocess.Popen([sys.executable, "-c", CHILD], text=True, **pipes)  # noqa: ASYNC220
    try:
        url = (await asyncio.to_thread(child.stdout.readline)).strip()
        async with aiohttp.ClientSession() as http:
            behind, first = await consult(http, url, 40)
            nearly, second = await consult(http, url, 4)
            await behind.hear("progress")
            child.send_signal(signal.SIGTERM)
            codes = await asyncio.gather(behind.close_code(), nearly.close_code())
            assert codes == [1001, 1001]
            stopped = [client.events[-1] for client in (behind, nearly)]
        _, log = await asyncio.to_thread(child.communicate)
    finally:
        child.kill()
        child.wait()
    assert [one["reason"] for one in stopped] == ["shutdown", "shutdown"]
    assert stopped[1]["transcribed_s"] == stopped[1]["audio_s"] == 4.0, "it had least left and came first"
    missing = stopped[0]["audio_s"] - stopped[0]["transcribed_s"]
    assert missing > 10
    told = [event for event in behind.events if event["type"] == "error"]
    assert [event["code"] for event in told] == ["untranscribed"]
    assert f"the last {missing:.1f} s" in told[0]["message"]
    assert not [event for event in nearly.events if event["type"] == "error"]
    assert "--shutdown-grace-s" in log
    assert "would have sufficed" in log
    logged = re.search(r"cut off 1 sessions after 2 s with ([\d.]+) s of audio untranscribed", log)
    assert abs(float(logged[1]) - missing) <= 4, "a final may come between the count and the end"
    assert first not in log
    assert second not in log
