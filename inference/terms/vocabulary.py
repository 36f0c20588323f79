"""The terms that a client or a site names, and how they sound. Pure."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from inference.extraction.words.sounds import Node, coded, dictionary, nearest, sound_of, weight
from inference.transcript import Word

MAX_WORDS = 5
"""Words that the recogniser may have made of one term."""

MIN_WEIGHT = 2.6
"""A term that sounds lighter ("Ann") may be nothing but chance: it is written as the recogniser wrote it."""

NEAR = 0.5
"""How far, of the weight of a term, words may lie from it to be asked about."""

MAX_CANDIDATES = 3
"""Places of one span that are asked about: the nearest ones."""


@dataclass(frozen=True, slots=True)
class Term:
    """A name as it is to be written, and spellings of other ways in which people say it ("Siobhan": "shivawn")."""

    text: str
    spoken: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Candidate:
    """A term that may have been said where the words [first, end) stand; `distance` is a share of the term's weight."""

    term: str
    first: int
    end: int
    distance: float


class Vocabulary:
    """Terms by their sound. Nothing changes it, so all sessions share that of their site as `beside`."""

    def __init__(self, terms: Iterable[Term], beside: "Vocabulary | None" = None) -> None:
        self._tree = Node()
        self._trees: tuple[Node, ...] = (self._tree, *(beside._trees if beside is not None else ()))
        self._spelt: set[str] = set(beside._spelt if beside is not None else ())
        for term in terms:
            letters = letters_of(term.text)
            if not letters:
                continue
            self._spelt.add("".join(letters))
            if all(part in dictionary() for part in letters):
                continue  # ordinary words: the recogniser knows them, and they are said without being meant
            for spoken in (letters, *map(letters_of, term.spoken)):
                sound = coded("".join(map(sound_of, spoken)))
                if weight(sound) >= MIN_WEIGHT:
                    self._tree.add(sound, term.text)

    def candidates(self, words: Sequence[Word], near: float = NEAR) -> list[Candidate]:
        """The places where a term may have been said and something else is written, the nearest first.

        They do not overlap, and there are at most `MAX_CANDIDATES`. A place where a term is spelt right is none.
        """
        letters = [letters_of(word.text) for word in words]
        found: list[Candidate] = []
        for first in range(len(words)):
            sound: list[int] = []
            ends: dict[int, int] = {}
            for end in range(first + 1, min(first + MAX_WORDS, len(words)) + 1):
                sound += coded("".join(map(sound_of, letters[end - 1])))
                ends[len(sound)] = end
            for tree in self._trees:
                for distance, length, term in nearest(tree, sound, list(ends), near, lambda w: near * w):
                    found.append(Candidate(term, first, ends[length], distance))
        taken = self._right(letters)
        chosen: list[Candidate] = []
        for candidate in sorted(found, key=lambda c: (c.distance, c.first, c.end)):
            over = set(range(candidate.first, candidate.end))
            if len(chosen) < MAX_CANDIDATES and not over & taken:
                chosen.append(candidate)
                taken |= over
        return chosen

    def _right(self, letters: Sequence[Sequence[str]]) -> set[int]:
        """The words over which a term is spelt as it should be, however it is divided into words."""
        found: set[int] = set()
        for first in range(len(letters)):
            joined = ""
            for end in range(first + 1, min(first + MAX_WORDS, len(letters)) + 1):
                joined += "".join(letters[end - 1])
                if joined in self._spelt:
                    found |= set(range(first, end))
        return found


def letters_of(text: str) -> list[str]:
    """The words of a text in lower case and in the letters a to z, as the pronouncing dictionary has them."""
    plain = unicodedata.normalize("NFKD", text.lower().replace("'", "").replace("\u2019", ""))
    return re.findall(r"[a-z]+", "".join(c for c in plain if not unicodedata.combining(c)))


def vocabulary_of(terms: Sequence[str], site: Vocabulary | None) -> Vocabulary | None:
    """The terms of a session beside those of its site; None where there are none.

    Nothing of a session's terms is kept for another session: they may hold the name of a patient.
    """
    return Vocabulary(map(Term, terms), site) if terms else site
