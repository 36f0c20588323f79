"""Nearest-rank percentiles: each is a value that was measured."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
SHARES = {"p50": 0.5, "median": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}
USUAL = ("p50", "p95", "p99", "max")


def nearest_rank(values: Sequence[float] | Numbers, share: float, digits: int = 3) -> float:
    """The percentile at `share`."""
    return round(float(np.quantile(values, share, method="inverted_cdf")), digits)


def ranks(values: Sequence[float] | Numbers, names: Sequence[str] = USUAL, digits: int = 3) -> dict[str, float]:
    """The percentiles of these names, keys of `SHARES`."""
    return {name: nearest_rank(values, SHARES[name], digits) for name in names}


def distribution(values: Sequence[float] | Numbers) -> dict[str, float | None]:
    """The usual percentiles and the number of values; None where there is no value."""
    if not len(values):
        return {**dict.fromkeys(USUAL), "n": 0}
    return {"n": len(values), **ranks(values)}
