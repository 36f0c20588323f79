"""What happens when a server has more to do than it can, and when clients behave badly."""

import asyncio
import json
import time
import tracemalloc

import numpy as np

from inference.asr.hypothesis import Hypothesis
from inference.pipeline import Pipeline
from server.app import METRICS, SESSIONS
from server.sessions.registry import DEFAULT_CAPACITY
from tests.support.fakes import ONE_PAUSE, EchoExtractor, LevelAsr, LoudnessVad, speech
from tests.support.live import START, serving, until

FRAME = speech((2.0, 0.9), (1.0, 0))  # 3 s: one final
QUIET = speech((2.0, 0.5), (1.0, 0))


class LoudWaits(LevelAsr):
    """Waits at `go` with what a loud session says, and with nobody else's; keeps no audio."""

    def transcribe(self, requests, mels=None):
        if all(np.abs(request.audio).max() < 0.8 for request in requests):
            return [Hypothesis("quiet", "en") for _ in requests]
        answers = super().transcribe(requests)
        self.requests.clear()
        return answers


def pipeline(asr=None):
    return Pipeline(LoudnessVad(), asr or LevelAsr(), [EchoExtractor()], ONE_PAUSE)


async def session_of(server, client):
    started = await client.start()
    return server.app[SESSIONS].find(started["session_id"], started["resume_token"]), started


def resume(started, last_seq):
    return {
        "type": "resume_session",
        "session_id": started["session_id"],
        "resume_token": started["resume_token"],
        "last_seq": last_seq,
    }


async def refusal(server):
    async with server.connect() as client:
        await client.say(START)
        error = await client.hear("error")
        assert await client.close_code() == 1013
        return error


async def health(server):
    status, text = await server.get("/health/ready")
    return status, json.loads(text)


async def test_the_operators_limit_wins_over_what_was_measured_over_the_default():
    for setting, measured, limit in [(3, 40, 3), (None, 40, 40), (None, 0, 1), (None, None, DEFAULT_CAPACITY)]:
        engines = pipeline()
        async with serving(engines, max_sessions=setting) as server:
            engines.capacity = measured
            assert (await health(server))[1]["capacity"] == limit
            assert f"drtranscribe_capacity {limit}.0" in (await server.get("/metrics"))[1]


async def test_beyond_what_was_measured_a_start_is_refused_with_a_time_that_fits_the_size_of_the_server():
    engines = pipeline()
    async with serving(engines) as server, server.connect() as client:
        engines.capacity = 1
        await client.start()
        error = await refusal(server)
        assert (error["code"], error["fatal"]) == ("full", True)
        assert 40 < error["retry_after_s"] < 80, "one place: a consultation ends in minutes"
        assert (await health(server))[1]["sessions"] == 1
        await client.finish()
        engines.capacity = 300
        async with server.connect() as other:
            await other.start()


async def test_a_server_that_warms_up_is_live_and_not_ready_and_refuses_with_a_time(monkeypatch):
    async with serving() as server:
        monkeypatch.setattr(Pipeline, "ready", False)
        assert (await server.get("/health/live"))[0] == 200
        status, body = await health(server)
        assert (status, body["status"], bool(body["reason"])) == (503, "warming up", True)
        error = await refusal(server)
        assert (error["code"], 0 < error["retry_after_s"] < 10) == ("not_ready", True)


async def test_while_an_engine_restarts_new_sessions_are_refused_and_open_ones_stay(monkeypatch):
    async with serving() as server, server.connect() as client:
        await client.start()
        with monkeypatch.context() as down:
            down.setattr(Pipeline, "ready", False)
            down.setattr(Pipeline, "restarting", True)
            status, body = await health(server)
            assert (status, body["status"], bool(body["reason"])) == (503, "restarting", True)
            assert (await refusal(server))["code"] == "not_ready"
            await client.say(QUIET)
        assert (await health(server))[0] == 200
        assert (await client.finish())["segments"] == 1


async def test_a_server_whose_engine_is_gone_says_why_and_sends_clients_elsewhere(monkeypatch):
    async with serving() as server:
        monkeypatch.setattr(Pipeline, "ready", False)
        monkeypatch.setattr(Pipeline, "failed", "the GPU is lost: restart the server")
        assert await health(server) == (503, {"status": "failed", "reason": "the GPU is lost: restart the server"})
        error = await refusal(server)
        assert (error["code"], error["retry_after_s"] > 40) == ("not_ready", True)


async def test_a_flood_is_held_back_by_the_socket_while_others_go_on_and_all_of_it_is_transcribed():
    asr, chunks = LoudWaits(), 200  # ten minutes in as many seconds as the sockets take
    async with (
        serving(Pipeline(LoudnessVad(), asr, [], ONE_PAUSE)) as server,
        server.connect() as client,
        server.connect() as calm,
    ):
        session, _ = await session_of(server, client)
        asr.go.clear()
        tracemalloc.start()
        try:
            began = time.monotonic()

            async def flood():
                for _ in range(chunks):
                    await client.say(FRAME)

            flooding = asyncio.create_task(flood())
            await until(lambda: session._intake.held_back)
            held_at = time.monotonic()

            await calm.start()
            for _ in range(5):
                await calm.say(QUIET)
                await calm.hear("progress")
            assert (await calm.finish())["segments"] == 5

            assert not flooding.done()
            assert session.received_samples <= 12 * 48_000, "8 in the queue, 2 cut ahead, 1 at work"
            held_ms = (time.monotonic() - held_at) * 1000
            asr.go.set()
            await flooding
            stopped = await client.finish()
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert (stopped["segments"], stopped["audio_s"]) == (chunks, 3.0 * chunks)
        assert peak < 8e6 < chunks * len(FRAME), "what waits lies in the client"
        progress = [event for event in client.events if event["type"] == "progress"]
        assert progress[-1]["transcribed_s"] == 3.0 * chunks
        assert progress[0]["lag_ms"] >= held_ms, "it had arrived before it was held"
        assert max(event["lag_ms"] for event in progress) <= (time.monotonic() - began) * 1000


async def test_a_client_that_does_not_read_is_cut_off_and_resumes_while_others_go_on():
    async with serving(send_timeout_s=1.0) as server, server.connect() as client, server.connect() as calm:
        started = await client.start()
        await calm.start()
        while not server.app[METRICS].unread._value.get():
            await client.say(QUIET)  # talks on, and reads neither events nor pings
            await calm.say(QUIET)
            await calm.hear("progress")
        async with server.connect() as again:
            await again.say(resume(started, 1))
            received = (await again.hear("session_resumed"))["received_samples"]
            stopped = await again.finish()
            assert stopped["segments"] == received // 48_000 == len(again.finals()) > 0
            seqs = [event["seq"] for event in again.events if "seq" in event]
            assert (seqs, seqs[-1]) == (sorted(set(seqs)), stopped["seq"]), "old progress may be missing, nothing else"
        assert (await calm.finish())["segments"] > 0
        assert "drtranscribe_unread_total 1.0" in (await server.get("/metrics"))[1]


async def test_events_for_a_client_that_does_not_read_wait_in_the_log_and_not_beside_it():
    async with serving(send_timeout_s=1.0) as server, server.connect() as client:
        session, started = await session_of(server, client)
        transport = session.attachment._transport
        for _ in range(100):  # 20 MB: more than two kernels hold
            session.log.append("error", code="large", message="x" * 200_000, fatal=False)
        most = 0

        def cut_off():
            nonlocal most
            most = max(most, transport.get_write_buffer_size())
            return session.attachment is None

        await until(cut_off)
        assert 0 < most <= 65_536 + 200_200
        assert server.app[METRICS].unread._value.get() == 1
        async with server.connect() as again:
            await again.say(resume(started, 1))
            await again.finish()
            assert sum(event.get("code") == "large" for event in again.events) == 100


async def test_a_client_that_reads_is_not_cut_off_while_its_session_holds_it_back():
    asr = LoudWaits()
    async with (
        serving(Pipeline(LoudnessVad(), asr, [], ONE_PAUSE), send_timeout_s=0.4) as server,
        server.connect() as client,
    ):
        session, _ = await session_of(server, client)
        asr.go.clear()
        listener = asyncio.create_task(client.hear("session_stopped"))
        for _ in range(40):  # beyond the queue, so that its pongs stand behind audio that nobody takes
            await client.say(FRAME)
        await until(lambda: session._intake.held_back)
        held_at = time.monotonic()
        await until(lambda: time.monotonic() - held_at > 1.2)  # three times what a silent one is given
        assert session.attachment is not None
        asr.go.set()
        await client.say({"type": "stop_session"})
        assert (await listener)["segments"] == 40


async def test_a_frame_that_waits_for_room_when_its_line_drops_is_sent_again_and_heard_once():
    asr = LoudWaits()
    async with serving(Pipeline(LoudnessVad(), asr, [], ONE_PAUSE)) as server:
        async with server.connect() as first:
            session, started = await session_of(server, first)
            asr.go.clear()
            sent = 0
            while not session._intake.held_back:
                await first.say(FRAME)
                sent += 1
                await asyncio.sleep(0.01)
            received, holder = session.received_samples, session.attachment
            assert received < sent * 48_000
            first.ws._response.close()  # the line drops: no close frame
        async with server.connect() as second:
            await until(holder._transport.is_closing)
            await second.say(resume(started, 1))
            assert (await second.hear("session_resumed"))["received_samples"] == received
            await until(lambda: holder not in server.app[SESSIONS]._sockets)  # while the frame has still no room
            asr.go.set()
            for _ in range(sent - received // 48_000):
                await second.say(FRAME)
            assert (await second.finish())["segments"] == sent
