"""The stream of a MediaRecorder as the audio of a session: counted when it comes, decoded when its turn has come."""

from base64 import b64decode, b64encode
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from inference.audio.containers import Container, ContainerError, Head, Packet, Unit, demuxer, is_beginning
from inference.audio.containers.opus import RATE as _RATE
from inference.audio.decoding import AudioError, AudioFormat
from server.media.decoding import FRAME_BYTES, Decoding
from server.sessions.intake.incoming import BareSamples, Frame, Incoming

MAX_ENCODED_FRAME_BYTES = 640_000
"""Ten seconds of Opus at its highest rate, 510 kbit/s."""

MAX_ENCODED_FRAME_S = 120
"""Packets of two bytes may stand for 120 ms each: a frame of them would be hours."""

GROUP_S = 3
"""Seconds that are decoded, and handed to the stream, at once."""

LEAD_IN_S = 1
"""Seconds before the mark that a new decoder hears first. RFC 7845 asks for 0.08. In mid-speech the samples then differ
by up to 0.2 % of full scale from those of a decoder that has heard everything, until the next pause; a longer lead-in
changes nothing about that."""

PLACE_EVERY_S = 0.5
"""The least audio between two places at which a stream can be taken up again."""

ONE_CHANNEL = (
    'mode "dual" needs a stream of two channels, channel 0 clinician and channel 1 patient: merge them before they are '
    'recorded, and declare audio.channels 2; or use mode "ambient"'
)


@dataclass(frozen=True, slots=True)
class EncodedPlace:
    """A byte of the client behind which decoding can begin again, the sample there, and what the stream began with.

    `head` is the OpusHead as base64, empty at the very beginning. It holds no audio.
    """

    byte: int = 0
    sample: int = 0
    head: str = ""
    key: int = 0


class RecorderStream:
    """The stream of a MediaRecorder: Opus packets in WebM or Ogg.

    It is taken up again behind `place`, of which the first samples up to `mark` are not to be heard. `keeps` notes
    places for that. A frame that begins like a stream of its own is one: the recorder was started anew.
    """

    damaged = False

    def __init__(
        self,
        container: Container,
        channels: int,
        decoding: Decoding,
        place: Mapping[str, Any] | None = None,
        mark: int = 0,
        keeps: bool = False,
    ) -> None:
        begun = EncodedPlace(**place) if place else EncodedPlace()
        self._container = container
        self._channels = channels
        self._keeps = keeps
        self.received_bytes: int | None = begun.byte
        self._demuxer = demuxer(container, begun.key if begun.head else None)
        self._base = begun.byte  # where the demuxer began
        self._head = Head.of(b64decode(begun.head)) if begun.head else None
        self._sample = mark
        self._skip = mark - begun.sample  # samples to come that are not heard
        self._places = deque([begun])
        self._opus = decoding.stream()
        self._decoded_head, self._decoded_skip = self._head, self._skip

    @property
    def max_frame_bytes(self) -> int:
        return MAX_ENCODED_FRAME_BYTES

    def read(self, data: bytes) -> Frame:
        if not data:
            raise AudioError("an empty audio frame: send what the recorder gives, or nothing")
        begins = is_beginning(self._container, data)
        demuxer_ = demuxer(self._container) if begins else self._demuxer.copy()
        try:
            units = tuple(demuxer_.push(data))
        except ContainerError as error:
            raise AudioError(str(error)) from None
        samples, skip = 0, self._skip
        for unit in units:
            if isinstance(unit, Packet):
                heard = max(0, unit.samples - skip)
                skip -= unit.samples - heard
                samples += heard
            else:
                skip += unit.pre_skip
                if unit.channels < self._channels:
                    raise AudioError(ONE_CHANNEL)
        if samples > MAX_ENCODED_FRAME_S * _RATE:
            raise AudioError(f"a frame holds more than {MAX_ENCODED_FRAME_S} s of audio: send less at a time")
        return Frame(data, samples, units, demuxer_, begins)

    def count(self, frame: Frame) -> None:
        assert frame.demuxer is not None
        assert self.received_bytes is not None
        if frame.begins:
            self._base = self.received_bytes
        self._demuxer = frame.demuxer
        self.received_bytes += len(frame.data)
        for unit in frame.units:
            if isinstance(unit, Head):
                self._head = unit
                self._skip += unit.pre_skip
                continue
            heard = max(0, unit.samples - self._skip)
            self._skip -= unit.samples - heard
            self._sample += heard
            if self._keeps and unit.end is not None:
                self._note(self._base + unit.end)

    async def decoded(self, frame: Frame) -> AsyncIterator[bytes]:
        for group in _groups(frame.units):
            if isinstance(group, Head):
                self._decoded_head = group
                self._decoded_skip += group.pre_skip
                continue
            assert self._decoded_head is not None
            pcm = await self._opus.decode(self._decoded_head, group)
            self.damaged |= self._opus.damaged
            skipped = min(self._decoded_skip, len(pcm) // FRAME_BYTES)
            self._decoded_skip -= skipped
            if pcm := pcm[skipped * FRAME_BYTES :]:
                yield pcm

    def place(self, sample: int) -> dict[str, Any] | None:
        wanted = sample - LEAD_IN_S * _RATE
        while len(self._places) > 1 and self._places[1].sample <= wanted:
            self._places.popleft()
        found = self._places[0]
        return {"byte": found.byte, "sample": found.sample, "head": found.head, "key": found.key}

    def close(self) -> None:
        self._opus.close()
        self._demuxer = demuxer(self._container)

    def _note(self, byte: int) -> None:
        if (
            self._head is not None
            and self._sample - self._places[-1].sample >= PLACE_EVERY_S * _RATE
            and not self._skip
        ):
            head = b64encode(self._head.data).decode()
            self._places.append(EncodedPlace(byte, self._sample, head, self._demuxer.key))


def _groups(units: Iterable[Unit]) -> Iterator[Head | list[Packet]]:
    """Each head by itself, and the packets between heads in groups of `GROUP_S`; the last group may be shorter."""
    group: list[Packet] = []
    samples = 0
    for unit in units:
        if isinstance(unit, Packet):
            group.append(unit)
            samples += unit.samples
            if samples < GROUP_S * _RATE:
                continue
        if group:
            yield group
            group, samples = [], 0
        if isinstance(unit, Head):
            yield unit
    if group:
        yield group


def incoming(
    audio: AudioFormat,
    channels: int,
    decoding: Decoding,
    place: Mapping[str, Any] | None,
    mark: int,
    keeps: bool,
) -> Incoming:
    """The audio of a session, from its beginning or from a checkpoint's `place` and `mark` on.

    `channels` are those that the mode needs.
    """
    if audio.encoding == "pcm_s16le":
        return BareSamples(audio)
    return RecorderStream(audio.encoding, channels, decoding, place, mark, keeps)
