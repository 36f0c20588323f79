"""One-to-one pairs of what was found and what was labelled. Pure."""

from collections.abc import Mapping

Pair = tuple[int, int]


def best_pairs(weights: Mapping[Pair, float]) -> list[Pair]:
    """The pairs (row, column) of the assignment with the greatest sum of weights; a pair that has no weight is no pair.

    Grown by the augmenting path of the greatest gain until none gains (Kuhn and Munkres' optimum, for sparse weights).
    """
    holder: dict[int, int] = {}  # of each column that is taken: its row
    while True:
        gain = {row: 0.0 for row, _ in sorted(weights) if row not in holder.values()}
        taken_from: dict[int, Pair] = {}  # a row that lost its column: to which row, which column
        _spread(weights, holder, gain, taken_from)
        ends = [
            (gain[row] + weight, -row, -column)
            for (row, column), weight in weights.items()
            if row in gain and column not in holder
        ]
        best, row, column = max(ends, default=(0.0, 0, 0))
        if best <= 0:
            return sorted((row, column) for column, row in holder.items())
        row, column = -row, -column
        holder[column] = row
        while row in taken_from:
            row, column = taken_from[row]
            holder[column] = row


def _spread(
    weights: Mapping[Pair, float], holder: Mapping[int, int], gain: dict[int, float], taken_from: dict[int, Pair]
) -> None:
    """Fills in, for every row that can lose its column, the greatest gain by which it does (Bellman and Ford)."""
    changed = True
    while changed:
        changed = False
        for (row, column), weight in weights.items():
            loser = holder.get(column)
            if loser is None or loser == row or row not in gain:
                continue
            gained = gain[row] + weight - weights[loser, column]
            if gained > gain.get(loser, float("-inf")) + 1e-9:
                gain[loser], taken_from[loser] = gained, (row, column)
                changed = True
