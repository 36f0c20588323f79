"""Numbers as people say them: "thirty eight point five", "one twenty over eighty", "twice". Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, isfinite

_ONES = {
    "zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16,
    "seventeen": 17, "eighteen": 18, "nineteen": 19,
}  # fmt: skip
_TENS = {
    "twenty": 20, "thirty": 30, "forty": 40, "fourty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80,
    "ninety": 90,
}  # fmt: skip
_HALF = ["and", "a", "half"]
_MULTIPLES = {"once": 1.0, "twice": 2.0, "thrice": 3.0, "couple": 2.0, "half": 0.5}


@dataclass(frozen=True, slots=True)
class Number:
    """A number over the words [start, end)."""

    value: float
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Amount:
    """A number or a range over the words [start, end), written "10", "0.5" or "1-2". `most` is its upper end."""

    written: str
    most: float
    start: int
    end: int


def number_at(words: Sequence[str], at: int) -> Number | None:
    """The longest number that starts at word `at` (lower case, without punctuation), in digits or spelled out."""
    word = words[at]
    value = _digits(word)
    if value is not None:
        return _with_half(words, Number(value, at, at + 1))
    if word == "point" and at + 1 < len(words) and words[at + 1] in _ONES:
        return _decimals(words, 0, at)
    if (
        word in _TENS
        or word in _ONES
        or (word == "a" and at + 1 < len(words) and words[at + 1] in ("hundred", "thousand"))
    ):
        return _with_half(words, _spelled(words, at))
    return None


def amount_at(words: Sequence[str], at: int) -> Amount | None:
    """A number, "half a", or a range ("one or two", "1 to 2", "1-2") that starts at word `at`."""
    if words[at] == "half":
        following = words[at + 1 : at + 2]
        return Amount("0.5", 0.5, at, at + 1 + (following in (["a"], ["an"], ["of"])))
    first = number_at(words, at)
    if first is None:
        return None
    joint = first.end + (words[first.end : first.end + 1] in (["or"], ["to"]))
    second = number_at(words, joint) if joint < len(words) else None
    # Two small digits in a row are what is left of "1-2".
    close = joint > first.end or (words[at].isdigit() and first.value < 10)
    if second is not None and close and first.value < second.value <= 4 * first.value:
        return Amount(f"{written(first.value)}-{written(second.value)}", second.value, at, second.end)
    return Amount(written(first.value), first.value, at, first.end)


def _with_half(words: Sequence[str], number: Number) -> Number:
    """ "Two and a half"."""
    if list(words[number.end : number.end + 3]) == _HALF:
        return Number(number.value + 0.5, number.start, number.end + 3)
    return number


def _digits(word: str) -> float | None:
    try:
        value = float(word.replace(",", "")) if word[:1].isdigit() else inf
    except ValueError:
        return None
    return value if isfinite(value) else None  # 309 digits and more are infinite


def _spelled(words: Sequence[str], at: int) -> Number:
    total, group, index = 0.0, 0.0, at
    last = ""
    while index < len(words):
        word = words[index]
        if word in _TENS and last in ("", "ones", "hundred", "thousand", "and"):
            # "one twenty" is 120 as blood pressures are read out.
            group = group * 100 + _TENS[word] if last == "ones" else group + _TENS[word]
            last = "tens"
        elif word in _ONES and last in ("", "tens", "hundred", "thousand", "and"):
            if last == "tens" and not 0 < _ONES[word] < 10:
                break
            group += _ONES[word]
            last = "ones"
        elif word == "hundred" and last in ("", "ones", "tens"):
            group = max(group, 1.0) * 100
            last = "hundred"
        elif word == "thousand" and last in ("", "ones", "tens", "hundred"):
            total += max(group, 1.0) * 1000
            group, last = 0.0, "thousand"
        elif word == "a" and index == at:
            pass
        elif (
            word == "and" and last in ("hundred", "thousand") and index + 1 < len(words) and _is_small(words[index + 1])
        ):
            last = "and"
        else:
            break
        index += 1
    value = total + group
    if index + 1 < len(words) and words[index] == "point" and words[index + 1] in _ONES:
        decimals = _decimals(words, int(value), index)
        return Number(decimals.value, at, decimals.end)
    return Number(value, at, index)


def _decimals(words: Sequence[str], whole: int, point: int) -> Number:
    """The digits that follow the word "point"."""
    index, decimals = point + 1, ""
    while index < len(words) and words[index] in _ONES and _ONES[words[index]] < 10:
        decimals += str(_ONES[words[index]])
        index += 1
    return Number(float(f"{whole}.{decimals or 0}"), point, index)


def _is_small(word: str) -> bool:
    return word in _ONES or word in _TENS


def numbers_in(words: Sequence[str]) -> list[Number]:
    """All numbers, in order and without overlap; "twice" counts as 2."""
    found, at = [], 0
    while at < len(words):
        number = number_at(words, at)
        if number is None and words[at] in _MULTIPLES:
            number = Number(_MULTIPLES[words[at]], at, at + 1)
        if number is not None:
            found.append(number)
            at = number.end
        else:
            at += 1
    return found


def written(value: float) -> str:
    """The number in digits: 10, 2.5."""
    return f"{value:g}" if abs(value) < 1e6 else str(int(value))
