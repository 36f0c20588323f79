"""Opus packets of an Ogg stream (RFC 3533, RFC 7845), as it is recorded. Pure.

The checksum of a page is not looked at: the bytes came over TCP.
"""

from inference.audio.containers.demuxer import Demuxer
from inference.audio.containers.opus import MAX_PACKET_BYTES, ContainerError, Head, Packet, Unit

CONTINUED, FIRST = 1, 2
"""Bits of a page's type."""

_HEAD_BYTES = 27
_FULL = 255

BROKEN = "the stream is no Ogg at this place: send every byte of one recorder in order, or begin with a new one"
NO_BEGINNING = (
    "the stream does not begin like Ogg: send the recorder's first bytes first, of audio/ogg;codecs=opus, or declare "
    "the encoding that is sent"
)
NO_OPUS = "the stream holds no Opus audio: record with audio/ogg;codecs=opus"


class Ogg(Demuxer):
    """One stream. The track is a logical stream by its serial number; those beside the first one of Opus are passed
    over."""

    def __init__(self, serial: int | None = None) -> None:
        super().__init__(serial)
        self._tags = False  # the packet of tags is still to come
        self._part = b""  # of a packet that goes on in the next page

    def push(self, data: bytes) -> list[Unit]:
        self._held += data
        units: list[Unit] = []
        while len(self._held) >= _HEAD_BYTES:
            head = bytes(self._held[:_HEAD_BYTES])
            if not head.startswith(b"OggS\0"):
                raise ContainerError(BROKEN if self._begun else NO_BEGINNING)
            start = _HEAD_BYTES + head[26]
            lacing = self._held[_HEAD_BYTES:start]
            end = start + sum(lacing)
            if len(lacing) < head[26] or len(self._held) < end:
                return units
            body = self._take(end)[start:]
            units += self._page(head[5], int.from_bytes(head[14:18], "little"), bytes(lacing), body)
        if self._held and not self._begun and not b"OggS\0".startswith(bytes(self._held[:5])):
            raise ContainerError(NO_BEGINNING)
        return units

    def _page(self, kind: int, serial: int, lacing: bytes, body: bytes) -> list[Unit]:
        if kind & FIRST:
            if not body.startswith(b"OpusHead"):
                self._begun = True
                return []
            self._begun, self._track, self._tags, self._part = True, serial, True, b""
            return [Head.of(body)]
        if self._track is None:
            raise ContainerError(NO_OPUS if self._begun else NO_BEGINNING)
        if serial != self._track:
            return []
        packets, whole = _packets(lacing, body)
        if packets and kind & CONTINUED:
            packets[0] = self._part + packets[0]
        self._part = b"" if whole or not packets else packets.pop()
        if len(self._part) > MAX_PACKET_BYTES and not self._tags:
            raise ContainerError(BROKEN)
        if packets and self._tags:
            self._tags = False
            del packets[0]
        elif self._tags:
            self._part = b""  # tags may hold pictures, which nobody needs
        last = len(packets) - 1
        return [
            Packet.of(packet, self._at if number == last and whole else None)
            for number, packet in enumerate(packets)
            if packet  # an empty one stands for a packet that was lost
        ]


def _packets(lacing: bytes, body: bytes) -> tuple[list[bytes], bool]:
    """The packets of a page, and whether the last one ends in it."""
    packets, at, size = [], 0, 0
    for part in lacing:
        size += part
        if part < _FULL:
            packets.append(body[at : at + size])
            at, size = at + size, 0
    whole = not lacing or lacing[-1] < _FULL
    return (packets if whole else [*packets, body[at:]]), whole
