"""The way of a chunk, from its bytes to the words and the findings that the client sees."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from inference.asr.language import TrackLanguage
from inference.audio.segmenter import Segmenter
from inference.config import SAMPLE_RATE
from inference.extraction.isolation import place_of, release
from inference.extraction.live import LiveExtraction
from inference.serving.engines import Engines
from inference.stream.checkpoint import Checkpoint, Flushed
from inference.stream.finals import Finals
from inference.stream.keeper import Keeper
from inference.stream.listening import Cut, Listener
from inference.stream.options import Control, ControlKind, StreamOptions
from inference.stream.places import Places
from inference.stream.previews import Previews
from inference.stream.resumed import Resumed
from inference.stream.track import Track
from inference.stream.underway import Chunk, Underway, Work
from inference.stream.writing import Writer
from inference.timing import Timings
from inference.transcript import Transcript
from inference.updates import Continued, Drained, Emit, Fault, MarkerReached, Paused

logger = logging.getLogger(__name__)

WORK_AHEAD = 2
"""Chunks that may be segmented before the recogniser has done the one before: more would only wait in memory."""


class Stream:
    """One session. Feed it bytes and controls in order; run `run` beside it. Every update goes to `emit`.

    Two steps overlap: `feed` decodes, detects speech and cuts; `run` recognises and extracts, finals strictly in order.
    Everything that belongs to the session is here, and nothing of it in the engines.

    `keep` is called with a checkpoint behind every final, in the same step of the event loop as the update of the
    final, and whenever something else has moved. A stream that is `resumed` from one is fed the audio from its mark on.
    """

    def __init__(
        self,
        engines: Engines,
        session: str,
        options: StreamOptions,
        emit: Emit,
        keep: Callable[[Checkpoint], None] | None = None,
        resumed: Resumed | None = None,
    ) -> None:
        config = engines.config
        last = resumed.checkpoint if resumed is not None else None
        kept = last or Checkpoint(language=options.language)
        self.options = options
        self.transcript = Transcript()
        self.extraction = LiveExtraction(engines.extractors, emit, options.patient, options.language or "en")
        self._emit = emit
        self._vocabulary_with = engines.vocabulary_with
        self._tracks = [
            Track(speaker, Segmenter(config.segmenter, config.vad.threshold), TrackLanguage(options.language))
            for speaker in options.speakers
        ]
        for number, state in enumerate(kept.tracks):
            self._tracks[number].restore(state, kept.place, kept.place.hidden[number] if kept.place.hidden else None)
        if resumed is not None:
            resumed.hand_over(self.transcript, self.extraction, self._tracks)
        self._work: asyncio.Queue[Work] = asyncio.Queue(WORK_AHEAD)
        self._waiting = False  # for work
        self._underway = Underway(emit, kept.settled)
        places = Places(kept.place) if keep is not None else None
        self._listener = Listener(
            engines.vad, session, options, self._tracks, config.vad.threshold, emit, kept.place, places
        )
        written = resumed.written if resumed is not None else ()
        self._writer = Writer(self.transcript, kept.language, emit, written)
        self._fed = kept.mark
        self._again = deque(kept.controls)  # controls that took effect before, and are to do so where they stood
        self._keeper = None
        if keep is not None and places is not None:
            self._keeper = Keeper(
                keep,
                kept,
                places,
                self._tracks,
                self._writer,
                self._underway,
                self.extraction,
                config.segmenter.lead_in_s,
                options.audio.sample_rate,
                self._again,
            )
            self.extraction.on_read = self._keeper.read
        commit = self._keeper.committed if self._keeper is not None else lambda: None
        self._finals = Finals(engines.asr, session, self._tracks, self._writer, self.extraction, emit, commit)
        self._previews = Previews(engines.asr, session, config.segmenter, self._writer, self._underway, emit)

    @property
    def transcribed_s(self) -> float:
        """Seconds from the beginning of which every final is out; partials do not count."""
        return self._underway.settled / SAMPLE_RATE

    @property
    def idle(self) -> bool:
        """Whether the finals of all that was fed are out, and every control is answered."""
        return self._waiting and self._work.empty()

    async def feed(self, data: bytes, timings: Timings) -> None:
        """Takes the next bytes of the stream: whole sample frames, as `AudioFormat.sample_frames` checked them.

        Returns when the chunk waits for the recogniser, of which two may.
        """
        size = self.options.audio.frame_bytes
        while self._again and self._again[0].at <= self._fed + len(data) // size:
            before = (self._again[0].at - self._fed) * size
            if before > 0:
                await self._hear(data[:before], timings)
                data = data[before:]
            await self._repeat(self._again.popleft())
        if data:
            await self._hear(data, timings)

    async def _hear(self, data: bytes, timings: Timings) -> None:
        vad_ms, finals = await self._listener.hear(data)
        self._fed += len(data) // self.options.audio.frame_bytes
        partials = self._previews.due(self._tracks)
        open_now = [(track, found) for track in self._tracks if (found := track.segmenter.open) is not None]
        timed = timings.stamped(vad_ms=vad_ms)
        await self._put(Work(timed, tuple(finals), tuple(partials), self._listener.heard, tuple(open_now)))

    async def _put(self, work: Work) -> None:
        if self._keeper is not None:
            states = tuple((track, track.segmenter.state) for track in self._tracks)
            work = replace(work, states=states)
        await self._work.put(work)

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
        await self._learn_names()
        async with asyncio.TaskGroup() as group:
            extraction = group.create_task(self.extraction.isolation.supervise(self.extraction.run))
            # In a method of its own: a loop's variables would hold the chunk's audio until the next chunk comes.
            while await self._do(await self._next(), group):
                pass
            extraction.cancel()

    async def _next(self) -> Work:
        self._waiting = True
        try:
            return await self._work.get()
        finally:
            self._waiting = False

    async def _learn_names(self) -> None:
        """Gives the tracks their vocabulary, before anything is decoded; that of the site alone if ours fails."""
        try:
            vocabulary = await self._vocabulary_with(self.options.vocabulary)
        except Exception as error:  # names are a help, and a consultation goes on without them
            logger.error("the names of a session cannot be used: %s", place_of(error))
            self._emit(
                Fault(
                    "vocabulary_failed",
                    f"the names for this session cannot be used ({type(error).__name__}), so they may be misspelt: "
                    "see the server's log; the session goes on",
                )
            )
            vocabulary = await self._vocabulary_with(())
        for track in self._tracks:
            track.vocabulary = vocabulary

    async def _do(self, work: Work, group: asyncio.TaskGroup) -> bool:
        """One chunk's work, or one control's. Returns whether more follows."""
        chunk = self._underway.begin(work)
        early: list[Cut] = []
        late: list[Cut] = []  # with the text of these finals before them, as finals have it
        for track, span in work.partials:
            (late if span.draft or track.waits_for_seam(span) else early).append((track, span))
        self._show(group, chunk, early)
        for track, span in work.finals:
            self._previews.withdraw(track, span.index)
            await self._finals.commit(track, span, work.timings)
        self._show(group, chunk, late)
        if self._keeper is not None:
            self._keeper.done(work)
        if work.control is not None:
            for track in self._tracks:
                self._previews.withdraw(track, track.segmenter.index)
        self._underway.finals_done(chunk)
        if work.control is not None:
            await self._answer(work.control)
        return work.control is None or work.control.kind != "stop"

    def _show(self, group: asyncio.TaskGroup, chunk: Chunk, cuts: Sequence[Cut]) -> None:
        if self._work.empty():  # else a newer chunk shows more
            self._previews.show(group, chunk, cuts)

    async def control(self, control: Control) -> None:
        """Takes a control that stands after all audio fed so far. Every one of them commits the open segment."""
        timings = Timings()
        finals: list[Cut] = []
        if control.kind == "stop":
            _, finals = await self._listener.hear(b"", last=True)
        finals += self._flush(control.kind)
        await self._put(Work(timings, tuple(finals), heard=self._listener.heard, control=control))

    def _flush(self, kind: ControlKind) -> list[Cut]:
        finals = [(track, span) for track in self._tracks for span in track.segmenter.flush()]
        if self._keeper is not None and kind != "stop":
            self._keeper.control(self._fed, "marker" if kind == "review" else kind)
        if kind in ("pause", "continue"):
            self._listener.pause(kind == "pause")
        return finals

    async def _repeat(self, control: Flushed) -> None:
        """Lets a control take effect that was answered before the stream was resumed."""
        finals = self._flush(control.kind)
        await self._put(Work(Timings(), tuple(finals), heard=self._listener.heard))

    async def _answer(self, control: Control) -> None:
        if control.kind == "stop":
            await self._compare(self.extraction.finish)
            return
        if control.kind == "marker":
            with self.extraction.isolation:
                await self.extraction.caught_up()
            self._emit(MarkerReached(control.marker_id, control.request))
        elif control.kind == "review":
            await self._compare(self.extraction.caught_up, asked=True, request=control.request)
        elif control.kind == "pause":
            self._emit(Paused(control.request))
        elif control.kind == "continue":
            self._emit(Continued(control.request))
        if self._keeper is not None:
            self._keeper.committed()

    async def _compare(
        self, read: Callable[[], Awaitable[None]], *, asked: bool = False, request: int | None = None
    ) -> None:
        """Compares what was said with the note. The facts are listed while the extractors `read` the last finals."""
        with self.extraction.apart:
            self.extraction.list_facts()
        with self.extraction.isolation:
            await read()
        with self.extraction.apart:
            await self.extraction.compare(asked=asked, request=request)

    def erase(self) -> None:
        """Overwrites the audio that is kept and drops all that was said. To be called when `run` has ended."""
        self.extraction.on_read = lambda: None
        for track in self._tracks:
            track.erase()
        self._listener.erase()
        del self.transcript, self.extraction, self._listener, self._finals, self._previews, self._writer, self._keeper
        self._tracks.clear()
        self._underway.clear()
        while not self._work.empty():
            self._work.get_nowait()
