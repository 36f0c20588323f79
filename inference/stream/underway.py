"""Chunks whose work is under way, and how far into the stream the client has been served. Pure."""

from collections import deque
from dataclasses import dataclass

from inference.audio.segmenter import OpenSegment, SegmenterState, Span
from inference.config import SAMPLE_RATE
from inference.stream.options import Control
from inference.stream.track import Track
from inference.timing import Timings
from inference.updates import Emit, Progress


@dataclass(frozen=True, slots=True)
class Work:
    """What one chunk, or one control, asks of the recogniser."""

    timings: Timings
    finals: tuple[tuple[Track, Span], ...] = ()
    partials: tuple[tuple[Track, Span], ...] = ()
    heard: int = 0  # samples of the stream up to the end of this chunk
    open: tuple[tuple[Track, OpenSegment], ...] = ()  # segments open at its end
    states: tuple[tuple[Track, SegmenterState], ...] = ()  # where the segmenters stood at its end, where that is kept
    control: Control | None = None


@dataclass(slots=True, eq=False)
class Chunk:
    """A chunk's work on its way: what is not done yet."""

    work: Work
    partials: int = 0
    finals_done: bool = False

    @property
    def done(self) -> bool:
        return self.finals_done and not self.partials


class Underway:
    """Tells of every chunk, in order, once its finals are out and its partials are shown or given up."""

    def __init__(self, emit: Emit, settled: int = 0) -> None:
        self.settled = settled  # samples of which every final is out
        self._covered = settled  # samples of which all text was shown
        self._chunks: deque[Chunk] = deque()
        self._emit = emit

    def begin(self, work: Work) -> Chunk:
        chunk = Chunk(work)
        self._chunks.append(chunk)
        return chunk

    def finals_done(self, chunk: Chunk) -> None:
        chunk.finals_done = True
        self._tell()

    def partial_done(self, chunk: Chunk) -> None:
        chunk.partials -= 1
        self._tell()

    def clear(self) -> None:
        self._chunks.clear()

    def _tell(self) -> None:
        while self._chunks and self._chunks[0].done:
            work = self._chunks.popleft().work
            unsettled = [found.start for track, found in work.open if track.committed < found.index]
            self.settled = max(self.settled, min([work.heard, *unsettled]))
            if work.control is None:
                self._covered = max(self._covered, min([work.heard, *(t.covered(found) for t, found in work.open)]))
                lag_ms = round(work.timings.elapsed_ms(), 1)
                self._emit(Progress(round(self._covered / SAMPLE_RATE, 3), lag_ms))
