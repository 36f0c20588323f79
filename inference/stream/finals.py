"""The last word on each span: decoded in order, written once, handed to the extractors."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from inference.asr.hypothesis import AsrRequest, Hypothesis
from inference.asr.language import changed
from inference.asr.seams import Seam
from inference.audio.segmenter import Span
from inference.batching.waiting import Served
from inference.extraction.isolation import place_of
from inference.extraction.live import LiveExtraction
from inference.stream.track import Track
from inference.stream.writing import Writer
from inference.timing import Timings
from inference.updates import Emit, Fault, Notice

logger = logging.getLogger(__name__)


class Decoder(Protocol):
    """The part of the recogniser that finals use; see `inference.asr.recognition.Recogniser`."""

    async def final(self, request: AsrRequest, *, session: str) -> Served[Hypothesis]: ...


class Finals:
    """Commits the spans of a session's tracks. They are to come in their order, one at a time."""

    def __init__(
        self,
        asr: Decoder,
        session: str,
        tracks: Sequence[Track],
        writer: Writer,
        extraction: LiveExtraction,
        emit: Emit,
        committed: Callable[[], None] = lambda: None,
    ) -> None:
        self._asr = asr
        self._session = session
        self._tracks = tracks
        self._writer = writer
        self._extraction = extraction
        self._emit = emit
        self._committed = committed
        """Called behind each final, before anything else happens."""

    async def commit(self, track: Track, span: Span, timings: Timings) -> None:
        """Decodes a span, writes its words, and hands them to the extractors."""
        span = track.own(span)
        served = await self._heard(track, span)
        said = served.value
        if span.resumed and track.seam is not None:
            said = track.seam.heard_once(track.context, said)
        track.committed = span.index
        track.settled = span.state or track.settled
        track.seam = Seam.of(span, said) if span.split else None
        if track.seam is not None:
            said = track.seam.said
        timed = timings.stamped(queue_ms=served.queue_ms, asr_ms=served.run_ms)
        segment = self._writer.write(track, span, said, timed, track.seam)
        if segment is not None and segment.text and track.language.code in (said.language, None):
            track.remember(segment.text)  # words of another language are no context
        self._committed()
        if segment is not None and segment.text and segment.id not in self._writer.written:
            with self._extraction.isolation:
                await self._extraction.add(segment, timed)
        if track.seam is not None:
            self._show_held(track, span, track.seam, timings)

    async def _heard(self, track: Track, span: Span) -> Served[Hypothesis]:
        """What the span before it or a draft has heard of it, if that is still true; else what is decoded now."""
        draft, track.draft = track.draft, None
        known = track.known(span)
        if known is not None:
            if draft is not None:
                draft.drop()
            return known
        request = track.request(span)
        served = None if draft is None else await draft.answer(span, request)
        if served is None:
            served = await self._decoded(span, request)
        self._hear_language(track, span, served.value)
        return served

    async def _decoded(self, span: Span, request: AsrRequest) -> Served[Hypothesis]:
        """Tries twice; then the client is told which seconds are missing."""
        try:
            return await self._asr.final(request, session=self._session)
        except Exception as error:
            return await self._second_chance(span, request, error)

    async def _second_chance(self, span: Span, request: AsrRequest, error: Exception) -> Served[Hypothesis]:
        # Without the names: an error that comes back may be of the search for them, and the words are worth more.
        logger.warning("a final is decoded again, without names: %s", place_of(error))
        request = replace(request, vocabulary=None)
        try:
            return await self._asr.final(request, session=self._session)
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

    def _show_held(self, track: Track, span: Span, seam: Seam, timings: Timings) -> None:
        """The words that a split leaves to the next final, as its first partial: they were on the screen before."""
        following = replace(span.after(seam.at), index=span.index + 1, final=False)
        self._writer.write(track, following, replace(seam.held, words=()), timings.stamped())

    def _hear_language(self, track: Track, span: Span, said: Hypothesis) -> None:
        """Follows the language of a track. A change is told, and what was said before is no context any more."""
        before = track.language.code
        if not said.text or not track.language.hear(said.language, said.heard, span.speech_s):
            return
        track.context = ""
        if before is None:  # the first language that is clear is that of the session
            self._writer.language = self._extraction.language = said.language
            for other in self._tracks:
                other.language.code = said.language
        else:
            speaker = track.speaker if len(self._tracks) > 1 else None
            self._emit(Notice("language_changed", changed(before, said.language, span.start_s), speaker))
