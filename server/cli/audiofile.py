"""Audio files of any format that FFmpeg reads: decoded to 16 kHz s16le PCM, and played to a server as if spoken now.

The only import of PyAV.
"""

import asyncio
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import av

from drtranscribe import Consultation, ConsultationError
from inference.audio.decoding import AudioError, AudioFormat, PcmDecoder, Samples
from inference.config import SAMPLE_RATE
from server.cli.terminal import View
from server.record.fold import EventFold


def read_chunks(path: Path, channels: int, chunk_s: float) -> Iterator[bytes]:
    """PCM of the file in chunks of `chunk_s` (the last may be shorter); one channel is mixed from all, two stay apart.

    The beginning is decoded at once, so that an unusable file raises AudioError here and not in the middle.
    """
    pcm = _decode(path, channels)
    first = next(pcm, None)
    if first is None:
        raise AudioError(f"{path} holds no audio: give a recording of speech")
    return _regroup(chain([first], pcm), int(chunk_s * SAMPLE_RATE) * 2 * channels)


def _decode(path: Path, channels: int) -> Iterator[bytes]:
    # Bytes of a title or an encoder's name that are no UTF-8 must not cost the audio.
    with _faults_named(path), av.open(str(path), metadata_errors="replace") as container:
        if not container.streams.audio:
            raise AudioError(f"{path} has no audio in it: give a recording (WAV, FLAC, MP3, M4A, Ogg, WebM ...)")
        stream = container.streams.audio[0]
        if stream.codec_context is None:
            raise AudioError(f"{path} has audio of an unknown codec: convert it to WAV or FLAC first")
        if channels > stream.codec_context.channels:
            raise AudioError(f"{path} has one channel, and --mode dual needs two: use --mode ambient")
        mixed = channels == 1 and stream.codec_context.channels == 2
        layout = "stereo" if mixed or channels == 2 else "mono"
        decoder = PcmDecoder(AudioFormat(channels=2), 1) if mixed else None
        resampler = av.AudioResampler(format="s16", layout=layout, rate=SAMPLE_RATE)
        for frame in chain(container.decode(stream), [None]):  # None flushes the resampler
            for resampled in resampler.resample(frame):
                # A plane may be padded beyond its samples.
                pcm = bytes(resampled.planes[0])[: resampled.samples * (4 if layout == "stereo" else 2)]
                yield pcm if decoder is None else _s16le(decoder.decode(pcm)[0])


def _s16le(samples: Samples) -> bytes:
    return (samples * 32768.0).round().clip(-32768, 32767).astype("<i2").tobytes()


@contextmanager
def _faults_named(path: Path) -> Iterator[None]:
    """Turns whatever PyAV raises into AudioError.

    Besides its own errors these are AttributeError, UnicodeError and ValueError, where FFmpeg leaves something out or
    changes it in the middle of a damaged file.
    """
    try:
        yield
    except AudioError:
        raise
    except Exception as error:
        reason = (isinstance(error, OSError) and error.strerror) or type(error).__name__
        raise AudioError(f"{path} cannot be read as audio ({reason}): give a recording of speech") from error


def _regroup(pieces: Iterator[bytes], size: int) -> Iterator[bytes]:
    held = bytearray()
    for piece in pieces:
        held += piece
        while len(held) >= size:
            yield bytes(held[:size])
            del held[:size]
    if held:
        yield bytes(held)


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
