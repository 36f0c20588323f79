"""The terms that a client or a site names, and how they sound. Pure."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, chain

from inference.extraction.words.sounds import Node, coded, dictionary, nearest, sound_of, weight
from inference.terms.index import Index
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

Sound = tuple[int, ...]
"""Phonemes as numbers, as `sounds.coded` makes them."""


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


@dataclass(frozen=True, slots=True)
class Heard:
    """What is heard from each word of a text on, up to `MAX_WORDS` words: its `sounds`; the `lengths` at which a word
    ends in them; and the number of the word behind that end, by its length, in `ends`."""

    sounds: list[Sound]
    lengths: list[list[int]]
    ends: list[dict[int, int]]

    @classmethod
    def of(cls, words: Sequence[Sound]) -> "Heard":
        parts = [words[first : first + MAX_WORDS] for first in range(len(words))]
        ends = [
            {length: first + count for count, length in enumerate(accumulate(map(len, part)), 1)}
            for first, part in enumerate(parts)
        ]
        return cls([tuple(chain.from_iterable(part)) for part in parts], [list(found) for found in ends], ends)


class Vocabulary:
    """Terms by their sound. Nothing changes it, so all sessions share that of their site as `beside`."""

    def __init__(self, terms: Iterable[Term], beside: "Vocabulary | None" = None) -> None:
        self._sounds: dict[str, list[Sound]] = {}
        self._spelt: dict[str, str] = dict(beside._spelt if beside is not None else ())
        self._beside = beside
        for term in terms:
            letters = letters_of(term.text)
            if all(part in dictionary() for part in letters):
                continue  # ordinary words: the recogniser knows them, and they are said without being meant
            self._spelt["".join(letters)] = term.text
            for spoken in (letters, *map(letters_of, term.spoken)):
                sound = coded("".join(map(sound_of, spoken)))
                if weight(sound) >= MIN_WEIGHT:
                    self._sounds.setdefault(term.text, []).append(sound)
        self._index = Index((sound, term) for term, sounds in self._sounds.items() for sound in sounds)

    def candidates(self, words: Sequence[Word], near: float = NEAR) -> list[Candidate]:
        """The places where a term may have been said and something else is written, the nearest first.

        They do not overlap, and there are at most `MAX_CANDIDATES` besides those that are spelt. A place where a term
        is written as it should be is none.
        """
        letters = [letters_of(word.text) for word in words]
        heard = Heard.of([coded("".join(map(sound_of, part))) for part in letters])
        chosen = self._chosen(heard, list(self._spelt_in(letters)), near)
        placed = [replace(c, others=() if c.spelt else self._others(c, heard, chosen, near * BESIDE)) for c in chosen]
        return [c for c in placed if not (c.spelt and _written_as(c.term, words[c.first : c.end]))]

    def _chosen(self, heard: "Heard", spelt: Sequence[Candidate], near: float) -> list[Candidate]:
        """The spelt ones, and the nearest ones that overlap with none before them."""
        chosen = list(spelt)
        for candidate in self._sounding(heard, near * BESIDE, near):
            if len(chosen) == len(spelt) + MAX_CANDIDATES:
                break
            if not any(candidate.meets(other) for other in chosen):
                chosen.append(candidate)
        return chosen

    def _sounding(self, heard: "Heard", far: float, share: float) -> list[Candidate]:
        """The places that differ from a term by at most `share` of its weight, the nearest first."""
        found = [] if self._beside is None else self._beside._sounding(heard, far, share)
        for first, distance, length, term in self._index.near(heard.sounds, heard.lengths, far, share):
            found.append(Candidate(term, first, heard.ends[first][length], distance))
        return sorted(found, key=lambda c: (c.distance, c.first, c.end, c.term))

    def _others(
        self, candidate: Candidate, heard: "Heard", chosen: Sequence[Candidate], far: float
    ) -> tuple[tuple[int, int], ...]:
        """Further places for the term of a chosen candidate, which no other chosen candidate meets."""
        tree = Node()
        for sound in self._sounds_of(candidate.term):
            tree.add(sound, candidate.term)
        places = {
            (first, heard.ends[first][length])
            for first in range(max(0, candidate.first - MAX_WORDS + 1), candidate.end)
            for _, length, _ in nearest(tree, heard.sounds[first], heard.lengths[first], far, lambda w: far * w)
        }
        beside = [other for other in chosen if other is not candidate]
        within = (replace(candidate, first=first, end=end) for first, end in sorted(places))
        return tuple(
            (place.first, place.end)
            for place in within
            if place.meets(candidate) and not any(place.meets(other) for other in beside)
        )

    def _sounds_of(self, term: str) -> list[Sound]:
        return self._sounds.get(term, []) + (self._beside._sounds_of(term) if self._beside is not None else [])

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
