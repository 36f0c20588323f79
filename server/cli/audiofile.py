"""Audio files of any format that FFmpeg reads, played to a server as if they were spoken now."""

import asyncio
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Literal

from drtranscribe import Consultation, ConsultationError
from inference.audio.decoding import AudioError
from inference.config import SAMPLE_RATE
from server.cli.terminal import View
from server.media.reading import OneChannel, read_pcm, regrouped
from server.record.fold import EventFold


def read_chunks(path: Path, channels: int, chunk_s: float) -> Iterator[bytes]:
    """PCM of the file in chunks of `chunk_s` (the last may be shorter); one channel is mixed from all, two stay apart.

    The beginning is decoded at once, so that an unusable file raises AudioError here and not in the middle.
    """
    pcm = read_pcm(str(path), channels, str(path))
    try:
        first = next(pcm, None)
    except OneChannel:
        raise AudioError(f"{path} has one channel, and --mode dual needs two: use --mode ambient") from None
    if first is None:
        raise AudioError(f"{path} holds no audio: give a recording of speech")
    return regrouped(chain([first], pcm), int(chunk_s * SAMPLE_RATE) * 2 * channels)


@dataclass(frozen=True, slots=True)
class Playback:
    """How recordings are played to a server: `speed` times as fast as spoken, 0 as fast as it takes them."""

    mode: Literal["ambient", "dual"] = "ambient"
    speed: float = 1.0
    chunk_s: float = 3.0
    language: str | None = None
    api_key: str | None = None

    @property
    def channels(self) -> int:
        """Channels that are sent: one for each speaker."""
        return 2 if self.mode == "dual" else 1

    async def run(self, path: Path, url: str, view: View) -> dict[str, Any]:
        """One consultation from start to stop: every event, and what they amount to, ready for JSON.

        Where the server is lost on the way, `error` says so and the record holds all that came before.
        Raises AudioError, and ConsultationError where nothing came.
        """
        chunks = read_chunks(path, self.channels, self.chunk_s)
        board, error = EventFold(), None
        events: list[Mapping[str, Any]] = []
        arrivals: list[float] = []
        connecting = Consultation.connect(
            url, channels=self.channels, mode=self.mode, language=self.language, api_key=self.api_key
        )
        try:
            async with connecting as consultation, asyncio.TaskGroup() as tasks:
                began = time.monotonic()
                tasks.create_task(self._speak(consultation, chunks))
                with view:
                    async for event in consultation:
                        arrivals.append(round(time.monotonic() - began, 3))
                        events.append(event)
                        board.apply(event)
                        view.show(event, board)
        except ExceptionGroup as failed:
            if not events or not isinstance(failed.exceptions[0], ConsultationError):
                raise failed.exceptions[0] from None
            error = str(failed.exceptions[0])
        timings = [
            {"seq": event["seq"], "type": event["type"], "arrived_s": arrived_s, **event["timings"]}
            for event, arrived_s in zip(events, arrivals, strict=True)
            if "timings" in event
        ]
        return {
            "file": str(path),
            "mode": self.mode,
            "speed": self.speed,
            "audio_s": events[-1].get("audio_s"),
            "error": error,
            "wall_s": arrivals[-1],
            "segments": board.finals,
            "findings": list(board.findings.values()),
            "timings": timings,
            "events": events,
        }

    async def _speak(self, consultation: Consultation, chunks: Iterator[bytes]) -> None:
        """Sends each chunk when its last sample would have been spoken."""
        now = asyncio.get_running_loop().time
        began, spoken_s = now(), 0.0
        while (chunk := await asyncio.to_thread(next, chunks, None)) is not None:
            spoken_s += len(chunk) / (2 * self.channels * SAMPLE_RATE)
            if self.speed:
                await asyncio.sleep(began + spoken_s / self.speed - now())
            await consultation.send(chunk)
        await consultation.stop()
