"""The transcript of a consultation: finals that never change, and at most one open partial a channel. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

Speaker = Literal["clinician", "patient", "unknown"]


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a final segment. Times are seconds of the session's audio; `probability` is between 0 and 1.

    `heard` is what the recogniser wrote in the place of a term of the session's vocabulary, and empty otherwise. It
    stands with the first word of the term.
    """

    text: str
    start: float
    end: float
    probability: float
    heard: str = ""


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of speech and its text. Times are seconds of the session's audio. `words` is empty for a partial.

    `language` is the code of the text's language if the session began in another language, and empty otherwise.
    """

    id: str
    speaker: Speaker
    start: float
    end: float
    text: str
    final: bool
    words: tuple[Word, ...] = ()
    language: str = ""


@dataclass(slots=True)
class Transcript:
    """Finals in the order in which they were committed, and the open partial of each speaker."""

    finals: list[Segment] = field(default_factory=list)
    partials: dict[Speaker, Segment] = field(default_factory=dict)

    def add(self, segment: Segment) -> None:
        if segment.final:
            self.finals.append(segment)
            if (partial := self.partials.get(segment.speaker)) and partial.id == segment.id:
                del self.partials[segment.speaker]
        else:
            self.partials[segment.speaker] = segment

    def text(self) -> str:
        return " ".join(segment.text for segment in self.finals)


def word_span(segment: Segment, start: int, end: int) -> tuple[float, float]:
    """The seconds of audio (from, to) in which the characters [start, end) of the segment's text are spoken.

    They come from the word times, or, if there are none, from the share of the characters in the text.
    """
    covered = _words_at(segment.text, segment.words, start, end)
    if covered:
        return covered[0].start, covered[-1].end
    length = max(len(segment.text), 1)
    seconds = segment.end - segment.start
    return segment.start + seconds * start / length, segment.start + seconds * end / length


def _words_at(text: str, words: Sequence[Word], start: int, end: int) -> list[Word]:
    covered, cursor = [], 0
    for word in words:
        at = text.find(word.text, cursor)
        if at < 0:
            return []
        cursor = at + len(word.text)
        if at < end and cursor > start:
            covered.append(word)
    return covered
