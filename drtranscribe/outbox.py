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
    """What the server may need again, in order: audio, and control messages in their place among it. Pure.

    `frame_bytes` is the size of one sample frame, `min_samples` the shortest message of audio that the protocol allows.
    `received` is what the server has, and `durable` what no server will ask for again.
    """

    frame_bytes: int
    min_samples: int
    end: int = 0
    received: int = 0
    durable: int = 0
    _entries: deque[_Audio | _Control] = field(default_factory=deque)
    _sent: int = 0  # leading entries that went out on this connection
    _requests: int = 0

    @property
    def waiting_samples(self) -> int:
        """Samples that the server has not received: what it is behind."""
        return self.end - self.received

    def put_audio(self, pcm: bytes) -> None:
        """Adds audio of whole sample frames at the end of the stream."""
        self._entries.append(_Audio(self.end, pcm))
        self.end += len(pcm) // self.frame_bytes

    def put_control(self, message: Message) -> None:
        """Numbers the message: a server takes one of the same number once, however often it is sent."""
        self._requests += 1
        self._entries.append(_Control(self.end, {**message, "request": self._requests}))

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

    def acknowledge(self, received: int, durable: int | None = None) -> None:
        """Forget what lies before `durable`, which may fall anywhere; a server without it names `received` alone.

        A control message at the mark itself stays: only audio after it proves that it has arrived. Raises ValueError
        for what was never put.
        """
        durable = received if durable is None else durable
        if max(received, durable) > self.end:
            raise ValueError(f"the server claims {max(received, durable)} samples of {self.end}")
        self.received = max(self.received, received)
        self.durable = max(self.durable, durable)
        while self._entries:
            entry = self._entries[0]
            if isinstance(entry, _Control):
                if entry.position >= durable:
                    return
            else:
                known = (durable - entry.start) * self.frame_bytes
                if known < len(entry.pcm):
                    if known > 0:
                        entry.start, entry.pcm = durable, entry.pcm[known:]
                    return
            self._entries.popleft()
            self._sent = max(0, self._sent - 1)

    def answered(self, event: Message) -> None:
        """Forget the control message that an event answers, by its number or, from an older server, by its marker."""
        for i, entry in enumerate(self._entries):
            if i >= self._sent:
                return
            if isinstance(entry, _Control) and _is_answer(event, entry.message):
                del self._entries[i]
                self._sent -= 1
                return

    def rewind(self, received: int) -> None:
        """Start over on a new connection, from the sample that the server names. Raises ValueError if it is gone."""
        if received < self.durable:
            raise ValueError(f"the server asks for audio from sample {received}, and {self.durable} was durable before")
        if received > self.end:
            raise ValueError(f"the server claims {received} samples of {self.end}")
        self.received = received
        self._sent = 0
        for i, entry in enumerate(self._entries):
            if isinstance(entry, _Control):
                if entry.position >= received:
                    return
            else:
                known = (received - entry.start) * self.frame_bytes
                if known < len(entry.pcm):
                    if known > 0:
                        self._entries.insert(i, _Audio(entry.start, entry.pcm[:known]))
                        entry.start, entry.pcm = received, entry.pcm[known:]
                        self._sent = i + 1
                    return
            self._sent = i + 1


def _is_answer(event: Message, control: Message) -> bool:
    if "request" in event:
        return bool(event["request"] == control["request"])
    return bool(event["type"] == control["type"] == "marker" and event["id"] == control["id"])
