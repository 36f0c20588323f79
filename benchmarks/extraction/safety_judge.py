"""Whether the findings of a safety sentence are right. Pure, and independent of the reader that it judges.

A case is right if every entry of `want` is found and no entry of `never`. An entry names fields of a finding; only
these count:
- `kind`, `status`, `temporality` and `experiencer` are equal;
- every word of `text` stands in the finding's text, case and plural aside, and a "stop" only where one is named; a list
  accepts any of its texts;
- every other field is an attribute: null means that the finding has none, true that it has one, and a text that it
  says the same in numbers and words. Several accepted texts are a list, or are parted by ", or ". A text that begins
  with "both" or "all" asks for every number and every time of day that was said.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from inference.findings import Finding

Case = Mapping[str, Any]
Entry = Mapping[str, Any]

_FIELDS = ("kind", "status", "temporality", "experiencer")
_NUMBERS = {
    word: str(value)
    for value, word in enumerate(
        ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
    )
}
_NUMBERS |= {"half": "0.5", "quarter": "0.25", "½": "0.5", "¼": "0.25", "¾": "0.75"}
_SAME = {
    "milligram": "mg", "microgram": "mcg", "µg": "mcg", "μg": "mcg", "ug": "mcg", "gram": "g", "millilitre": "ml",
    "milliliter": "ml", "unit": "unit", "iu": "unit", "percent": "%", "each": "every", "per": "/", "day": "day",
}  # fmt: skip
_EMPTY = frozenset(("a", "an", "of", "the", "×", "x", "and"))
_TIMES = frozenset(("morning", "evening", "night", "noon", "lunch", "lunchtime", "bedtime", "breakfast", "dinner"))
_WORD = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+|[½¼¾%/×]")


def faults(case: Case, found: Sequence[Finding]) -> list[str]:
    """What is wrong, in words; nothing if the case is right."""
    said = " ".join(turn["text"] for turn in case["say"])
    missed = [f"missed {dict(entry)}" for entry in case["want"] if not any(_is(entry, f, said) for f in found)]
    wrong = [f"found {dict(entry)}" for entry in case["never"] if any(_is(entry, f, said) for f in found)]
    return missed + wrong


def _is(entry: Entry, finding: Finding, said: str) -> bool:
    return all(_field_is(name, value, finding, said) for name, value in entry.items())


def _field_is(name: str, value: Any, finding: Finding, said: str) -> bool:
    if name in _FIELDS:
        return bool(getattr(finding, name) == value)
    if name == "text":
        return any(_names(text, finding.text) for text in ([value] if isinstance(value, str) else value))
    spoken = finding.attributes.get(name)
    if value is None or value is True:
        return (spoken is not None) == (value is True)
    if spoken is None:
        return False
    accepted = value if isinstance(value, list) else value.split(", or ")
    return any(_says(spoken, text, said) for text in accepted)


def _names(wanted: str, text: str) -> bool:
    words, found = set(_words(wanted)), set(_words(text))
    return words <= found and ("stop" in found) == ("stop" in words)


def _says(spoken: str, accepted: str, said: str) -> bool:
    words = _words(spoken)
    if accepted.split(" ")[0] in ("both", "all"):
        return all(word in words for word in _words(said) if word[0].isdigit() or word in _TIMES)
    return words == _words(accepted)


def _words(text: str) -> list[str]:
    """Numbers in digits, units in one spelling, singular, without articles."""
    found = []
    for word in _WORD.findall(text.casefold()):
        plain = word.replace(",", "") if word[0].isdigit() else _singular(word)
        if plain not in _EMPTY:
            found.append(_SAME.get(plain, _NUMBERS.get(plain, plain)))
    return found


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")) else word
