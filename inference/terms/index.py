"""The known sounds as arrays: one search compares all places of a text with all names at once. Pure.

`inference.extraction.words.sounds.nearest` walks its tree node by node, in Python, which takes 0.3 s for a final of 40
words and 5,000 names. Here the nodes of one depth are the columns of an array. Costs, limits and the order of the
additions are those of `nearest`, so both find the same names at the same distances.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.extraction.words.sounds import BAND, FAR_AWAY, GAP, SLACK, SUBSTITUTION

Found = tuple[int, float, int, str]
"""The number of a place, the distance, where the name ends in the sound of the place, and the name."""

Costs = NDArray[np.float64]
Numbers = NDArray[np.int64]

PLACES = 16
"""Places that are searched in one go: their rows fit the cache of a core."""

_CELLS = 2 * BAND + 3
"""Cells of a row: the ends of what was heard that lie within the band around a depth, and one on either side."""

_GAP, _SUBSTITUTION = np.array(GAP), np.array(SUBSTITUTION)


@dataclass(frozen=True, slots=True)
class _Level:
    """The nodes of one depth, which are all beginnings of so many phonemes: [nodes] arrays.

    Below node n of the depth before lie `children[n]` of them, from `first[n]` on; `names` has the names that end here.
    """

    code: Numbers
    weight: Costs
    heaviest: Costs
    first: Numbers
    children: Numbers
    names: Mapping[int, Sequence[str]]
    named: NDArray[np.bool_]


class Index:
    """Sounds, none of them empty, each with the name that has it. Nothing changes an index."""

    def __init__(self, known: Iterable[tuple[Sequence[int], str]]) -> None:
        self._levels = list(_levels([(tuple(sound), name) for sound, name in known]))

    def near(
        self, heard: Sequence[Sequence[int]], ends: Sequence[Sequence[int]], limit: float, share: float
    ) -> Iterator[Found]:
        """The names near a beginning of each sound of `heard` that stops at one of its `ends`.

        The names and distances are those of `nearest` with the same `limit`, which allows each sound `share` of its
        weight; their order is not.
        """
        for at in range(0, len(heard), PLACES):
            part = slice(at, at + PLACES)
            for place, distance, end, name in self._search(heard[part], ends[part], limit, share):
                yield place + at, distance, end, name

    def _search(
        self, heard: Sequence[Sequence[int]], ends: Sequence[Sequence[int]], limit: float, share: float
    ) -> Iterator[Found]:
        sizes = np.array([len(sound) for sound in heard], np.int64)
        stops = np.full((len(heard), max(map(len, ends), default=0)), -1, np.int64)
        for place, found in enumerate(ends):
            stops[place, : len(found)] = found
        gaps, prices = self._tables(heard)
        # A row is a column of `rows` [cells, pairs]: for a pair of a place and a node, what it costs to hear the sound
        # of the node as the first phonemes of the place. Cell c stands for c + depth - BAND - 1 of these phonemes.
        places, nodes = np.arange(len(heard)), np.zeros(len(heard), np.int64)
        rows = np.full((_CELLS, len(heard)), FAR_AWAY)
        rows[BAND + 1] = 0.0
        for cell in range(BAND + 2, _CELLS):
            rows[cell] = rows[cell - 1] + gaps[cell - 2]
        kept = np.arange(len(heard))  # the pairs that are still near
        for depth, level in enumerate(self._levels):
            kept = kept[sizes[places[kept]] > max(0, depth - BAND)]
            parents, nodes = _children(level, nodes[kept])
            parents = kept[parents]
            places = places[parents]
            rows = _rows(rows[:, parents], gaps, prices, places, level.code[nodes], depth)
            least = rows[max(0, BAND - depth) : _CELLS - 1].min(axis=0, initial=FAR_AWAY)
            near = least <= SLACK + limit * level.weight[nodes]
            near &= least <= share * level.heaviest[nodes]
            kept = np.flatnonzero(near)
            named = kept[level.named[nodes[kept]]]
            yield from _named(level, nodes[named], rows[:, named], places[named], stops, depth + 1, share)

    def _tables(self, heard: Sequence[Sequence[int]]) -> tuple[Costs, Costs]:
        """What leaving a heard phoneme out costs, [phonemes, places], and hearing it for another, [phonemes, places x
        codes]. Both begin `BAND` phonemes before the sound; what is no part of it is far away."""
        length = max([len(self._levels), *map(len, heard)]) + _CELLS
        gaps = np.full((length, len(heard)), FAR_AWAY)
        prices = np.full((length, len(heard), len(GAP)), FAR_AWAY)
        for place, sound in enumerate(heard):
            codes = np.array(sound, np.int64)
            gaps[BAND : BAND + len(sound), place] = _GAP[codes]
            prices[BAND : BAND + len(sound), place] = _SUBSTITUTION[codes]
        return gaps, prices.reshape(length, -1)


def _levels(known: Sequence[tuple[tuple[int, ...], str]]) -> Iterator[_Level]:
    """The levels from the first phoneme on. In their order, sounds with the same beginning follow one another, so that
    each node is a stretch of rows."""
    order = sorted(known)
    sizes = np.array([len(sound) for sound, _ in order], np.int64)
    codes = np.full((len(order), sizes.max(initial=0)), -1, np.int64)  # [sounds, phonemes]; -1 is no phoneme
    for row, (sound, _) in enumerate(order):
        codes[row, : len(sound)] = sound
    weights = np.cumsum(_GAP[codes], axis=1)
    whole = weights[np.arange(len(order)), sizes - 1]
    # [sounds, depths]: whether the beginning of this length is another one than that of the sound before.
    parted = np.ones(codes.shape, np.bool_)
    np.logical_or.accumulate(codes[1:] != codes[:-1], axis=1, out=parted[1:])
    nodes, above = np.zeros(len(order), np.int64), 1  # the node of each sound, and how many nodes there are
    for depth in range(1, codes.shape[1] + 1):
        rows = np.flatnonzero(sizes >= depth)
        begins = np.flatnonzero(parted[rows, depth - 1])
        first = rows[begins]
        children = np.bincount(nodes[first], minlength=above)
        nodes[rows] = np.cumsum(parted[rows, depth - 1]) - 1
        above = len(first)
        names: dict[int, list[str]] = {}
        for row in rows[sizes[rows] == depth].tolist():
            names.setdefault(int(nodes[row]), []).append(order[row][1])
        named = np.zeros(above, np.bool_)
        named[list(names)] = True
        yield _Level(
            codes[first, depth - 1],
            weights[first, depth - 1],
            np.maximum.reduceat(whole[rows], begins),
            np.cumsum(children) - children,
            children,
            names,
            named,
        )


def _children(level: _Level, nodes: Numbers) -> tuple[Numbers, Numbers]:
    """Every node of a level below `nodes`: the position of its parent among these, and its number in the level."""
    count = level.children[nodes]
    parents = np.repeat(np.arange(len(nodes)), count)
    within = np.arange(len(parents)) - np.repeat(np.cumsum(count) - count, count)
    return parents, level.first[nodes][parents] + within


def _rows(before: Costs, gaps: Costs, prices: Costs, places: Numbers, codes: Numbers, depth: int) -> Costs:
    """The rows of nodes at `depth` + 1, from those of their parents, `before`, which are overwritten."""
    gap = _GAP[codes]
    window = slice(depth, depth + 2 * BAND + 1)
    best = np.take(prices[window], places * len(GAP) + codes, axis=1)
    best += before[1 : _CELLS - 1]
    before[1:] += gap
    np.minimum(best, before[2:], out=best)
    left_out = np.take(gaps[window], places, axis=1)
    begin = max(0, BAND - depth)
    rows = np.empty_like(before)
    rows[:begin] = rows[_CELLS - 1] = FAR_AWAY
    rows[begin] = before[begin + 1]
    for cell in range(begin + 1, _CELLS - 1):
        np.add(rows[cell - 1], left_out[cell - 1], out=rows[cell])
        np.minimum(rows[cell], best[cell - 1], out=rows[cell])
    return rows


def _named(
    level: _Level, nodes: Numbers, rows: Costs, places: Numbers, stops: Numbers, depth: int, share: float
) -> Iterator[Found]:
    """The names that end at the nodes of pairs, near one of the stops of their places."""
    at = stops[places]  # [pairs, stops]
    cells = at - depth + BAND + 1
    within = (at >= 0) & (cells >= 0) & (cells < _CELLS - 1)
    costs = rows[np.clip(cells, 0, _CELLS - 1), np.arange(len(nodes))[:, None]]
    weights = level.weight[nodes]
    for pair, stop in np.argwhere(within & (costs <= (share * weights)[:, None])).tolist():
        distance = float(costs[pair, stop] / weights[pair])
        for name in level.names[int(nodes[pair])]:
            yield int(places[pair]), distance, int(at[pair, stop]), name
