"""The terms that a client or a site names, and how they sound. Pure."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from inference.extraction.words.sounds import Node, coded, dictionary, nearest, sound_of, weight
from inference.transcript import Word

MAX_WORDS = 5
"""Words that the recogniser may have made of one term."""

MIN_WEIGHT = 2.6
"""A term that sounds lighter ("Ann") may be nothing but chance: it is written as the recogniser wrote it."""

NEAR = 0.4
"""How far, of the weight of a term, words may lie from it to be asked about. At 0.5, half of the finals of
consultations without a name would be decoded again, at 0.4 one in thirteen (benchmarks/LOG.md)."""

BESIDE = 1.5
"""How much farther other places for the term of a candidate may lie: the one at its time may sound less like it."""

MAX_CANDIDATES = 3
"""Places of one span that are asked about: the nearest ones."""

_MARKS = ".,;:?!"


@dataclass(frozen=True, slots=True)
class Term:
    """A name as it is to be written, and spellings of other ways in which people say it ("Siobhan": "shivawn")."""

    text: str
    spoken: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Candidate:
    """A term that may have been said where the words [first, end) stand; `distance` is a share of the term's weight.

    It is `spelt` where the words have its letters and differ in nothing but spaces and capitals. `others` are places
    that overlap this one and sound like the term, too.
    """

    term: str
    first: int
    end: int
    distance: float
    spelt: bool = False
    others: tuple[tuple[int, int], ...] = ()

    def meets(self, other: "Candidate") -> bool:
        """Whether a word belongs to both."""
        return self.first < other.end and other.first < self.end


class Vocabulary:
    """Terms by their sound. Nothing changes it, so all sessions share that of their site as `beside`."""

    def __init__(self, terms: Iterable[Term], beside: "Vocabulary | None" = None) -> None:
        self._tree = Node()
        self._trees: tuple[Node, ...] = (self._tree, *(beside._trees if beside is not None else ()))
        self._spelt: dict[str, str] = dict(beside._spelt if beside is not None else ())
        for term in terms:
            letters = letters_of(term.text)
            if all(part in dictionary() for part in letters):
                continue  # ordinary words: the recogniser knows them, and they are said without being meant
            self._spelt["".join(letters)] = term.text
            for spoken in (letters, *map(letters_of, term.spoken)):
                sound = coded("".join(map(sound_of, spoken)))
                if weight(sound) >= MIN_WEIGHT:
                    self._tree.add(sound, term.text)

    def candidates(self, words: Sequence[Word], near: float = NEAR) -> list[Candidate]:
        """The places where a term may have been said and something else is written, the nearest first.

        They do not overlap, and there are at most `MAX_CANDIDATES` besides those that are spelt. A place where a term
        is written as it should be is none.
        """
        letters = [letters_of(word.text) for word in words]
        sounds = [coded("".join(map(sound_of, part))) for part in letters]
        far = near * BESIDE
        found: list[Candidate] = []
        for first in range(len(words)):
            sound: list[int] = []
            ends: dict[int, int] = {}
            for end in range(first + 1, min(first + MAX_WORDS, len(words)) + 1):
                sound += sounds[end - 1]
                ends[len(sound)] = end
            for tree in self._trees:
                for distance, length, term in nearest(tree, sound, list(ends), far, lambda w: far * w):
                    found.append(Candidate(term, first, ends[length], distance))
        chosen = list(self._spelt_in(letters))
        most = len(chosen) + MAX_CANDIDATES
        for candidate in sorted(found, key=lambda c: (c.distance, c.first, c.end)):
            if (
                candidate.distance <= near
                and len(chosen) < most
                and not any(candidate.meets(other) for other in chosen)
            ):
                chosen.append(candidate)
        placed = [replace(c, others=() if c.spelt else _others(c, found, chosen)) for c in chosen]
        return [c for c in placed if not (c.spelt and _written_as(c.term, words[c.first : c.end]))]

    def _spelt_in(self, letters: Sequence[Sequence[str]]) -> Iterator[Candidate]:
        """The places that have the letters of a term, however they are divided into words, the longest first."""
        at = 0
        while at < len(letters):
            ends = range(min(at + MAX_WORDS, len(letters)), at, -1)
            joined = {end: "".join(chain.from_iterable(letters[at:end])) for end in ends}
            end = next((end for end in ends if joined[end] in self._spelt), None)
            if end is not None:
                yield Candidate(self._spelt[joined[end]], at, end, 0.0, spelt=True)
            at = end or at + 1


def _others(
    candidate: Candidate, found: Sequence[Candidate], chosen: Sequence[Candidate]
) -> tuple[tuple[int, int], ...]:
    """Further places for the term of a chosen candidate, which no other chosen candidate meets."""
    beside = [c for c in chosen if c is not candidate]
    return tuple(
        (other.first, other.end)
        for other in found
        if other.term == candidate.term and other.meets(candidate) and not any(other.meets(c) for c in beside)
    )


def _written_as(term: str, words: Sequence[Word]) -> bool:
    return " ".join(word.text.strip(_MARKS) for word in words).removesuffix("'s") == term


def without_ending(text: str) -> str:
    """The text without the punctuation at its end and a genitive's "'s" before that."""
    return text.rstrip(_MARKS).removesuffix("'s")


def letters_of(text: str) -> list[str]:
    """The words of a text in lower case and in the letters a to z, as the pronouncing dictionary has them.

    Punctuation and a genitive's "'s" at the end of the text are left out.
    """
    straight = without_ending(text.lower().replace("\u2019", "'"))
    plain = unicodedata.normalize("NFKD", straight.replace("'", ""))
    return re.findall(r"[a-z]+", "".join(c for c in plain if not unicodedata.combining(c)))


def vocabulary_of(terms: Sequence[str], site: Vocabulary | None) -> Vocabulary | None:
    """The terms of a session beside those of its site; None where there are none.

    Nothing of a session's terms is kept for another session: they may hold the name of a patient.
    """
    return Vocabulary(map(Term, terms), site) if terms else site
