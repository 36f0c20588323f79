"""Percentiles are nearest-rank in every benchmark."""

from benchmarks.common.percentiles import distribution, nearest_rank, ranks


def test_percentiles_are_values_that_were_measured():
    found = distribution(list(range(1, 101)))
    assert found == {"p50": 50, "p95": 95, "p99": 99, "max": 100, "n": 100}
    assert distribution([7.0]) == {"p50": 7.0, "p95": 7.0, "p99": 7.0, "max": 7.0, "n": 1}
    assert distribution([]) == {"p50": None, "p95": None, "p99": None, "max": None, "n": 0}


def test_a_percentile_of_a_few_values_is_one_of_them():
    assert nearest_rank([4.0, 1.0, 3.0, 2.0], 0.5) == 2.0
    assert ranks([7.125], ("median", "p95"), 2) == {"median": 7.12, "p95": 7.12}
