"""The one reader of quantities: every number of a text with its unit, its bounds and its exact characters. Pure.

Rules, the check of a model's answers, grounding and the record all read through it, so that none of them can see 5 mg
where "point five milligrams" was said. Where the words allow two readings it decides for none and says so (`doubt`).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import pairwise

from inference.extraction.memo import remembered
from inference.extraction.quantities.lexing import Lexed, lex
from inference.extraction.quantities.numbers import ZEROS, Number, fraction_at, number_at
from inference.extraction.quantities.quantity import Quantity
from inference.extraction.quantities.role import kind_of
from inference.extraction.quantities.units import Unit, unit_at

_GROUP = re.compile(r"\d{3}(?:\.\d+)?")
_SPACE = "[ \u00a0\u2009\u202f]"
_THOUSANDTHS = re.compile(r"[1-9]\d{0,2}\.\d00")
"""A decimal point, or the point that parts thousands in other countries."""

TWO_UNITS, TWO_NUMBERS = "two units", "two numbers"
POINT_OR_COMMA = "a point or a comma"
BEYOND, NOTHING = "beyond any dose", "no amount"
"""Why the meaning of a quantity is in doubt."""

_JOINING = frozenset(("or", "to"))
_SMALL_WORDS = frozenset(("a", "an", "the", "my", "one", "each", "your"))
_TIMES = frozenset(("x", "×"))
_PER = {"kg": "kg", "kilo": "kg", "kilogram": "kg", "hour": "hour", "hr": "hour", "h": "hour", "minute": "minute"}
_PER |= {"min": "minute", "puff": "puff", "spray": "spray", "actuation": "puff", "drop": "drop"}
_MOST_DIGITS = 12
_SURE_ZEROS = frozenset(("nought", "naught", "zero"))
"""Of the words for 0 those that are nothing else; "oh" is mostly said in surprise."""
_LONGEST_NUMBER = 4
"""Words of a number that stands before another one."""
_MOST_TIMES = 20
_RANGE_FACTOR = 10
"""From the lower to the upper end of a range at most: beyond it the words name two things."""


@dataclass(frozen=True, slots=True)
class _Amount:
    """A number or a range without its unit."""

    low: Number
    high: Number
    end: int


@remembered
def quantities(text: str) -> list[Quantity]:
    """Every number of the text, in order and without overlap; those without a unit too."""
    lexed = lex(text)
    found: list[Quantity] = []
    at = 0
    while at < len(lexed.words):
        read = _quantity(text, lexed, at)
        if read is None:
            at += 1
            continue
        quantity, end = read
        while found and found[-1].start >= quantity.start:  # of a row of numbers that is one quantity in doubt
            found.pop()
        found.append(quantity)
        at = end
    return found


def _quantity(text: str, lexed: Lexed, at: int) -> tuple[Quantity, int] | None:
    """The quantity that starts at word `at`, and the word behind it."""
    amount = _amount(lexed.words, at)
    if amount is None:
        return None
    words = lexed.words
    measured = _measured(text, lexed, amount)
    if measured is None:
        counted = _counted(text, lexed, at, amount)
        if counted is not None:
            return counted
        measured = _made(text, lexed, at, amount.end, amount, None), amount.end
    quantity, end = measured
    if quantity.unit is not None and quantity.unit.kind != "measure" and not quantity.doubt:
        quantity, end = _with_strength_behind(text, lexed, quantity, end)
    kind = kind_of(words, at, end)
    return replace(quantity, kind=kind), end


def _amount(words: Sequence[str], at: int) -> _Amount | None:
    first = fraction_at(words, at) or number_at(words, at)
    if words[at] == "a" and words[at + 1 : at + 2] in (["gram"], ["gramme"]):  # "a gram, four times a day"
        first = Number(Decimal(1), at, at + 1)
    if first is None:
        return None
    between = words[at - 1 : at] == ["between"] and words[first.end : first.end + 1] == ["and"]
    joint = first.end + (between or words[first.end : first.end + 1] in (["-"], ["or"], ["to"], ["maybe"]))
    if joint > first.end and words[joint : joint + 1] == ["maybe"]:
        joint += 1
    is_change = words[at - 1 : at] == ["from"]  # "from 5 to 10 mg"
    second = number_at(words, joint) if first.end < joint < len(words) and not is_change else None
    if second is not None and first.value < second.value <= _RANGE_FACTOR * max(first.value, Decimal(1)):
        return _Amount(first, second, second.end)
    return _Amount(first, first, first.end)


def _measured(text: str, lexed: Lexed, amount: _Amount) -> tuple[Quantity, int] | None:
    """The amount with the unit behind it."""
    words, start = lexed.words, amount.low.start
    place = _past_small_words(words, amount) if amount.low.value < 1 else amount.end
    named = unit_at(words, place)
    if named is None:
        return None
    unit, end = named
    second = _second_bound(words, end, unit) if words[start - 1 : start] != ["from"] else None
    if second is not None and amount.low.value < second[0].value:
        amount, end = _Amount(amount.low, second[0], end), second[1]
    doubt = _doubt(words, start, amount, unit, end)
    if doubt == TWO_UNITS:
        end = unit_at(words, end + (words[end] in _JOINING))[1]  # type: ignore[index]
    elif doubt == TWO_NUMBERS:
        start = _first_of_row(words, start)
        amount, doubt = _spaced_thousands(text, lexed, start, amount)
    elif _THOUSANDTHS.fullmatch(words[start]):
        doubt = POINT_OR_COMMA
    per, end = _per(words, end) if unit.kind == "measure" and not doubt else ("", end)
    return replace(_made(text, lexed, start, end, amount, unit), per=per, doubt=doubt), end


def _spaced_thousands(text: str, lexed: Lexed, start: int, amount: _Amount) -> tuple[_Amount, str]:
    """ "1 500 mg": 1,500 mg, or one of 500 mg. Only a space that breaks no line leaves no doubt."""
    groups = lexed.words[start : amount.end]
    gaps = [text[end:begin] for (_, end), (begin, _) in pairwise(lexed.spans[start : amount.end])]
    if not all(_GROUP.fullmatch(group) for group in groups[1:]) or not re.fullmatch(r"[1-9]\d{0,2}", groups[0]):
        return amount, TWO_NUMBERS
    if not all(re.fullmatch(_SPACE, gap) for gap in gaps):
        return amount, TWO_NUMBERS
    value = Number(Decimal("".join(groups)), start, amount.end)
    return _Amount(value, value, amount.end), "" if not any(" " in gap for gap in gaps) else TWO_NUMBERS


def _past_small_words(words: Sequence[str], amount: _Amount) -> int:
    """ "Half of a tablet", "a quarter of the tablet"."""
    place = amount.end
    if words[place : place + 1] == ["of"]:
        place += 1
    if place < len(words) and words[place] in _SMALL_WORDS and unit_at(words, place) is None:
        place += 1
    return place


def _second_bound(words: Sequence[str], end: int, unit: Unit) -> tuple[Number, int] | None:
    """ "5 mg to 10 mg"."""
    if words[end : end + 1] not in (["to"], ["or"], ["-"]) or end + 1 >= len(words):
        return None
    second = number_at(words, end + 1)
    named = unit_at(words, second.end) if second is not None else None
    return (second, named[1]) if second is not None and named is not None and named[0] == unit else None


def _doubt(words: Sequence[str], start: int, amount: _Amount, unit: Unit, end: int) -> str:
    """Why the amount and its unit have no sure meaning; "" where they have one."""
    other = unit_at(words, end + (end < len(words) and words[end] in _JOINING))
    if unit.kind == "measure" and other is not None and other[0] != unit and other[0].kind == "measure":
        return TWO_UNITS
    if _is_in_row(words, start) and not (other is not None and other[0].kind == "solid"):
        return TWO_NUMBERS
    if words[start - 1 : start] == ["/"] and start > 1:
        return TWO_NUMBERS
    if amount.high.value > unit.most or len(f"{amount.high.value:f}") > _MOST_DIGITS:
        return BEYOND
    if amount.high.value == 0:
        return NOTHING
    return ""


def _is_in_row(words: Sequence[str], start: int) -> bool:
    """Another number stands directly before: "one two five micrograms", "2 500 mg"."""
    return start > 0 and _first_of_row(words, start) < start


def _first_of_row(words: Sequence[str], start: int) -> int:
    first = start
    if words[start - 1 : start] == ["/"]:
        first = start - 1
    while first > 0:
        end = first
        while end > 0 and words[end - 1] in ZEROS:  # "one oh five"
            end -= 1
        starts = range(max(0, end - _LONGEST_NUMBER), end)
        before = next((n for at in starts if (n := number_at(words, at)) and n.end == end), None)
        if before is None and words[first - 1] in _SURE_ZEROS:
            return end
        if before is None:
            break
        first = before.start
    return first


def _per(words: Sequence[str], end: int) -> tuple[str, int]:
    """What a concentration or a rate is of, and the word behind it: "per 5 ml", "in 5 ml", "an hour"."""
    if words[end : end + 1] not in (["per"], ["in"], ["an"]) or end + 1 >= len(words):
        return "", end
    is_per = words[end] == "per"
    if is_per and words[end + 1] in _PER:
        return _PER[words[end + 1]], end + 2
    if words[end : end + 2] == ["an", "hour"]:
        return "hour", end + 2
    number = number_at(words, end + 1) if words[end] in ("per", "in") else None
    named = unit_at(words, number.end if number else end + 1) if is_per or number else None
    if named is None or named[0].name not in ("ml", "litres"):
        return "", end
    unit = named[0].singular
    return (f"{number.value:f} {unit}" if number and number.value != 1 else unit), named[1]


def _counted(text: str, lexed: Lexed, at: int, amount: _Amount) -> tuple[Quantity, int] | None:
    """ "Two 500 mg tablets", "2 x 500 mg", "half of a 10 mg tablet"."""
    words = lexed.words
    place = _past_small_words(words, amount) if amount.low.value < 1 else amount.end
    times = place < len(words) and words[place] in _TIMES
    place += times
    if place >= len(words):
        return None
    each = number_at(words, place)
    named = unit_at(words, each.end) if each else None
    if each is None or named is None or named[0].kind != "measure":
        return None
    piece, end = unit_at(words, named[1]) or (None, named[1])
    if piece is None or piece.kind == "measure":
        if not times:
            return None
        piece, end = None, named[1]
    strength = _made(text, lexed, place, named[1], _Amount(each, each, each.end), named[0])
    strength = replace(strength, doubt=_doubt(words, 0, _Amount(each, each, each.end), named[0], len(words)))
    doubt = strength.doubt or (BEYOND if amount.high.value > (piece.most if piece else _MOST_TIMES) else "")
    made = _made(text, lexed, at, end, amount, piece)
    return replace(made, strength=None if doubt else strength, doubt=doubt, kind=kind_of(words, at, end)), end


def _with_strength_behind(text: str, lexed: Lexed, quantity: Quantity, end: int) -> tuple[Quantity, int]:
    """ "Two tablets of 500 mg", "two puffs of 100 micrograms"."""
    words = lexed.words
    if words[end : end + 1] != ["of"] or end + 1 >= len(words):
        return quantity, end
    amount = _amount(words, end + 1)
    measured = _measured(text, lexed, amount) if amount is not None else None
    if measured is None or measured[0].unit is None or measured[0].unit.kind != "measure" or measured[0].doubt:
        return quantity, end
    last = lexed.spans[measured[1] - 1][1]
    heard = text[quantity.start : last]
    return replace(quantity, strength=measured[0], end=last, heard=heard), measured[1]


def _made(text: str, lexed: Lexed, first: int, last: int, amount: _Amount, unit: Unit | None) -> Quantity:
    start, end = lexed.spans[first][0], lexed.spans[last - 1][1]
    return Quantity(amount.low.value, amount.high.value, unit, start, end, text[start:end])
