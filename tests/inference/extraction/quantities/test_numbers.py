"""Numbers as they are spoken."""

from decimal import Decimal

import pytest

from inference.extraction.quantities.numbers import numbers_in, written


@pytest.mark.parametrize(
    ("spoken", "value"),
    [
        ("ten", 10),
        ("38.5", 38.5),
        ("1,000", 1000),
        ("twenty five", 25),
        ("one hundred and twenty", 120),
        ("one twenty", 120),
        ("two thousand", 2000),
        ("five hundred", 500),
        ("thirty eight point five", 38.5),
        ("a hundred", 100),
        ("twice", 2),
        ("two point five", 2.5),
        ("point five", 0.5),
        ("two and a half", 2.5),
        ("fifteen hundred", 1500),
        ("a thousand", 1000),
    ],
)
def test_a_number_is_read_in_digits_and_in_words(spoken: str, value: float) -> None:
    assert [number.value for number in numbers_in(spoken.split())] == [value]


def test_numbers_beside_each_other_stay_apart() -> None:
    assert [n.value for n in numbers_in(["one", "twenty", "over", "eighty"])] == [120, 80]
    assert [n.value for n in numbers_in(["two", "or", "three", "tablets"])] == [2, 3]


def test_a_number_is_written_without_needless_decimals() -> None:
    assert [written(Decimal(value)) for value in ("10.0", "2.50", "1000")] == ["10", "2.5", "1000"]
