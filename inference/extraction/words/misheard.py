"""Which drug is behind the words that a recogniser wrote for it: "lies in April" is lisinopril. Pure.

Windows of up to four words are compared with the names of drugs by sound (sounds.py), where a sentence leaves a place
for a drug: after a verb of taking, before a dose, alone in an answer about medicines. Ordinary words that make good
English in such a place ("the last", "it all") must come much nearer to a name than words that make none. Limits were
chosen on half of the drugs of benchmarks/misheard/command.py and on consultations without misheard names.
"""

from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import NamedTuple

from inference.extraction.memo import remembered
from inference.extraction.quantities.numbers import number_at
from inference.extraction.quantities.units import unit_at
from inference.extraction.tables import rows, table
from inference.extraction.text.tokens import Token
from inference.extraction.words.lexicon import Entry, Match, wordings
from inference.extraction.words.sounds import Node, coded, dictionary, nearest, sound_of, weight

MAX_WORDS = 4
DOSED, FILLED, TAKEN, STRANGE = 0.38, 0.33, 0.22, 0.14
"""How far, of the weight of a name, words may lie from it: before a dose; in a place for a drug, where nothing goes on
behind them; in a place for a drug; and one word that is no English, anywhere."""
_SINGLE, _STRANGER = 0.5, 0.85
"""One word alone is rarely a name of several syllables: an ordinary one, and one that no list holds ("flexion")."""
_DOUBT = 0.6
_LIGHT, _HEAVY = 3.0, 6.5
"""Weights of names: a light one may be nothing but chance, a heavy one is hardly ever."""
_MIN_WEIGHT, _MIN_LETTERS, _MAX_LEAD = 2.6, 6, 3
_UNITS = frozenset(("mg", "micrograms", "units", "puffs", "tablets", "capsules", "ml"))
_DIGITS = {
    str(number): word
    for number, word in enumerate(("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"), 1)
}


class _Near(NamedTuple):
    """A name near the first `words` words of a window; the distance is a share of the name's weight."""

    distance: float
    words: int
    entry: Entry


@table
def _classes() -> dict[str, frozenset[str]]:
    return {name: frozenset(column.split()) for name, column in rows("misheard.tsv")}


@table
def _names() -> dict[str, tuple[Entry, tuple[int, ...]]]:
    """The names of drugs and how they sound, but for those with ordinary words ("blue inhaler")."""
    found: dict[str, tuple[Entry, tuple[int, ...]]] = {}
    for columns in rows("drugs.tsv"):
        for name, personal in [(columns[0], False), *wordings(columns[1])]:
            parts = name.replace("-", " ").split()
            if personal or not all(part.isalpha() and part not in dictionary() for part in parts):
                continue
            sound = coded("".join(sound_of(part) for part in parts))
            if weight(sound) >= _MIN_WEIGHT:
                found.setdefault(name, (Entry(name, "drug", columns[0]), sound))
    return found


@table
def _tree() -> Node:
    root = Node()
    for name, (_, sound) in _names().items():
        root.add(sound, name)
    return root


def load() -> None:
    """Reads the sounds now and not with the first sentence."""
    _tree()
    _classes()


@remembered
def _nearest(*, heard: tuple[str, ...], limits: tuple[float, ...]) -> list[_Near]:
    """Names near the first words of a window. `limits`: for each number of words the most of a name's weight by which
    it may differ, 0 where no name may end; less, as `_trust` says, where the words may be meant as they are."""
    sound: list[int] = []
    ends: dict[int, int] = {}
    for count, word in enumerate(heard, 1):
        sound += coded(sound_of(_DIGITS.get(word, word)))
        ends[len(sound)] = count
    kinds = tuple(
        (limit, count == 1, all(_is_ordinary(word) for word in heard[:count])) for count, limit in enumerate(limits, 1)
    )
    each = {end: _allowed(kinds[count - 1 : count]).__getitem__ for end, count in ends.items() if limits[count - 1]}
    near = nearest(_tree(), sound, list(each), DOSED, _allowed(kinds).__getitem__, each)
    return [_Near(d, ends[end], _names()[name][0]) for d, end, name in near]


class _Allowed(dict[float, float]):
    """By the weight of a name the most of it that may differ from words of some kinds. Filled as it is asked.

    A kind is a limit, whether there is one word, and whether all are ordinary. All of the limit may differ where the
    words are no English, less where they may be meant so.
    """

    def __init__(self, kinds: tuple[tuple[float, bool, bool], ...]) -> None:
        self._kinds = kinds

    def __missing__(self, weight: float) -> float:
        heavy = _heaviness(weight)
        strange = _DOUBT + (1 - _DOUBT) * heavy
        shares = (
            limit * (heavy * (_SINGLE if single else 1.0) if ordinary else strange * (_STRANGER if single else 1.0))
            for limit, single, ordinary in self._kinds
        )
        most = self[weight] = weight * max(shares)
        return most


_allowed = lru_cache(maxsize=256)(_Allowed)
"""Holds nothing of what was said: a kind names no words."""


def misheard(tokens: Sequence[Token], recognised: Collection[int], *, asked: bool = False) -> list[Match]:
    """The drugs behind words that name none. `recognised`: the tokens that are drugs already; they stay what they are.

    `asked`: the sentence answers a question about medicines, so that a name may stand alone.
    """
    doses, places = _doses(tokens), _places(tokens, recognised)
    alone = _opening(tokens) if asked else -1
    found: list[tuple[float, Match]] = []
    for start, token in enumerate(tokens):
        heard = _window(tokens, start, recognised)
        limits: list[float] = []
        for end in range(start + 1, start + len(heard) + 1):
            if _before_dose(tokens, end, doses):
                limits.append(DOSED)
            elif start in places:
                limits.append(FILLED if _is_closed(tokens, end) else TAKEN)
            elif start == alone and end == len(tokens):
                limits.append(TAKEN)
            else:
                is_strange = end == start + 1 and len(token.word) >= _MIN_LETTERS and not _is_ordinary(token.word)
                limits.append(STRANGE if is_strange else 0.0)
        while limits and not limits[-1]:
            limits.pop()
        if limits:
            found += [
                (near.distance, Match(near.entry, start, start + near.words))
                for near in _nearest(heard=heard[: len(limits)], limits=tuple(limits))
            ]
    return _without_overlap(found)


def _is_ordinary(word: str) -> bool:
    return word in dictionary() or any(word in words for words in _classes().values())


def _heaviness(weight_of_name: float) -> float:
    """0 for a name that may be nothing but chance, 1 for one that hardly ever is."""
    return min(1.0, max(0.0, (weight_of_name - _LIGHT) / (_HEAVY - _LIGHT)))


def _without_overlap(found: Sequence[tuple[float, Match]]) -> list[Match]:
    """The nearest names, the longer window of two as near, in the order of the sentence."""
    chosen: list[Match] = []
    for _, match in sorted(found, key=lambda f: (f[0], f[1].start - f[1].end)):
        if all(match.end <= other.start or other.end <= match.start for other in chosen):
            chosen.append(match)
    return sorted(chosen, key=lambda match: match.start)


def _window(tokens: Sequence[Token], start: int, recognised: Collection[int]) -> tuple[str, ...]:
    """The words from one place on that may be one name: none that is said of a name stands among them."""
    heard: list[str] = []
    for at in range(start, min(start + MAX_WORDS, len(tokens))):
        word = tokens[at].word
        if at in recognised or word in _classes()["never_in_name"] or (at == start and word in _classes()["takes"]):
            break
        if not word[0].isalpha() and word not in _DIGITS:
            break
        heard.append(word)
    return tuple(heard)


def _doses(tokens: Sequence[Token]) -> frozenset[int]:
    """Where a dose begins."""
    spoken = [token.word for token in tokens]
    found, at = set[int](), 0
    while at < len(spoken):
        number = number_at(spoken, at)
        named = unit_at(spoken, number.end) if number is not None else None
        if named is not None and named[0].name in _UNITS:
            found.add(at)
        at = max(at + 1, number.end if number else 0)
    return frozenset(found)


def _before_dose(tokens: Sequence[Token], end: int, doses: Collection[int]) -> bool:
    for at in range(end, min(end + _MAX_LEAD + 1, len(tokens))):
        if at in doses:
            return True
        if tokens[at].word not in _classes()["leads_to_dose"]:
            return False
    return False


def _is_closed(tokens: Sequence[Token], end: int) -> bool:
    """Nothing of the noun goes on: the sentence ends, or what follows speaks of when, why or how."""
    return end == len(tokens) or tokens[end - 1].comma or tokens[end].word in _classes()["after_name"]


def _opening(tokens: Sequence[Token]) -> int:
    """The first word that says something: "Um, yes, lies in April.\""""
    return next((at for at, token in enumerate(tokens) if token.word not in _classes()["before_answer"]), -1)


def _places(tokens: Sequence[Token], recognised: Collection[int]) -> frozenset[int]:
    """Where the name of a drug may begin: after a verb of taking, or after another drug."""
    places = set[int]()
    for at in range(len(tokens)):
        listed = at + 1 < len(tokens) and at in recognised and tokens[at + 1].word in _classes()["joins_names"]
        if listed or _takes(tokens, at):
            place = at + 2 if listed else at + 1
            while place < len(tokens) and tokens[place].word in _classes()["leads_to_name"]:
                places.add(place)
                place += 1
            places.add(place)
    return frozenset(places)


def _takes(tokens: Sequence[Token], at: int) -> bool:
    word = tokens[at].word
    if word in _classes()["takes"]:
        return True
    if word == "on":
        return any(token.word in _classes()["stays_on"] for token in tokens[max(0, at - 3) : at])
    following = tokens[at + 1].word if at + 1 < len(tokens) else ""
    return word in _classes()["hands"] and following in _classes()["to_whom"]
