"""Numbers as people say and write them: "thirty eight point five", ".5", "0,5", "2½", "one twenty", "twice". Pure.

A word is in lower case, without punctuation around it. Values are Decimal, so that what was said is what is kept.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

_ONES = {
    "zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16,
    "seventeen": 17, "eighteen": 18, "nineteen": 19,
}  # fmt: skip
_TENS = {
    "twenty": 20, "thirty": 30, "forty": 40, "fourty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80,
    "ninety": 90,
}  # fmt: skip
ZEROS = frozenset(("zero", "nought", "naught", "oh", "o", "nil"))
"""Words for the digit 0 beside a decimal point."""
_GREAT = {"thousand": 1000, "million": 1_000_000}
_PARTS = {"half": 2, "halves": 2, "third": 3, "thirds": 3, "quarter": 4, "quarters": 4, "eighth": 8, "eighths": 8}
_GLYPHS = {"½": "1/2", "⅓": "1/3", "⅔": "2/3", "¼": "1/4", "¾": "3/4", "⅛": "1/8", "⅜": "3/8", "⅝": "5/8", "⅞": "7/8"}
_SPELLED = frozenset((*_ONES, *_TENS, *ZEROS, "point", "a"))
"""Words with which a number in words begins."""
_MULTIPLES = {"once": "1", "twice": "2", "thrice": "3", "couple": "2", "half": "0.5"}
_NO_DECIMAL_BEFORE = frozenset(("that", "this", "some", "the", "a", "which", "what", "any", "every", "no"))
"""Before the noun "point": "at that point five people came"."""

_RANGE_FACTOR = 2
"""Of two numbers without a word between them, as in "ten twenty", that may be a range."""

_PARTED = r"(?:1/[2348]|2/3|3/4|[357]/8)"
"""A written fraction. Others, as 4/5 or 5/10, grade strength or pain."""
GLYPH = "[½⅓⅔¼¾⅛⅜⅝⅞]"
NUMBER = (
    rf"(?<![\d/.,]){_PARTED}(?![/\d]|[.,]\d)"  # 1/2
    r"|(?<![\d.])\.\d+"  # .5: a full stop before a digit ends no sentence, a row of them is an ellipsis
    r"|\d+(?:[.,]\d+)*"
    rf"|{GLYPH}"
)
"""A number in digits, as one word of a text."""

_FRACTION = re.compile(_PARTED)
_WHOLE = re.compile(r"\d+|[1-9]\d{0,2}(?:,\d{3})+")
_DECIMAL = re.compile(r"\d*\.\d+|\d+,\d+|[1-9]\d{0,2}(?:,\d{3})+\.\d+")
_GROUP = "000"


@dataclass(frozen=True, slots=True)
class Number:
    """A number over the words [start, end)."""

    value: Decimal
    start: int
    end: int


def number_at(words: Sequence[str], at: int) -> Number | None:
    """The longest number that starts at word `at`, in digits or spelled out; None if none does.

    A comma parts thousands where three digits follow each one ("1,000"), and decimals else ("0,5", "0,125").
    """
    word = words[at]
    if word[:1].isalpha() and word not in _SPELLED:
        return None
    if word in _GLYPHS or _FRACTION.fullmatch(word):
        return Number(_fraction(word), at, at + 1)
    digits = _digits(word)
    if digits is not None:
        return _multiplied(
            words, _with_fraction(words, _multiplied(words, _with_decimals(words, _grouped(words, at, digits))))
        )
    if word == "point" or (word in ZEROS and _word(words, at + 1) == "point"):
        is_noun = word == "point" and at > 0 and words[at - 1] in _NO_DECIMAL_BEFORE
        return None if is_noun else _decimals(words, "0", at, at + 1 + (word != "point"))
    if word in _TENS or word in _ONES or (word == "a" and _word(words, at + 1) in ("hundred", *_GREAT)):
        return _multiplied(words, _with_fraction(words, _multiplied(words, _with_decimals(words, _spelled(words, at)))))
    return None


def fraction_at(words: Sequence[str], at: int) -> Number | None:
    """A part that starts at word `at`: "½", "1/2", "half", "a quarter", "three quarters", "half a million"."""
    part = _part_at(words, at)
    if part is None:
        return None
    place = part.end + (_word(words, part.end) == "of")
    if _word(words, place) == "a" and (great := _GREAT.get(_word(words, place + 1))) is not None:
        return Number(part.value * great, at, place + 2)
    return part


def _part_at(words: Sequence[str], at: int) -> Number | None:
    word = words[at]
    if word in _GLYPHS or _FRACTION.fullmatch(word):
        return Number(_fraction(word), at, at + 1)
    if word in ("half", "quarter"):
        return Number(Decimal(1) / _PARTS[word], at, at + 1)
    part = _PARTS.get(_word(words, at + 1))
    if part is None:
        return None
    count = {"a": 1, "1": 1, "2": 2, "3": 3}.get(word, _ONES.get(word, 0))
    if not 0 < count < part:
        return None
    return Number(_ratio(count, part), at, at + 2)


def numbers_in(words: Sequence[str]) -> list[Number]:
    """All numbers, in order and without overlap; "twice" counts as 2."""
    found, at = [], 0
    while at < len(words):
        number = number_at(words, at)
        if number is None and words[at] in _MULTIPLES:
            number = Number(Decimal(_MULTIPLES[words[at]]), at, at + 1)
        if number is not None:
            found.append(number)
            at = number.end
        else:
            at += 1
    return found


def written(value: Decimal) -> str:
    """The number in digits, with a leading zero and without needless ones: 10, 2.5, 0.5."""
    digits = f"{value:f}"
    return digits.rstrip("0").rstrip(".") if "." in digits else digits


def _word(words: Sequence[str], at: int) -> str:
    return words[at] if 0 <= at < len(words) else ""


def _digits(word: str) -> Decimal | None:
    if not (word[:1].isdigit() or word[:1] == ".") or not word.isascii():
        return None
    if _WHOLE.fullmatch(word):
        return Decimal(word.replace(",", ""))
    if not _DECIMAL.fullmatch(word):
        return None
    return Decimal(word.replace(",", "") if "." in word else word.replace(",", "."))


def _fraction(word: str) -> Decimal:
    count, part = _GLYPHS.get(word, word).split("/")
    return _ratio(int(count), int(part))


def _ratio(count: int, part: int) -> Decimal:
    return Decimal(count) / part if part != 3 else round(Decimal(count) / part, 3)


def _grouped(words: Sequence[str], at: int, value: Decimal) -> Number:
    """ "25 000": what follows a space can be no number of its own."""
    end = at + 1
    while value > 0 and _word(words, end) == _GROUP and len(words[at]) <= 3 and value == value.to_integral_value():
        value, end = value * 1000, end + 1
    return Number(value, at, end)


def _with_decimals(words: Sequence[str], number: Number) -> Number:
    """ "Two point five", "2 point 5"."""
    is_whole = number.value == number.value.to_integral_value()
    if not is_whole or _word(words, number.end) != "point":
        return number
    return _decimals(words, f"{number.value:f}", number.start, number.end + 1) or number


def _multiplied(words: Sequence[str], number: Number) -> Number:
    """ "1.5 thousand", "10 million", "2 hundred"."""
    following = _word(words, number.end)
    if following == "hundred" and number.value < 100:
        return Number(number.value * 100, number.start, number.end + 1)
    if following in _GREAT and number.value < 1000:
        return Number(number.value * _GREAT[following], number.start, number.end + 1)
    return number


def _with_fraction(words: Sequence[str], number: Number) -> Number:
    """ "Two and a half", "2 ½", "two and one-half"."""
    end = number.end
    joined = _word(words, end) == "and"
    if number.value != number.value.to_integral_value() or end + joined >= len(words):
        return number
    part = fraction_at(words, end + joined)
    if part is None or not (joined or words[end] in _GLYPHS or _FRACTION.fullmatch(words[end])):
        return number
    return Number(number.value + part.value, number.start, part.end)


def _spelled(words: Sequence[str], at: int) -> Number:
    total, group, index = 0, 0, at
    last = ""
    while index < len(words):
        word = words[index]
        if word in _TENS and last in ("", "ones", "hundred", "thousand", "and"):
            # "One twenty" is 120 as blood pressures are read out; "ten twenty" is more likely 10 to 20.
            if last == "ones" and (group >= 20 or group < _TENS[word] <= _RANGE_FACTOR * group):
                break
            group = group * 100 + _TENS[word] if last == "ones" else group + _TENS[word]
            last = "tens"
        elif word in _ONES and last in ("", "tens", "hundred", "thousand", "and"):
            if last == "tens" and not 0 < _ONES[word] < 10:
                break
            group += _ONES[word]
            last = "ones"
        elif group == 1 and not total and last == "ones" and _ONES.get(word, 0) >= 10:
            group, last = 100 + _ONES[word], "tens"  # "one twelve"
        elif word == "hundred" and last in ("", "ones", "tens"):
            group = max(group, 1) * 100
            last = "hundred"
        elif word in _GREAT and last in ("", "ones", "tens", "hundred"):
            total += max(group, 1) * _GREAT[word]
            group, last = 0, "thousand"
        elif word == "a" and index == at:
            pass
        elif word == "and" and last in ("hundred", "thousand") and _is_small(_word(words, index + 1)):
            last = "and"
        else:
            break
        index += 1
    return Number(Decimal(total + group), at, index)


def _decimals(words: Sequence[str], whole: str, start: int, first: int) -> Number | None:
    """The decimals from word `first` on, behind the word "point": digits one by one, "five", "25", "twenty five"."""
    index, decimals = first, ""
    while index < len(words):
        word = words[index]
        if word in ZEROS:
            decimals += "0"
        elif word in _ONES and _ONES[word] < 10:
            decimals += str(_ONES[word])
        elif not decimals and word.isascii() and word.isdigit():
            decimals, index = word, index + 1
            break
        elif not decimals and (word in _TENS or word in _ONES):
            spelled = _spelled(words, index)
            decimals, index = str(spelled.value), spelled.end
            break
        else:
            break
        index += 1
    return Number(Decimal(f"{whole}.{decimals}"), start, index) if decimals else None


def _is_small(word: str) -> bool:
    return word in _ONES or word in _TENS
