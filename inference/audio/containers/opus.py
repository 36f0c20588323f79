"""What Opus packets and the head of their stream say without being decoded (RFC 6716, RFC 7845). Pure."""

from dataclasses import dataclass
from typing import Self

RATE = 48_000
"""Samples a second of every Opus stream, whatever was recorded."""

MAX_PACKET_BYTES = 48 * 1275
MAX_PACKET_SAMPLES = RATE * 120 // 1000

_SILK = (480, 960, 1920, 2880)
_HYBRID = (480, 960)
_CELT = (120, 240, 480, 960)


class ContainerError(ValueError):
    """The bytes are not the stream that was declared. The message says what to do and repeats nothing of them."""


@dataclass(frozen=True, slots=True)
class Head:
    """The beginning of a stream: `data` is its OpusHead. The first `pre_skip` samples are not to be heard."""

    data: bytes
    channels: int
    pre_skip: int

    @classmethod
    def of(cls, data: bytes) -> Self:
        """Raises ContainerError."""
        if len(data) < 19 or not data.startswith(b"OpusHead") or data[8] >> 4:
            raise ContainerError("the head of the Opus stream cannot be read: send the recorder's bytes unchanged")
        channels, family = data[9], data[18]
        if channels not in (1, 2) or family > 1 or (family == 1 and len(data) < 21 + channels):
            raise ContainerError("the Opus stream has more than two channels: record one or two")
        return cls(bytes(data), channels, int.from_bytes(data[10:12], "little"))


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet. `end` is the byte behind it where another demuxer can go on; None where that is not possible."""

    data: bytes
    samples: int
    end: int | None

    @classmethod
    def of(cls, data: bytes, end: int | None) -> Self:
        """Raises ContainerError."""
        return cls(bytes(data), _samples(data), end)


Unit = Head | Packet


def _samples(data: bytes) -> int:
    """Samples at 48 kHz of a packet, by its table of contents (RFC 6716, section 3.1)."""
    code = data[0] & 3 if data else 3
    if len(data) <= (code == 3) or len(data) > MAX_PACKET_BYTES:
        raise ContainerError("an Opus packet is empty or too long: send the recorder's bytes unchanged")
    config = data[0] >> 3
    frame = _SILK[config & 3] if config < 12 else _HYBRID[config & 1] if config < 16 else _CELT[config & 3]
    samples = frame * (data[1] & 0x3F if code == 3 else 1 if code == 0 else 2)
    if not 0 < samples <= MAX_PACKET_SAMPLES:
        raise ContainerError("an Opus packet is longer than 120 ms: send the recorder's bytes unchanged")
    return samples
