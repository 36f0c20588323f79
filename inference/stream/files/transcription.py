"""One recording, from its samples to its segments. `FileTranscription.run` shows the way in order.

The parts are those of a live session: the detector, the recogniser with its second tries, and the writer of segments.
What differs is that spans are long, that many spans of one recording are decoded at a time, and that every live session
goes first (`Lane.FILE`): while sessions are live, spans are divided, so that none of them keeps a worker for long.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from inference.asr.hypothesis import AsrRequest, Hypothesis
from inference.asr.language import TrackLanguage
from inference.asr.recognition import Recogniser
from inference.audio.decoding import AudioFormat, PcmDecoder
from inference.audio.segmenter import Segmenter
from inference.audio.vad_state import VadState
from inference.batching.waiting import Lane, Served
from inference.config import SAMPLE_RATE
from inference.extraction.live import LiveExtraction
from inference.serving.engines import Engines
from inference.stream.files.cutting import Cutter, divided
from inference.stream.files.pieces import pieces
from inference.stream.files.stretches import Cut, Stretches
from inference.stream.finals import Finals
from inference.stream.track import Track
from inference.stream.writing import ID_PREFIX, Writer
from inference.timing import Timings
from inference.transcript import Segment, Speaker, Transcript
from inference.updates import Fault, TranscriptUpdate, Update

MOST_STRETCHES = 16
"""At most this many stretches are decoded side by side, and no more than fill two batches of every worker. Their audio
is held meanwhile: 6 MB for each channel of a stretch."""


class FileFailed(Exception):
    """A part of the recording could not be decoded. The message says which seconds, and holds no word."""


@dataclass(frozen=True, slots=True)
class FileSegment:
    """A segment of a recording.

    `logprob` is the mean natural log-probability of its tokens, `no_speech` the probability that nobody speaks in it,
    `language` the code of the language that it is written in.
    """

    segment: Segment
    logprob: float
    no_speech: float
    language: str


Tell = Callable[[Sequence[FileSegment]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class _Decoding:
    """A stretch on its way through the recogniser; it ends `end_s` seconds after the beginning of the recording."""

    end_s: float
    segments: asyncio.Task[list[FileSegment]]


class FileTranscription:
    """Transcribes one recording. `speakers` are those of its channels; one speaker is one channel.

    `language` is a code of the recogniser, None to detect it. `prompt` is text that sets names and spelling: every
    stretch begins with it as its context.
    """

    def __init__(
        self, engines: Engines, name: str, speakers: tuple[Speaker, ...], language: str | None, prompt: str = ""
    ) -> None:
        self._engines = engines
        self._name = name
        self._speakers = speakers
        self._language = language
        self._prompt = prompt
        asr = engines.config.asr
        self._ahead = min(MOST_STRETCHES, 2 * asr.workers * asr.max_batch)
        self._told: Counter[Speaker] = Counter()  # segments
        self.audio_s = 0.0
        """Seconds of audio so far."""
        self.told_s = 0.0
        """Seconds from the beginning of the recording up to which `tell` was given every segment."""

    async def run(self, pcm: AsyncGenerator[bytes, None], tell: Tell) -> None:
        """Takes the recording as s16le at 16 kHz, interleaved, in pieces of whole sample frames.

        `tell` gets the segments of each stretch, in the order of the recording; within a stretch they are ordered by
        their beginnings. Raises FileFailed, and what `pcm` and `tell` raise.
        """
        ready: asyncio.Queue[_Decoding | None] = asyncio.Queue(self._ahead)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._cut(pcm, ready, group))
                while (stretch := await ready.get()) is not None:
                    segments = await stretch.segments
                    self.told_s = max(self.told_s, stretch.end_s)
                    await tell([self._numbered(one) for one in segments])
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from None

    def _numbered(self, one: FileSegment) -> FileSegment:
        """With an id that counts the segments of its speaker: a span becomes several of them."""
        speaker = one.segment.speaker
        self._told[speaker] += 1
        return replace(one, segment=replace(one.segment, id=f"{ID_PREFIX[speaker]}{self._told[speaker]}"))

    async def _cut(
        self,
        pcm: AsyncGenerator[bytes, None],
        ready: "asyncio.Queue[_Decoding | None]",
        group: asyncio.TaskGroup,
    ) -> None:
        config = self._engines.config
        decoder = PcmDecoder(AudioFormat(channels=len(self._speakers)), len(self._speakers))
        cutters = [Cutter(config.segmenter, config.vad.threshold) for _ in self._speakers]
        states = [VadState() for _ in self._speakers]
        stretches, count = Stretches(), 0

        async def decode(cuts: list[Cut]) -> None:
            nonlocal count
            count += 1
            end_s = max((span.end_s for _, span in cuts), default=0.0)
            await ready.put(_Decoding(end_s, group.create_task(self._stretch(cuts, f"{self._name}/{count}"))))

        async with aclosing(pcm):
            async for piece in pcm:
                tracks = decoder.decode(piece)
                self.audio_s += len(tracks[0]) / SAMPLE_RATE
                cuts: list[Cut] = []
                for number, samples in enumerate(tracks):
                    served = await self._engines.vad.run(
                        (samples, states[number]), session=f"{self._name}/{number}", lane=Lane.FILE
                    )
                    probabilities, states[number] = served.value
                    cuts += [(number, span) for span in cutters[number].push(samples, probabilities)]
                cuts.sort(key=lambda cut: cut[1].decided)
                for stretch in stretches.add(cuts):
                    await decode(stretch)
        last = [(number, span) for number, cutter in enumerate(cutters) for span in cutter.flush()]
        for stretch in [*stretches.add(last), stretches.rest()]:
            await decode(stretch)
        await ready.put(None)

    async def _stretch(self, cuts: Sequence[Cut], name: str) -> list[FileSegment]:
        """The segments of one stretch: each track in its order, the tracks side by side."""
        cut_at = time.monotonic()
        found = await asyncio.gather(
            *(
                self._track(number, [cut for cut in cuts if cut[0] == number], name, cut_at)
                for number in {n for n, _ in cuts}
            )
        )
        return sorted((one for track in found for one in track), key=lambda one: one.segment.start)

    async def _track(self, number: int, cuts: Sequence[Cut], name: str, cut_at: float) -> list[FileSegment]:
        config = self._engines.config
        track = Track(
            self._speakers[number],
            Segmenter(config.segmenter, config.vad.threshold),
            TrackLanguage(self._language),
            self._engines.vocabulary,
            context=self._prompt,
        )
        asr, found = _Behind(self._engines.asr, cut_at), list[FileSegment]()
        pauses: list[tuple[float, float]] = []  # of the span that is being decoded

        def emit(update: Update) -> None:
            if isinstance(update, Fault) and update.code == "asr_failed":
                raise FileFailed(update.message)
            if isinstance(update, TranscriptUpdate) and update.segment.final and update.segment.text:
                said = asr.last
                language = update.segment.language or track.language.code or said.language
                parts = pieces(update.segment, pauses)
                found.extend(FileSegment(part, said.logprob, said.no_speech, language) for part in parts)

        writer = Writer(Transcript(), self._language, emit)
        extraction = LiveExtraction((), emit)  # nobody reads findings out of a recording
        finals = Finals(asr, f"{name}/{track.speaker}", [track], writer, extraction, emit)
        for _, cut in cuts:
            whole = track.own(cut)
            for span in divided(whole) if self._engines.asr.queue.live else [whole]:
                pauses = [(span.start_s + begin, span.start_s + stop) for begin, stop in span.spoken.pauses]
                await finals.commit(track, span, Timings())
        return found


class _Behind:
    """The recogniser as finals know it, behind every live session; `last` is what it heard last.

    What was cut earlier goes first, so that a recording is transcribed from its beginning to its end.
    """

    def __init__(self, asr: Recogniser, cut_at: float) -> None:
        self._asr = asr
        self._cut_at = cut_at
        self.last = Hypothesis("", "en")

    async def final(self, request: AsrRequest, *, session: str) -> Served[Hypothesis]:
        served = await self._asr.of_file(request, session=session, since=self._cut_at)
        self.last = served.value
        return served
