import asyncio

import pytest

from inference.audio.decoding import AudioFormat
from inference.stream import Control, StreamOptions
from server.media.decoding import Decoding
from server.protocol import ProtocolError
from server.sessions.intake.intake import Intake
from server.store.restoring import Restored

SECOND = bytes(32_000)


class Stream:
    def __init__(self):
        self.taken = []

    async def feed(self, data, timings):
        self.taken.append(len(data))

    async def control(self, control):
        self.taken.append(control.kind)


def intake(most=8, tell=lambda notice: None):
    return Intake(StreamOptions(AudioFormat()), most, Decoding(), Restored(), keeps=False, tell=tell)


async def test_the_stream_gets_frames_and_controls_in_order_up_to_the_stop():
    takes, stream = intake(), Stream()
    await takes.put_audio(SECOND, 0.0)
    await takes.put_control(Control("marker", 1))
    await takes.put_audio(SECOND + SECOND, 0.0)
    await takes.put_control(Control("stop"))
    await takes.put_control(Control("marker", 2))
    await takes.run(stream)
    assert stream.taken == [32_000, "marker", 64_000, "stop"]


async def test_a_frame_that_is_half_a_sample_is_refused_and_leaves_no_trace():
    takes, stream = intake(), Stream()
    with pytest.raises(ProtocolError) as refused:
        await takes.put_audio(b"\0", 0.0)
    assert refused.value.code == "invalid_audio"
    await takes.put_control(Control("stop"))
    await takes.run(stream)
    assert (stream.taken, takes.received_samples) == (["stop"], 0)


async def test_audio_is_received_when_it_is_counted_and_not_while_it_waits_for_room():
    takes = intake(most=1)
    takes.count(await takes.put_audio(SECOND, 0.0))
    waiting = asyncio.create_task(takes.put_audio(SECOND, 0.0))
    await asyncio.sleep(0)  # it runs until it has to wait
    assert takes.held_back
    assert takes.received_samples == 16_000
    takes.close()
    takes.count(await waiting)
    assert takes.received_samples == 32_000


async def test_a_microphone_of_another_rate_is_told_unless_the_session_itself_was_slow(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("server.sessions.intake.intake.time.monotonic", lambda: now[0])
    for behind in (False, True):
        told = []
        takes = intake(most=100, tell=told.append)
        for _ in range(20):
            now[0] += 2.0
            takes._inbox._arrivals.behind = behind
            await takes.put_audio(SECOND, 1.0 if not behind else 0.0)
        assert [notice.code for notice in told] == ([] if behind else ["audio_suspect"])
