"""How words sound: phonemes from a pronouncing dictionary or from letters, and how far two sounds lie apart. Pure.

One character stands for one phoneme. Consonants: p b t d k g f v T (thin) D (then) s z S (shoe) Z (measure) h C (chin)
J (gin) m n N (sing) l r w y. Vowels: i (see) I (sit) e (say) E (set) A (sat) a (spa) @ (cup, ago) o (saw) O (so)
U (put) u (too) Y (my) W (now) Q (boy).
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, groupby

from inference.extraction.tables import rows, table

VOWELS = "iIeEAa@oOUuYWQ"
CONSONANTS = "pbtdkgfvTDszSZhCJmnNlrwy"
_PLACE = {
    "i": (0.0, 0.0), "I": (0.2, 0.1), "e": (0.4, 0.0), "E": (0.6, 0.1), "A": (0.9, 0.2), "a": (1.0, 0.7),
    "@": (0.6, 0.5), "o": (0.7, 0.9), "O": (0.5, 1.0), "U": (0.2, 0.8), "u": (0.0, 1.0), "Y": (0.8, 0.4),
    "W": (0.8, 0.8), "Q": (0.6, 0.6),
}  # fmt: skip
"""Height and backness of the vowels, 0 to 1: their places on the chart of vowels."""
_VOWEL_STEP, _VOWEL_BASE = 0.35, 0.1
_VOWEL_GAP, _CONSONANT_GAP = 0.4, 0.9
_GAPS = {"@": 0.3, "I": 0.35, "h": 0.4, "r": 0.6, "t": 0.7, "d": 0.7, "w": 0.6, "y": 0.3, "n": 0.8, "N": 0.7}
_FAR, _GLIDE = 1.1, 0.3
FAR_AWAY = 99.0
_ROUNDED = 1e-9
BAND = 4
"""Phonemes by which two sounds may run apart."""
SLACK = 0.5
"""What the beginning of a name may cost beyond its share: 0.6 finds a hundredth more."""
_CONFUSED = (
    (0.25, "pb td kg fv TD sz SZ CJ nN"),
    (0.4, "mn mN fT vD sS zZ SC ZJ sT zD CJ Cs Jz tT dD tC dJ sJ zJ"),
    (
        0.6,
        "lr rw lw pf bv bm dn kt pt pk bd gd bg tk lD lT ld ln rd dr hf sf SJ SZ kh th sZ zS gJ tf ks ts vb wv yJ vw",
    ),
)
"""Pairs that listeners and recognisers confuse: the same place, voiced or not; the same manner; near."""


def _costs() -> list[list[float]]:
    alphabet = VOWELS + CONSONANTS
    costs = [[0.0 if a == b else _FAR for b in alphabet] for a in alphabet]

    def set_price(a: str, b: str, price: float) -> None:
        i, j = alphabet.index(a), alphabet.index(b)
        costs[i][j] = costs[j][i] = price

    for price, pairs in reversed(_CONFUSED):
        for pair in pairs.split():
            set_price(pair[0], pair[1], price)
    for a, (height, back) in _PLACE.items():
        for b, (other_height, other_back) in _PLACE.items():
            if a != b:
                distance = abs(height - other_height) + abs(back - other_back)
                set_price(a, b, _VOWEL_BASE + _VOWEL_STEP * distance)
    for pair in ("yi", "yI", "wu", "wU", "wO"):
        # "y" and "w" are vowels that glide.
        set_price(pair[0], pair[1], _GLIDE)
    return costs


CODES = {phoneme: code for code, phoneme in enumerate(VOWELS + CONSONANTS)}
SUBSTITUTION = _costs()
GAP = [_GAPS.get(phoneme, _VOWEL_GAP if phoneme in VOWELS else _CONSONANT_GAP) for phoneme in CODES]


@table
def dictionary() -> dict[str, str]:
    """Ordinary words, lower case and without apostrophes, and their sound."""
    return dict(rows("pronunciations.tsv"))


@table
def _letters() -> dict[str, tuple[re.Pattern[str], list[str]]]:
    """How a letter, with those behind it, is read: by the letter, which all its spellings begin with."""
    spellings: dict[str, list[tuple[str, str]]] = {}
    for spelling, *sound in rows("letters.tsv"):
        spellings.setdefault(spelling.removeprefix("^")[0], []).append((spelling, "".join(sound)))
    return {
        letter: (re.compile("|".join(f"({spelling})" for spelling, _ in known)), [sound for _, sound in known])
        for letter, known in spellings.items()
    }


def sound_of(word: str) -> str:
    """The phonemes of a word in lower case; "" for what has no letters."""
    return dictionary().get(word) or spelled_out(word)


def spelled_out(word: str) -> str:
    """The phonemes of a word by its letters alone."""
    letters = _letters()
    found, at = [], 0
    while at < len(word):
        read = letters.get(word[at])
        match = None if read is None else read[0].match(word, at)
        if read is None or match is None or match.lastindex is None:
            at += 1
            continue
        found.append(read[1][match.lastindex - 1])
        at = match.end()
    return "".join(phoneme for phoneme, _ in groupby("".join(found)))


def coded(sound: str) -> tuple[int, ...]:
    """The phonemes of a sound as numbers, by which `SUBSTITUTION` and `GAP` are indexed."""
    return tuple(CODES[phoneme] for phoneme in sound)


def weight(sound: Sequence[int]) -> float:
    """What it costs to leave the whole sound out."""
    return sum(GAP[code] for code in sound)


@dataclass(slots=True)
class Node:
    """A place in the tree of known sounds: what has been said up to here costs `weight` to leave out.

    `lightest` and `heaviest` are the weights of such sounds that pass here, `names` are those that end here.
    """

    weight: float = 0.0
    lightest: float = FAR_AWAY
    heaviest: float = 0.0
    names: list[str] = field(default_factory=list)
    branches: dict[int, "Node"] = field(default_factory=dict)

    def add(self, sound: Sequence[int], name: str) -> None:
        """Adds a known sound and the name that has it."""
        node, whole = self, weight(sound)
        node._passes(whole)
        for code in sound:
            node = node.branches.setdefault(code, Node(node.weight + GAP[code]))
            node._passes(whole)
        node.names.append(name)

    def _passes(self, whole: float) -> None:
        self.lightest, self.heaviest = min(self.lightest, whole), max(self.heaviest, whole)


Allowed = Callable[[float], float]
"""How much of a known sound, in all, may differ, by its weight; never less for a heavier one."""
_EACH: Mapping[int, Allowed] = {}


def nearest(
    root: Node,
    heard: Sequence[int],
    ends: Sequence[int],
    limit: float,
    allowed: Allowed,
    each: Mapping[int, Allowed] = _EACH,
) -> Iterator[tuple[float, int, str]]:
    """The known sounds near a beginning of `heard` that stops at one of `ends`, as (distance, end, name).

    The distance is the weighted edit distance over the weight of the known sound. `each`: what an end allows, where
    that is less than `allowed`. Sounds whose beginnings differ by far more than the share `limit` are given up early,
    so a few in the middle of nowhere are missed.
    """
    gaps = [GAP[code] for code in heard]
    price_of: dict[int, tuple[list[float], float]] = {}
    upto = [*accumulate(gaps, initial=0.0)]
    most = [(end, upto[end], each.get(end, allowed)) for end in ends]
    size = len(heard)
    empty = [FAR_AWAY] * (size + 1)
    stack = [(root, 0, upto, 0.0)]
    while stack:
        node, depth, row, so_far = stack.pop()
        if node.names:
            yield from _ending(node, row, most)
        low, high = max(0, depth - BAND), min(size, depth + 1 + BAND)
        if low >= high:
            continue
        for a, branch in node.branches.items():
            gap = GAP[a]
            if a not in price_of:
                costs = [SUBSTITUTION[a][b] for b in heard]
                price_of[a] = costs, min(gap, *costs)
            prices, cheapest = price_of[a]
            bound = min(SLACK + limit * branch.weight, allowed(branch.heaviest))
            if so_far + cheapest > bound + _ROUNDED:
                continue
            diagonal = row[low]
            left = least = diagonal + gap
            current = empty.copy()
            current[low] = left
            for j in range(low, high):
                above = row[j + 1]
                best = diagonal + prices[j]
                if above + gap < best:
                    best = above + gap
                if left + gaps[j] < best:
                    best = left + gaps[j]
                current[j + 1] = left = best
                diagonal = above
                if best < least:
                    least = best
            if least <= bound and _may_end(current, low, high, upto, most, branch):
                stack.append((branch, depth + 1, current, least))


def _ending(
    node: Node, row: Sequence[float], ends: Sequence[tuple[int, float, Allowed]]
) -> Iterator[tuple[float, int, str]]:
    near = [(row[end] / node.weight, end) for end, _, allowed in ends if row[end] <= allowed(node.weight)]
    return ((distance, end, name) for name in node.names for distance, end in near)


def _may_end(
    row: Sequence[float],
    low: int,
    high: int,
    upto: Sequence[float],
    ends: Sequence[tuple[int, float, Allowed]],
    node: Node,
) -> bool:
    """Whether some rest of a known sound may come near enough to some rest of what was heard.

    Two rests differ by the difference of their weights at least, since no price in `SUBSTITUTION` is less than that.
    """
    fewest, longest = node.lightest - node.weight, node.heaviest - node.weight
    for end, whole, allowed in ends:
        most = allowed(node.heaviest) + _ROUNDED
        nearest_rest, farthest_rest = whole - longest - most, whole - fewest + most
        for j in range(low, min(high, end) + 1):
            if row[j] <= most and nearest_rest + row[j] <= upto[j] <= farthest_rest - row[j]:
                return True
    return False
