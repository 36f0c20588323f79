"""What is shown of a segment before it ends: partials, and drafts of finals."""

import asyncio
from collections.abc import Awaitable, Sequence

from inference.asr.drafts import Draft
from inference.asr.hypothesis import Hypothesis
from inference.asr.partials import whole
from inference.asr.recognition import Recogniser
from inference.audio.segmenter import Span
from inference.batching.waiting import Served, Superseded
from inference.config import SegmenterConfig
from inference.stream.listening import Cut
from inference.stream.track import Track
from inference.stream.underway import Chunk, Underway
from inference.stream.writing import Writer
from inference.timing import Timings
from inference.updates import Emit, Fault

PARTIAL_REST = 1.0
LONGEST_REST_S = 1.4
"""Seconds of new speech before the next partial, for each second that the last one took, and at most: small chunks must
not flood the recogniser, and under load partials become rarer before finals become late."""


class Previews:
    """Decodes open segments beside the finals: the latest words are on the screen while a long final is decoded."""

    def __init__(
        self, asr: Recogniser, session: str, config: SegmenterConfig, writer: Writer, underway: Underway, emit: Emit
    ) -> None:
        self._asr = asr
        self._session = session
        self._every_s, self._first_s = config.partial_every_s, config.partial_first_s
        self._writer = writer
        self._underway = underway
        self._emit = emit

    def due(self, tracks: Sequence[Track]) -> list[Cut]:
        """The open segments that are to be shown now: as often as the recogniser can afford."""
        found: list[Cut] = []
        for track in tracks:
            rest_s = min(LONGEST_REST_S, PARTIAL_REST * track.partial_s)
            span = track.segmenter.partial(max(self._every_s, rest_s), max(self._first_s, rest_s))
            if span is not None:
                found.append((track, span))
        return found

    def show(self, group: asyncio.TaskGroup, chunk: Chunk, cuts: Sequence[Cut]) -> None:
        """Begins to decode open segments of a chunk; each counts as the chunk's work until it is shown or given up."""
        for track, span in cuts:
            own = track.own(span)
            if track.known(own) is None:  # else its words are on the screen
                self._begin(group, chunk, track, own)

    def withdraw(self, track: Track, index: int) -> None:
        """Drops the partials of segments whose finals are decided."""
        for task, of in list(track.showing.items()):
            if of <= index:
                task.cancel()

    def _begin(self, group: asyncio.TaskGroup, chunk: Chunk, track: Track, span: Span) -> None:
        """In the queue a partial takes the place of the one before it, if that has not begun."""

        def done(task: "asyncio.Task[None]") -> None:
            track.showing.pop(task, None)
            self._underway.partial_done(chunk)

        if track.draft is not None and track.draft.span.index == span.index:
            track.draft.drop()
            track.draft = None
        if span.draft:
            track.draft = self._draft(group, track, span)
        task = group.create_task(self._partial(track, span, track.draft if span.draft else None, chunk.work.timings))
        track.showing[task] = span.index
        chunk.partials += 1
        task.add_done_callback(done)

    def _draft(self, group: asyncio.TaskGroup, track: Track, span: Span) -> Draft:
        request = track.request(span)
        decoding = self._asr.draft(request, session=f"{self._session}/{track.speaker}")
        return Draft(span, request, group.create_task(self._unless_failed(decoding)))

    async def _partial(self, track: Track, span: Span, draft: Draft | None, timings: Timings) -> None:
        tail = track.partials.tail(span) if draft is None else whole(span)
        if draft is None:
            request = track.partial_request(span, tail)
            decoding = self._asr.partial(request, session=f"{self._session}/{track.speaker}")
            served = await self._unless_failed(decoding)
        else:
            served = await asyncio.shield(draft.decoding)  # the final may still want it when this is withdrawn
        if served is None:
            return
        track.partial_s = (served.queue_ms + served.run_ms) / 1000
        if not served.value.text or span.index <= track.committed:
            return  # nothing to show: what was said there is not covered yet
        said = Hypothesis(track.partials.join(span, tail, served.value), served.value.language)
        self._writer.write(track, span, said, timings.stamped(queue_ms=served.queue_ms, asr_ms=served.run_ms))

    async def _unless_failed(self, decoding: Awaitable[Served[Hypothesis]]) -> Served[Hypothesis] | None:
        try:
            return await decoding
        except Superseded:
            return None
        except Exception as error:
            self._emit(Fault("partial_failed", f"a partial was skipped ({type(error).__name__}); its final follows"))
            return None
