"""What a second decoding, to which terms were named, says of the places where they may have been said. Pure."""

from collections.abc import Sequence

from inference.terms.vocabulary import Candidate, letters_of, without_ending
from inference.transcript import Word

SLACK_S = 0.2
"""Seconds by which two decodings may time the same word differently."""


def hint(candidates: Sequence[Candidate]) -> str:
    """What the model is told before it hears the span again."""
    return f"Glossary: {', '.join(dict.fromkeys(candidate.term for candidate in candidates))}."


def with_terms(said: Sequence[Word], again: Sequence[Word], candidates: Sequence[Candidate]) -> tuple[Word, ...]:
    """The words of `said`, with the term in each place where `again` has it at the same time; all others stay.

    A term that is spelt in `said` needs no second hearing.
    """
    words = list(said)
    free = len(words)  # the words from here on are written
    for candidate in sorted(candidates, key=lambda c: -c.first):
        first, end = candidate.first, candidate.end
        found: Sequence[Word] | None = said[first:end]
        if not candidate.spelt:
            found = _found(again, candidate.term, said[first].start - SLACK_S, said[end - 1].end + SLACK_S)
            if found is not None:
                first, end = _place(candidate, said, found, free)
        if found is not None:
            words[first:end] = _written(candidate.term, said[first:end], found)
            free = first
    return tuple(words)


def _place(candidate: Candidate, said: Sequence[Word], found: Sequence[Word], free: int) -> tuple[int, int]:
    """Of the places that sound like the term the one whose time is nearest to that of the term."""
    from_s, to_s = found[0].start, found[-1].end

    def apart(place: tuple[int, int]) -> float:
        return abs(said[place[0]].start - from_s) + abs(said[place[1] - 1].end - to_s)

    others = [place for place in candidate.others if place[1] <= free]
    return min([(candidate.first, candidate.end), *others], key=apart)


def _found(words: Sequence[Word], term: str, from_s: float, to_s: float) -> Sequence[Word] | None:
    """The words that are the term, however it is divided into words, some of it between two times."""
    wanted = "".join(letters_of(term))
    for first in range(len(words)):
        joined = ""
        for end in range(first + 1, len(words) + 1):
            joined += "".join(letters_of(words[end - 1].text))
            if joined == wanted and words[first].start < to_s and from_s < words[end - 1].end:
                return words[first:end]
            if len(joined) >= len(wanted):
                break
    return None


def _written(term: str, place: Sequence[Word], found: Sequence[Word]) -> list[Word]:
    """The words of the term over the time of the words that it replaces, with the punctuation that followed these."""
    parts = term.split()
    last = place[-1].text
    ending = last[len(without_ending(last)) :]
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
