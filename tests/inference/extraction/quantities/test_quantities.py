"""Every quantity comes back as it went in."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.extraction.quantities.numbers import written
from inference.extraction.quantities.reader import quantities
from inference.extraction.tables import rows

_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
VALUES = st.integers(1, 1_000_000).map(lambda hundredths: Decimal(hundredths) / 100)
UNITS = [(name, wording) for name, *_, column in rows("units.tsv") for wording in column.split("|")]


def forms(value: Decimal) -> list[str]:
    """The number as people write it, and its decimals as they say them."""
    plain = written(value)
    whole, _, decimals = plain.partition(".")
    spoken = " ".join(_DIGITS[int(digit)] for digit in decimals)
    found = [
        plain,
        f"{int(whole):,}{'.' * bool(decimals)}{decimals}",
        f"{int(whole):,}".replace(",", "\u00a0") + plain[len(whole) :],
    ]
    if decimals:
        found += [f"{whole},{decimals}", f"{whole} point {spoken}", f"{whole} point {decimals}"]
        if whole == "0":
            found += [f".{decimals}", f"point {spoken}", f"nought point {spoken}", f"oh point {spoken}"]
    return found


@given(VALUES, st.sampled_from(UNITS), st.sampled_from(("", " ")))
def test_every_number_in_every_form_with_every_unit_comes_back(value: Decimal, unit: tuple[str, str], gap: str) -> None:
    name, wording = unit
    for form in forms(value):
        space = gap if form[-1].isdigit() and wording.isalpha() else " "
        (found,) = quantities(f"I take it, {form}{space}{wording}.")
        assert (found.low, found.high, found.unit and found.unit.name) == (value, value, name)
        assert found.heard == f"{form}{space}{wording}"


@given(st.text(alphabet="0123456789.,/½ -mgµandhalfpointfive\n", max_size=60))
def test_no_text_raises_and_every_span_is_what_was_heard(text: str) -> None:
    for found in quantities(text):
        assert text[found.start : found.end] == found.heard
        assert found.written


def test_absurd_numbers_are_in_doubt_and_raise_nothing() -> None:
    (found,) = quantities("9" * 309 + " mg")
    assert found.doubt == "beyond any dose"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Warfarin.5mg", "0.5 mg"),
        ("5.0 mg", "5 mg"),
        ("50 µg", "50 micrograms"),
        ("20 U", "20 units"),
        ("two and one-half milligrams", "2.5 mg"),
        ("half of a 10 mg tablet", "half of a 10 mg tablet"),
        ("2 500 mg tablets", "two 500 mg tablets"),
        ("three-quarters of a tablet", "three quarters of a tablet"),
        ("200–400 mg", "200-400 mg"),
        ("25000 units", "25,000 units"),
        ("twelve hundred and fifty mg", "1,250 mg"),
    ],
)
def test_a_quantity_is_shown_without_room_for_a_tenfold_error(text: str, shown: str) -> None:
    assert [found.written for found in quantities(text)] == [shown]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("no more than 8 tablets", "ceiling"),
        ("8 tablets a day at most", "ceiling"),
        ("up to 20 mg", "ceiling"),
        ("go up to 20 mg", "dose"),
        ("more than 20 mg", "floor"),
        ("increase it by 5 mg", "change"),
    ],
)
def test_a_limit_or_a_change_is_no_dose(text: str, kind: str) -> None:
    assert [found.kind for found in quantities(text)] == [kind]


@pytest.mark.parametrize("text", ["5 mg ml", "5/325 mg", "one two five micrograms", "1 500 mg", "0 mg", "10000 mg"])
def test_what_has_no_sure_meaning_is_shown_as_heard(text: str) -> None:
    (found,) = quantities(text)
    assert found.doubt
    assert found.written == text
