"""What each fault does to the two ends of a connection."""

import asyncio
import random
from contextlib import asynccontextmanager

import pytest

from benchmarks.chaos.proxy import CLIENT_CLOSE, SERVER_CLOSE, Fault, Proxy, cut, drawn

HEAD = b"HTTP/1.1 101\r\n\r\n"
FRAME = bytes((0x82, 10)) + b"0123456789"


class Ends:
    """A client and a server with a proxy between them."""

    def __init__(self, proxy: Proxy, client, server) -> None:
        self.proxy = proxy
        self.client, self.to_server = client
        self.server, self.to_client = server


@asynccontextmanager
async def linked(fault: Fault | None, rate: float | None = None):
    accepted: asyncio.Future = asyncio.get_running_loop().create_future()

    def accept(reader, writer) -> None:
        accepted.set_result((reader, writer))

    async with await asyncio.start_server(accept, "127.0.0.1", 0) as listener:
        port = listener.sockets[0].getsockname()[1]
        async with Proxy(port, lambda: fault, rate) as proxy:
            client = await asyncio.open_connection("127.0.0.1", proxy.port)
            ends = Ends(proxy, client, await accepted)
            yield ends
            ends.to_server.transport.abort()
            ends.to_client.transport.abort()


async def rest(reader: asyncio.StreamReader) -> tuple[bytes, bool]:
    """All that comes, and whether it ended with an RST."""
    read = b""
    try:
        while data := await asyncio.wait_for(reader.read(1000), 5):
            read += data
    except ConnectionResetError:
        return read, True
    return read, False


async def test_without_a_fault_everything_passes_and_an_end_is_an_end():
    async with linked(None) as ends:
        ends.to_server.write(HEAD + FRAME)
        assert await ends.server.readexactly(len(HEAD + FRAME)) == HEAD + FRAME
        ends.to_client.write(FRAME)
        ends.to_client.write_eof()
        assert await rest(ends.client) == (FRAME, False)


async def test_a_reset_cuts_both_sides_inside_a_frame():
    async with linked(Fault("reset", len(HEAD) + 5)) as ends:
        ends.to_server.write(HEAD + FRAME)
        assert (await rest(ends.client))[0] == b""
        # What was sent right before an RST may be lost with it, as in a real network.
        assert (HEAD + FRAME[:5]).startswith((await rest(ends.server))[0])
        assert ends.proxy.happened == {"reset": 1}


async def test_an_end_reaches_both_sides_without_a_close_frame():
    async with linked(Fault("end", len(HEAD) + 5, downstream=True)) as ends:
        ends.to_client.write(HEAD + FRAME)
        assert await rest(ends.client) == (HEAD + FRAME[:5], False)
        assert (await rest(ends.server))[0] == b""


@pytest.mark.parametrize(("downstream", "close"), [(True, SERVER_CLOSE), (False, CLIENT_CLOSE)])
async def test_a_close_frame_stands_between_two_frames(downstream, close):
    async with linked(Fault("close", len(HEAD) + 5, downstream)) as ends:
        writer, reader = (ends.to_client, ends.client) if downstream else (ends.to_server, ends.server)
        writer.write(HEAD + FRAME + FRAME)
        assert (await rest(reader))[0] == HEAD + FRAME + close


@pytest.mark.parametrize("downstream", [True, False])
async def test_a_server_that_is_half_open_hears_nothing_of_its_lost_client(downstream):
    async with linked(Fault("server half-open", len(HEAD), downstream)) as ends:
        (ends.to_client if downstream else ends.to_server).write(HEAD)
        await rest(ends.client)
        for _ in range(3):
            ends.to_client.write(FRAME * 1000)
            await ends.to_client.drain()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(rest_after(ends.server, b"" if downstream else HEAD), 0.1)


async def rest_after(reader: asyncio.StreamReader, head: bytes) -> None:
    assert await reader.readexactly(len(head)) == head
    await reader.read(1)


async def test_a_client_that_is_half_open_hears_nothing_of_its_lost_server():
    async with linked(Fault("client half-open", len(HEAD))) as ends:
        ends.to_server.write(HEAD)
        await rest(ends.server)
        ends.to_server.write(FRAME * 1000)
        await ends.to_server.drain()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(ends.client.read(1), 0.1)


async def test_a_stall_delays_and_loses_nothing():
    async with linked(Fault("stall", 5, hold_s=0.05)) as ends:
        ends.to_server.write(HEAD + FRAME)
        assert await ends.server.readexactly(len(HEAD + FRAME)) == HEAD + FRAME
        ends.to_client.write(FRAME)
        assert await ends.client.readexactly(len(FRAME)) == FRAME


@pytest.mark.parametrize("kind", ["freeze", "deaf"])
async def test_a_connection_that_freezes_or_is_not_read_ends_for_both(kind):
    async with linked(Fault(kind, 5, downstream=True, hold_s=0.05)) as ends:
        ends.to_client.write(HEAD + FRAME)
        assert HEAD[:5].startswith((await rest(ends.client))[0])
        await rest(ends.server)


async def test_a_slow_client_gets_everything():
    async with linked(None, rate=20_000.0) as ends:
        ends.to_client.write(FRAME * 100)
        assert await ends.client.readexactly(1200) == FRAME * 100


def test_a_fault_waits_for_its_byte_and_a_close_for_the_end_of_a_frame():
    assert cut(Fault("reset", 10), 0, 9, []) is None
    assert cut(Fault("reset", 10), 4, 9, []) == 6
    assert cut(Fault("close", 10), 4, 9, [3]) is None
    assert cut(Fault("close", 10), 4, 9, [3, 8]) == 8
    assert cut(Fault("close", 10), 20, 9, [3, 8]) == 3


def test_what_is_drawn_is_the_same_for_the_same_seed_and_of_every_kind():
    faults = [drawn(chance, 1000, 100) for chance in [random.Random(5)] for _ in range(200)]
    assert faults == [drawn(chance, 1000, 100) for chance in [random.Random(5)] for _ in range(200)]
    assert {fault.kind for fault in faults} == {"reset", "end", "close", "server half-open", "freeze"}
    assert all(0 < fault.after_bytes < (100 if fault.downstream else 1000) for fault in faults)
