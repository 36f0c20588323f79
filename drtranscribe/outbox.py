"""What a client still owes the server: kept until acknowledged, sent again after a lost connection. Pure."""

from collections import deque
from dataclasses import dataclass, field
from typing import Any

Message = dict[str, Any]


@dataclass(slots=True)
class _Audio:
    start: int  # in samples of the stream
    pcm: bytes


@dataclass(slots=True)
class _Control:
    position: int  # samples put before it
    message: Message


@dataclass(slots=True)
class Outbox:
    """What the server may not have yet, in order: audio, and control messages in their place among it. Pure.

    `frame_bytes` is the size of one sample frame, `min_samples` the shortest message of audio that the protocol allows.
    """

    frame_bytes: int
    min_samples: int
    end: int = 0
    received: int = 0
    _entries: deque[_Audio | _Control] = field(default_factory=deque)
    _sent: int = 0  # leading entries that went out on this connection

    @property
    def waiting_samples(self) -> int:
        """Samples that the server has not acknowledged: what is kept in memory."""
        return self.end - self.received

    def put_audio(self, pcm: bytes) -> None:
        """Adds audio of whole sample frames at the end of the stream."""
        self._entries.append(_Audio(self.end, pcm))
        self.end += len(pcm) // self.frame_bytes

    def put_control(self, message: Message) -> None:
        """Adds a control message behind all audio so far."""
        self._entries.append(_Control(self.end, message))

    def next(self) -> bytes | Message | None:
        """The next message to send on this connection, if there is one."""
        if self._sent == len(self._entries):
            return None
        entry = self._entries[self._sent]
        self._sent += 1
        if isinstance(entry, _Control):
            return entry.message
        pcm = entry.pcm
        # A resume may leave the last samples of a frame, too short for a message of their own.
        while len(pcm) < self.min_samples * self.frame_bytes and self._sent < len(self._entries):
            following = self._entries[self._sent]
            if isinstance(following, _Control):
                break
            self._sent += 1
            pcm += following.pcm
        return pcm

    def acknowledge(self, received: int) -> None:
        """Forget what lies before `received`, which may fall anywhere. Raises ValueError if it was never put.

        A control message at `received` itself stays: only audio after it proves that it has arrived.
        """
        if received > self.end:
            raise ValueError(f"the server claims {received} samples of {self.end}")
        self.received = max(self.received, received)
        while self._entries:
            entry = self._entries[0]
            if isinstance(entry, _Control):
                if entry.position >= received:
                    return
            else:
                known = (received - entry.start) * self.frame_bytes
                if known < len(entry.pcm):
                    if known > 0:
                        entry.start, entry.pcm = received, entry.pcm[known:]
                    return
            self._entries.popleft()
            self._sent = max(0, self._sent - 1)

    def marker_echoed(self, marker: int) -> None:
        """Forgets the oldest marker of this id that was sent, since the server has answered it."""
        for i, entry in enumerate(self._entries):
            if i >= self._sent:
                return
            if isinstance(entry, _Control) and entry.message.get("type") == "marker" and entry.message["id"] == marker:
                del self._entries[i]
                self._sent -= 1
                return

    def rewind(self, received: int) -> None:
        """Start over on a new connection, from the sample that the server names. Raises ValueError if it is gone."""
        if received < self.received:
            raise ValueError(
                f"the server asks for audio from sample {received}, and acknowledged {self.received} before"
            )
        self._sent = 0
        self.acknowledge(received)
