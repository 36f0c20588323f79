"""Whether an amount is a dose, a bound or a change, which the words around it say. Pure."""

import re
from collections.abc import Sequence

from inference.extraction.quantities.quantity import QuantityKind

_CEILING = re.compile(
    r"(?:\b(?:no|not|never|nor|cannot|dont|shouldnt|mustnt|cant|wont|isnt|without)\b(?: \w+){0,5}?"
    r" (?:more than|over|above|beyond|exceed(?:ing)?|greater than)|\bexceed(?:ing)?|"
    r"\b(?:max|maximum|limit)(?: (?:of|is|dose|daily|dosage|a|total))*|"
    r"\bat most|\bat the most|\b(?:up|limited) to|\b(?:less|fewer|lower) than|\bunder)"
    r"(?: (?:a|an|the|total|of|about))*$"
)
_RISING = re.compile(
    r"\b(?:go|goes|going|went|gone|move|moved|moving|increas\w+|bump\w*|push\w*|put|build|work|working|titrat\w+|"
    r"bring|brought|get|got|taken?|took|him|her|it|you|me|dose) up to$"
)
"""Before an amount that is a dose and no limit: "go up to 20 mg"."""
_CEILING_AFTER = re.compile(
    r"^(?:(?:a|per|each|every|in|any|one|the|day|week|hours?|24|daily|time|at|once|dose|total) )*"
    r"(?:max|maximum|at most|at the most|at the very most|tops|or less|or fewer|"
    r"(?:is|as) the (?:limit|max|maximum|most))\b"
)
_FLOOR = re.compile(r"\b(?:more than|over|above|at least|greater than|upwards of|beyond|minimum(?: of)?)$")
_CHANGE = re.compile(r"\bby(?: (?:about|another|a further|an extra))?$")
_CONTEXT = 10
_AFTER = 8


def kind_of(words: Sequence[str], start: int, end: int) -> QuantityKind:
    """What the amount of words[start:end] is; a dose unless the words before or behind it say otherwise."""
    before = _same_sentence(words[max(0, start - _CONTEXT) : start])
    if _CEILING.search(before) and not _RISING.search(before):
        return "ceiling"
    after = " ".join(word for word in words[end : end + _AFTER] if word != ",")
    if _CEILING_AFTER.search(after):
        return "ceiling"
    if _FLOOR.search(before):
        return "floor"
    return "change" if _CHANGE.search(before) else "dose"


def _same_sentence(words: Sequence[str]) -> str:
    return " ".join(words).rpartition(", ")[2].removesuffix(",")
