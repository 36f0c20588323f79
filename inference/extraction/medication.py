"""Medicines in a sentence with their dose, frequency, route and form. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from inference.extraction.attributes import Expression, expressions, timing
from inference.extraction.lexicon import Entry, Match, drugs_trie, find
from inference.extraction.numbers import number_at, written
from inference.extraction.tables import words
from inference.extraction.tokens import Token

_RATES = frozenset(("a day", "per day", "a week", "an hour", "weekly"))
"""Frequencies that say nothing without a dose before them."""
_SLOTS = frozenset(("frequency", "route", "form", "unit"))
_TAKING = words("taking")
_DRUG_SUFFIX_MIN = 7
_ORDINARY = words("not_a_drug")


@dataclass(frozen=True, slots=True)
class Medicine:
    """A drug over the tokens [start, end); the attributes stand in the tokens [first, last)."""

    name: str
    generic: str
    start: int
    end: int
    first: int
    last: int
    attributes: Mapping[str, str] = field(default_factory=dict)


def medicines(text: str, tokens: Sequence[Token], *, asked: bool = False) -> list[Medicine]:
    """The medicines of a sentence. `asked`: it answers a question about medicines, so no verb of taking is needed."""
    matches = [m for m in _matches(tokens) if asked or _is_drug_here(tokens, m)]
    found = []
    for index, match in enumerate(matches):
        after = matches[index + 1].start if index + 1 < len(matches) else len(tokens)
        before = matches[index - 1].end if index else 0
        found.append(_with_attributes(text, tokens, match, before, after))
    return found


def loose_dose(text: str, tokens: Sequence[Token]) -> Medicine | None:
    """A dose or frequency in a sentence that names no drug: "ten milligrams, twice a day"."""
    attributes, first, last = _attributes(text, tokens, 0, len(tokens))
    if not {"dose", "frequency"} & attributes.keys():
        return None
    return Medicine("", "", first, first, first, last, attributes)


def _matches(tokens: Sequence[Token]) -> list[Match]:
    exact = find(drugs_trie(), tokens)
    covered = {i for match in exact for i in range(match.start, match.end)}
    near = [
        Match(entry, at, at + 1)
        for at, token in enumerate(tokens)
        if at not in covered and (entry := _misspelt(token.word)) is not None
    ]
    return sorted((*exact, *near), key=lambda match: match.start)


@cache
def _long_names() -> dict[str, list[tuple[str, Entry]]]:
    """Names of one long word by their first letter."""
    table: dict[str, list[tuple[str, Entry]]] = {}
    for branch in drugs_trie().branches.values():
        for entry in branch.entries:
            name = entry.concept
            if entry.kind == "drug" and name.isalpha() and len(name) >= _DRUG_SUFFIX_MIN:
                table.setdefault(name[0], []).append((name, entry))
    return table


def _misspelt(word: str) -> Entry | None:
    """A long name with one or two letters wrong, as recognisers write them: "lisonopril"."""
    if len(word) < _DRUG_SUFFIX_MIN or word in _ORDINARY:
        return None
    for name, entry in _long_names().get(word[0], ()):
        allowed = 1 if len(name) < 9 else 2
        if abs(len(name) - len(word)) <= allowed and word[-1] == name[-1] and _distance(word, name, allowed) <= allowed:
            return entry
    return None


def _distance(left: str, right: str, limit: int) -> int:
    """Levenshtein's distance, given up above the limit."""
    previous = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        current = [i]
        for j, b in enumerate(right, 1):
            current.append(min(previous[j] + 1, current[-1] + 1, previous[j - 1] + (a != b)))
        if min(current) > limit:
            return limit + 1
        previous = current
    return previous[-1]


def _is_drug_here(tokens: Sequence[Token], match: Match) -> bool:
    """A class of drugs, or a name that is an ordinary word, counts only beside a verb of taking or a dose."""
    if match.entry.kind == "drug" and not match.entry.personal:
        return True
    nearby = tokens[max(0, match.start - 8) : match.start]
    return any(t.stem in _TAKING or t.word in _TAKING for t in nearby) or bool(
        {"dose", "frequency"} & _attributes("", tokens, match.end, min(len(tokens), match.end + 6))[0].keys()
    )


def _with_attributes(text: str, tokens: Sequence[Token], match: Match, before: int, after: int) -> Medicine:
    attributes, _first, last = _attributes(text, tokens, match.end, after)
    if "dose" not in attributes:
        # "600 milligram ibuprofen", "a ten milligram dose of".
        near = max(before, match.start - 6)
        dose, dose_first, _ = _attributes(text, tokens, near, match.start, only_dose=True)
        if dose:
            attributes = {**attributes, **dose}
            return Medicine(
                match.entry.concept,
                match.entry.detail,
                match.start,
                match.end,
                dose_first,
                max(last, match.end),
                attributes,
            )
    return Medicine(
        match.entry.concept,
        match.entry.detail,
        match.start,
        match.end,
        match.start,
        max(last, match.end) if attributes else match.end,
        attributes,
    )


def _attributes(
    text: str, tokens: Sequence[Token], start: int, end: int, *, only_dose: bool = False
) -> tuple[dict[str, str], int, int]:
    """Attributes in the tokens [start, end), and the tokens that they take up."""
    stretch = tokens[start:end]
    words = [t.word for t in stretch]
    found: dict[str, str] = {}
    spans: list[tuple[int, int]] = []
    units = {e.start: e for e in expressions(stretch, frozenset(("unit",)))}
    taken: set[int] = set()
    at = 0
    while at < len(words):
        number = number_at(words, at)
        unit: Expression | None = units.get(number.end) if number else None
        if number is not None and unit is not None and "dose" not in found:
            found["dose"] = f"{written(number.value)} {unit.value}"
            spans.append((at, unit.end))
            taken.update(range(at, unit.end))
        at = max(at + 1, number.end if number else 0)
    if only_dose:
        spans = spans or [(0, 0)]
        return found, start + spans[0][0], start + spans[-1][1]
    for expression in expressions(stretch, _SLOTS - {"unit"}):
        if taken & set(range(expression.start, expression.end)) and expression.slot != "form":
            continue
        if expression.value in _RATES and "dose" not in found:
            continue
        if expression.slot not in found:
            found[expression.slot] = expression.value
            spans.append((expression.start, expression.end))
    if text and stretch:
        for slot, (value, first, last) in timing(text, stretch[0].start, stretch[-1].end).items():
            inside = {i for i, t in enumerate(stretch) if t.start >= first and t.end <= last}
            if slot == "duration" and found and inside and not any(inside & set(range(*span)) for span in spans):
                found[slot] = value
                spans.append((min(inside), max(inside) + 1))
    if not spans:
        return found, start, start
    return found, start + min(first for first, _ in spans), start + max(last for _, last in spans)
