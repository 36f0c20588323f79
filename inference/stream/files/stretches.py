"""A recording in stretches of about 90 s, which are decoded side by side. Pure.

Within a stretch spans are decoded one after the other, each with the text before it as context, as in a live session.
So a stretch costs the context of its first span alone, and the spans of many stretches fill the batches of the engine.
"""

from collections.abc import Iterable
from dataclasses import replace

from inference.audio.segmenter import Span
from inference.config import SAMPLE_RATE

STRETCH_S = 90.0
FIRST_S = 24.0
GROWTH = 1 / 4
"""A stretch ends when it is `STRETCH_S` long and nobody is in mid-speech. The first ones are shorter, `FIRST_S` or the
share `GROWTH` of the recording so far: then a short recording is decoded side by side too, and the first words of a
long one come soon."""

LONGEST_S = 300.0
"""A stretch in which nobody pauses ends here all the same, so that its audio does not fill the memory."""

Cut = tuple[int, Span]
"""The number of a track, and a span of it."""


class Stretches:
    """Collects the final spans of all tracks, in the order in which they were decided."""

    def __init__(self) -> None:
        self._cuts: list[Cut] = []
        self._torn: dict[int, int] = {}  # of a track that was cut in mid-speech: where its next span begins

    def add(self, cuts: Iterable[Cut]) -> list[list[Cut]]:
        """Takes the next spans and returns the stretches that they complete."""
        done: list[list[Cut]] = []
        for track, span in cuts:
            if track in self._torn:
                span = replace(span.after(self._torn.pop(track)), resumed=False)
            self._cuts.append((track, span))
            length_s = (span.end - min(s.start for _, s in self._cuts)) / SAMPLE_RATE
            last = dict(self._cuts)
            wanted_s = min(STRETCH_S, max(FIRST_S, GROWTH * span.end / SAMPLE_RATE))
            if length_s >= wanted_s and not any(cut.split for cut in last.values()):
                done.append(self.rest())
            elif length_s >= LONGEST_S:
                done.append(self._tear(last))
        return done

    def rest(self) -> list[Cut]:
        """The spans that are in no stretch yet."""
        found, self._cuts = self._cuts, []
        return found

    def _tear(self, last: dict[int, Span]) -> list[Cut]:
        """Ends the stretch in mid-speech: a split span keeps all of its words, and the next one begins behind it."""
        self._torn = {track: span.end for track, span in last.items() if span.split}
        return [
            (track, replace(span, held=0) if span is last[track] and span.split else span)
            for track, span in self.rest()
        ]
