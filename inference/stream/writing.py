"""From what was heard to the transcript that the client sees."""

from collections.abc import Collection
from dataclasses import replace

from inference.asr.hypothesis import Hypothesis
from inference.asr.seams import Seam
from inference.audio.segmenter import Span
from inference.config import SAMPLE_RATE
from inference.stream.track import Track
from inference.timing import Timings
from inference.transcript import Segment, Speaker, Transcript
from inference.updates import Emit, TranscriptUpdate

ID_PREFIX: dict[Speaker, str] = {"unknown": "s", "clinician": "c", "patient": "p"}
"""Ids count the segments of their own track: no chunk size and no other speaker changes them."""


class Writer:
    """Writes segments into the transcript, and tells of each.

    A segment names its language where that is another one than the session's, which is `language`. The finals with the
    ids `written` are in the transcript already, and nothing is told of them again.
    """

    def __init__(self, transcript: Transcript, language: str | None, emit: Emit, written: Collection[str] = ()) -> None:
        self.language = language
        self.written = frozenset(written)
        self._transcript = transcript
        self._emit = emit

    def write(
        self, track: Track, span: Span, said: Hypothesis, timings: Timings, seam: Seam | None = None
    ) -> Segment | None:
        """The segment that went out; None for silence, but an empty final takes back a partial that was shown."""
        if not said.text and not (span.final and track.shown == span.index):
            return None
        if not span.final:
            track.shown = span.index
        segment = self._segment(track, span, said, seam)
        if segment.id in self.written:
            return segment
        self._transcript.add(segment)
        self._emit(TranscriptUpdate(segment, timings))
        return segment

    def _segment(self, track: Track, span: Span, said: Hypothesis, seam: Seam | None) -> Segment:
        words = tuple(
            replace(w, start=round(span.start_s + w.start, 2), end=round(span.start_s + w.end, 2)) for w in said.words
        )
        return Segment(
            f"{ID_PREFIX[track.speaker]}{span.index}",
            track.speaker,
            round(span.start_s, 2),
            round(span.end_s if seam is None else seam.at / SAMPLE_RATE, 2),
            said.text,
            span.final,
            words,
            said.language if self.language not in (said.language, None) else "",
        )
