"""Makes the checkpoints of one stream, behind its finals, and hands them on."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace

from inference.extraction.live import LiveExtraction
from inference.stream.checkpoint import Checkpoint, Flushed, Flushing
from inference.stream.places import Places
from inference.stream.track import Track
from inference.stream.underway import Underway, Work
from inference.stream.writing import Writer

EVERY_S = 2.0
"""How far the mark has to move, in silence or while a segment is open, before another checkpoint is made."""


class Keeper:
    """Tells `keep` of every state from which the stream can be resumed."""

    def __init__(
        self,
        keep: Callable[[Checkpoint], None],
        last: Checkpoint,
        places: Places,
        tracks: Sequence[Track],
        writer: Writer,
        underway: Underway,
        extraction: LiveExtraction,
        lead_in_s: float,
        rate: int,
        again: deque[Flushed],
    ) -> None:
        self._keep = keep
        self._last = last
        self._places = places
        self._tracks = tracks
        self._writer = writer
        self._underway = underway
        self._extraction = extraction
        self._lead_in_s = lead_in_s
        self._rate = rate
        self._again = again

    def control(self, at: int, kind: Flushing) -> None:
        """A control took effect in the segmenters when the client had sent `at` samples."""
        self._places.control(at, kind)

    def committed(self) -> None:
        """A final is out, or a control is answered."""
        self._last = self._checkpoint()
        self._keep(self._last)

    def done(self, work: Work) -> None:
        """Every final of a chunk is out."""
        for track, state in work.states:
            track.settled = state
        found = self._checkpoint()
        if found.mark - self._last.mark >= EVERY_S * self._rate:
            self._last = found
            self._keep(found)

    def read(self) -> None:
        """An extractor has read more finals."""
        self._last = replace(self._last, read=self._extraction.read)
        self._keep(self._last)

    def _checkpoint(self) -> Checkpoint:
        needed = min(track.settled.needs(self._lead_in_s) for track in self._tracks)
        return Checkpoint(
            self._places.before(needed),
            tuple(track.state for track in self._tracks),
            self._underway.settled,
            self._writer.language,
            (*self._places.controls, *self._again),
            self._extraction.read,
        )
