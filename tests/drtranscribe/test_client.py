import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pytest
from aiohttp import WSCloseCode, WSMsgType, web
from aiohttp.test_utils import TestServer, unused_port

from drtranscribe import Consultation, ConsultationError

TestServer.__test__ = False

PCM = bytes(i * 7 % 256 for i in range(96_000))


@dataclass
class FakeServer:
    """One session of drtranscribe.v1. `cuts`: byte counts of the stream at which the connection breaks, for once."""

    cuts: list[int] = field(default_factory=list)
    resume_closes: list[int] = field(default_factory=list)  # close codes for the next attempts to resume
    too_much: list[int] = field(
        default_factory=list
    )  # bytes of the stream at which the key has sent too much, for once
    silent_after: int | None = None  # byte count from which no progress is told
    limits: dict[str, Any] = field(default_factory=lambda: {"max_frame_bytes": 960_000, "resume_ttl_s": 30})
    pcm: bytearray = field(default_factory=bytearray)
    frames: list[int] = field(default_factory=list)
    controls: list[tuple[str, int]] = field(default_factory=list)  # type, and the bytes before it
    log: list[dict[str, Any]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    start: dict[str, Any] = field(default_factory=dict)
    connections: int = 0
    stalled: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def received_samples(self) -> int:
        return len(self.pcm) // (2 * int(self.start["audio"]["channels"]))

    def event(self, type: str, **fields: Any) -> dict[str, Any]:
        self.log.append({"type": type, "seq": len(self.log) + 1, **fields})
        return self.log[-1]

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        self.connections += 1
        self.headers = dict(request.headers)
        ws = web.WebSocketResponse(protocols=["drtranscribe.v1"])
        await ws.prepare(request)
        first = await ws.receive_json()
        if first["type"] == "start_session":
            self.start = first
            await ws.send_json(self.event("session_started", session_id="x", resume_token="t", limits=self.limits))
        elif self.resume_closes:
            await ws.close(code=self.resume_closes.pop(0))
            return ws
        else:
            assert (first["session_id"], first["resume_token"]) == ("x", "t")
            replay = self.log[first["last_seq"] :]
            resumed = {"type": "session_resumed", "received_samples": self.received_samples}
            for event in [resumed, *replay]:
                await ws.send_json(event)
        async for message in ws:
            if message.type is WSMsgType.BINARY:
                if not await self.audio(ws, message.data):
                    assert request.transport is not None
                    request.transport.abort()
                    break
            elif message.type is WSMsgType.TEXT:
                await self.control(ws, json.loads(message.data))
        return ws

    async def audio(self, ws: web.WebSocketResponse, data: bytes) -> bool:
        """Whether the connection is still there afterwards."""
        if self.too_much and len(self.pcm) >= self.too_much[0]:
            del self.too_much[0]
            await ws.send_json(self.event("error", code="key_bytes", message="wait", fatal=False, retry_after_s=0.01))
            await ws.close(code=1013)
            return True
        self.frames.append(len(data))
        if self.cuts and len(self.pcm) + len(data) >= self.cuts[0]:
            self.pcm += data[: self.cuts.pop(0) - len(self.pcm)]
            self.event("transcript", segment={"id": f"s{len(self.log)}"})  # logged, and lost on the way
            return False
        self.pcm += data
        if self.silent_after is not None and len(self.pcm) >= self.silent_after:
            self.stalled.set()
        else:
            await ws.send_json(self.event("progress", received_samples=self.received_samples))
        return True

    async def control(self, ws: web.WebSocketResponse, message: dict[str, Any]) -> None:
        self.controls.append((message["type"], len(self.pcm)))
        if message["type"] == "marker":
            await ws.send_json(self.event("marker", id=message["id"]))
        if message["type"] == "withdraw_consent":
            await ws.send_json(self.event("session_stopped", reason="withdrawn"))
            await ws.close()
        if message["type"] == "stop_session":
            await ws.send_json(self.event("session_stopped", reason="client"))
            await ws.close()


@asynccontextmanager
async def serving(handle: Any) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_get("/ws", handle)
    async with TestServer(app) as server:
        yield f"ws://127.0.0.1:{server.port}"


def connect(url: str, **options: Any) -> Consultation:
    return Consultation.connect(url, backoff=lambda attempt: 0, **options)


async def speak(url: str, chunk: int = 3200, **options: Any) -> list[dict[str, Any]]:
    """Send PCM with a marker in its middle, stop, and give every event."""
    async with connect(url, **options) as consultation:
        for at in range(0, len(PCM), chunk):
            await consultation.send(PCM[at : at + chunk])
            if at == len(PCM) // 2:
                await consultation.marker(7)
        await consultation.stop()
        return [event async for event in consultation]


async def test_a_consultation_carries_its_audio_and_gives_every_event_once() -> None:
    server = FakeServer()
    async with serving(server.handle) as url:
        events = await speak(url)
    assert bytes(server.pcm) == PCM
    assert events == server.log
    assert [event["type"] for event in (events[0], events[-1])] == ["session_started", "session_stopped"]


@pytest.mark.parametrize(
    "cuts", [[2], [3200], [5000], [48_000], [51_200], [96_000], [10, 12, 40_000, 40_002, 95_998], [0, 0, 6400, 6400]]
)
async def test_lost_connections_lose_and_double_neither_audio_nor_events(cuts: list[int]) -> None:
    server = FakeServer(cuts=list(cuts))
    async with serving(server.handle) as url:
        events = await speak(url)
    assert server.connections == 1 + len(cuts)
    assert bytes(server.pcm) == PCM
    assert events == server.log
    assert all(after["seq"] == before["seq"] + 1 for before, after in pairwise(events))


@pytest.mark.parametrize("cut", [6400, 48_000, 51_200, 51_202, 60_000])
async def test_a_marker_keeps_its_place_in_the_audio_over_a_lost_connection(cut: int) -> None:
    server = FakeServer(cuts=[cut])
    async with serving(server.handle) as url:
        await speak(url)
    assert {place for type, place in server.controls if type == "marker"} == {51_200}


async def test_a_consultation_that_is_stopped_while_disconnected_ends_in_order() -> None:
    server = FakeServer(cuts=[50_000], resume_closes=[1001, 4409, 1013])
    async with serving(server.handle) as url, connect(url) as consultation:
        await consultation.send(PCM)
        stopped = await consultation.stop()
    assert stopped["reason"] == "client"
    assert bytes(server.pcm) == PCM
    assert server.controls == [("stop_session", len(PCM))]


async def test_leaving_the_context_stops_the_consultation() -> None:
    server = FakeServer()
    async with serving(server.handle) as url, connect(url) as consultation:
        await consultation.send(PCM)
    assert server.controls == [("stop_session", len(PCM))]


async def test_an_exception_in_the_context_leaves_the_session_to_be_resumed() -> None:
    server = FakeServer()
    async with serving(server.handle) as url:
        with pytest.raises(RuntimeError, match="the microphone"):
            async with connect(url) as consultation:
                raise RuntimeError("the microphone")
        with pytest.raises(ConsultationError) as left:
            await consultation.send(PCM)
    assert left.value.code == "ended"
    assert server.controls == []


async def test_a_session_that_the_server_no_longer_has_fails_every_call_after_the_events_before_it() -> None:
    server = FakeServer(cuts=[50_000], resume_closes=[4404])
    seen = []

    async def read(consultation: Consultation) -> None:
        async for event in consultation:
            seen.append(event["type"])

    async with serving(server.handle) as url, connect(url) as consultation:
        await consultation.send(PCM[:9600])
        await consultation.send(PCM)
        for call in (read(consultation), read(consultation), consultation.send(PCM), consultation.stop()):
            with pytest.raises(ConsultationError) as caught:
                await call
            assert caught.value.code == "no_such_session"
    assert seen == ["session_started", "progress"]


async def test_leaving_the_context_raises_a_failure_that_nobody_was_told_of() -> None:
    server = FakeServer(cuts=[50_000], resume_closes=[4404])
    async with serving(server.handle) as url, AsyncExitStack() as stack:
        consultation = await stack.enter_async_context(connect(url))
        await consultation.send(PCM)
        with pytest.raises(ConsultationError, match="no such session"):
            await stack.aclose()


@pytest.mark.parametrize("way", ["error event", "close reason", "http"])
async def test_a_full_server_is_an_error_with_the_time_to_come_again(way: str) -> None:
    async def handle(request: web.Request) -> web.StreamResponse:
        if way == "http":
            return web.Response(status=503, headers={"Retry-After": "7"})
        ws = web.WebSocketResponse(protocols=["drtranscribe.v1"])
        await ws.prepare(request)
        await ws.receive()
        if way == "error event":
            error = {"type": "error", "code": "full", "message": "come later", "fatal": True, "retry_after_s": 7}
            await ws.send_json(error)
        await ws.close(
            code=WSCloseCode.TRY_AGAIN_LATER, message=b'{"retry_after_s": 7}' if way != "error event" else b""
        )
        return ws

    async with serving(handle) as url:
        with pytest.raises(ConsultationError) as caught:
            await connect(url).__aenter__()
    assert (caught.value.code, caught.value.retry_after_s) == ("full", 7)


@pytest.mark.parametrize(
    ("status", "code"), [(401, "not_authorised"), (403, "not_authorised"), (404, "bad_address"), (502, "unreachable")]
)
async def test_an_http_refusal_says_what_is_wrong(status: int, code: str) -> None:
    async def handle(request: web.Request) -> web.Response:
        return web.Response(status=status)

    async with serving(handle) as url:
        with pytest.raises(ConsultationError) as caught:
            await connect(url).__aenter__()
    assert caught.value.code == code


async def test_a_server_of_another_protocol_is_refused() -> None:
    async def handle(request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        await ws.receive()
        return ws

    async with serving(handle) as url:
        with pytest.raises(ConsultationError, match=r"does not speak drtranscribe\.v1"):
            await connect(url).__aenter__()


async def test_nobody_listening_is_an_error_after_a_few_tries() -> None:
    tries: list[int] = []

    def backoff(attempt: int) -> float:
        tries.append(attempt)
        return 0

    with pytest.raises(ConsultationError, match="drtranscribe serve") as caught:
        await Consultation.connect(f"ws://127.0.0.1:{unused_port()}", backoff=backoff).__aenter__()
    assert caught.value.code == "unreachable"
    assert tries == [1, 2, 3]


async def test_a_server_that_stays_away_longer_than_it_keeps_sessions_is_an_error() -> None:
    server = FakeServer(cuts=[50_000], resume_closes=[1001] * 3)
    server.limits["resume_ttl_s"] = 0.5
    async with serving(server.handle) as url:
        consultation = Consultation.connect(url, backoff=lambda attempt: 0 if attempt < 3 else 1)
        async with consultation:
            await consultation.send(PCM)
            with pytest.raises(ConsultationError) as caught:
                await consultation.stop()
    assert caught.value.code == "connection_lost"


async def test_sending_waits_while_too_much_is_unacknowledged() -> None:
    server = FakeServer(silent_after=32_000)
    async with serving(server.handle) as url, connect(url, max_waiting_s=1) as consultation:
        sending = asyncio.create_task(speak_on(consultation))
        await server.stalled.wait()
        await consultation.marker(1)
        async for event in consultation:
            if event["type"] == "marker":
                break
        assert not sending.done()
        assert len(server.pcm) < 2 * 32_000 + 3200
        sending.cancel()


async def speak_on(consultation: Consultation) -> None:
    while True:
        await consultation.send(PCM[:3200])


async def test_a_frame_is_never_larger_than_half_of_what_the_server_takes() -> None:
    server = FakeServer()
    server.limits["max_frame_bytes"] = 9_999
    async with serving(server.handle) as url:
        await speak(url, chunk=len(PCM) // 2)
    assert max(server.frames) == 4_998
    assert bytes(server.pcm) == PCM


async def test_the_start_message_has_what_was_asked_for_and_the_key_travels_in_the_header() -> None:
    server = FakeServer()
    async with serving(server.handle) as url:
        await speak(url, sample_rate=48_000, channels=2, mode="dual", api_key="k", vocabulary=["lisinopril"])
    assert server.headers["Authorization"] == "Bearer k"
    assert server.start == {
        "type": "start_session",
        "audio": {"encoding": "pcm_s16le", "sample_rate": 48_000, "channels": 2},
        "mode": "dual",
        "consent": True,
        "vocabulary": ["lisinopril"],
    }


async def test_torn_samples_are_refused_before_they_are_sent() -> None:
    server = FakeServer()
    async with serving(server.handle) as url, connect(url, channels=2) as consultation:
        with pytest.raises(ValueError, match="multiples of 4 bytes"):
            await consultation.send(b"123456")


async def test_a_key_that_sends_too_much_waits_as_told_and_loses_no_audio() -> None:
    server = FakeServer(too_much=[9600, 50_000])
    async with serving(server.handle) as url:
        events = await speak(url)
    assert (bytes(server.pcm), server.connections) == (PCM, 3)
    assert [event["code"] for event in events if event["type"] == "error"] == ["key_bytes", "key_bytes"]


async def test_withdrawing_the_consent_ends_the_consultation() -> None:
    server = FakeServer()
    async with serving(server.handle) as url, connect(url) as consultation:
        await consultation.send(PCM[:3200])
        assert (await consultation.withdraw_consent())["reason"] == "withdrawn"
        with pytest.raises(ConsultationError, match="has ended"):
            await consultation.send(PCM[:3200])
    assert [control for control, _ in server.controls] == ["withdraw_consent"]


async def test_each_connection_offers_a_ticket_of_its_own() -> None:
    server, tickets = FakeServer(cuts=[3200]), iter(["one", "two"])
    offered: list[str] = []

    async def handle(request: web.Request) -> web.WebSocketResponse:
        offered.append(request.headers["Sec-WebSocket-Protocol"])
        return await server.handle(request)

    async def ticket() -> str:
        return next(tickets)

    async with serving(handle) as url:
        await speak(url, ticket=ticket)
    assert offered == ["drtranscribe.v1,bearer.one", "drtranscribe.v1,bearer.two"]
