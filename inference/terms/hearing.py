"""What a second decoding, to which terms were named, says of the places where they may have been said. Pure."""

from collections.abc import Sequence

from inference.terms.vocabulary import Candidate, letters_of
from inference.transcript import Word

SLACK_S = 0.4
"""Seconds by which two decodings may time the same word differently."""


def hint(candidates: Sequence[Candidate]) -> str:
    """What the model is told before it hears the span again."""
    return f"Glossary: {', '.join(dict.fromkeys(candidate.term for candidate in candidates))}."


def with_terms(said: Sequence[Word], again: Sequence[Word], candidates: Sequence[Candidate]) -> tuple[Word, ...]:
    """The words of `said`, with the term in each place where `again` has it at the same time; all others stay."""
    words = list(said)
    for candidate in sorted(candidates, key=lambda c: -c.first):
        place = said[candidate.first : candidate.end]
        found = _found(again, candidate.term, place[0].start - SLACK_S, place[-1].end + SLACK_S)
        if found is not None:
            words[candidate.first : candidate.end] = _written(candidate.term, place, found)
    return tuple(words)


def _found(words: Sequence[Word], term: str, from_s: float, to_s: float) -> Sequence[Word] | None:
    """The words between two times that are the term, however it is divided into words."""
    wanted = "".join(letters_of(term))
    for first in range(len(words)):
        joined = ""
        for end in range(first + 1, len(words) + 1):
            joined += "".join(letters_of(words[end - 1].text))
            if joined == wanted and from_s <= words[first].start and words[end - 1].end <= to_s:
                return words[first:end]
            if len(joined) >= len(wanted):
                break
    return None


def _written(term: str, place: Sequence[Word], found: Sequence[Word]) -> list[Word]:
    """The words of the term over the time of the words that it replaces, with the punctuation that followed these."""
    parts = term.split()
    ending = place[-1].text[len(place[-1].text.rstrip(".,;:?!")) :]
    probability = round(min(word.probability for word in found), 3)
    start, length = place[0].start, (place[-1].end - place[0].start) / len(parts)
    heard = " ".join(word.text for word in place)
    return [
        Word(
            part + (ending if number == len(parts) - 1 else ""),
            round(start + number * length, 2),
            round(start + (number + 1) * length, 2),
            probability,
            "" if number else heard,
        )
        for number, part in enumerate(parts)
    ]
