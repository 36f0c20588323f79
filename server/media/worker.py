"""The process that decodes compressed audio, apart from the server.

    python -m server.media.worker MEMORY_BYTES CPU_S

The server hands it one end of a socket pair for each piece of work (see server/forks.py), and for a recording the open
file. The process forks for each. The fork may open nothing more, neither a file nor a connection, and ends with the
first error. What it decodes is in no other process's memory, and is gone with the fork.

A message is one byte that says what it is, four bytes of length (little endian), and that many bytes.
"""

import json
import os
import resource
import socket
import sys
from collections.abc import Iterator

from inference.audio.containers import Head, Packet
from inference.audio.decoding import AudioError
from inference.config import SAMPLE_RATE
from server.forks import NICENESS, fork_for_each, set_apart
from server.media.reading import FORMATS, OneChannel, OpusDecoder, TooLong, load, read_pcm, regrouped

READ, HEAD, PACKETS = b"R", b"H", b"K"
"""To the fork: read the file (JSON), begin a stream (its OpusHead), decode packets (each after two bytes of length)."""

PCM, DAMAGED, FAULT, END = b"P", b"D", b"F", b"E"
"""From the fork: samples, samples of which some are silence because a packet is damaged, why it failed (a code and a
sentence), the end of the file."""

PIECE_S = 10
"""Seconds of a recording in one message, at most."""

HEAD_BYTES = 5


def message(kind: bytes, body: bytes = b"") -> bytes:
    return kind + len(body).to_bytes(4, "little") + body


def packed(packets: list[bytes]) -> bytes:
    """The body of PACKETS."""
    return b"".join(len(packet).to_bytes(2, "little") + packet for packet in packets)


def main() -> None:
    memory, cpu_s = map(int, sys.argv[1:])
    set_apart()
    load()
    fork_for_each(_serve, memory, cpu_s, files=1)


def _serve(handed: list[int]) -> None:
    """One file or one stream, in a fork of its own."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))
    with socket.socket(fileno=handed[0]) as line:
        for kind, body in _told(line):
            if kind == READ:
                os.nice(NICENESS)
                _read(line, handed[1], **json.loads(body))
                return
            if kind == HEAD:
                decoder = OpusDecoder(Head.of(body))
            else:
                line.sendall(_decoded(decoder, body))


def _read(line: socket.socket, file: int, channels: int, most_s: float) -> None:
    frame_bytes = 2 * channels
    left = int(most_s * SAMPLE_RATE) * frame_bytes
    try:
        with os.fdopen(file, "rb") as source:
            pieces = read_pcm(source, channels, "the file", most_s=most_s, formats=FORMATS)
            for piece in regrouped(pieces, PIECE_S * SAMPLE_RATE * frame_bytes):
                left -= len(piece)
                if left < 0:
                    raise TooLong(f"the file is longer than {most_s:g} s: send it in parts")
                line.sendall(message(PCM, piece))
        line.sendall(message(END))
    except AudioError as error:
        code = {OneChannel: "one_channel", TooLong: "too_long"}.get(type(error), "unreadable")
        line.sendall(message(FAULT, f"{code}\n{error}".encode()))
    except MemoryError:
        line.sendall(message(FAULT, b"unreadable\nthe file needs too much memory to be read: send it in parts"))


def _decoded(decoder: OpusDecoder, body: bytes) -> bytes:
    failed = decoder.failed
    pcm = b"".join(decoder.decode(packet) for packet in _unpacked(body))
    return message(DAMAGED if decoder.failed > failed else PCM, pcm)


def _unpacked(body: bytes) -> Iterator[Packet]:
    at = 0
    while at < len(body):
        start = at + 2
        at = start + int.from_bytes(body[at:start], "little")
        yield Packet.of(body[start:at], None)


def _told(line: socket.socket) -> Iterator[tuple[bytes, bytes]]:
    """The messages of the server until it closes its end."""
    while (head := _exactly(line, HEAD_BYTES)) is not None:
        body = _exactly(line, int.from_bytes(head[1:], "little"))
        if body is None:
            return
        yield head[:1], body


def _exactly(line: socket.socket, size: int) -> bytes | None:
    found = bytearray()
    while len(found) < size:
        part = line.recv(size - len(found))
        if not part:
            return None
        found += part
    return bytes(found)


if __name__ == "__main__":
    main()
