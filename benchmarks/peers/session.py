"""One session against any server: the client's pacing, and what it was told; the same for all of them."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

import aiohttp

from benchmarks.peers.excerpt import Excerpt
from inference.config import SAMPLE_RATE

DRAIN_S = 30.0
"""What a server gets after the last sample, to tell the rest of the text."""


@dataclass(slots=True)
class Heard:
    """What one session was told. Times are monotonic until `since` makes them seconds of the session."""

    began: float = 0.0  # when the first sample was spoken
    reports: list[tuple[float, float]] = field(default_factory=list)  # (time, end of the latest segment in s of audio)
    text: str = ""
    late_s: float = 0.0  # how far the client fell behind its own plan
    fault: str | None = None  # why the server did not serve it to the end

    def report(self, end_s: float) -> None:
        self.reports.append((time.monotonic() - self.began, end_s))


class System(Protocol):
    """A server under test, as a process of its own."""

    name: str

    async def start(self, http: aiohttp.ClientSession) -> None:
        """Returns when it takes sessions. Raises SystemExit with what to do."""

    async def session(self, http: aiohttp.ClientSession, excerpt: Excerpt, frame_samples: int) -> Heard: ...

    def cpu_s(self) -> float: ...

    def errors(self) -> int:
        """How many the server has reported or logged so far."""

    def stop(self) -> None: ...


async def pace(
    send: Callable[[bytes], Awaitable[None]], data: bytes, sample_bytes: int, frame_samples: int, heard: Heard
) -> None:
    """Sends frames at the pace of life, each when its last sample is spoken: a slow answer never delays the next."""
    size = frame_samples * sample_bytes
    for at in range(0, len(data), size):
        frame = data[at : at + size]
        due = heard.began + (at + len(frame)) / sample_bytes / SAMPLE_RATE
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        heard.late_s = max(heard.late_s, time.monotonic() - due)
        await send(frame)
