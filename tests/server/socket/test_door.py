"""What connections may take of a server before they have a session; `sent` of raw bytes over real sockets."""

import asyncio
import struct
from contextlib import AsyncExitStack, asynccontextmanager
from urllib.parse import urlsplit

import pytest

from server.app import METRICS
from server.socket.door import MAX_WAITING_BYTES
from tests.server.monitoring.test_request_log import sent
from tests.support.fakes import speech
from tests.support.live import START, serving, until


def refused(server, code):
    return server.app[METRICS].refused.labels(code)._value.get()


@asynccontextmanager
async def raw(server):
    parts = urlsplit(server.url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def upgraded(server, reader, writer):
    writer.write(
        f"GET /ws HTTP/1.1\r\nHost: {urlsplit(server.url).netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Protocol: drtranscribe.v1\r\n\r\n".encode()
    )
    assert b" 101 " in await reader.readuntil(b"\r\n\r\n")


def frame(data, declared, opcode=2):
    return bytes([0x80 | opcode, 0xFF]) + struct.pack(">Q", declared) + b"\0\0\0\0" + data


async def test_an_unfinished_first_frame_is_refused_beyond_64_kb_with_its_code():
    async with serving() as server, raw(server) as (reader, writer):
        await upgraded(server, reader, writer)
        writer.write(frame(b"a" * 1_900_000, 1_950_000, opcode=1))
        answer = await asyncio.wait_for(reader.read(), 20)
        assert b"text_too_large" in answer
        assert refused(server, "text_too_large") == 1
        await until(lambda: server.door.held_bytes == 0)


async def test_many_unfinished_frames_hold_no_more_than_their_common_limit():
    most = 0
    async with serving(first_message_timeout_s=60) as server, AsyncExitStack() as stack:
        for _ in range(60):
            reader, writer = await stack.enter_async_context(raw(server))
            await upgraded(server, reader, writer)
            writer.write(frame(b"a" * 1_000_000, 1_950_000))
            most = max(most, server.door.held_bytes)
        assert (await server.get("/health/live"))[0] == 200
    assert most <= MAX_WAITING_BYTES


async def test_a_first_message_with_audio_right_behind_it_is_taken():
    async with serving() as server, server.connect() as client:
        await client.say(START)
        for _ in range(5):
            await client.say(speech((2.0, 0.5), (1.0, 0)))
        assert (await client.finish())["segments"] == 5


async def test_a_request_whose_head_does_not_come_is_closed_in_time():
    async with serving(request_timeout_s=0.2) as server:
        assert await sent(server.url, b"") == b""
        assert await sent(server.url, b"GET / HTTP/1.1\r\nHost: ") == b""


async def test_silent_connections_of_an_address_push_out_each_other_and_nobody_else():
    async with serving(max_connections_per_address=5) as server, server.connect() as client, AsyncExitStack() as stack:
        await client.start()
        for _ in range(20):
            await stack.enter_async_context(raw(server))
        assert (await server.get("/health/live"))[0] == 200
        await client.say(speech((2.0, 0.5), (1.0, 0)))
        assert (await client.finish())["segments"] == 1
        assert refused(server, "too_many_connections") >= 14
        assert len(server.door) <= 7


async def test_where_all_connections_have_sessions_the_next_is_told_so():
    async with serving(max_connections=1) as server, server.connect() as client:
        await client.start()
        answer = await sent(server.url, b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"Retry-After" in answer
        await client.finish()


@pytest.mark.parametrize("path", ["/health/live", "/static/app.js", "/nowhere"])
async def test_an_expectation_that_is_not_ascii_is_refused_and_is_no_error_of_the_server(path):
    async with serving() as server:
        request = (
            f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nExpect: ".encode() + b"\xff\xfe\r\n\r\n"
        )
        answer = await sent(server.url, request)
        assert answer.startswith(b"HTTP/1.1 417 ")


@pytest.mark.parametrize("path", ["/", "/ws", "/metrics", "/v1/sessions/ID/record", "/nowhere"])
async def test_a_foreign_name_is_refused_everywhere_but_at_the_probes(path):
    async with serving() as server:
        for host, status in [("evil.example", 421), ("localhost:1", None)]:
            async with server.http.get(server.url + path, headers={"Host": host}) as response:
                assert (response.status == 421) is (status == 421)
        async with server.http.get(f"{server.url}/health/live", headers={"Host": "evil.example"}) as response:
            assert response.status == 200
        assert refused(server, "host_not_allowed") == 1


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "null"}, 403),
        ({"Origin": "http://scribe.example", "X-Forwarded-Proto": "https"}, 403),
        ({"Origin": "https://scribe.example:8443", "X-Forwarded-Proto": "https"}, 403),
        ({"Origin": "https://scribe.example", "X-Forwarded-Proto": "https"}, 404),
        ({}, 404),
    ],
)
async def test_a_page_is_compared_by_scheme_and_port_also_behind_a_proxy(headers, status):
    async with serving(allowed_hosts=("scribe.example",)) as server:
        url, headers = f"{server.url}/v1/sessions/ID/record", {"Host": "scribe.example", **headers}
        async with server.http.get(url, headers=headers) as response:
            assert response.status == status
