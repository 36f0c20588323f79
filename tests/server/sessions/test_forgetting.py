"""An ended session leaves nothing behind: no object, and with the allocator of the images no word in the memory."""

import asyncio
import contextlib
import gc
import hashlib
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import aiohttp
import numpy as np
import pytest

from inference.asr.hypothesis import Hypothesis
from inference.audio.decoding import AudioFormat, PcmDecoder
from inference.audio.segmenter import Segmenter
from inference.config import SegmenterConfig
from inference.pipeline import Pipeline
from inference.stream import Stream, StreamOptions
from inference.transcript import Transcript
from server.monitoring.metrics import Metrics
from server.sessions.events import EventLog
from server.sessions.patience import patience
from server.sessions.presence import Limits
from server.sessions.registry import Sessions
from server.sessions.session import Session
from tests.support.fakes import ONE_PAUSE, EchoExtractor, LevelAsr, LoudnessVad, speech
from tests.support.live import Client, serving

FORGOTTEN = (Session, Stream, Segmenter, EventLog, Transcript, PcmDecoder)
SEED = "the last words"


def word(number):
    """A word that stands in no source and in no constant: only who says it holds it."""
    return "w" + hashlib.sha256(f"{SEED} {number}".encode()).hexdigest()[:20]


class MarkedAsr(LevelAsr):
    """Says a marked word for each loudness, and keeps nothing."""

    def transcribe(self, requests, mels=None):
        if self.fail:
            raise MemoryError
        return [Hypothesis(f"I feel {word(round(float(abs(r.audio).max()) * 100))} today", "en") for r in requests]


class ForgetfulExtractor(EchoExtractor):
    async def extract(self, consultation):
        found = await super().extract(consultation)
        self.calls.clear()
        return found


@contextlib.contextmanager
def without_the_collector():
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def alive():
    return [type(thing).__name__ for thing in gc.get_objects() if type(thing) in FORGOTTEN]


async def consult(sessions, ending):
    session = sessions.open(StreamOptions(AudioFormat(48_000)))
    await asyncio.sleep(0)  # it runs
    running = next(task for task, one in sessions._tasks.items() if one is session)
    for _ in range(3):
        await session.receive_audio(speech((0.8, 0.5), (1.0, 0)))
    if ending == "an error":
        await session._intake._inbox.put(None)
    elif ending == "cancelled":
        running.cancel()
    else:
        session.stop("client")
    await asyncio.gather(running, return_exceptions=True)


@pytest.mark.parametrize("ending", ["client", "an error", "cancelled"])
async def test_no_object_of_a_session_outlives_its_time_though_no_collector_runs(ending):
    pipeline = Pipeline(LoudnessVad(), MarkedAsr(), [ForgetfulExtractor()], ONE_PAUSE)
    await pipeline.start()
    sessions = Sessions(pipeline, Limits(8, 60.0, 3600.0, 30.0), Metrics())
    with without_the_collector():
        before = alive()
        for _ in range(5):
            await consult(sessions, ending)
        sessions.check(patience.now())
        assert alive().count("Session") == before.count("Session") + 5, "each may still be read"
        sessions.check(patience.now() + 31)
        for _ in range(10):  # the event loop lets go of its last callbacks
            await asyncio.sleep(0)
        assert not Counter(alive()) - Counter(before)
    await pipeline.close()


async def test_over_real_sockets_nothing_is_left_either():
    async with serving(resume_ttl_s=0.2, retention=0.2) as server:
        with without_the_collector():
            before = Counter(alive())  # other tests may still hold sessions of theirs
            for _ in range(5):
                async with server.connect() as client:
                    await client.start()
                    await client.say(speech((0.8, 0.5), (1.0, 0)))
                    await client.finish()
            async with asyncio.timeout(60):
                # Nothing tells when the last reference to a session is gone.
                while (Counter(alive()) - before)["Session"]:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
            assert not Counter(alive()) - before


def test_what_the_segmenter_keeps_is_overwritten_and_the_spans_of_it_too():
    segmenter = Segmenter(SegmenterConfig())
    segmenter.push(np.full(16_000, 0.5, dtype=np.float32), np.ones(31, dtype=np.float32))
    span = segmenter.partial(0.0)
    segmenter.erase()
    assert span.audio.size
    assert not span.audio.any()


CHILD = """
import asyncio, sys
from inference.pipeline import Pipeline
from tests.support.live import serving
import tests.server.sessions.test_forgetting as t

async def main():
    pipeline = Pipeline(t.LoudnessVad(), t.MarkedAsr(), [t.ForgetfulExtractor()], t.ONE_PAUSE)
    async with serving(pipeline, resume_ttl_s=1.0, retention=1.0) as server:
        print(server.url, flush=True)
        await asyncio.to_thread(sys.stdin.readline)

asyncio.run(main())
"""


def copies(pid, sought):
    """How often each of the byte strings stands in the writable memory of a child that is stopped."""
    found = dict.fromkeys(sought, 0)
    os.kill(pid, signal.SIGSTOP)
    try:
        with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
            for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
                place = re.match(r"([0-9a-f]+)-([0-9a-f]+) rw", line)
                if place is None:
                    continue
                begin, end = (int(at, 16) for at in place.groups())
                memory.seek(begin)
                with contextlib.suppress(OSError):  # a mapping of a device
                    region = memory.read(end - begin)
                    for one in sought:
                        found[one] += region.count(one)
    finally:
        os.kill(pid, signal.SIGCONT)
    return found


def allocator_of_the_images():
    text = (Path(__file__).parents[3] / "docker" / "Dockerfile").read_text()
    return {name: re.search(rf"\b{name}=(\S+)", text)[1] for name in ("PYTHONMALLOC", "GLIBC_TUNABLES")}


async def test_the_memory_of_a_server_holds_no_word_of_a_session_that_is_forgotten():
    spoken = [word(level).encode() for level in (40, 50, 60)]
    environment = {**os.environ, **allocator_of_the_images()}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    child = subprocess.Popen([sys.executable, "-c", CHILD], env=environment, text=True, **pipes)  # noqa: ASYNC220
    try:
        url = (await asyncio.to_thread(child.stdout.readline)).strip()
        async with (
            aiohttp.ClientSession() as http,
            http.ws_connect(f"{url}/ws", protocols=["drtranscribe.v1"], max_msg_size=0) as ws,
        ):
            client = Client(ws)
            await client.start()
            for level in (40, 50, 60):
                await client.say(speech((1.0, level / 100), (1.0, 0)))
                await client.hear("progress")
            held = await asyncio.to_thread(copies, child.pid, spoken)
            assert all(held.values()), "the search finds what is there"
            await client.finish()
            assert len(client.finals()) == 3
        async with asyncio.timeout(60):
            while any((left := await asyncio.to_thread(copies, child.pid, spoken)).values()):  # noqa: ASYNC110
                await asyncio.sleep(0.5)

    except TimeoutError:
        pytest.fail(f"the words are still there, so many times: {list(left.values())}")
    finally:
        child.kill()
        child.communicate()  # closes the pipes as well
