"""Opus packets of a WebM or Matroska stream, as it is recorded: sizes may be unknown, and nothing follows later. Pure.

The elements are read one after the other (RFC 8794, RFC 9559). A segment, its clusters and groups of blocks are entered
by passing over their heads, so nothing has to be remembered between two elements but the number of the track.
"""

from inference.audio.containers.demuxer import Demuxer
from inference.audio.containers.opus import MAX_PACKET_BYTES, ContainerError, Head, Packet, Unit

EBML, SEGMENT, CLUSTER, BLOCK_GROUP = 0x1A45DFA3, 0x18538067, 0x1F43B675, 0xA0
TRACKS, SIMPLE_BLOCK, BLOCK = 0x1654AE6B, 0xA3, 0xA1
_TRACK_ENTRY, _NUMBER, _CODEC, _PRIVATE, _ENCODINGS = 0xAE, 0xD7, 0x86, 0x63A2, 0x6D80

_SIGNATURE = EBML.to_bytes(4, "big")

ENTERED = (SEGMENT, CLUSTER, BLOCK_GROUP)
READ = (EBML, TRACKS, SIMPLE_BLOCK, BLOCK)

MAX_READ_BYTES = MAX_PACKET_BYTES + 64
MAX_PASSED_BYTES = 16 << 20
"""The largest element that is read, and the largest that is passed over, such as a picture of a video track."""

BROKEN = "the stream is no WebM at this place: send every byte of one recorder in order, or begin with a new one"
NO_BEGINNING = (
    "the stream does not begin like WebM: send the recorder's first bytes first, of audio/webm;codecs=opus, or declare "
    "the encoding that is sent"
)
NO_OPUS = "the stream holds no Opus audio: record with audio/webm;codecs=opus"
LACED = "the stream packs several packets into one block: record with a MediaRecorder, or send ogg_opus"


class Webm(Demuxer):
    """One stream."""

    def __init__(self, track: int | None = None) -> None:
        super().__init__(track)
        self._passing = 0  # bytes of an element that are still to be passed over

    def push(self, data: bytes) -> list[Unit]:
        self._held += data
        if not self._begun and not _SIGNATURE.startswith(bytes(self._held[:4])):
            raise ContainerError(NO_BEGINNING)
        units: list[Unit] = []
        while True:
            if self._passing:
                passed = min(self._passing, len(self._held))
                self._passing -= passed
                self._take(passed)
            found = None if self._passing else _head(self._held)
            if found is None:
                return units
            name, size, start = found
            if name in ENTERED:
                self._take(start)
            elif size is None or size > (MAX_READ_BYTES if name in READ else MAX_PASSED_BYTES):
                raise ContainerError(BROKEN)
            elif name not in READ:
                self._passing = start + size
            elif len(self._held) < start + size:
                return units
            else:
                units += self._read(name, self._take(start + size)[start:])

    def _read(self, name: int, body: bytes) -> list[Unit]:
        if name == EBML:
            self._begun, self._track = True, None
        elif name == TRACKS:
            self._track, head = _opus_track(body)
            return [head]
        elif self._track is not None:
            number = _number(body, 0)
            if number is None or len(body) < number[1] + 4:
                raise ContainerError(BROKEN)
            if number[0] == self._track:
                if body[number[1] + 2] & 0x06:
                    raise ContainerError(LACED)
                return [Packet.of(body[number[1] + 3 :], self._at)]
        return []


def _head(data: bytearray) -> tuple[int, int | None, int] | None:
    """Name, size (None where it is unknown) and length of the head of an element; None where more bytes are needed.

    Raises ContainerError.
    """
    if not data:
        return None
    length = 9 - data[0].bit_length()  # the zeros before the first one, and it
    if length > 4:
        raise ContainerError(BROKEN)
    size = _number(data, length)
    if size is None:
        return None
    return int.from_bytes(data[:length], "big"), size[0], size[1]


def _number(data: bytes | bytearray, at: int) -> tuple[int | None, int] | None:
    """A number of variable length and where it ends; None for "unknown". Nothing where more bytes are needed."""
    if len(data) <= at:
        return None
    length = 9 - data[at].bit_length()
    if length > 8:
        raise ContainerError(BROKEN)
    if len(data) < at + length:
        return None
    value = int.from_bytes(data[at : at + length], "big") & (1 << 7 * length) - 1
    return (None if value == (1 << 7 * length) - 1 else value), at + length


def _children(body: bytes) -> list[tuple[int, bytes]]:
    """The elements of a whole element. Raises ContainerError."""
    found, rest = [], bytearray(body)
    while rest:
        head = _head(rest)
        if head is None or head[1] is None or len(rest) < head[2] + head[1]:
            raise ContainerError(BROKEN)
        found.append((head[0], bytes(rest[head[2] : head[2] + head[1]])))
        del rest[: head[2] + head[1]]
    return found


def _opus_track(body: bytes) -> tuple[int, Head]:
    """The number and the head of the first track that is Opus. Raises ContainerError."""
    for name, entry in _children(body):
        fields = dict(_children(entry)) if name == _TRACK_ENTRY else {}
        if fields.get(_CODEC, b"").rstrip(b"\0") == b"A_OPUS" and _ENCODINGS not in fields:
            return int.from_bytes(fields.get(_NUMBER, b"")[:8], "big"), Head.of(fields.get(_PRIVATE, b""))
    raise ContainerError(NO_OPUS)
