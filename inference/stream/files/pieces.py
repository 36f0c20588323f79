"""The segments that a reader gets of a long span: what is said between two pauses, or a sentence. Pure."""

from collections.abc import Sequence
from dataclasses import replace

from inference.transcript import Segment, Word

PAUSE_S = 0.45
"""Silence between two words that ends a segment, as it does in a session."""

SENTENCE_S = 4.0
"""A segment that is this long ends with its sentence."""

_ENDS = (".", "?", "!", "\u3002", "\uff1f", "\uff01")


def pieces(segment: Segment, pauses: Sequence[tuple[float, float]]) -> list[Segment]:
    """The segment in parts, which all have its id, and whose texts joined are its text.

    `pauses` are (from, to) in the seconds of its words.
    A segment without words, or whose words do not stand in its text, stays whole.
    """
    places = _places(segment)
    if not places:
        return [segment]
    found: list[Segment] = []
    first = 0
    for last, word in enumerate(segment.words):
        if last + 1 == len(segment.words) or _ends(segment.words[first], word, segment.words[last + 1], pauses):
            begin = 0 if first == 0 else places[first]
            stop = len(segment.text) if last + 1 == len(segment.words) else places[last + 1]
            found.append(
                replace(
                    segment,
                    start=segment.start if first == 0 else segment.words[first].start,
                    end=segment.end if last + 1 == len(segment.words) else word.end,
                    text=segment.text[begin:stop].strip(),
                    words=segment.words[first : last + 1],
                )
            )
            first = last + 1
    return found


def _ends(first: Word, last: Word, following: Word, pauses: Sequence[tuple[float, float]]) -> bool:
    """Whether a part that begins with one word ends with another. The alignment stretches words over the silence beside
    them, so a pause lies between two words if it lies between their middles."""
    middle, next_middle = (last.start + last.end) / 2, (following.start + following.end) / 2
    if any(stop - begin >= PAUSE_S and middle <= (begin + stop) / 2 < next_middle for begin, stop in pauses):
        return True
    return last.text.endswith(_ENDS) and last.end - first.start >= SENTENCE_S


def _places(segment: Segment) -> list[int]:
    """Where each word begins in the text; nothing where one is not found."""
    places: list[int] = []
    at = 0
    for word in segment.words:
        found = segment.text.find(word.text, at)
        if found < 0:
            return []
        places.append(found)
        at = found + len(word.text)
    return places
