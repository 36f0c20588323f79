"""The good session beside an attack: real speech in real time over a plain socket, and a probe of `/health/live`."""

import asyncio
import json
import ssl
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import aiohttp
from yarl import URL

from benchmarks.common.corpus import load, pcm
from benchmarks.common.pacing import cut, paced
from benchmarks.common.percentiles import nearest_rank

SAMPLE = Path(__file__).parents[2] / "tests" / "data" / "consultation.flac"
RATE = 16_000
CHUNK_S = 0.5
PROBE_EVERY_S = 0.1
NAME = "Qzxwitness"
"""The good session's patient: a word that no log may hold either."""

START = {"type": "start_session", "consent": True, "patient": {"name": NAME, "age": 50}}
DRAIN_S = 60.0
FORMATS = ("json", "markdown", "fhir", "pdf")


@dataclass(slots=True)
class GoodSession:
    """What the good session and the probe saw. Times are of one monotonic clock."""

    sent: list[float] = field(default_factory=list)
    done: list[float] = field(default_factory=list)  # each chunk's own progress, in order
    finals: list[tuple[str, float, float, str]] = field(default_factory=list)
    seqs: list[int] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    told_lag_ms: float = 0.0
    stopped: dict[str, object] | None = None
    failure: str | None = None
    close_code: int | None = None
    session_id: str = ""
    token: str = ""
    live_ms: list[float] = field(default_factory=list)
    unanswered: int = 0

    @property
    def lag_p95_ms(self) -> float | None:
        """From sending a chunk to its own progress; None where nothing came."""
        lags = [(done - sent) * 1000 for sent, done in zip(self.sent, self.done, strict=False)]
        return nearest_rank(lags, 0.95, 1) if lags else None

    @property
    def secrets(self) -> frozenset[str]:
        """What no log may hold: the patient's name, the id, the token, and what was said."""
        said = {text for *_, text in self.finals if text}
        return frozenset({NAME, self.session_id, self.token, *said} - {""})

    @property
    def live_p99_ms(self) -> float | None:
        return nearest_rank(self.live_ms, 0.99, 1) if self.live_ms else None


@cache
def speech(seconds: float) -> tuple[bytes, ...]:
    """Chunks of the sample consultation from its beginning."""
    return tuple(cut(pcm(load(SAMPLE))[: int(seconds * RATE) * 2], int(CHUNK_S * RATE) * 2))


async def listen_in(
    url: URL,
    seconds: float,
    records: bool = False,
    begun: asyncio.Event | None = None,
    headers: Mapping[str, str] | None = None,
    trusted: ssl.SSLContext | bool = True,
) -> GoodSession:
    """One good session of so many seconds of speech, with the probe beside it; with its records, if they are wanted.

    `begun` is set when it has its place, or has failed to get one.
    """
    heard = GoodSession()
    begun = begun or asyncio.Event()
    async with _probing(url, heard, trusted):
        try:
            connector = aiohttp.TCPConnector(ssl=trusted)
            async with aiohttp.ClientSession(headers=headers, connector=connector) as http:
                await _converse(http, url, seconds, heard, begun)
                for name in FORMATS if records else ():
                    record = url / f"v1/sessions/{heard.session_id}/record"
                    async with http.get(record, params={"format": name}) as response:
                        await response.read()
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            heard.failure = type(error).__name__
        finally:
            begun.set()
    return heard


async def _converse(
    http: aiohttp.ClientSession, url: URL, seconds: float, heard: GoodSession, begun: asyncio.Event
) -> None:
    async with http.ws_connect(url / "ws", protocols=["drtranscribe.v1"], max_msg_size=0, compress=0) as ws:
        await ws.send_json(START)
        async with asyncio.timeout(DRAIN_S):
            started = await ws.receive_json()
        if started["type"] != "session_started":
            heard.failure = f"refused: {started.get('code')}"
            return
        heard.session_id, heard.token = started["session_id"], started["resume_token"]
        heard.seqs.append(started["seq"])
        begun.set()
        listener = asyncio.create_task(_listen(ws, heard))
        try:
            async for _, chunk in paced(speech(seconds), 2 * RATE):
                heard.sent.append(time.monotonic())
                await ws.send_bytes(chunk)
            await ws.send_str('{"type":"stop_session"}')
            async with asyncio.timeout(DRAIN_S):
                await listener
        finally:
            listener.cancel()
    heard.close_code = ws.close_code


async def _listen(ws: aiohttp.ClientWebSocketResponse, heard: GoodSession) -> None:
    async for message in ws:
        event = json.loads(message.data)
        heard.seqs.append(event["seq"])
        match event["type"]:
            case "progress":
                heard.done.append(time.monotonic())
                heard.told_lag_ms = max(heard.told_lag_ms, event["lag_ms"])
            case "transcript" if event["segment"]["final"]:
                segment = event["segment"]
                heard.finals.append((segment["id"], segment["start"], segment["end"], segment["text"]))
            case "error":
                heard.errors.append(event["code"])
            case "session_stopped":
                heard.stopped = event


@asynccontextmanager
async def _probing(url: URL, heard: GoodSession, trusted: ssl.SSLContext | bool) -> AsyncIterator[None]:
    """Asks for `/health/live` ten times a second, each time over a new connection."""
    connector = aiohttp.TCPConnector(force_close=True, limit=0, ssl=trusted)
    timeout = aiohttp.ClientTimeout(total=10)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as http:
        questions: set[asyncio.Task[None]] = set()

        async def ask() -> None:
            asked = time.monotonic()
            try:
                async with http.get(url / "health/live") as response:
                    await response.read()
                    response.raise_for_status()
            except (aiohttp.ClientError, TimeoutError):
                heard.unanswered += 1
            else:
                heard.live_ms.append((time.monotonic() - asked) * 1000)

        async def keep_asking() -> None:
            while True:
                question = asyncio.create_task(ask())
                questions.add(question)
                question.add_done_callback(questions.discard)
                await asyncio.sleep(PROBE_EVERY_S)

        asking = asyncio.create_task(keep_asking())
        try:
            yield
        finally:
            asking.cancel()
            with suppress(asyncio.CancelledError):
                await asking
            await asyncio.gather(*questions)
