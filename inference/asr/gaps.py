"""Speech that a hypothesis passes over, found by where its words lie. Pure.

Whisper skips: the second of two speakers, a sentence after a hesitation, whatever follows an early end. The alignment
of the words shows where. It has to put every moment under some word, so the word beside a skipped stretch is drawn out
over it: an "Okay." that lasts six seconds, most of which the voice activity detector calls speech.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from inference.audio.spoken import Spoken
from inference.transcript import Word

WORD_S = 0.8
LETTER_S = 0.06
SYLLABLE_S = 0.25
"""Seconds of speech that any word may hold, and what each letter adds; a digit or an ideograph adds a syllable or more.
On consultations these found all stretches that were skipped, and one word in a thousand that was merely slow."""

REST_S = 0.6
"""Seconds of speech behind the last word that cannot be its own end."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Seconds [start, stop) of the span that were passed over, and the words [first, end) that lie over them."""

    start: float
    stop: float
    first: int
    end: int


def gaps(words: Sequence[Word], spoken: Spoken, seconds: float) -> list[Gap]:
    """Stretches of a span of `seconds` that hold more speech than the words over them can take, in order of time.

    The times of `words` and of `spoken` are seconds from the start of the span.
    """
    found = [
        Gap(word.start, word.end, i, i + 1)
        for i, word in enumerate(words)
        if spoken.seconds(word.start, word.end) > _longest_s(word.text)
    ]
    last = words[-1].end if words else 0.0
    if spoken.seconds(last, seconds) > REST_S:
        found.append(Gap(last, seconds, len(words), len(words)))
    return _joined(found)


def _joined(found: Sequence[Gap]) -> list[Gap]:
    """Gaps that touch are one: between two words that are drawn out, nothing is known."""
    joined: list[Gap] = []
    for gap in found:
        if joined and joined[-1].end == gap.first:
            gap = Gap(joined[-1].start, gap.stop, joined.pop().first, gap.end)
        joined.append(gap)
    return joined


def _longest_s(text: str) -> float:
    """Seconds of speech that a word may well take."""
    slow = sum(c.isdigit() or unicodedata.east_asian_width(c) == "W" for c in text)
    return WORD_S + SYLLABLE_S * slow + LETTER_S * (len(text) - slow)
