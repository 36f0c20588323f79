"""Nearest-rank percentiles: each is a value that was measured."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]


def nearest_rank(values: Sequence[float] | Numbers, share: float, digits: int = 3) -> float:
    """The percentile at `share`."""
    return round(float(np.quantile(values, share, method="inverted_cdf")), digits)


def distribution(values: Sequence[float] | Numbers) -> dict[str, float | None]:
    """The usual percentiles and the number of values; None where there is no value."""
    if not len(values):
        return {"p50": None, "p95": None, "p99": None, "max": None, "n": 0}
    shares = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}
    return {"n": len(values)} | {name: nearest_rank(values, share) for name, share in shares.items()}
