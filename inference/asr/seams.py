"""Where a segment that nobody paused in gives way to the next one: between two of its words. Pure.

Whisper writes the last words before a cut in mid-speech badly, and a word that is cut in two is written twice or not
at all. So the segment is decoded to its end, keeps the words up to a good place before it, and leaves the others to the
next segment, which hears them again with what follows them. The place depends on the audio and the words alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from inference.asr.guard import plain
from inference.asr.hypothesis import Hypothesis
from inference.audio.decoding import Samples
from inference.audio.segmenter import Span
from inference.config import SAMPLE_RATE
from inference.transcript import Word

UNSETTLED_S = 1.2
"""Words that end this close to the end of the audio are left to the next segment: Whisper guesses them."""

NEAR_S = 0.15
"""How far a word's end is from where the alignment puts it: the quietest moment that near is taken."""

QUIET_S = 0.06
STEP_S = 0.01
"""Length over which the level is averaged to find that moment, and between the moments that are tried."""

DISTANCE_DB_PER_S = 10.0
LATE_DB_PER_S = 1.0
"""What a moment's distance from the word's end counts against its level, and what an early end of the segment does."""

MARKS_DB = {".": 6.0, "?": 6.0, "!": 6.0, ",": 3.0, ";": 3.0, ":": 3.0}
"""What a mark behind a word counts for: a final that ends with a sentence is understood alone, and so is the next."""

NO_SPEECH_S = 0.1
"""Speech behind a split that is no more than this is the end of the last word there: the next segment says no other."""

ECHO_WORDS = 3
"""Words before a seam that the next segment may hear again."""


@dataclass(frozen=True, slots=True)
class Seam:
    """`said` is what a split segment keeps, `held` what it leaves to the next one, which begins at the sample `at`.

    `end` is the sample at which the segment was split. The times of `held`, and of the words `before` the seam, are
    seconds from `at` on.
    """

    at: int
    end: int
    said: Hypothesis
    held: Hypothesis
    before: tuple[Word, ...] = ()

    @classmethod
    def of(cls, span: Span, heard: Hypothesis) -> Self:
        """The seam of a split span and what was heard of it; the next segment never begins before its own audio.

        Where the text has no words with times, all of it is kept. Where nothing was heard, as much as possible is
        heard again.
        """
        first = max(span.start, span.end - span.held)
        if not heard.words:
            return cls(span.end if heard.text else first, span.end, heard, replace(heard, text=""))
        kept, at = _place(span, heard.words, first)
        begins_s = (at - span.start) / SAMPLE_RATE
        words = tuple(
            replace(word, start=round(word.start - begins_s, 2), end=round(word.end - begins_s, 2))
            for word in heard.words
        )
        held = tuple(replace(word, start=max(0.0, word.start), end=max(0.0, word.end)) for word in words[kept:])
        return cls(at, span.end, _of_words(heard, heard.words[:kept]), _of_words(heard, held), words[:kept])

    def heard_once(self, before: str, heard: Hypothesis) -> Hypothesis:
        """What the next segment says, without the last words of `before` where it begins with them again.

        A word's end is not exactly where the alignment puts it, so the rest of a word behind the seam may be heard as
        the whole word. The split segment was decoded over the seam: where it heard the words once, they were said once.
        """
        last, held, again = ([plain(word) for word in text.split()] for text in (before, self.held.text, heard.text))
        for count in range(min(ECHO_WORDS, len(heard.words)), 0, -1):
            echo = again[:count]
            follows = held[:1] and held[:1] == again[count : count + 1]
            if echo == last[-count:] and follows and held[:count] != echo and len(again) == len(heard.words):
                return _of_words(heard, heard.words[count:])
        return heard

    def ends_with_speech(self, span: Span) -> bool:
        """Whether the next segment, given what is its own of it, has no speech that was not decoded with this one."""
        return span.spoken.seconds((self.end - span.start) / SAMPLE_RATE) < NO_SPEECH_S


def _of_words(heard: Hypothesis, words: tuple[Word, ...]) -> Hypothesis:
    return replace(heard, text=" ".join(word.text for word in words), words=words)


def _place(span: Span, words: Sequence[Word], first: int) -> tuple[int, int]:
    """How many words are kept, and the sample at which the next one begins."""
    first_s, end_s = (first - span.start) / SAMPLE_RATE, len(span.audio) / SAMPLE_RATE
    best: tuple[float, int, int] | None = None
    for number, word in enumerate(words, 1):
        if first_s + NEAR_S < word.end <= end_s - UNSETTLED_S:
            moment, level = _quietest(span.audio, word.end)
            cost = level - MARKS_DB.get(word.text[-1:], 0.0) + LATE_DB_PER_S * (end_s - word.end)
            if best is None or cost <= best[0]:
                best = cost, number, span.start + moment
    if best is not None:
        return best[1], best[2]
    # No word ends there. What begins too early for the next segment is kept, and that begins behind it.
    kept = sum(word.start < first_s for word in words)
    spoken_to = span.start + int(words[kept - 1].end * SAMPLE_RATE) if kept else 0
    return kept, min(span.end, max(first, spoken_to))


def _quietest(audio: Samples, near_s: float) -> tuple[int, float]:
    """The sample around which it is quietest near a moment in seconds, and the level there in dB."""
    half, step = int(QUIET_S / 2 * SAMPLE_RATE), int(STEP_S * SAMPLE_RATE)
    around = int(near_s * SAMPLE_RATE)
    reach = int(NEAR_S * SAMPLE_RATE)
    moments = [m for m in range(around - reach, around + reach + 1, step) if half <= m <= len(audio) - half]
    levels = [
        _level_db(audio[m - half : m + half]) + DISTANCE_DB_PER_S * abs(m - around) / SAMPLE_RATE for m in moments
    ]
    best = int(np.argmin(levels))
    return moments[best], levels[best]


def _level_db(audio: Samples) -> float:
    return float(10.0 * np.log10(np.mean(audio * audio) + 1e-10))
