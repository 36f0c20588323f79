"""What partials have settled of an open segment, so that the next one decodes the last seconds and not all of it. Pure.

Only finals hear a segment as a whole. A partial lives for seconds: its words that lie well before the end of the audio
stand until the final, and the next partial begins behind them. So its cost does not grow with the segment.
"""

import sys
from dataclasses import dataclass

from inference.asr.hypothesis import Hypothesis
from inference.audio.decoding import Samples
from inference.audio.segmenter import OpenSegment, Span
from inference.config import SAMPLE_RATE

UNSETTLED_S = 1.0
"""Words that end this close to the end of the audio are heard again: the next second may make others of them."""

SHORTEST_S = 3.0
"""Spans up to this length are decoded whole: the encoder hears as much silence behind them."""


@dataclass(frozen=True, slots=True)
class Tail:
    """What to decode for a partial: `audio` from sample `start` of the stream on, and the `text` before it."""

    index: int
    start: int
    text: str
    audio: Samples


@dataclass(slots=True)
class Partials:
    """The settled words of one track's open segment. `shown_to` is the stream position up to which text was shown."""

    index: int = 0
    text: str = ""
    start: int = 0
    shown_to: int = 0

    def tail(self, span: Span) -> Tail:
        """The part of an open span that is not settled."""
        if span.index != self.index or span.end - span.start <= SHORTEST_S * SAMPLE_RATE:
            return whole(span)
        return Tail(span.index, self.start, self.text, span.audio[self.start - span.start :])

    def covered(self, found: OpenSegment) -> int:
        """Stream position up to which text was shown, given an open segment."""
        if self.index != found.index:
            return found.start
        return sys.maxsize if self.shown_to >= found.speech_end else max(found.start, self.shown_to)

    def join(self, span: Span, tail: Tail, said: Hypothesis) -> str:
        """The text of the open segment so far, settled words and new ones; settles what will not change."""
        text = f"{tail.text} {said.text}".strip()
        if span.end < self.shown_to:
            return text  # an older partial that came late: it settles nothing
        self.shown_to = span.end
        limit_s = len(tail.audio) / SAMPLE_RATE - UNSETTLED_S
        settled = [word for word in said.words if word.end <= limit_s and not said.doubtful]
        if len(settled) == len(said.words):
            settled = settled[:-1]  # the last word may go on
        self.index, self.start, self.text = tail.index, tail.start, tail.text
        if settled:
            self.start += int(settled[-1].end * SAMPLE_RATE)
            self.text = " ".join([tail.text, *(word.text for word in settled)]).strip()
        return text


def whole(span: Span) -> Tail:
    """All of a span, with nothing before it."""
    return Tail(span.index, span.start, "", span.audio)
