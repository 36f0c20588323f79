"""Medicines in a sentence with their dose, frequency, route and form. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from inference.extraction.attributes import expressions, timing
from inference.extraction.lexicon import Match, allergens_trie, drugs_trie, find
from inference.extraction.misheard import misheard
from inference.extraction.numbers import amount_at
from inference.extraction.tables import words
from inference.extraction.tokens import Token

_RATES = frozenset(("a day", "per day", "a week", "an hour", "weekly"))
"""Frequencies that say nothing without a dose before them."""
_WHEN_NEEDED = frozenset(("as needed", "when needed", "as required", "when required", "if needed"))
_SLOTS = frozenset(("frequency", "route", "form"))
_GAP = 7
"""Words between what is said of one medicine."""
_SPAN = 18
_TAKING = words("taking")


@dataclass(frozen=True, slots=True)
class Medicine:
    """A drug over the tokens [start, end); it and its attributes stand in the tokens [first, last)."""

    name: str
    generic: str
    start: int
    end: int
    first: int
    last: int
    attributes: Mapping[str, str] = field(default_factory=dict)
    is_class: bool = False


def medicines(text: str, tokens: Sequence[Token], *, asked: bool = False) -> list[Medicine]:
    """The medicines of a sentence. `asked`: it answers a question about medicines, so no verb of taking is needed."""
    named, heard = _matches(tokens, asked)
    matches = [m for m in named if asked or _is_drug_here(tokens, m)]
    found: list[Medicine] = []
    for index, match in enumerate(matches):
        after = matches[index + 1].start if index + 1 < len(matches) else len(tokens)
        # "Lipitor forty milligrams a day and the aspirin": the dose is the first one's.
        before = found[-1].last if found else 0
        medicine = _with_attributes(text, tokens, match, before, after)
        if match in heard:
            words_heard = text[tokens[match.start].start : tokens[match.end - 1].end]
            medicine = replace(medicine, attributes={**medicine.attributes, "heard": words_heard})
        found.append(medicine)
    return found


def loose_dose(text: str, tokens: Sequence[Token]) -> Medicine | None:
    """A dose or frequency in a sentence that names no drug: "ten milligrams, twice a day"."""
    attributes, first, last = _attributes(text, tokens, 0, len(tokens))
    if not {"dose", "frequency"} & attributes.keys():
        return None
    return Medicine("", "", first, first, first, last, attributes)


def _matches(tokens: Sequence[Token], asked: bool) -> tuple[list[Match], list[Match]]:
    """The drugs of a sentence, and those among them that were misheard."""
    exact = find(drugs_trie(), tokens)
    # What people are allergic to is a word that was heard right: "latex" is no Lasix.
    known = (*exact, *find(allergens_trie(), tokens))
    covered = frozenset(i for match in known for i in range(match.start, match.end))
    heard = misheard(tokens, covered, asked=asked)
    return sorted((*exact, *heard), key=lambda match: match.start), heard


def _is_drug_here(tokens: Sequence[Token], match: Match) -> bool:
    """A class of drugs, or a name that is an ordinary word, counts only beside a verb of taking or a dose."""
    if match.entry.kind == "drug" and not match.entry.personal:
        return True
    nearby = tokens[max(0, match.start - 8) : match.start]
    return any(t.stem in _TAKING or t.word in _TAKING for t in nearby) or bool(
        {"dose", "frequency"} & _attributes("", tokens, match.end, min(len(tokens), match.end + 6))[0].keys()
    )


def _with_attributes(text: str, tokens: Sequence[Token], match: Match, before: int, after: int) -> Medicine:
    """The medicine with what is said of it after its name, or of its dose before it."""
    found, _, last = _attributes(text, tokens, match.end, min(after, match.end + _SPAN))
    first = match.start
    if "dose" not in found:
        # "600 milligram ibuprofen", "a ten milligram dose of".
        dose, dose_first, _ = _attributes(text, tokens, max(before, match.start - 6), match.start, only_dose=True)
        if dose:
            found, first = {**found, **dose}, dose_first
    return Medicine(
        name=match.entry.concept,
        generic=match.entry.detail,
        start=match.start,
        end=match.end,
        first=first,
        last=max(last, match.end),
        attributes=found,
        is_class=match.entry.kind == "drug_class",
    )


def _attributes(
    text: str, tokens: Sequence[Token], start: int, end: int, *, only_dose: bool = False
) -> tuple[dict[str, str], int, int]:
    """Attributes in the tokens [start, end), and the tokens that they take up."""
    stretch = tokens[start:end]
    if not stretch:
        return {}, start, start
    found, spans = _dose(stretch)
    if only_dose:
        spans = spans or [(0, 0)]
        return found, start + spans[0][0], start + spans[-1][1]
    taken = {i for first, last in spans for i in range(first, last)}
    for expression in expressions(stretch, _SLOTS):
        inside = set(range(expression.start, expression.end))
        if taken & inside or (expression.value in _RATES and "dose" not in found):
            continue
        if expression.start - max((last for _, last in spans), default=0) > _GAP:
            # What is said so much later is said of something else.
            break
        if expression.slot not in found:
            found[expression.slot] = expression.value
        elif expression.slot == "frequency" and expression.value in _WHEN_NEEDED:
            found["frequency"] = f"{found['frequency']} {expression.value}"
        else:
            continue
        spans.append((expression.start, expression.end))
    if text and found:
        _add_duration(text, stretch, found, spans)
    if not spans:
        return found, start, start
    return found, start + min(first for first, _ in spans), start + max(last for _, last in spans)


def _dose(stretch: Sequence[Token]) -> tuple[dict[str, str], list[tuple[int, int]]]:
    """The first amount with a unit behind it: "two and a half milligrams", "one or two tablets", "half a tablet"."""
    spoken = [t.word for t in stretch]
    units = {e.start: e for e in expressions(stretch, frozenset(("unit",)))}
    at = 0
    while at < len(spoken):
        amount = amount_at(spoken, at)
        unit = units.get(amount.end) if amount else None
        if amount is not None and unit is not None:
            name = unit.value.removesuffix("s") if amount.most <= 1 and unit.value != "drops" else unit.value
            return {"dose": f"{amount.written} {name}"}, [(at, unit.end)]
        at = amount.end if amount else at + 1
    return {}, []


def _add_duration(text: str, stretch: Sequence[Token], found: dict[str, str], spans: list[tuple[int, int]]) -> None:
    """ "For five days", where it follows the dose or the frequency closely."""
    taken = {i for first, last in spans for i in range(first, last)}
    duration = timing(text, stretch[0].start, stretch[-1].end).get("duration")
    if duration is None:
        return
    inside = {i for i, t in enumerate(stretch) if t.start >= duration[1] and t.end <= duration[2]}
    if inside and not inside & taken and min(inside) - max(last for _, last in spans) <= 3:
        found["duration"] = duration[0]
        spans.append((min(inside), max(inside) + 1))
