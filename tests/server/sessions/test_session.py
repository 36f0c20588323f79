import asyncio
import json
from contextlib import asynccontextmanager

import pytest

from inference.audio.decoding import AudioFormat
from inference.extraction.evidence.merging import Findings
from inference.extraction.isolation import Isolation
from inference.stream import Control, StreamOptions
from inference.transcript import Transcript
from inference.updates import Drained, Progress
from server.monitoring.metrics import Metrics
from server.protocol import ProtocolError
from server.sessions.presence import PAUSE_LIMIT_S, Limits
from server.sessions.registry import Sessions
from server.sessions.session import Session

SECOND = bytes(32_000)
LIMITS = Limits(queue_chunks=2, idle_timeout_s=60.0, max_session_s=30.0, resume_ttl_s=120.0)


class SteppedStream:
    """Takes one item for every `go.release()`; `fail` makes the next one raise."""

    def __init__(self, emit):
        self.emit = emit
        self.transcript = Transcript()
        self.extraction = self
        self.findings = Findings()
        self.isolation = Isolation(emit)
        self.go = asyncio.Semaphore(0)
        self.fed = []
        self.fail = False
        self.busy = False
        self.stopped = asyncio.Event()

    @property
    def transcribed_s(self):
        return sum(fed for fed in self.fed if isinstance(fed, float))

    @property
    def idle(self):
        return not self.busy

    def erase(self):
        return None

    async def feed(self, data, timings):
        await self.go.acquire()
        if self.fail:
            raise RuntimeError("a bug")
        self.fed.append(len(data) / 32_000)
        self.emit(Progress(float(len(self.fed)), timings.elapsed_ms()))

    async def control(self, control):
        self.fed.append(control.kind)
        if control.kind == "stop":
            self.stopped.set()

    async def run(self):
        await self.stopped.wait()
        self.emit(Drained())


class SteppedPipeline:
    ready = True
    restarting = False
    failed = None
    capacity = None

    def prefer(self, sessions):
        return None

    def open(self, session_id, options, emit, keep=None, resumed=None):
        self.stream = SteppedStream(emit)
        return self.stream


class Socket:
    async def alive(self):
        return True

    def drop(self):
        pass


@asynccontextmanager
async def running(limits=LIMITS):
    pipeline = SteppedPipeline()
    session = Session(pipeline, StreamOptions(AudioFormat()), limits, Metrics())
    task = asyncio.create_task(session.run())
    try:
        yield session, pipeline.stream
    finally:
        session.stop("shutdown")
        for _ in range(100):
            pipeline.stream.go.release()
        await task


async def settle():
    for _ in range(10):
        await asyncio.sleep(0)


async def held_back(session):
    """Frames until the session has no more room, and one that waits for it."""
    for _ in range(LIMITS.queue_chunks + 1):  # one of them is being worked on
        await session.receive_audio(SECOND)
        await settle()
    waiting = asyncio.create_task(session.receive_audio(SECOND + SECOND))
    await settle()
    assert not waiting.done()
    return waiting


async def test_a_full_session_makes_the_next_frame_wait_until_there_is_room():
    async with running() as (session, stream):
        waiting = await held_back(session)
        assert session.received_samples == 3 * 16_000
        stream.go.release()
        await waiting
        assert session.received_samples == 5 * 16_000


async def test_a_frame_whose_connection_is_dropped_while_it_waits_is_neither_counted_nor_heard():
    async with running() as (session, stream):
        waiting = await held_back(session)
        stream.go.release()  # room, in the same breath as the end of its connection
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert session.received_samples == 3 * 16_000
        for _ in range(3):
            stream.go.release()
        await settle()
        assert stream.fed == [1.0, 1.0, 1.0]


async def test_a_control_whose_connection_is_dropped_while_it_waits_is_taken_when_it_comes_again():
    async with running() as (session, stream):
        frame = await held_back(session)
        control = asyncio.create_task(session.control(Control("marker", 7, request=1)))
        await settle()
        for waiting in (control, frame):
            waiting.cancel()
        await asyncio.gather(control, frame, return_exceptions=True)
        again = asyncio.create_task(session.control(Control("marker", 7, request=1)))
        for _ in range(4):
            stream.go.release()
            await settle()
        await again
        await session.control(Control("marker", 7, request=1))  # and this time once
        stream.go.release()
        await settle()
        assert stream.fed == [1.0, 1.0, 1.0, "marker"]


async def test_the_end_comes_after_a_frame_that_waits_for_room_even_if_its_connection_is_gone():
    async with running() as (session, stream):
        waiting = await held_back(session)
        stream.go.release()
        session.stop("shutdown")  # finds the room that was made for the frame
        await waiting
        for _ in range(3):
            stream.go.release()
        await settle()
        assert stream.fed == [1.0, 1.0, 1.0, 2.0, "stop"]
        assert session.audio_s == 5.0, "and what is counted was heard"
        with pytest.raises(ProtocolError, match="after stop_session"):
            await session.receive_audio(SECOND)


async def test_at_its_length_limit_a_session_stops_though_it_has_no_room_for_the_word():
    async with running(Limits(1, 60.0, 2.0, 120.0)) as (session, stream):
        await session.receive_audio(SECOND)
        await settle()
        await session.receive_audio(SECOND)
        assert session.reason == "limit"
        stream.go.release()
        stream.go.release()
        await settle()
        assert stream.fed == [1.0, 1.0, "stop"]


async def test_a_session_is_forsaken_by_silence_and_not_by_its_own_slowness():
    async with running() as (session, stream):
        session.attach(Socket())
        await settle()
        now = session._presence.heard_at
        assert not session.forsaken(now + 59)
        assert session.forsaken(now + 61)
        waiting = await held_back(session)
        assert not session.forsaken(now + 3600), "its client has said something that nobody heard yet"
        for _ in range(LIMITS.queue_chunks + 2):
            stream.go.release()
        await waiting
        await settle()
        assert session.forsaken(session._presence.heard_at + 61)


async def test_a_client_that_waits_for_its_answer_is_not_silent_though_it_takes_longer_than_the_limit():
    async with running() as (session, stream):
        session.attach(Socket())
        await session.receive_audio(SECOND)
        await settle()
        sent = session._presence.heard_at
        assert not session.forsaken(sent + 3600), "the stream has not taken it"
        stream.busy = True
        stream.go.release()
        await settle()
        session._presence.heard_at = sent - 100  # it has waited for so long
        assert not session.forsaken(sent + 3600), "its finals are not out"
        stream.busy = False
        done = session._presence.heard_at
        assert done >= sent, "its silence counts from when everything was dealt with"
        assert not session.forsaken(done + 59)
        assert session.forsaken(done + 61)
        stream.busy = True
        session.detach(session.attachment)
        assert session.forsaken(session._presence.heard_at + 121), "nobody is there who waits"


async def test_a_paused_session_may_be_silent_for_longer_and_a_lost_one_for_as_long_as_it_can_be_resumed():
    async with running() as (session, _):
        session._intake.received_samples = 1
        assert not session.forsaken(session._presence.heard_at + 119)
        assert session.forsaken(session._presence.heard_at + 121)
        session._intake.received_samples = 0
        assert not session.forsaken(session._presence.heard_at + 9)
        assert session.forsaken(session._presence.heard_at + 11), "without any audio it is soon given up"
        session.attach(Socket())
        await session.control(Control("pause"))
        await settle()
        assert not session.forsaken(session._presence.heard_at + PAUSE_LIMIT_S - 1)
        assert session.forsaken(session._presence.heard_at + PAUSE_LIMIT_S + 1)


async def test_one_look_at_all_sessions_ends_those_that_were_forsaken():
    pipeline = SteppedPipeline()
    sessions = Sessions(pipeline, LIMITS, Metrics())
    first, second = (sessions.open(StreamOptions()) for _ in range(2))
    second._presence.heard_at += 1000
    sessions.check(first._presence.heard_at + 121)
    assert (first.reason, second.reason) == ("idle", None)
    await sessions.close(grace_s=0)
    assert sessions.open_count == 0


async def test_a_failing_session_says_so_and_ends_its_log():
    async with running() as (session, stream):
        stream.fail = True
        stream.go.release()
        await session.receive_audio(SECOND)
        events = [json.loads(text) async for text in session.log.follow(0)]
        assert [event["type"] for event in events] == ["error", "error", "session_stopped"]
        assert [event.get("code") for event in events] == ["internal", "untranscribed", None]
        assert "the last 1.0 s" in events[1]["message"]
        assert (events[2]["reason"], events[2]["audio_s"], events[2]["transcribed_s"]) == ("shutdown", 1.0, 0.0)


async def test_a_token_that_cannot_be_encoded_is_a_wrong_token():
    async with running() as (session, _):
        assert not session.owns("\ud800")
        assert session.owns(session.resume_token)


async def test_the_lag_of_audio_that_had_to_wait_in_the_socket_is_counted_from_when_it_was_spoken():
    async with running() as (session, stream):
        waiting = await held_back(session)
        for _ in range(4):
            stream.go.release()
        await waiting
        session._intake._inbox._arrivals.last -= 100  # as if that frame had come so long ago
        stream.go.release()
        await session.receive_audio(SECOND)
        await settle()
        *_, last = [json.loads(text) for text in session.log._texts]
        assert last["type"] == "progress"
        assert last["lag_ms"] > 98_000
