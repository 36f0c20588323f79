"""What the demuxers of both containers share: the bytes that are not read yet, and their place in the stream. Pure."""

import copy
from abc import ABC, abstractmethod
from typing import Self

from inference.audio.containers.opus import Unit


class Demuxer(ABC):
    """One stream, cut at any byte. With the `key` of another demuxer it goes on from where that one stood."""

    def __init__(self, key: int | None = None) -> None:
        self._held = bytearray()
        self._at = 0  # bytes of the stream before those that are held
        self._track = key
        self._begun = key is not None

    @property
    def key(self) -> int:
        """The number of the track that is read; with the head of the stream it is all that another demuxer needs to go
        on behind a packet that has an `end`."""
        return self._track or 0

    @abstractmethod
    def push(self, data: bytes) -> list[Unit]:
        """The heads and packets that the next bytes complete. Raises ContainerError."""

    def copy(self) -> Self:
        """Another demuxer that goes on from here for itself."""
        made = copy.copy(self)
        made._held = bytearray(self._held)
        return made

    def _take(self, size: int) -> bytes:
        """The next bytes, which are held no longer."""
        taken = bytes(self._held[:size])
        del self._held[:size]
        self._at += size
        return taken
