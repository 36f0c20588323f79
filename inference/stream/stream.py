"""The way of a chunk, from its bytes to the words and the findings that the client sees."""

import asyncio
from collections.abc import Sequence

from inference.asr.language import TrackLanguage
from inference.audio.segmenter import Segmenter
from inference.config import SAMPLE_RATE
from inference.extraction.isolation import release
from inference.extraction.live import LiveExtraction
from inference.serving.engines import Engines
from inference.stream.finals import Finals
from inference.stream.listening import Cut, Listener
from inference.stream.options import Control, StreamOptions
from inference.stream.previews import Previews
from inference.stream.track import Track
from inference.stream.underway import Chunk, Underway, Work
from inference.stream.writing import Writer
from inference.timing import Timings
from inference.transcript import Transcript
from inference.updates import Continued, Drained, Emit, MarkerReached, Paused

WORK_AHEAD = 2
"""Chunks that may be segmented before the recogniser has done the one before: more would only wait in memory."""


class Stream:
    """One session. Feed it bytes and controls in order; run `run` beside it. Every update goes to `emit`.

    Two steps overlap: `feed` decodes, detects speech and cuts; `run` recognises and extracts, finals strictly in order.
    Everything that belongs to the session is here, and nothing of it in the engines.
    """

    def __init__(self, engines: Engines, session: str, options: StreamOptions, emit: Emit) -> None:
        config = engines.config
        self.options = options
        self.transcript = Transcript()
        self.extraction = LiveExtraction(engines.extractors, emit, options.patient, options.language or "en")
        self._emit = emit
        self._tracks = [
            Track(speaker, Segmenter(config.segmenter, config.vad.threshold), TrackLanguage(options.language))
            for speaker in options.speakers
        ]
        self._work: asyncio.Queue[Work] = asyncio.Queue(WORK_AHEAD)
        self._underway = Underway(emit)
        self._listener = Listener(engines.vad, session, options, self._tracks, config.vad.threshold, emit)
        writer = Writer(self.transcript, options.language, emit)
        self._finals = Finals(engines.asr, session, self._tracks, writer, self.extraction, emit)
        self._previews = Previews(engines.asr, session, config.segmenter.partial_every_s, writer, self._underway, emit)

    @property
    def transcribed_s(self) -> float:
        """Seconds from the beginning of which every final is out; partials do not count."""
        return self._underway.settled / SAMPLE_RATE

    async def feed(self, data: bytes, timings: Timings) -> None:
        """Takes the next bytes of the stream: whole sample frames, as `AudioFormat.sample_frames` checked them.

        Returns when the chunk waits for the recogniser, of which two may.
        """
        vad_ms, finals = await self._listener.hear(data)
        partials = self._previews.due(self._tracks)
        open_now = [(track, found) for track in self._tracks if (found := track.segmenter.open) is not None]
        timed = timings.stamped(vad_ms=vad_ms)
        await self._work.put(Work(timed, tuple(finals), tuple(partials), self._listener.heard, tuple(open_now)))

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
        finals += [(track, span) for track in self._tracks for span in track.segmenter.flush()]
        if control.kind in ("pause", "continue"):
            self._listener.pause(control.kind == "pause")
        await self._work.put(Work(timings, tuple(finals), heard=self._listener.heard, control=control))

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

    def erase(self) -> None:
        """Overwrites the audio that is kept and drops all that was said. To be called when `run` has ended."""
        for track in self._tracks:
            track.erase()
        self._listener.erase()
        del self.transcript, self.extraction, self._listener, self._finals, self._previews
        self._tracks.clear()
        self._underway.clear()
        while not self._work.empty():
            self._work.get_nowait()
