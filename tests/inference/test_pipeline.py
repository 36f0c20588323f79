"""The pipeline when its device fails: what the health check reads, and what becomes of open sessions."""

import asyncio
import threading

import pytest

from inference.config import AsrConfig, EngineConfig
from inference.device.faults import DeviceError
from inference.pipeline import Pipeline
from inference.serving import capacity
from inference.stream import Control, StreamOptions
from inference.timing import Timings
from inference.updates import Fault, TranscriptUpdate
from tests.support.fakes import EchoExtractor, LevelAsr, LoudnessVad, speech
from tests.support.live import until

TALK = [speech((1.0, level), (2.0, 0)) for level in (0.5, 0.6, 0.7)]
"""Three chunks, one final each."""


class Fragile(LevelAsr):
    """Its device fails when told to, and comes back when it may, or never."""

    def __init__(self, comes_back=True):
        super().__init__()
        self.broken = False
        self.comes_back = comes_back
        self.may_come_back = threading.Event()
        self.restarts = 0

    def transcribe(self, requests, mels=None):
        if self.broken:
            raise DeviceError("the device failed (an illegal memory access): see its driver's log")
        return super().transcribe(requests)

    def restart(self):
        assert self.may_come_back.wait(timeout=20)
        self.restarts += 1
        if not self.comes_back:
            raise OSError("no device")
        self.broken = False


async def opened(asr):
    built = Pipeline(LoudnessVad(), asr, [], EngineConfig(asr=AsrConfig(workers=1)))
    await built.start()
    updates = []
    stream = built.open("s", StreamOptions(), updates.append)
    return built, updates, stream, asyncio.create_task(stream.run())


def finals(updates):
    return [u.segment.text[-4:] for u in updates if isinstance(u, TranscriptUpdate) and u.segment.final]


async def test_nobody_is_live_after_the_warm_up_so_that_the_first_recording_is_heard_as_every_other():
    built, _, stream, task = await opened(Fragile())
    assert not built.vad.live
    assert not built.asr.queue.live
    await stream.feed(TALK[0], Timings())
    await until(lambda: built.asr.queue.live)
    await stream.control(Control("stop"))
    await task
    await built.close()


async def test_sessions_go_on_from_their_last_final_when_a_failed_device_is_back():
    asr = Fragile()
    built, updates, stream, task = await opened(asr)
    await stream.feed(TALK[0], Timings())
    await until(lambda: finals(updates) == ["0.50"])
    asr.broken = True
    await stream.feed(TALK[1], Timings())
    await until(lambda: not built.ready)
    assert (built.restarting, built.failed) == (True, None)
    asr.may_come_back.set()
    await until(lambda: built.ready)
    await stream.feed(TALK[2], Timings())
    await stream.control(Control("stop"))
    await task
    assert finals(updates) == ["0.50", "0.60", "0.70"], "not one is lost"
    assert not any(isinstance(update, Fault) for update in updates)
    assert asr.restarts == 1
    await built.close()


async def test_a_device_that_does_not_come_back_leaves_the_transcript_and_tells_what_is_missing():
    asr = Fragile(comes_back=False)
    built, updates, stream, task = await opened(asr)
    await stream.feed(TALK[0], Timings())
    await until(lambda: finals(updates) == ["0.50"])
    asr.broken = True
    asr.may_come_back.set()
    await stream.feed(TALK[1], Timings())
    await stream.control(Control("stop"))
    await task
    assert not built.ready
    assert not built.restarting
    assert "restart the server" in built.failed
    assert finals(updates) == ["0.50"]
    (fault,) = [update for update in updates if isinstance(update, Fault)]
    assert fault.code == "asr_failed"
    await built.close()


@pytest.mark.parametrize("unmeasurable_s", [0.0, 60.0])
async def test_the_capacity_is_known_after_the_start_where_it_can_be_measured(unmeasurable_s, monkeypatch):
    monkeypatch.setattr(capacity, "UNMEASURABLE_S", unmeasurable_s)
    gpus = EngineConfig(asr=AsrConfig(device="cuda", workers=1))
    built = Pipeline(LoudnessVad(), LevelAsr(), [], gpus)
    assert (built.ready, built.capacity) == (False, None)
    await built.start()
    assert built.ready
    assert (built.capacity is None) == (unmeasurable_s > 0)
    await built.close()


async def test_an_extractor_that_never_starts_keeps_nobody_out(monkeypatch, caplog):
    class Endless(EchoExtractor):
        async def start(self):
            await asyncio.Event().wait()

    monkeypatch.setattr("inference.pipeline.EXTRACTOR_START_S", 0.01)
    built = Pipeline(LoudnessVad(), LevelAsr(), [Endless("vllm")])
    await built.start()
    assert built.ready
    assert "the vllm extractor was not ready" in caplog.text
    await built.close()


async def test_an_extractor_that_fails_to_close_keeps_no_other_open_and_its_words_out_of_the_log(caplog):
    class Failing(EchoExtractor):
        async def close(self):
            raise RuntimeError("penicillin")

    class Closing(EchoExtractor):
        closed = False

        async def close(self):
            self.closed = True

    last = Closing()
    built = Pipeline(LoudnessVad(), LevelAsr(), [Failing(), last])
    await built.start()
    await built.close()
    assert last.closed
    assert "could not be closed: RuntimeError < test_pipeline.py" in caplog.text
    assert "penicillin" not in caplog.text
