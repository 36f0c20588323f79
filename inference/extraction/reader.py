"""One extractor's way through the finals of a consultation: how far it has read, and how its attempts went."""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from inference.extraction import ExtractionError, ExtractionRequest, Extractor, reads, reviews
from inference.extraction.memo import Memo
from inference.findings import Proposal
from inference.transcript import Segment

if TYPE_CHECKING:
    from tenacity import AsyncRetrying

FIRST_BACKOFF_S = 1.0
LAST_BACKOFF_S = 30.0

READ_AT_ONCE = 64
READ_CHARACTERS = 3_000
"""Segments, and characters of them, that one attempt hands out: what was read stands when the next one fails."""

USELESS_ANSWERS = 3
"""For one and the same segment, before it is passed over."""

STUMBLES = 2
"""Errors of our own over one and the same segment, before it is passed over."""


class Reading:
    """How far one extractor has read (`cursor`, an index of segments), and how its attempts went.

    `LiveExtraction` drives it and holds the segments.
    """

    def __init__(self, extractor: Extractor) -> None:
        self.extractor = extractor
        self.name = extractor.name
        self.cursor = 0
        self.memo = Memo()
        self.reviewed = not reviews(extractor)
        self.down = False
        self.attempts = 0
        self.failed = 0  # number of the last attempt that failed
        self.hurry = asyncio.Event()
        self.request: asyncio.Task[list[Proposal]] | None = None
        self.asked_upto = 0  # of the request in flight
        self._at_once = READ_AT_ONCE
        self._useless = 0
        self._stumbles = 0
        self._retrying: AsyncRetrying | None = None
        self._illegible: set[int] = set()  # index of each segment over which the extractor stumbled

    def legible(self, segments: list[Segment], language: str) -> tuple[list[Segment], str]:
        """The segments, and the language of the newest that the extractor reads; `language` is the session's.

        Those in a language that it does not read have no text, nor have those over which it would stumble again.
        """
        newest = language
        for at, segment in enumerate(segments):
            if not reads(self.extractor, segment.language or language):
                segments[at] = replace(segment, text="", words=())
            elif segment.language:
                newest = segment.language
            else:
                newest = language
        for at in self._illegible:
            segments[at] = replace(segments[at], text="", words=())
        return segments, newest

    def end(self, segments: Sequence[Segment]) -> int:
        """The index of the segment before which the next attempt stops."""
        end, characters = self.cursor, 0
        for segment in segments[self.cursor : self.cursor + self._at_once]:
            characters += len(segment.text)
            if characters > READ_CHARACTERS and end > self.cursor:
                break
            end += 1
        return end

    def retrying(self) -> "AsyncRetrying":
        """A caller that repeats a call after an ExtractionError, after random pauses that grow to `LAST_BACKOFF_S`.

        It is always the same one: each refers to itself, so that one for every final would be left to the collector.
        """
        if self._retrying is None:
            # Here, because a host for GPU benchmarks, where nothing is extracted, has no tenacity.
            from tenacity import AsyncRetrying, retry_if_exception_type, wait_random_exponential

            self._retrying = AsyncRetrying(
                retry=retry_if_exception_type(ExtractionError),
                wait=wait_random_exponential(multiplier=FIRST_BACKOFF_S, max=LAST_BACKOFF_S),
                sleep=self._pause,
            )
        return self._retrying

    async def ask(self, consultation: ExtractionRequest) -> list[Proposal] | None:
        """The extractor's proposals; None if the request was superseded. Raises what `extract` raises."""
        self.attempts += 1
        self.hurry.clear()
        self.asked_upto = len(consultation.segments)
        self.request = asyncio.create_task(self.extractor.extract(consultation))
        try:
            return await self.request
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            return None
        finally:
            self.request = None

    def supersedable(self, upto: int) -> "asyncio.Task[list[Proposal]] | None":
        """The request in flight, if it lacks segments before the index `upto`."""
        return self.request if self.asked_upto < upto else None

    def read(self, consultation: ExtractionRequest) -> None:
        """Notes that everything in the request was read."""
        self.cursor = len(consultation.segments)
        self.reviewed |= consultation.over
        self.down = False
        self._useless = self._stumbles = 0
        self._at_once = min(READ_AT_ONCE, 2 * self._at_once)

    def ask_less(self, consultation: ExtractionRequest) -> int:
        """Asks about half as many segments next time. Returns how many new ones the request had."""
        asked = len(consultation.segments) - consultation.new_from
        self._at_once = max(1, asked // 2)
        return asked

    def useless(self, consultation: ExtractionRequest) -> bool:
        """Notes an answer that is of no use: less at once next time. Returns whether a segment is passed over."""
        asked = self.ask_less(consultation)
        if asked > 1:
            return False
        self._useless += 1
        if self._useless < USELESS_ANSWERS:
            return False
        self._useless = 0
        self.cursor += asked
        return asked > 0

    def stumbled(self, consultation: ExtractionRequest) -> None:
        """Notes an error of our own: less at once next time. A segment that stands alone is passed over in the end."""
        asked = self.ask_less(consultation)
        if asked > 1:
            return
        self._stumbles += 1
        if self._stumbles < STUMBLES:
            return
        self._stumbles = 0
        if asked == 0:
            self.reviewed = True
        else:
            self._illegible.add(consultation.new_from)
            self.cursor += 1

    async def _pause(self, seconds: float) -> None:
        """Waits, less if somebody asks for the findings now."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.hurry.wait()
