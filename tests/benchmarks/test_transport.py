"""The transport benchmark counts what it says that it counts."""

import asyncio

import pytest

from benchmarks.transport import viewers
from benchmarks.transport.client import CONNECTIONS_A_HOST, TRANSPORTS
from benchmarks.transport.command import Case, drive
from benchmarks.transport.counting_proxy import counting
from benchmarks.transport.server import serving
from benchmarks.transport.viewers import WAYS, watch, watched

CHUNKS = 5


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("period_s", [None, 0.001])
async def test_every_transport_answers_every_chunk_of_every_session(transport: str, period_s: float | None) -> None:
    async with serving() as (port, _):
        outcome = await drive(f"http://127.0.0.1:{port}/", Case(transport, 3, 0.1, CHUNKS, period_s))
    assert len(outcome.latency_ms) == len(outcome.from_due_ms) == 3 * CHUNKS


@pytest.mark.parametrize(
    ("transport", "connections"), [("websocket", 1), ("sse_post", 2), ("sse_post_new", 1 + CHUNKS)]
)
async def test_the_connections_of_a_session_are_counted(transport: str, connections: int) -> None:
    async with serving() as (port, _), counting(port) as (proxied, counts):
        await drive(f"http://127.0.0.1:{proxied}/", Case(transport, 1, 0.1, CHUNKS))
    assert counts().connections == connections


async def test_a_client_opens_six_connections_at_most_however_many_chunks_wait() -> None:
    async with serving() as (port, _), counting(port) as (proxied, counts):
        await drive(f"http://127.0.0.1:{proxied}/", Case("sse_post", 1, 0.1, 40, period_s=0.0))
    assert counts().connections == CONNECTIONS_A_HOST


async def test_the_proxy_counts_every_byte_of_both_directions_and_changes_none() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write((await reader.readexactly(100_000))[::-1] + b"!")
        writer.close()

    async with (
        await asyncio.start_server(answer, "127.0.0.1", 0) as server,
        counting(server.sockets[0].getsockname()[1], rtt_s=0.001) as (proxied, counts),
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", proxied)
        writer.write(bytes(range(250)) * 400)
        answered = await reader.read()
        writer.close()
        await writer.wait_closed()
    assert answered == bytes(reversed(range(250))) * 400 + b"!"
    assert (counts().up, counts().down, counts().connections, counts().peak) == (100_000, 100_001, 1, 1)


async def test_a_websocket_adds_a_few_bytes_to_a_chunk_and_a_post_its_headers() -> None:
    added = {}
    for transport in ("websocket", "sse_post"):
        async with serving() as (port, _), counting(port) as (proxied, counts):
            before: list[int] = []
            url, case = f"http://127.0.0.1:{proxied}/", Case(transport, 1, 0.1, CHUNKS)
            await drive(url, case, lambda before=before, counts=counts: before.append(counts().up))
            added[transport] = (counts().up - before[0]) / CHUNKS - 3200
    assert 8 <= added["websocket"] < 12  # the frame's header with its mask, and a share of the closing frame
    assert added["sse_post"] > 100


@pytest.mark.parametrize("way", WAYS)
async def test_every_viewer_of_a_session_reads_every_event_by_both_ways(
    way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(viewers, "BEFORE_S", 0.2)
    async with watched(50.0, 4) as (port, appended):
        marks: list[int] = []
        lags, missing = await watch(way, f"http://127.0.0.1:{port}/", 3, 0.3, lambda: marks.append(appended()))
    assert missing == 0
    assert len(lags) >= 3 * 5
    assert min(lags) >= 0
    assert marks[1] > marks[0] > 0
