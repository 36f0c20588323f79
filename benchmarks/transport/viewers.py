"""Many viewers of one session: what each costs the server for an event, and how late the event is.

    python -m benchmarks.transport.viewers [--viewers 1 10 100] [--events-per-s 20] [--seconds 10] [--output FILE.json]

One server process appends transcript events of the size of a final to the log of one session, by the clock. Viewers in
another process read them in one of two ways:
- sse: the server's own route, `GET /v1/sessions/ID/events` (server/viewers/), without HTTP/2 and without TLS;
- websocket: a WebSocket for each viewer, whose task follows the log, as the client of a session does.
cpu_ms_per_event_and_viewer: CPU time of the server with the viewers, less that with none at the same pace, over events
and viewers. lag_ms: from the append to the moment at which a viewer has read the event, the time of the viewers' own
process included, which reads all of them in one thread. No event may be missing. The last line is JSON.
"""

import argparse
import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import WSMsgType, web

from benchmarks.common.machine import card
from benchmarks.common.percentiles import ranks
from benchmarks.common.result import deliver
from benchmarks.transport.command import Child
from benchmarks.transport.server import TEXT
from server.access.access import Access
from server.access.doorkeeper import Doorkeeper
from server.audit.trail import Audit
from server.monitoring.metrics import Metrics
from server.sessions.events import EventLog
from server.settings import load
from server.viewers.route import Viewers
from server.viewers.viewer import Viewer

WORDS = [{"text": word, "start": 1.0, "end": 1.3, "probability": 0.91} for word in TEXT.split()]
SESSION = "benchmark"
CHECK_S = 0.25
BEFORE_S = 1.0
"""For the connections to be made and the first events to pass, before anything is counted."""


class OneSession:
    """The registry of a server that has one session: what `Viewers` asks of it."""

    store = None

    def __init__(self) -> None:
        self.log = EventLog()
        self.owner: str | None = None
        self.watched: set[Viewer] = set()

    async def readable(self, session_id: str, owns: Callable[[str | None], bool]) -> "OneSession | None":
        return self if session_id == SESSION and owns(self.owner) else None

    async def current(self, session: "OneSession") -> bool:
        return True

    @contextmanager
    def watching(self, viewer: Viewer) -> Iterator[None]:
        self.watched.add(viewer)
        try:
            yield
        finally:
            self.watched.discard(viewer)


@asynccontextmanager
async def watched(events_per_s: float, most_viewers: int) -> AsyncIterator[tuple[int, Callable[[], int]]]:
    """The server: its port, and how many events it has appended."""
    session, metrics = OneSession(), Metrics()
    settings = load({"viewers_per_session": most_viewers, "key_viewers": most_viewers})
    keeper = Doorkeeper(Access(), metrics, Audit())
    # OneSession stands in for the registry: it has those members alone that Viewers uses.
    viewers = Viewers(session, settings, metrics, keeper)  # type: ignore[arg-type]

    async def socket(request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse(compress=False)
        await ws.prepare(request)
        with suppress(ConnectionError):
            async for text in session.log.follow(len(session.log)):
                await ws.send_frame(text, WSMsgType.TEXT)
        return ws

    async def speak() -> None:
        due = time.monotonic()
        while True:
            segment = {"id": "s1", "speaker": "patient", "start": 1.0, "end": 9.0, "text": TEXT, "final": True}
            session.log.append("transcript", segment=segment | {"words": WORDS}, sent=time.monotonic())
            due += 1 / events_per_s
            await asyncio.sleep(due - time.monotonic())

    async def look() -> None:
        while True:
            await asyncio.sleep(CHECK_S)
            for viewer in session.watched:
                viewer.check(time.monotonic())

    app = web.Application()
    app.add_routes([*viewers.routes(), web.get("/ws", socket)])
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
    tasks = [asyncio.create_task(speak()), asyncio.create_task(look())]
    try:
        yield runner.addresses[0][1], lambda: len(session.log)
    finally:
        for task in tasks:
            task.cancel()
        await runner.cleanup()


async def sse(http: aiohttp.ClientSession, url: str) -> AsyncIterator[bytes]:
    after = {"Last-Event-ID": "999999999"}  # from now on: what was said before is not counted
    async with http.get(f"{url}v1/sessions/{SESSION}/events", headers=after) as response:
        response.raise_for_status()
        async for line in response.content:
            if line.startswith(b"data: "):
                yield line.removeprefix(b"data: ")


async def websocket(http: aiohttp.ClientSession, url: str) -> AsyncIterator[bytes]:
    async with http.ws_connect(f"{url}ws") as ws:
        async for message in ws:
            yield message.data.encode()


WAYS = {"sse": sse, "websocket": websocket}


async def watch(way: str, url: str, viewers: int, seconds: float, mark: Callable[[], None]) -> tuple[list[float], int]:
    """The lags in ms of what was read between two calls of `mark`, and how many numbers a viewer missed."""
    lags: list[float] = []
    missing = 0
    counting = False

    async def view(http: aiohttp.ClientSession) -> None:
        nonlocal missing
        last = 0
        async for text in WAYS[way](http, url):
            event, now = json.loads(text), time.monotonic()
            missing += event["seq"] - last - 1 if last else 0
            last = event["seq"]
            if counting:
                lags.append(1000 * (now - event["sent"]))

    connector, forever = aiohttp.TCPConnector(limit=0), aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(connector=connector, timeout=forever) as http:
        tasks = [asyncio.create_task(view(http)) for _ in range(viewers)]
        await asyncio.sleep(BEFORE_S)
        mark()
        counting = True
        await asyncio.sleep(seconds)
        counting = False
        mark()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return lags, missing


def measured(way: str, viewers: int, events_per_s: float, seconds: float) -> tuple[float, int, list[float], int]:
    """CPU seconds of the server and events in the counted time, lags, and missing events."""
    with Child(watched, events_per_s, viewers + 1) as server:
        marks: list[tuple[int, float]] = []
        lags, missing = asyncio.run(watch(way, server.url, viewers, seconds, lambda: marks.append(server.so_far())))
    (events_before, cpu_before), (events_after, cpu_after) = marks
    return cpu_after - cpu_before, events_after - events_before, lags, missing


def measure(args: argparse.Namespace) -> dict[str, Any]:
    rows = []
    idle_s, _, _, _ = measured("sse", 0, args.events_per_s, args.seconds)
    for viewers in args.viewers:
        for way in WAYS:
            cpu_s, events, lags, missing = measured(way, viewers, args.events_per_s, args.seconds)
            rows.append(
                {
                    "way": way,
                    "viewers": viewers,
                    "events": events,
                    "cpu_ms_per_event_and_viewer": round(1000 * (cpu_s - idle_s) / (events * viewers), 4),
                    "lag_ms": ranks(lags, digits=2),
                    "missing": missing,
                    "unread": events * viewers - len(lags),
                }
            )
            print(rows[-1], flush=True)
    pace = {"events_per_s": args.events_per_s, "seconds": args.seconds, "cpu_s_without_viewers": round(idle_s, 3)}
    return {"benchmark": "viewers", "machine": card(), **pace, "timed": rows}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--viewers", type=int, nargs="+", default=[1, 10, 100])
    parser.add_argument("--events-per-s", type=float, default=20.0)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    deliver(measure(args), args.output)


if __name__ == "__main__":
    main()
