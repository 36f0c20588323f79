import asyncio
import os
import signal
import subprocess
import sys

import aiohttp
import pytest

from server.sessions import patience as module
from server.sessions.intake.arrivals import Arrivals
from server.sessions.patience import LONGEST_S, Patience
from tests.support.fakes import speech
from tests.support.live import Client

CHILD = """
import asyncio, sys
from tests.support.fakes import speech
from tests.support.live import serving

async def main():
    async with serving(idle_timeout_s=2.0, resume_ttl_s=2.0) as server, server.connect() as client:
        await client.start()
        await client.say(speech((1.0, 0.5), (1.0, 0)))
        await client.hear("progress")
        print("up", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        await asyncio.sleep(0.7)  # the watch has looked
        await client.say(speech((1.0, 0.6), (1.0, 0)))
        print((await client.finish())["reason"], flush=True)

asyncio.run(main())
"""


@pytest.fixture
def clock(monkeypatch):
    class Time:
        at = 100.0

        def monotonic(self):
            return self.at

    stepped = Time()
    monkeypatch.setattr(module, "time", stepped)
    return stepped


def test_time_counts_while_the_server_ticks_and_a_gap_counts_as_the_longest_tick(clock):
    patience = Patience()
    patience.ticking = True
    for _ in range(120):
        clock.at += 0.5
        patience.tick()
    assert patience.now() == 60.0
    before = clock.at
    clock.at += 70.0
    assert patience.gap_since(before - 5) == before, "it is known before the next tick"
    assert patience.now() == patience.tick() == 60.0 + LONGEST_S
    assert patience.gap_since(before) == before
    assert patience.gap_since(clock.at) is None


def test_audio_that_came_while_the_server_stood_still_is_as_late_as_it_is():
    arrivals = Arrivals()
    arrivals.note(100.0, 3.0, waited_s=3.0)
    assert [
        arrivals.note(at, 3.0, waited, stopped)
        for at, waited, stopped in [(120.0, 20.0, 101.0), (120.1, 0.0, None), (120.2, 0.0, None)]
    ] == [103.0, 106.0, 109.0]
    silent = Arrivals(last=10.0)
    assert silent.note(120.0, 3.0, 30.0, stopped_at=101.0) == 101.0, "nothing had come before the server stopped"


async def test_a_timeout_counts_on_this_clock_and_not_what_the_server_slept_through(clock):
    patience = Patience()
    patience.ticking = True
    loop = asyncio.get_running_loop()
    passed = []

    async def slept_through():
        async with patience.timeout(0.05):
            for _ in range(4):
                clock.at += 0.01  # the loop's own clock runs on: 0.1 s each
                patience.tick()
                begun = loop.time()
                while loop.time() < begun + 0.1:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
                passed.append(patience.now())
            clock.at += 70
            await asyncio.sleep(60)

    with pytest.raises(TimeoutError):
        await slept_through()
    assert len(passed) == 4, "0.4 s passed, of which 0.04 s counted"


STOPPED = """
import asyncio, sys
from tests.support.live import serving

async def main():
    async with serving(resume_ttl_s=2.0, idle_timeout_s=2.0, first_message_timeout_s=2.0) as server:
        print(server.url, flush=True)
        await asyncio.to_thread(sys.stdin.readline)

asyncio.run(main())
"""


async def test_clients_of_a_server_that_was_stopped_resume_are_admitted_and_are_told_the_true_lag():
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    child = subprocess.Popen([sys.executable, "-c", STOPPED], text=True, **pipes)  # noqa: ASYNC220
    options = {"protocols": ["drtranscribe.v1"], "max_msg_size": 0}
    try:
        url = (await asyncio.to_thread(child.stdout.readline)).strip() + "/ws"
        async with aiohttp.ClientSession() as http:
            async with http.ws_connect(url, **options) as ws:
                lost = Client(ws)
                started = await lost.start()
                await lost.say(speech((1.0, 0.5), (1.0, 0)))
                await lost.hear("progress")
            async with http.ws_connect(url, **options) as other, http.ws_connect(url, **options) as third:
                talking, late = Client(other), Client(third)
                await talking.start()
                await talking.say(speech((1.0, 0.5), (1.0, 0)))
                await talking.hear("progress")
                os.kill(child.pid, signal.SIGSTOP)
                await talking.say(speech((1.0, 0.6), (1.0, 0)))
                await asyncio.sleep(4)
                os.kill(child.pid, signal.SIGCONT)
                assert (await talking.hear("progress"))["lag_ms"] >= 1500, "4 s less the 2 s that it is long"
                await late.start()  # the limit of the first message passed while the server could hear nobody
                assert (await talking.finish())["reason"] == "client"
                await late.finish()
            async with http.ws_connect(url, **options) as ws:
                again = Client(ws)
                keys = {key: started[key] for key in ("session_id", "resume_token")}
                await again.say({"type": "resume_session", **keys, "last_seq": lost.events[-1]["seq"]})
                await again.hear("session_resumed")
                assert (await again.finish())["audio_s"] == 2.0
    finally:
        child.kill()
        child.communicate()


async def test_a_process_that_was_stopped_for_longer_than_its_idle_limit_ends_no_session():
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    child = subprocess.Popen([sys.executable, "-c", CHILD], text=True, **pipes)  # noqa: ASYNC220
    try:
        assert await asyncio.to_thread(child.stdout.readline) == "up\n"
        os.kill(child.pid, signal.SIGSTOP)
        await asyncio.sleep(4)
        os.kill(child.pid, signal.SIGCONT)
        out, _ = await asyncio.to_thread(child.communicate, "go\n", 60)
        assert out == "client\n"
    finally:
        child.kill()
        child.wait()
