"""One WebSocket against SSE plus POST: what the transport alone costs, for the same chunks and the same work.

    python -m benchmarks.transport [--sessions 1 50 200] [--output FILE.json]

One server process of this benchmark's own answers every chunk of PCM with one transcript event, by three ways:
- websocket: one connection a session, chunks up and events down;
- sse_post: events by server-sent events, each chunk a POST, connections kept alive;
- sse_post_new: the same with a new connection for each POST.
Every session is a client of its own and holds six connections at most, the event stream among them, as browsers do over
HTTP/1.1; a POST beyond that waits. Chunks go out by the clock, answered or not.

timed: straight to the server. latency_ms from sending a chunk to its answer; from_due_ms from the moment it was due (a
client or server that does not keep up shows there); CPU seconds of both sides for 1000 chunks, without what connecting
cost. One session alone sends its chunks of 3 s every 0.25 s, to have enough of them.
counted: through a proxy that counts bytes and connections, chunk by chunk; with this client's few headers, and with
those that a browser sends. setup: both directions of one session before its first chunk.
distant: through that proxy with a round trip of 40 ms: half of it for each direction, and one round trip more before a
connection's first byte, as TCP's handshake takes. Chunks may overtake each other on several connections: out_of_order.

Viewers, who only read, are measured by `python -m benchmarks.transport.viewers`.

Not modelled: TLS (one or two round trips more and some kB for each new connection), HTTP/2 and 3 (one connection for
all posts, short headers), compression, lost packets, slow start, proxies that hold back events, TCP/IP's own headers,
radio links. 200 sessions share one client process and one server process, each a single thread.
The last line is JSON.
"""

import argparse
import asyncio
import json
import multiprocessing
import random
import time
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Self

from benchmarks.common.machine import card
from benchmarks.common.pacing import on_time
from benchmarks.common.percentiles import ranks
from benchmarks.common.result import deliver
from benchmarks.transport.client import BROWSER, TRANSPORTS, Receive, Send
from benchmarks.transport.counting_proxy import Counts, counting
from benchmarks.transport.server import serving

BYTES_A_SECOND = 32_000
RTT_S = 0.04
UNANSWERED_S = 20.0


@dataclass(frozen=True, slots=True)
class Case:
    transport: str
    sessions: int
    chunk_s: float
    chunks: int  # of each session
    period_s: float | None = None  # None: the next chunk follows the answer to the last one
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Outcome:
    """Of all sessions of a case together."""

    latency_ms: list[float] = field(default_factory=list)
    from_due_ms: list[float] = field(default_factory=list)
    out_of_order: int = 0


async def drive(url: str, case: Case, begin: Callable[[], None] = lambda: None) -> Outcome:
    """Runs all sessions of a case at once; `begin` is called when all of them are connected."""
    outcome, everybody = Outcome(), asyncio.Barrier(case.sessions)
    chunk = random.Random(0).randbytes(int(case.chunk_s * BYTES_A_SECOND))

    async def session(number: int) -> None:
        async with TRANSPORTS[case.transport](url, str(number), case.headers) as (send, receive):
            if await everybody.wait() == 0:
                begin()
            await everybody.wait()
            await _talk(send, receive, chunk, case, (case.period_s or 0.0) * number / case.sessions, outcome)

    async with asyncio.TaskGroup() as group:
        for number in range(case.sessions):
            group.create_task(session(number))
    return outcome


async def _talk(send: Send, receive: Receive, chunk: bytes, case: Case, after_s: float, outcome: Outcome) -> None:
    """One session: every chunk at its time, every answer as it comes."""
    due, sent = [0.0] * case.chunks, [0.0] * case.chunks
    began, latest, checksum = time.monotonic() + after_s, -1, zlib.crc32(chunk)

    async def post(seq: int) -> None:
        sent[seq] = time.monotonic()
        await send(seq, chunk)

    async def take() -> None:
        nonlocal latest
        event, now = json.loads(await receive()), time.monotonic()
        seq = event["seq"]
        assert event["crc"] == checksum, "the chunk came to the server changed"
        outcome.latency_ms.append((now - sent[seq]) * 1000)
        outcome.from_due_ms.append((now - due[seq]) * 1000)
        outcome.out_of_order += seq < latest
        latest = max(latest, seq)

    async def take_all() -> None:
        for _ in range(case.chunks):
            await take()

    if case.period_s is None:
        for seq in range(case.chunks):
            due[seq] = time.monotonic()
            await asyncio.gather(post(seq), take())
        return
    answers = asyncio.create_task(take_all())
    async with asyncio.TaskGroup() as posts:
        async for moment, seq in on_time((began + seq * case.period_s, seq) for seq in range(case.chunks)):
            due[seq] = moment
            posts.create_task(post(seq))
        with suppress(TimeoutError):
            await asyncio.wait_for(answers, UNANSWERED_S)


class Child:
    """A process of its own which runs `serving()` or `counting(...)`."""

    def __init__(self, role: Callable[..., Any], *args: object) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._pipe, theirs = spawn.Pipe()
        self._process = spawn.Process(target=_child, args=(theirs, role, *args), daemon=True)
        self._process.start()
        self.port: int = self._pipe.recv()
        self.url = f"http://127.0.0.1:{self.port}/"

    def so_far(self) -> tuple[Any, float]:
        """What the role counts, and the CPU seconds of the process."""
        self._pipe.send(None)
        counted, cpu_s = self._pipe.recv()
        return counted, cpu_s

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.join()


def _child(pipe: Connection, role: Callable[..., Any], *args: object) -> None:
    async def live() -> None:
        async with role(*args) as (port, counts):
            pipe.send(port)
            while True:
                await asyncio.to_thread(pipe.recv)
                pipe.send((counts(), time.process_time()))

    asyncio.run(live())


def timed(server: Child, url: str, case: Case) -> dict[str, Any]:
    began: list[float] = []
    outcome = asyncio.run(drive(url, case, lambda: began.extend([server.so_far()[1], time.process_time()])))
    thousands = case.sessions * case.chunks / 1000
    return {
        "latency_ms": ranks(outcome.latency_ms, digits=2),
        "from_due_ms": ranks(outcome.from_due_ms, digits=2),
        "server_cpu_s_per_1000": round((server.so_far()[1] - began[0]) / thousands, 3),
        "client_cpu_s_per_1000": round((time.process_time() - began[1]) / thousands, 3),
        "out_of_order": outcome.out_of_order,
        "unanswered": case.sessions * case.chunks - len(outcome.latency_ms),
    }


def counted(port: int, case: Case) -> dict[str, Any]:
    with Child(counting, port) as proxy:
        marks: list[Counts] = []
        asyncio.run(drive(proxy.url, case, lambda: marks.append(proxy.so_far()[0])))
        before, after, chunks = marks[0], proxy.so_far()[0], case.sessions * case.chunks
    up, down = (after.up - before.up) / chunks, (after.down - before.down) / chunks
    return {
        "setup_bytes": round((before.up + before.down) / case.sessions),
        "up_bytes_per_chunk": round(up, 1),
        "down_bytes_per_chunk": round(down, 1),
        "overhead_up": round(up / (case.chunk_s * BYTES_A_SECOND) - 1, 5),
        "connections": after.connections,
        "connections_at_once": after.peak,
    }


def measure(args: argparse.Namespace) -> dict[str, Any]:
    result: dict[str, Any] = {"benchmark": "transport", "machine": card(), "timed": [], "counted": [], "distant": []}

    def keep(kind: str, case: Case, found: dict[str, Any], **more: object) -> None:
        shown = {name: value for name, value in asdict(case).items() if name != "headers"} | more | found
        result[kind].append(shown)
        print(kind, shown, flush=True)

    with Child(serving) as server, Child(counting, server.port, RTT_S) as far:
        for transport in TRANSPORTS:
            asyncio.run(drive(server.url, Case(transport, 1, 0.1, 200)))  # warm
        for chunk_s in args.chunk_s:
            for sessions in args.sessions:
                period_s = min(chunk_s, 0.25) if sessions == 1 else chunk_s
                chunks = max(5, int(args.seconds / period_s))
                for transport in TRANSPORTS:
                    case = Case(transport, sessions, chunk_s, chunks, period_s)
                    keep("timed", case, timed(server, server.url, case))
                    for name, headers in (("few", {}), ("browser", BROWSER)):
                        case = Case(transport, sessions, chunk_s, 10, headers=headers)
                        keep("counted", case, counted(server.port, case), headers=name)
                    if sessions <= args.distant_sessions:
                        case = Case(transport, sessions, chunk_s, max(5, chunks // 2), period_s)
                        keep("distant", case, timed(server, far.url, case), rtt_ms=RTT_S * 1000)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, nargs="+", default=[1, 50, 200])
    parser.add_argument("--chunk-s", type=float, nargs="+", default=[3.0, 0.1])
    parser.add_argument("--seconds", type=float, default=10.0, help="of each timed run")
    parser.add_argument("--distant-sessions", type=int, default=50, help="no distant runs above so many")
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    deliver(measure(args), args.output)
