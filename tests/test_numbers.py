"""Numbers as they are spoken."""

import pytest

from inference.extraction.numbers import amount_at, numbers_in, written


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
    assert [written(value) for value in (10.0, 2.5, 1000.0)] == ["10", "2.5", "1000"]


@pytest.mark.parametrize(
    ("spoken", "amount"),
    [
        ("half a tablet", "0.5"),
        ("one or two tablets", "1-2"),
        ("1 to 2 puffs", "1-2"),
        ("forty units", "40"),
        ("ten", "10"),
    ],
)
def test_an_amount_may_be_a_half_or_a_range(spoken: str, amount: str) -> None:
    found = amount_at(spoken.split(), 0)
    assert found is not None
    assert found.written == amount


def test_a_number_of_more_digits_than_a_float_holds_is_none():
    from inference.extraction.numbers import amount_at, numbers_in

    assert numbers_in(["9" * 309, "5"])[0].value == 5.0
    assert amount_at(["1" * 400], 0) is None
