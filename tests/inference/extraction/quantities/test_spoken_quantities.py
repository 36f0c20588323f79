"""Quantities as people say them: every one is read as it was meant, or is in doubt."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from num2words import num2words

from inference.extraction.quantities.numbers import written
from inference.extraction.quantities.reader import quantities
from tests.inference.extraction.quantities.test_quantities import UNITS, VALUES

SPOKEN_UNITS = [(name, wording) for name, wording in UNITS if wording.replace(" ", "").isalpha() and len(wording) > 2]
WHOLE = st.integers(1, 10_000)
GAP = st.sampled_from((" ", "-"))


def spoken(value: Decimal) -> list[str]:
    """The number as it is said in full, in British and American English, with its decimals one by one."""
    whole, _, decimals = written(value).partition(".")
    behind = "".join(f" {num2words(int(digit))}" for digit in decimals)
    british = num2words(int(whole)).replace(",", "")
    found = [british, british.replace(" and ", " "), num2words(int(whole))]
    if not decimals:
        return [*found, *casual(int(whole))]
    return [f"{form} point{behind}" for form in found] + ([f"point{behind}"] if whole == "0" else [])


def casual(whole: int) -> list[str]:
    """ "One twenty-five", "a hundred and five", "fifteen hundred", "a thousand"."""
    hundreds, rest = divmod(whole, 100)
    found = []
    if 1 <= hundreds <= 9 and (rest >= 20 or (hundreds == 1 and rest >= 10)) and (rest // 10 * 10 > 2 * hundreds):
        found.append(f"{num2words(hundreds)} {num2words(rest)}")
    if 11 <= hundreds <= 99 and hundreds % 10 != 0:
        found.append(f"{num2words(hundreds)} hundred" + (f" and {num2words(rest)}" if rest else ""))
        found.append(f"{num2words(hundreds)} hundred" + (f" {num2words(rest)}" if rest else ""))
    full = num2words(whole).replace(",", "")
    if full.startswith(("one hundred", "one thousand")):
        found.append(full.replace("one", "a", 1))
    return found


@given(VALUES, st.sampled_from(SPOKEN_UNITS), st.booleans())
def test_every_number_that_is_spoken_in_full_with_every_unit_comes_back(
    value: Decimal, unit: tuple[str, str], joined: bool
) -> None:
    name, wording = unit
    for form in spoken(value):
        heard = f"{form if joined else form.replace('-', ' ')} {wording}"
        found = quantities(f"I take it, {heard}.")
        assert [(q.low, q.high, q.unit and q.unit.name, q.heard) for q in found] == [(value, value, name, heard)]


@given(WHOLE, st.sampled_from(SPOKEN_UNITS), st.booleans())
def test_every_whole_number_in_every_wording_comes_back(whole: int, unit: tuple[str, str], joined: bool) -> None:
    name, wording = unit
    for form in spoken(Decimal(whole)):
        heard = f"{form if joined else form.replace('-', ' ')} {wording}"
        found = quantities(f"I take it, {heard}.")
        assert [(q.low, q.unit and q.unit.name, q.heard) for q in found] == [(whole, name, heard)]


@given(VALUES, st.sampled_from(SPOKEN_UNITS))
def test_no_reading_is_ten_or_a_thousand_times_what_was_said(value: Decimal, unit: tuple[str, str]) -> None:
    """Digits one by one, with "oh", and halves of thousands too: in doubt perhaps, but never another power of ten."""
    plain = written(value)
    digit_by_digit = " ".join("point" if sign == "." else num2words(int(sign)) for sign in plain)
    loose = [digit_by_digit, digit_by_digit.replace("zero", "oh"), plain.replace(".", " point "), *spoken(value)]
    for form in loose:
        for found in quantities(f"Take {form} {unit[1]} a day"):
            if found.unit is None or found.doubt:
                continue
            for read in (found.low, found.high):
                assert read == value, (form, found)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("one twenty five milligrams", "125 mg"),
        ("a hundred milligrams", "100 mg"),
        ("fifteen hundred milligrams", "1,500 mg"),
        ("twelve fifty milligrams", "1,250 mg"),
        ("a hundred and twenty-five micrograms", "125 micrograms"),
        ("one twelve micrograms", "112 micrograms"),
        ("one oh five milligrams", "one oh five milligrams"),
        ("nought five milligrams", "nought five milligrams"),
        ("ten twenty milligrams", "ten twenty milligrams"),
        ("five ten milligrams", "five ten milligrams"),
        ("oh five milligrams", "5 mg"),
        ("one point two five milligrams", "1.25 mg"),
        ("sixty-two point five milligrams", "62.5 mg"),
        ("one and a half thousand units", "1,500 units"),
        ("two and a half thousand units", "2,500 units"),
        ("half a million units", "500,000 units"),
        ("half a gram", "0.5 g"),
        ("a gram", "1 g"),
        ("one hundred thousand units", "100,000 units"),
    ],
)
def test_what_people_say_for_a_number_is_read(text: str, shown: str) -> None:
    assert [found.written for found in quantities(f"Take {text}.")] == [shown]
