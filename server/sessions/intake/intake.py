"""The way of what a client sends, from its socket to the stream: read, timed, queued, counted, decoded, fed."""

import time
from collections.abc import Callable
from typing import Any, Protocol

from inference.audio.decoding import AudioError
from inference.stream import Control, StreamOptions
from inference.timing import Timings
from inference.updates import Notice
from server.media.decoding import Decoding
from server.protocol import ProtocolError
from server.sessions.intake.inbox import Inbox
from server.sessions.intake.incoming import Frame, equivalent_bytes
from server.sessions.intake.pace import Pace
from server.sessions.intake.recorder import incoming
from server.store.restoring import Restored

DAMAGED = (
    "a part of the recorder's stream could not be decoded and is taken for silence: check that every byte of it is "
    "sent once and in order"
)


class Feedable(Protocol):
    """The part of a stream that takes what came in."""

    async def feed(self, data: bytes, timings: Timings) -> None: ...

    async def control(self, control: Control) -> None: ...


class Intake:
    """Takes the frames and controls of one session in order, and hands them to its stream. Run `run` once as a task.

    `most` items may wait; whoever sends more is held back. `keeps` notes places at which the audio can be taken up
    again. `tell` emits a notice to the client.
    """

    def __init__(
        self,
        options: StreamOptions,
        most: int,
        decoding: Decoding,
        restored: Restored,
        keeps: bool,
        tell: Callable[[Notice], None],
    ) -> None:
        self.received_samples = restored.mark
        self._audio, self._channels = options.audio, len(options.speakers)
        self._incoming = incoming(
            options.audio, self._channels, decoding, restored.container, restored.mark, keeps=keeps
        )
        self._inbox = Inbox(most)
        self._pace = Pace()
        self._tell = tell
        self._told_damage = False

    @property
    def max_frame_bytes(self) -> int:
        return self._incoming.max_frame_bytes

    @property
    def received_bytes(self) -> int | None:
        """Bytes of a recorder's stream so far; None where the client sends bare samples."""
        return self._incoming.received_bytes

    @property
    def held_back(self) -> bool:
        """Whether somebody waits for room."""
        return self._inbox.held_back

    @property
    def idle(self) -> bool:
        """Whether the stream has taken all that came in."""
        return self._inbox.idle

    def place(self, mark: int) -> dict[str, Any] | None:
        """From where a recorder's stream is sent again if it is heard again from the sample `mark` on."""
        return self._incoming.place(mark)

    def seconds(self, frame: Frame) -> float:
        return frame.samples / self._audio.sample_rate

    def begin(self) -> None:
        """Another connection sends from here on."""
        self._inbox.begin()
        self._pace.forget()

    async def put_audio(self, data: bytes, waited_s: float) -> Frame:
        """Reads a frame for which the socket waited `waited_s` seconds, and waits for room. Raises ProtocolError.

        The caller counts the frame, unless the session ended while the frame waited.
        """
        now = time.monotonic()
        try:
            frame = self._incoming.read(data)
        except AudioError as error:
            raise ProtocolError("invalid_audio", str(error)) from None
        timings = self._inbox.timed(now, self.seconds(frame), waited_s)
        self._watch_pace(now, self.seconds(frame))
        await self._inbox.put((frame, timings))
        return frame

    def count(self, frame: Frame) -> int:
        """Returns by how many bytes the frame would be longer as bare samples at 16 kHz."""
        self._incoming.count(frame)
        self.received_samples += frame.samples
        return equivalent_bytes(frame, self._audio, self._channels)

    async def put_control(self, control: Control) -> None:
        """Waits while there is no room. A pause and its end are no matter of the microphone's pace."""
        if control.kind in ("pause", "continue"):
            self._pace.forget()
        await self._inbox.put(control)

    async def run(self, stream: Feedable) -> None:
        """Hands what came in to the stream, in order, until it has handed over a stop."""
        while True:
            item = await self._inbox.take()
            if isinstance(item, Control):
                await stream.control(item)
                if item.kind == "stop":
                    return
            else:
                await self._feed(stream, *item)
            del item  # do not keep a chunk in memory while waiting for the next one

    def close(self) -> None:
        """Drops all audio that nobody takes any more."""
        self._incoming.close()
        self._inbox.drop()

    async def _feed(self, stream: Feedable, frame: Frame, timings: Timings) -> None:
        async for pcm in self._incoming.decoded(frame):
            await stream.feed(pcm, timings)
        if self._incoming.damaged and not self._told_damage:
            self._told_damage = True
            self._tell(Notice("audio_suspect", DAMAGED))

    def _watch_pace(self, now: float, duration_s: float) -> None:
        if self.received_bytes is not None:
            return  # a recorder's stream has one rate, and its length says nothing of the microphone's
        if self._inbox.behind:
            self._pace.forget()  # the server itself sets the pace
        elif (advice := self._pace.note(now, duration_s)) is not None:
            self._tell(Notice("audio_suspect", advice))
