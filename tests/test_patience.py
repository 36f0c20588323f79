import asyncio
import os
import signal
import subprocess
import sys

import pytest

from server import patience as module
from server.arrivals import Arrivals
from server.patience import LONGEST_S, Patience

CHILD = """
import asyncio, sys
from tests.fakes import speech
from tests.live import serving

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
