"""Streams of Opus packets in a container, as a browser's MediaRecorder makes them: bytes in, packets out. Pure.

The packets are not decoded here. How long each of them sounds stands in its first two bytes, so the samples of a stream
can be counted without a decoder.
"""

from typing import Literal

from inference.audio.containers.demuxer import Demuxer
from inference.audio.containers.ogg import Ogg
from inference.audio.containers.opus import ContainerError, Head, Packet, Unit
from inference.audio.containers.webm import Webm

Container = Literal["webm_opus", "ogg_opus"]

__all__ = ["Container", "ContainerError", "Demuxer", "Head", "Packet", "Unit", "demuxer", "is_beginning"]


SIGNATURES: dict[Container, bytes] = {"webm_opus": b"\x1aE\xdf\xa3", "ogg_opus": b"OggS"}


def is_beginning(container: Container, data: bytes) -> bool:
    """Whether a frame begins a stream of its own, as after a recorder was started anew.

    Every page of Ogg has the signature; the first one of a stream says in its type that it is the first.
    """
    if not data.startswith(SIGNATURES[container]):
        return False
    return container == "webm_opus" or (len(data) > 5 and bool(data[5] & 2))


def demuxer(container: Container, key: int | None = None) -> Demuxer:
    """For a stream from its beginning, or with the `key` of another demuxer from where that one stood."""
    return Webm(key) if container == "webm_opus" else Ogg(key)
