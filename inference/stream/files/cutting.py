"""Where a recording is cut into spans. Pure.

A live session cuts at the next short pause, because findings wait for the words. A recording has all of its audio at
hand: its spans are long, since Whisper hears long spans better, and each is cut at the longest pause within reach.
"""

from collections.abc import Sequence
from dataclasses import replace

from inference.audio.segmenter import Segmenter, Span
from inference.config import FRAME_SAMPLES, SAMPLE_RATE, SegmenterConfig

REST_S = 6.0
"""Seconds without speech that end a span in any case. Shorter ones are heard with it: 2 s leave most spans short, and
cost a point of word error rate (benchmarks/LOG.md)."""

LONGEST_S = 28.0
"""A span is cut when it is this long. Whisper hears 30 s at once."""

REACH = 0.3
"""The share of such a span in which the cut is looked for, from its end back."""

LEAST_PAUSE_S = 0.2
"""A pause that is shorter may lie within a word. Without a longer one, the span is cut in mid-speech, as in a session:
it keeps its settled words, and the others are decoded again with what follows them."""


SHORT_S = 10.0
"""While sessions are live, a span is divided into parts of about this length where its pauses allow it: a span that is
being decoded is not interrupted, and one of 28 s takes 2.5 s of a worker."""


class Cutter(Segmenter):
    """Cuts one track of a recording. Call `push` with its samples and probabilities in order, and `flush` at the end.

    Of the live session's settings, it takes what is heard before and after speech, and what counts as speech at all.
    """

    def __init__(self, config: SegmenterConfig, threshold: float = 0.5) -> None:
        rest = {"pause_s": REST_S, "short_pause_s": REST_S, "draft_after_s": REST_S}
        long = replace(config, **rest, max_segment_s=LONGEST_S, lead_s=0.0)
        super().__init__(long, threshold)

    def _split(self) -> list[Span]:
        """Cuts the open span at the longest pause within reach, and opens the next one with what follows it."""
        found = self._pause_within_reach()
        if found is None:
            return super()._split()
        first, stop = found
        behind = self._probabilities[stop:]
        self._probabilities = self._probabilities[:first]
        silence = (stop - first) * FRAME_SAMPLES
        end = self._first_frame + first * FRAME_SAMPLES + min(int(self.config.tail_s * SAMPLE_RATE), silence // 2)
        spans = [self._span(end, final=True)] if self._spoken() else []
        self._first_frame += stop * FRAME_SAMPLES
        self._start = self._counted_from = max(end, self._first_frame - int(self.config.lead_in_s * SAMPLE_RATE))
        self._probabilities, self._resumed, self._floor = behind, False, end
        self.index += 1
        return spans

    def _pause_within_reach(self) -> tuple[int, int] | None:
        """Of the pauses in the last part of the open span the longest, as frames [first, stop) of it."""
        speech = [probability >= self._close_below for probability in self._probabilities]
        least = LEAST_PAUSE_S * SAMPLE_RATE / FRAME_SAMPLES
        found = [
            (first, stop)
            for first, stop in _pauses(speech)
            if first >= (1 - REACH) * len(speech) and stop - first >= least
        ]
        return max(found, key=lambda pause: (pause[1] - pause[0], pause[0]), default=None)


def divided(span: Span) -> list[Span]:
    """The span in parts of at most `SHORT_S`, cut in the middle of their longest pauses; longer where nobody pauses."""
    parts: list[Span] = []
    first_s = 0.0
    while span.end_s - span.start_s - first_s > SHORT_S:
        pauses = [
            ((begin + stop) / 2, stop - begin)
            for begin, stop in span.spoken.pauses
            if stop - begin >= LEAST_PAUSE_S and (begin + stop) / 2 > first_s + SHORT_S / 2
        ]
        near = [pause for pause in pauses if pause[0] <= first_s + SHORT_S]
        if not pauses:
            break
        at_s, _ = max(near, key=lambda pause: pause[1]) if near else pauses[0]
        parts.append(_part(span, first_s, at_s))
        first_s = at_s
    last = replace(span, resumed=span.resumed and not parts)
    return [*parts, last.after(span.start + int(first_s * SAMPLE_RATE))]


def _part(span: Span, first_s: float, stop_s: float) -> Span:
    """The audio of a span between two moments in it, which ends in a pause."""
    first, stop = int(first_s * SAMPLE_RATE), int(stop_s * SAMPLE_RATE)
    return replace(
        span,
        start=span.start + first,
        end=span.start + stop,
        audio=span.audio[first:stop],
        spoken=span.spoken.between(first_s, stop_s),
        held=0,
        resumed=span.resumed and first == 0,
    )


def _pauses(speech: Sequence[bool]) -> list[tuple[int, int]]:
    """Runs of frames without speech that have speech behind them."""
    found: list[tuple[int, int]] = []
    first: int | None = None
    for frame, spoken in enumerate(speech):
        if not spoken:
            first = frame if first is None else first
        elif first is not None:
            found.append((first, frame))
            first = None
    return found
