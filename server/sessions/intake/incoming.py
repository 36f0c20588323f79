"""What a client sends as audio, before it is decoded: frames of bare samples, or of a recorder's stream."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Protocol

from inference.audio.containers import Demuxer, Unit
from inference.audio.decoding import AudioFormat
from inference.config import SAMPLE_RATE
from server.protocol import MAX_FRAME_S


@dataclass(frozen=True, slots=True)
class Frame:
    """One binary message, read but not counted yet. `samples` are those that it adds to the stream, in one channel."""

    data: bytes
    samples: int
    units: tuple[Unit, ...] = ()
    demuxer: Demuxer | None = None
    begins: bool = False


class Incoming(Protocol):
    """The audio of one session. Frames are read, counted and decoded in the order in which they came."""

    received_bytes: int | None
    """Bytes of the client so far; None where its position is told in samples alone."""

    damaged: bool
    """Whether a part of what came could not be decoded, and is silence."""

    @property
    def max_frame_bytes(self) -> int: ...

    def read(self, data: bytes) -> Frame:
        """Raises AudioError for a message that cannot be taken; nothing has changed then."""
        ...

    def count(self, frame: Frame) -> None:
        """The frame is taken: it will be decoded."""
        ...

    def decoded(self, frame: Frame) -> AsyncIterator[bytes]:
        """s16le of the frame, as the session's stream takes it."""
        ...

    def place(self, sample: int) -> dict[str, Any] | None:
        """From where the client sends again if its stream is heard again from `sample` on, for a checkpoint."""
        ...

    def close(self) -> None:
        """Drops all audio that is kept."""
        ...


class BareSamples:
    """Signed 16-bit samples."""

    received_bytes: int | None = None
    damaged = False

    def __init__(self, audio: AudioFormat) -> None:
        self._audio = audio

    @property
    def max_frame_bytes(self) -> int:
        return MAX_FRAME_S * self._audio.sample_rate * self._audio.frame_bytes

    def read(self, data: bytes) -> Frame:
        return Frame(data, self._audio.sample_frames(data))

    def count(self, frame: Frame) -> None:
        return None

    async def decoded(self, frame: Frame) -> AsyncIterator[bytes]:
        yield frame.data

    def place(self, sample: int) -> dict[str, Any] | None:
        return None

    def close(self) -> None:
        return None


def equivalent_bytes(frame: Frame, audio: AudioFormat, channels: int) -> int:
    """Bytes that the frame would have as bare samples at 16 kHz, beyond those that it has: what it costs the server."""
    if audio.encoding == "pcm_s16le":
        return 0
    return max(0, 2 * channels * frame.samples * SAMPLE_RATE // audio.sample_rate - len(frame.data))
