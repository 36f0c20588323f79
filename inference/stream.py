"""One session's way through the engines: bytes in, updates out, in the order in which they were said."""

import asyncio
import logging
import sys
from collections import deque
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from inference.asr.drafts import Draft
from inference.asr.hypothesis import AsrRequest, Hypothesis
from inference.asr.language import TrackLanguage, changed
from inference.asr.partials import Partials, whole
from inference.asr.seams import Seam
from inference.audio.attention import Attention
from inference.audio.decoding import AudioFormat, PcmDecoder, Samples
from inference.audio.segmenter import OpenSegment, Segmenter, Span
from inference.audio.vad_state import VadState
from inference.batching.waiting import Served, Superseded
from inference.config import SAMPLE_RATE
from inference.extraction import Patient
from inference.extraction.isolation import place_of, release
from inference.extraction.live import LiveExtraction
from inference.serving.engines import Engines
from inference.timing import Timings
from inference.transcript import Segment, Speaker, Transcript, Word
from inference.updates import Continued, Drained, Emit, Fault, MarkerReached, Notice, Paused, Progress, TranscriptUpdate

logger = logging.getLogger(__name__)

Mode = Literal["ambient", "dual"]

PROMPT_CHARACTERS = 400
"""Of the text before a span that may become its prompt; the recogniser keeps its last tokens only."""

ID_PREFIX: dict[Speaker, str] = {"unknown": "s", "clinician": "c", "patient": "p"}
"""Ids count the segments of their own track: no chunk size and no other speaker changes them."""

WORK_AHEAD = 2
"""Chunks that may be segmented before the recogniser has done the one before: more would only wait in memory."""


PARTIAL_REST = 1.0
LONGEST_REST_S = 1.4
"""Seconds of new speech before the next partial, for each second that the last one took, and at most: small chunks must
not flood the recogniser, and under load partials become rarer before finals become late."""


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """What `start_session` declared. `language`: the one that it begins in, None where that is to be detected."""

    audio: AudioFormat = field(default_factory=AudioFormat)
    mode: Mode = "ambient"
    language: str | None = "en"
    patient: Patient | None = None

    @property
    def speakers(self) -> tuple[Speaker, ...]:
        return ("clinician", "patient") if self.mode == "dual" else ("unknown",)


@dataclass(frozen=True, slots=True)
class Control:
    """A word of the client that takes effect where it stands in the audio."""

    kind: Literal["marker", "pause", "continue", "stop"]
    marker_id: int = 0


@dataclass(slots=True)
class _Track:
    """One speaker's audio: its VAD state, its open segment, its own text as context."""

    speaker: Speaker
    segmenter: Segmenter
    language: TrackLanguage
    vad: VadState = field(default_factory=VadState)
    partials: Partials = field(default_factory=Partials)
    context: str = ""
    shown: int = 0  # index of the last segment of which a partial went out
    committed: int = 0  # index of the last segment whose final is out
    draft: Draft | None = None  # of the open segment
    seam: Seam | None = None  # where the segment after the last final goes on, if that was split
    partial_s: float = 0.0  # what the last partial took, its wait included
    showing: "dict[asyncio.Task[None], int]" = field(default_factory=dict)  # partials on their way -> segment index

    def covered(self, found: OpenSegment) -> int:
        """Stream position up to which the track's text was shown, given the segment that was open."""
        return sys.maxsize if self.committed >= found.index else self.partials.covered(found)

    def waits_for_seam(self, span: Span) -> bool:
        """Whether nobody knows yet where an open segment begins: the final before it is to come."""
        return span.resumed and self.committed < span.index - 1

    def own(self, span: Span) -> Span:
        """A span without the audio that the final before it has taken."""
        return span.after(self.seam.at) if span.resumed and self.seam is not None else span

    def known(self, span: Span) -> Served[Hypothesis] | None:
        """What the final before a span, which was split, has heard of it, if nobody has spoken since."""
        if span.resumed and self.seam is not None and self.seam.ends_with_speech(span):
            return Served(self.seam.held, 0.0, 0.0)
        return None


@dataclass(frozen=True, slots=True)
class _Work:
    """What one chunk, or one control, asks of the recogniser."""

    timings: Timings
    finals: tuple[tuple[_Track, Span], ...] = ()
    partials: tuple[tuple[_Track, Span], ...] = ()
    heard: int = 0  # samples of the stream up to the end of this chunk
    open: tuple[tuple[_Track, OpenSegment], ...] = ()  # segments open at its end
    control: Control | None = None


@dataclass(slots=True, eq=False)
class _Chunk:
    """A chunk's work on its way: what is not done yet."""

    work: _Work
    partials: int = 0
    finals_done: bool = False

    @property
    def done(self) -> bool:
        return self.finals_done and not self.partials


class Stream:
    """Feed it bytes and controls in order; run `run` beside it. Every update goes to `emit`.

    Two steps overlap: `feed` decodes, detects speech and cuts; `run` recognises and extracts, finals strictly in order.
    """

    def __init__(self, engines: Engines, session: str, options: StreamOptions, emit: Emit) -> None:
        self.options = options
        self.transcript = Transcript()
        self.extraction = LiveExtraction(engines.extractors, emit, options.patient, options.language or "en")
        self._engines = engines
        self._session = session
        self._emit = emit
        self._decoder = PcmDecoder(options.audio, len(options.speakers))
        config = engines.config
        self._tracks = [
            _Track(speaker, Segmenter(config.segmenter, config.vad.threshold), TrackLanguage(options.language))
            for speaker in options.speakers
        ]
        self._attention = Attention(options.audio, options.speakers, config.vad.threshold, emit)
        self._heard = 0
        self._covered = 0
        self._settled = 0  # samples of which every final is out
        self._paused = False
        self._language = options.language
        self._work: asyncio.Queue[_Work] = asyncio.Queue(WORK_AHEAD)
        self._chunks: deque[_Chunk] = deque()

    @property
    def transcribed_s(self) -> float:
        """Seconds from the beginning of which every final is out; partials do not count."""
        return self._settled / SAMPLE_RATE

    async def feed(self, data: bytes, timings: Timings) -> None:
        """Takes the next bytes of the stream: whole sample frames, as `AudioFormat.sample_frames` checked them."""
        if not self._paused:
            self._attention.received(data)
        vad_ms, finals = await self._listen(self._decoder.decode(data))
        partials = [(track, span) for track in self._tracks if (span := self._due_partial(track)) is not None]
        open_now = [(track, found) for track in self._tracks if (found := track.segmenter.open) is not None]
        timed = timings.stamped(vad_ms=vad_ms)
        await self._work.put(_Work(timed, tuple(finals), tuple(partials), self._heard, tuple(open_now)))

    async def control(self, control: Control) -> None:
        """Takes a control that stands after all audio fed so far. Every one of them commits the open segment."""
        timings = Timings()
        finals: list[tuple[_Track, Span]] = []
        if control.kind == "stop":
            _, finals = await self._listen(self._decoder.decode(b"", last=True))
        finals += [(track, span) for track in self._tracks for span in track.segmenter.flush()]
        if control.kind in ("pause", "continue"):
            self._paused = control.kind == "pause"
            self._attention.begin_again()
            for track in self._tracks:  # what was heard before a pause says nothing about what comes after it
                track.vad = replace(VadState(), remainder=track.vad.remainder)
        await self._work.put(_Work(timings, tuple(finals), heard=self._heard, control=control))

    async def run(self) -> None:
        """Recognises and extracts until the stream has drained after a stop."""
        try:
            await self._do_all()
        except BaseException as error:
            release(error)
            raise
        self._emit(Drained())

    async def _do_all(self) -> None:
        # Apart from `run`, so that `release` empties this frame too: its group knows the task, and that the error.
        async with asyncio.TaskGroup() as group:
            extraction = group.create_task(self.extraction.isolation.supervise(self.extraction.run))
            # In a method of its own: a loop's variables would hold the chunk's audio until the next chunk comes.
            while await self._do(await self._work.get(), group):
                pass
            extraction.cancel()

    def erase(self) -> None:
        """Overwrites the audio that is kept and drops all that was said. To be called when `run` has ended."""
        for track in self._tracks:
            track.segmenter.erase()
            track.vad.erase()
        self._decoder.erase()
        self._attention.erase()
        del self.transcript, self.extraction, self._decoder
        self._tracks.clear()
        self._chunks.clear()
        while not self._work.empty():
            self._work.get_nowait()

    async def _do(self, work: _Work, group: asyncio.TaskGroup) -> bool:
        """One chunk's work, or one control's. Returns whether more follows."""
        chunk = _Chunk(work)
        self._chunks.append(chunk)
        early: list[tuple[_Track, Span]] = []
        late: list[tuple[_Track, Span]] = []
        for track, span in work.partials:
            (late if span.draft or track.waits_for_seam(span) else early).append((track, span))
        self._show_all(group, chunk, early)
        for track, span in work.finals:
            self._withdraw(track, span.index)
            await self._final(track, span, work.timings)
        self._show_all(group, chunk, late)  # with the text of these finals before them, as finals have it
        if work.control is not None:
            for track in self._tracks:
                self._withdraw(track, track.segmenter.index)
        chunk.finals_done = True
        self._progress()
        if work.control is not None:
            await self._answer(work.control)
        return work.control is None or work.control.kind != "stop"

    async def _listen(self, tracks: list[Samples]) -> tuple[float, list[tuple[_Track, Span]]]:
        """Detects speech in the next samples of every track: the milliseconds it took, and the finals it decided."""
        if self._paused:
            tracks = [np.zeros_like(samples) for samples in tracks]  # time goes on, nothing is heard
        served = await asyncio.gather(
            *(
                self._engines.vad.run((samples, track.vad), session=f"{self._session}/{track.speaker}")
                for samples, track in zip(tracks, self._tracks, strict=True)
            )
        )
        finals: list[tuple[_Track, Span]] = []
        for track, samples, answer in zip(self._tracks, tracks, served, strict=True):
            probabilities, track.vad = answer.value
            if self._paused:
                probabilities = np.zeros_like(probabilities)
            else:
                await self._attention.heard(track.speaker, samples, probabilities, self._speech)
            finals += [(track, span) for span in track.segmenter.push(samples, probabilities)]
        if not self._paused:
            self._attention.look()
        self._heard += len(tracks[0])
        finals.sort(key=lambda cut: cut[1].decided)  # tracks in the order of any chunk size
        return max(answer.run_ms for answer in served), finals

    async def _speech(self, audio: Samples) -> Samples:
        """Speech probabilities of sound that is no part of the stream."""
        served = await self._engines.vad.run((audio, VadState()), session=f"{self._session}/again")
        return served.value[0]

    async def _final(self, track: _Track, span: Span, timings: Timings) -> None:
        span = track.own(span)
        draft, track.draft = track.draft, None
        served = track.known(span)
        if served is None:
            served = await self._decoded(track, span, draft)
            self._hear_language(track, span, served.value)
        elif draft is not None:
            draft.drop()
        hypothesis = served.value
        track.committed = span.index
        track.seam = Seam.of(span, hypothesis) if span.split else None
        if track.seam is not None:
            hypothesis = track.seam.said
        segment = self._segment(track, span, hypothesis, track.seam)
        if segment is not None:
            timed = timings.stamped(queue_ms=served.queue_ms, asr_ms=served.run_ms)
            self.transcript.add(segment)
            self._emit(TranscriptUpdate(segment, timed))
            if segment.text and track.language.code in (hypothesis.language, None):
                track.context = f"{track.context} {segment.text}"[-PROMPT_CHARACTERS:].lstrip()
                with self.extraction.isolation:
                    await self.extraction.add(segment, timed)
        if track.seam is not None:
            self._show_held(track, span, track.seam, timings)

    async def _decoded(self, track: _Track, span: Span, draft: Draft | None) -> Served[Hypothesis]:
        """What is heard of a final: what its draft said, if that is still true, else what is decoded now."""
        request = self._request(track, span)
        served = None if draft is None else await draft.answer(span, request)
        if served is not None:
            return served
        try:
            return await self._engines.asr.final(request, session=self._session)
        except Exception as error:
            return await self._second_chance(request, span, error)

    def _show_held(self, track: _Track, span: Span, seam: Seam, timings: Timings) -> None:
        """The words that a split leaves to the next final, as its first partial: they were on the screen before."""
        following = replace(span.after(seam.at), index=span.index + 1, final=False)
        segment = self._segment(track, following, replace(seam.held, words=()))
        if segment is not None:
            track.shown = following.index
            self.transcript.add(segment)
            self._emit(TranscriptUpdate(segment, timings.stamped()))

    def _hear_language(self, track: _Track, span: Span, said: Hypothesis) -> None:
        """Follows the language of a track. A change is told, and what was said before is no context any more."""
        before = track.language.code
        if not said.text or not track.language.hear(said.language, said.heard, span.speech_s):
            return
        track.context = ""
        if before is None:  # the first language that is clear is that of the session
            self._language = self.extraction.language = said.language
            for other in self._tracks:
                other.language.code = said.language
        else:
            speaker = track.speaker if self.options.mode == "dual" else None
            self._emit(Notice("language_changed", changed(before, said.language, span.start_s), speaker))

    def _request(self, track: _Track, span: Span) -> AsrRequest:
        """What a final, or a draft of one, asks of the recogniser."""
        return AsrRequest(span.audio, True, track.language.code, track.context, span.spoken)

    async def _second_chance(self, request: AsrRequest, span: Span, error: Exception) -> Served[Hypothesis]:
        """Once more for a final whose decoding failed; then the client is told which seconds are missing."""
        try:
            return await self._engines.asr.final(request, session=self._session)
        except Exception:
            logger.error("a final of %.1f s could not be decoded: %s", span.end_s - span.start_s, place_of(error))
            self._emit(
                Fault(
                    "asr_failed",
                    f"{span.start_s:.1f} s to {span.end_s:.1f} s could not be transcribed ({type(error).__name__}): "
                    "see the server's log; the session goes on",
                )
            )
            return Served(Hypothesis("", request.language or "en"), 0.0, 0.0)

    def _due_partial(self, track: _Track) -> Span | None:
        """The open segment of a track, as often as the recogniser can afford."""
        rest_s = min(LONGEST_REST_S, PARTIAL_REST * track.partial_s)
        return track.segmenter.partial(max(self._engines.config.segmenter.partial_every_s, rest_s))

    def _show_all(self, group: asyncio.TaskGroup, chunk: "_Chunk", partials: Sequence[tuple[_Track, Span]]) -> None:
        if not self._work.empty():
            return  # a newer chunk shows more
        for track, span in partials:
            own = track.own(span)
            if track.known(own) is None:  # else its words are on the screen
                self._show(group, chunk, track, own)

    def _show(self, group: asyncio.TaskGroup, chunk: "_Chunk", track: _Track, span: Span) -> None:
        """Decodes an open segment beside the finals: the latest words are on the screen while a long final is decoded.

        In the queue it takes the place of the partial before it, if that has not begun.
        """

        def done(task: "asyncio.Task[None]") -> None:
            chunk.partials -= 1
            track.showing.pop(task, None)
            self._progress()

        if track.draft is not None and track.draft.span.index == span.index:
            track.draft.drop()
            track.draft = None
        if span.draft:
            track.draft = self._draft(group, track, span)
        task = group.create_task(self._partial(track, span, track.draft if span.draft else None, chunk.work.timings))
        track.showing[task] = span.index
        chunk.partials += 1
        task.add_done_callback(done)

    def _withdraw(self, track: _Track, index: int) -> None:
        """Drops the partials of segments whose finals are decided."""
        for task, of in list(track.showing.items()):
            if of <= index:
                task.cancel()

    def _draft(self, group: asyncio.TaskGroup, track: _Track, span: Span) -> Draft:
        request = self._request(track, span)
        decoding = self._engines.asr.draft(request, session=f"{self._session}/{track.speaker}")
        return Draft(span, request, group.create_task(self._unless_failed(decoding)))

    async def _unless_failed(self, decoding: Awaitable[Served[Hypothesis]]) -> Served[Hypothesis] | None:
        try:
            return await decoding
        except Superseded:
            return None
        except Exception as error:
            self._emit(Fault("partial_failed", f"a partial was skipped ({type(error).__name__}); its final follows"))
            return None

    async def _partial(self, track: _Track, span: Span, draft: Draft | None, timings: Timings) -> None:
        tail = track.partials.tail(span) if draft is None else whole(span)
        if draft is None:
            prompt = f"{track.context} {tail.text}".strip()
            spoken = span.spoken.between((tail.start - span.start) / SAMPLE_RATE, (span.end - span.start) / SAMPLE_RATE)
            request = AsrRequest(tail.audio, False, track.language.code, prompt, spoken)
            decoding = self._engines.asr.partial(request, session=f"{self._session}/{track.speaker}")
            served = await self._unless_failed(decoding)
        else:
            served = await asyncio.shield(draft.decoding)  # the final may still want it when this is withdrawn
        if served is None:
            return
        track.partial_s = (served.queue_ms + served.run_ms) / 1000
        if not served.value.text or span.index <= track.committed:
            return  # nothing to show: what was said there is not covered yet
        text = track.partials.join(span, tail, served.value)
        segment = self._segment(track, span, Hypothesis(text, served.value.language))
        if segment is not None:
            track.shown = span.index
            self.transcript.add(segment)
            self._emit(TranscriptUpdate(segment, timings.stamped(queue_ms=served.queue_ms, asr_ms=served.run_ms)))

    def _segment(self, track: _Track, span: Span, hypothesis: Hypothesis, seam: Seam | None = None) -> Segment | None:
        """The segment to send; none for silence, but an empty final takes back a partial that was shown."""
        if not hypothesis.text and not (span.final and track.shown == span.index):
            return None
        words = tuple(
            Word(w.text, round(span.start_s + w.start, 2), round(span.start_s + w.end, 2), w.probability)
            for w in hypothesis.words
        )
        start, end = round(span.start_s, 2), round(span.end_s if seam is None else seam.at / SAMPLE_RATE, 2)
        return Segment(
            f"{ID_PREFIX[track.speaker]}{span.index}",
            track.speaker,
            start,
            end,
            hypothesis.text,
            span.final,
            words,
            hypothesis.language if self._language not in (hypothesis.language, None) else "",
        )

    def _progress(self) -> None:
        """Tells of every chunk, in order, once its finals are out and its partials are shown or given up."""
        while self._chunks and self._chunks[0].done:
            work = self._chunks.popleft().work
            unsettled = [found.start for track, found in work.open if track.committed < found.index]
            self._settled = max(self._settled, min([work.heard, *unsettled]))
            if work.control is None:
                self._covered = max(self._covered, min([work.heard, *(t.covered(found) for t, found in work.open)]))
                lag_ms = round(work.timings.elapsed_ms(), 1)
                self._emit(Progress(round(self._covered / SAMPLE_RATE, 3), lag_ms))

    async def _answer(self, control: Control) -> None:
        if control.kind == "stop":
            with self.extraction.isolation:
                await self.extraction.finish()
        elif control.kind == "marker":
            with self.extraction.isolation:
                await self.extraction.caught_up()
            self._emit(MarkerReached(control.marker_id))
        elif control.kind == "pause":
            self._emit(Paused())
        elif control.kind == "continue":
            self._emit(Continued())
