"""SIGTERM with audio untranscribed: what is cut off is named, and as few sessions as possible are cut off."""

import asyncio
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from itertools import groupby

import aiohttp
import pytest

from inference.batching.limits import BatchLimits
from inference.batching.waiting import Lane, Ticket, next_batch, ordered
from tests.support.fakes import speech
from tests.support.live import Client

CHILD = """
import asyncio, logging, signal, sys, time
from dataclasses import replace
from inference.config import AsrConfig
from inference.pipeline import Pipeline
from tests.support.fakes import ONE_PAUSE, EchoExtractor, LevelAsr, LoudnessVad
from tests.support.live import serving

FINAL_S, GRACE_S = map(float, sys.argv[1:])

class SlowAsr(LevelAsr):
    slow_s = 0.0
    stopping = False
    served = []

    def transcribe(self, requests, mels=None):
        if self.stopping:
            self.served += [f"{abs(request.audio).max():.1f}" for request in requests if request.final]
        time.sleep(self.slow_s)
        return super().transcribe(requests)

async def main():
    asr, stop = SlowAsr(), asyncio.Event()
    def stopped():
        asr.stopping = True
        stop.set()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped)
    config = replace(ONE_PAUSE, asr=AsrConfig(max_batch=1, workers=1))
    pipeline = Pipeline(LoudnessVad(), asr, [EchoExtractor()], config)
    async with serving(pipeline, shutdown_grace_s=GRACE_S, queue_chunks=40) as server:
        asr.slow_s = FINAL_S
        print(server.url, flush=True)
        await stop.wait()
    print(*asr.served, flush=True)

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


@dataclass
class Drained:
    """What a server did with what it was sent, from SIGTERM on."""

    clients: list[Client]
    ids: list[str]
    left: int
    """Finals that were to come."""
    served: list[str]
    """The loudness of each span that was decoded, in that order."""
    log: str

    def missing_s(self, client):
        stopped = client.events[-1]
        return stopped["audio_s"] - stopped["transcribed_s"]


async def drained(backlogs, final_s, grace_s):
    """Stops a server that was sent so many utterances of 2 s by each client, each client as loud as its place."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    command = [sys.executable, "-c", CHILD, str(final_s), str(grace_s)]
    # Its lines are read in threads, as the reader of a pipe of text.
    child = subprocess.Popen(command, text=True, **pipes)  # noqa: ASYNC220
    try:
        url = (await asyncio.to_thread(child.stdout.readline)).strip()
        async with aiohttp.ClientSession() as http:
            clients, ids = [], []
            for place, utterances in enumerate(backlogs, 2):
                client = Client(await http.ws_connect(f"{url}/ws", protocols=["drtranscribe.v1"], max_msg_size=0))
                ids.append((await client.start())["session_id"])
                for _ in range(utterances):
                    await client.say(speech((1.0, place / 10), (1.0, 0)))
                clients.append(client)
            await clients[0].hear("progress")
            finals = sum(len(client.finals()) for client in clients)
            child.send_signal(signal.SIGTERM)
            assert await asyncio.gather(*(client.close_code() for client in clients)) == [1001] * len(clients)
        served, log = await asyncio.to_thread(child.communicate)
    finally:
        child.kill()
        child.wait()
    assert [client.events[-1]["reason"] for client in clients] == ["shutdown"] * len(clients)
    return Drained(clients, ids, sum(backlogs) - finals, served.split(), log)


async def test_a_sigterm_with_a_backlog_names_what_is_lost_to_clients_and_the_grace_it_needed_to_the_operator():
    server = await drained([20, 2], final_s=0.4, grace_s=2.0)
    behind, nearly = server.clients
    stopped = nearly.events[-1]
    assert stopped["transcribed_s"] == stopped["audio_s"] == 4.0, "it had least left and came first"
    missing = server.missing_s(behind)
    assert missing > 10
    told = [event for event in behind.events if event["type"] == "error"]
    assert [event["code"] for event in told] == ["untranscribed"]
    assert f"the last {missing:.1f} s" in told[0]["message"]
    assert not [event for event in nearly.events if event["type"] == "error"]
    logged = re.search(
        r"cut off 1 sessions after 2 s with ([\d.]+) s of audio untranscribed: "
        r"--shutdown-grace-s (\d+) would have sufficed",
        server.log,
    )
    assert float(logged[1]) == pytest.approx(missing, abs=0.05)
    assert int(logged[2]) >= (server.left - 2) * 0.4  # two may have been decoded before the signal came
    assert not [id for id in server.ids if id in server.log]


async def test_of_several_sessions_with_a_backlog_the_one_with_least_left_comes_to_its_end_before_the_next_begins():
    server = await drained([12, 3, 8, 5], final_s=0.06, grace_s=20.0)
    assert [server.missing_s(client) for client in server.clients] == [0] * 4
    order = sorted("2345", key=lambda loudness: [12, 3, 8, 5][int(loudness) - 2])
    served = [level[-1] for level in server.served]
    assert sorted(order, key=lambda level: len(served) - served[::-1].index(level)) == order
    # What is being decoded at the signal comes first, and a turn or two may be lost on a machine that is busy.
    turns = [level for level, _ in groupby(served)]
    assert len(turns) <= 8, served
    assert "cut off" not in server.log
