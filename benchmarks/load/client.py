"""One client process of the load benchmark: some sessions, sent at the pace of life, every timestamp kept.

Imports nothing heavy: a client that computes would be measured in place of the server.
"""

import asyncio
import gc
import json
import mmap
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from pathlib import Path

import aiohttp

from benchmarks.common.pacing import paced

SAMPLE_RATE = 16_000
FULL = 1013  # close code of a server that takes no more sessions
CONNECTING = 16
"""Handshakes at once in a process: what is measured is the speech, not the arrival of everybody at one door."""

GREETING_S = 30.0
"""A server that has not said session_started by then has failed the session."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What one session says: `samples` of the s16le mono file `pcm`, from sample `first` on, wrapped around.

    It begins `after_s` after the common start. `paced` False sends as fast as the server takes it.
    """

    number: int
    pcm: Path
    first: int
    samples: int
    after_s: float = 0.0
    paced: bool = True

    @property
    def seconds(self) -> float:
        return self.samples / SAMPLE_RATE


@dataclass(frozen=True, slots=True)
class Work:
    """What a client process is asked to do; `texts` keeps the finals' words for the word error rate."""

    url: str
    chunk_s: float
    plans: tuple[Plan, ...]
    texts: bool = False
    drain_s: float = 60.0
    key: str | None = field(default=None, repr=False)
    """What the server asks its clients for, where it has keys."""

    @property
    def headers(self) -> dict[str, str]:
        return {} if self.key is None else {"Authorization": f"Bearer {self.key}"}


@dataclass(slots=True)
class TranscriptEvent:
    """A transcript event. `words` are (text, middle in s), of a final and only if they are wanted."""

    at: float
    final: bool
    start_s: float
    end_s: float
    timings: dict[str, float]
    words: list[tuple[str, float]] = field(default_factory=list)


@dataclass(slots=True)
class Run:
    """One session as its client saw it. Times are of the monotonic clock, which all processes of a host share."""

    number: int
    seconds: float
    connect_s: float | None = None  # from the connection to session_started
    began: float | None = None  # when the first sample was spoken
    due: list[float] = field(default_factory=list)  # of each chunk: when its last sample was spoken
    sent: list[float] = field(default_factory=list)  # when it was handed to the socket
    taken: list[float] = field(default_factory=list)  # when the socket had room for the next one
    ends: list[int] = field(default_factory=list)  # samples sent with it
    progress: list[tuple[float, int, float]] = field(default_factory=list)  # (time, received_samples, transcribed_s)
    heard: list[TranscriptEvent] = field(default_factory=list)
    stopped: tuple[float, int] | None = None  # (time, received samples) of session_stopped
    errors: list[str] = field(default_factory=list)  # codes of error events
    close_code: int | None = None
    failure: str | None = None

    @property
    def refused(self) -> bool:
        return self.close_code == FULL and self.connect_s is None


def frames(plan: Plan, chunk_s: float) -> Iterator[bytes | memoryview]:
    """The audio of a plan in chunks: views of the mapped file, copied only where the recording begins again."""
    with plan.pcm.open("rb") as file:
        audio = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    step, left, at = 2 * round(chunk_s * SAMPLE_RATE), 2 * plan.samples, 2 * plan.first
    while left:
        size = min(step, left)
        left -= size
        parts = []
        while size:
            part = audio[at : at + size]
            parts.append(part)
            size -= len(part)
            at = (at + len(part)) % len(audio)
        yield parts[0] if len(parts) == 1 else b"".join(parts)


async def speak(ws: aiohttp.ClientWebSocketResponse, run: Run, plan: Plan, chunks: list[bytes | memoryview]) -> None:
    """Sends each chunk when its last sample has been spoken, whatever the server answers meanwhile."""
    spoken = 0
    async for due, chunk in paced(chunks, 2 * SAMPLE_RATE, run.began, 1.0 if plan.paced else None):
        spoken += len(chunk) // 2
        run.due.append(due)
        run.sent.append(time.monotonic())
        run.ends.append(spoken)
        await ws.send_bytes(chunk)  # type: ignore[arg-type]  # it takes any buffer, and masks a copy of it
        run.taken.append(time.monotonic())
    await ws.send_str('{"type":"stop_session"}')


async def listen(ws: aiohttp.ClientWebSocketResponse, run: Run, texts: bool) -> None:
    """Notes every event with its time until the server closes."""
    async for message in ws:
        now, text = time.monotonic(), message.data
        if text.startswith('{"type":"extraction"'):  # long, and nothing here is measured by it
            continue
        event = json.loads(text)
        match event["type"]:
            case "progress":
                run.progress.append((now, event["received_samples"], event["transcribed_s"]))
            case "transcript":
                segment = event["segment"]
                said = words(segment) if texts and segment["final"] else []
                heard = TranscriptEvent(now, segment["final"], segment["start"], segment["end"], event["timings"], said)
                run.heard.append(heard)
            case "error":
                run.errors.append(event["code"])
            case "session_stopped":
                run.stopped = now, round(event["audio_s"] * SAMPLE_RATE)
    run.close_code = ws.close_code


def words(segment: dict[str, object]) -> list[tuple[str, float]]:
    """The words of a final with the middle of each; all in the middle of the segment where they carry no times."""
    timed: list[dict[str, object]] = segment.get("words", [])  # type: ignore[assignment]
    if timed:
        return [(str(w["text"]), (float(w["start"]) + float(w["end"])) / 2) for w in timed]  # type: ignore[arg-type]
    middle = (float(segment["start"]) + float(segment["end"])) / 2  # type: ignore[arg-type]
    return [(word, middle) for word in str(segment["text"]).split()]


class Worker:
    """The sessions of one process, on one event loop."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self.door = asyncio.Semaphore(CONNECTING)
        self.start: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self.arrived = 0
        self.all_arrived = asyncio.Event()

    async def run(self, plan: Plan, http: aiohttp.ClientSession) -> Run:
        run = Run(plan.number, plan.seconds)
        chunks = list(frames(plan, self.work.chunk_s))
        try:
            await self._session(plan, http, run, chunks)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            run.failure = type(error).__name__
        if run.stopped is None and not run.refused and run.failure is None:
            run.failure = f"closed with {run.close_code}"
        return run

    async def _session(
        self, plan: Plan, http: aiohttp.ClientSession, run: Run, chunks: list[bytes | memoryview]
    ) -> None:
        greeted = False
        try:
            async with self.door, asyncio.timeout(GREETING_S):
                asked = time.monotonic()
                ws = await http.ws_connect(self.work.url, protocols=["drtranscribe.v1"], max_msg_size=0, compress=0)
                await ws.send_str('{"type":"start_session","consent":true}')
                message = await ws.receive()
            if message.type is aiohttp.WSMsgType.TEXT:
                event = json.loads(message.data)
                greeted = event["type"] == "session_started"
                if not greeted:
                    run.errors.append(event.get("code", event["type"]))
        finally:
            self._arrive()
        try:
            if not greeted:
                await ws.receive()
                run.close_code = ws.close_code
                return
            run.connect_s = time.monotonic() - asked
            listener = asyncio.create_task(listen(ws, run, self.work.texts))
            run.began = await asyncio.shield(self.start) + plan.after_s
            try:
                await speak(ws, run, plan, chunks)
                async with asyncio.timeout(self.work.drain_s):
                    await listener
            finally:
                listener.cancel()
        finally:
            await ws.close()

    def _arrive(self) -> None:
        self.arrived += 1
        if self.arrived == len(self.work.plans):
            self.all_arrived.set()

    async def sessions(self, pipe: Connection | None = None) -> list[Run]:
        """Connects all, says so through `pipe`, takes the start time from it, and runs all to their end."""
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=30)
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout, headers=self.work.headers) as http:
            tasks = [asyncio.create_task(self.run(plan, http)) for plan in self.work.plans]
            await self.all_arrived.wait()
            gc.freeze()  # a collection that looks through all frames and tasks would make sends late
            if pipe is None:
                self.start.set_result(time.monotonic())
            else:
                pipe.send("connected")
                self.start.set_result(await asyncio.to_thread(pipe.recv))
            return await asyncio.gather(*tasks)


async def alone(work: Work) -> list[Run]:
    """The plans one after the other in this process, each session alone."""
    runs = []
    for plan in work.plans:
        one = replace(work, plans=(plan,))
        runs += await Worker(one).sessions()
    return runs


def process(pipe: Connection, work: Work) -> None:
    """The body of a client process: answers with a list of Run through `pipe`."""

    async def body() -> list[Run]:
        return await Worker(work).sessions(pipe)

    pipe.send(asyncio.run(body()))
