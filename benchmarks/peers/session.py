"""One session against any server: the client's pacing, and what it was told; the same for all of them."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

import aiohttp

from benchmarks.common.pacing import cut, paced
from benchmarks.peers.excerpt import Excerpt
from inference.config import SAMPLE_RATE

DRAIN_S = 30.0
"""What a server gets after the last sample, to tell the rest of the text."""


@dataclass(slots=True)
class SessionLog:
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

    async def session(self, http: aiohttp.ClientSession, excerpt: Excerpt, frame_samples: int) -> SessionLog: ...

    def cpu_s(self) -> float: ...

    def errors(self) -> int:
        """How many the server has reported or logged so far."""

    def stop(self) -> None: ...


async def speak(
    send: Callable[[bytes], Awaitable[None]], data: bytes, sample_bytes: int, frame_samples: int, heard: SessionLog
) -> None:
    """Sends the audio in frames as it is spoken, and notes how late the client was."""
    frames = cut(data, frame_samples * sample_bytes)
    async for due, frame in paced(frames, sample_bytes * SAMPLE_RATE, heard.began):
        heard.late_s = max(heard.late_s, time.monotonic() - due)
        await send(frame)
