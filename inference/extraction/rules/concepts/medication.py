"""Medicines in a sentence with their dose, frequency, route and form. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from inference.extraction.memo import remembered
from inference.extraction.quantities.numbers import number_at
from inference.extraction.rules.concepts.attributes import Span, expressions, timing
from inference.extraction.rules.concepts.dosage import (
    Amount,
    amounts,
    belongs_to_another,
    dosage,
    first_of_several,
    is_dose,
    is_strange,
    leading,
    phrase_end,
)
from inference.extraction.tables import words
from inference.extraction.text.tokens import Token
from inference.extraction.words.lexicon import Entry, Match, allergens_trie, drugs_trie, find
from inference.extraction.words.misheard import misheard

_RATES = frozenset(("a day", "per day", "a week", "an hour", "weekly"))
"""Frequencies that say nothing without a dose before them."""
_WHEN_NEEDED = frozenset(("as needed", "when needed", "as required", "when required", "if needed"))
_SLOTS = frozenset(("frequency", "route", "form"))
_STEPPING = re.compile(r"\b(?:down|reduc\w+|increas\w+|taper\w*|drop\w*|by (?!mouth\b)|go(?:ing)? up)\b")
"""Before how often the dose changes, which is not how often it is taken."""
_GAP = 7
"""Words between what is said of one medicine."""
_DURATION_GAP = 3
_SPAN = 18
_NAME_TO_DOSE = 3
_VERB_REACH = 8
_WEIGHED = frozenset(("mg", "micrograms", "ng", "g", "units"))
"""Units that a medicine is measured in and hardly anything else that people take."""
UNKNOWN = "name: unknown"
_TAKING = words("taking")
_ANALYTES = words("analyte")
_COPULAS = words("copula")
_MEASURING = frozenset(("check", "checked", "checking", "measure", "measured", "test", "tested", "low", "high"))
_MEASURED = frozenset(("level", "levels", "came", "comes", "went", "result", "results", "test"))


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


@remembered
def medicines(text: str, tokens: Sequence[Token], *, asked: bool = False) -> list[Medicine]:
    """The medicines of a sentence. `asked`: it answers a question about medicines, so no verb of taking is needed."""
    named, heard = _matches(tokens, asked)
    strange = [at for at in range(len(tokens)) if is_strange(tokens, at)]
    if not named and not strange:
        return []
    read = amounts(text, tokens)
    unknown = _unknown(tokens, read, strange, named)
    named = sorted((*named, *unknown), key=lambda match: match.start)
    matches = [m for m in named if (asked or _is_drug_here(tokens, m, read)) and not _is_measured(tokens, m, read)]
    kinds = {m.start: m for m in matches if m.entry.kind == "drug_class"}
    kinds = {m.end: kinds[m.end] for m in matches if m.entry.kind == "drug" and m.end in kinds}
    matches = [m for m in matches if m not in kinds.values()]
    found: list[Medicine] = []
    for index, match in enumerate(matches):
        # "Lipitor forty milligrams a day and the aspirin": the dose is the first one's.
        before = found[-1].last if found else 0
        after = phrase_end(tokens, match.end, _next_begins(tokens, matches, index, read), read)
        medicine = _with_attributes(text, tokens, match, before, after, read)
        if (kind := kinds.get(match.end)) is not None:
            # "A salbutamol inhaler" is one medicine.
            form = {"form": kind.entry.concept, **medicine.attributes}
            medicine = replace(medicine, last=max(medicine.last, kind.end), attributes=form)
        if match in heard:
            words_heard = text[tokens[match.start].start : tokens[match.end - 1].end]
            medicine = replace(medicine, attributes={**medicine.attributes, "heard": words_heard})
        if match in unknown:
            doubts = "; ".join(filter(None, (medicine.attributes.get("check"), UNKNOWN)))
            medicine = replace(medicine, attributes={**medicine.attributes, "check": doubts})
        found.append(medicine)
    return found


def _unknown(
    tokens: Sequence[Token], read: Sequence[Amount], strange: Sequence[int], named: Sequence[Match]
) -> list[Match]:
    """Names that no list holds, in the place of a medicine: "take 20 mg of flurbidol", "I'm on flurbidol 20 mg"."""
    covered = {i for match in named for i in range(match.start, match.end)}
    found = []
    for amount in read:
        unit = amount.quantity.unit
        if unit is None or unit.name not in _WEIGHED or not is_dose(amount):
            continue
        is_of = [token.word for token in tokens[amount.end : amount.end + 1]] == ["of"]
        is_before = is_of or amount.end in strange  # "20 mg of flurbidol", "20 mg flurbidol"
        at = amount.end + is_of if is_before else amount.start - 1
        before = tokens[max(0, min(at, amount.start) - _VERB_REACH) : min(at, amount.start)]
        is_taken = any(t.stem in _TAKING or t.word in _TAKING for t in before)
        if at in strange and at not in covered and is_taken:
            found.append(Match(Entry(tokens[at].word, "drug", tokens[at].word), at, at + 1))
    return found


def loose_dose(text: str, tokens: Sequence[Token]) -> Medicine | None:
    """A dose or frequency in a sentence that names no drug: "ten milligrams, twice a day".

    None where it belongs to a name that is not known, or to another person.
    """
    read = amounts(text, tokens)
    if belongs_to_another(tokens, read):
        return None
    start = _after_old_dose(tokens, 0, len(tokens))
    attributes, first, last = _attributes(text, tokens, start, len(tokens), read)
    if not {"dose", "frequency", "maximum"} & attributes.keys() or attributes.get("dose", "").endswith("%"):
        # A percentage is a strength beside a name; alone it is anything: "I'm ten percent disabled".
        return None
    return Medicine("", "", first, first, first, last, attributes)


def _next_begins(tokens: Sequence[Token], matches: Sequence[Match], index: int, read: Sequence[Amount]) -> int:
    """Where the talk of the next medicine begins, which may be with its dose: "and 20 mg of simvastatin"."""
    if index + 1 == len(matches):
        return len(tokens)
    name = matches[index + 1].start
    led = leading(tokens, read, matches[index].end, name)
    if led is None:
        return name
    amount, is_of = led
    between = {token.word for token in tokens[matches[index].end : amount.start]}
    return amount.start if is_of or between & {"and", "plus", "also"} else name


def _matches(tokens: Sequence[Token], asked: bool) -> tuple[list[Match], list[Match]]:
    """The drugs of a sentence, and those among them that were misheard."""
    exact = find(drugs_trie(), tokens)
    # What people are allergic to is a word that was heard right: "latex" is no Lasix.
    known = (*exact, *find(allergens_trie(), tokens))
    covered = frozenset(i for match in known for i in range(match.start, match.end))
    heard = misheard(tokens, covered, asked=asked)
    return sorted((*exact, *heard), key=lambda match: match.start), heard


def _is_drug_here(tokens: Sequence[Token], match: Match, read: Sequence[Amount]) -> bool:
    """A class of drugs, or a name that is an ordinary word, counts only beside a verb of taking or a dose."""
    if match.entry.kind == "drug" and not match.entry.personal:
        return True
    nearby = tokens[max(0, match.start - 8) : match.start]
    return any(t.stem in _TAKING or t.word in _TAKING for t in nearby) or bool(
        {"dose", "frequency"} & _attributes("", tokens, match.end, min(len(tokens), match.end + 6), read)[0].keys()
    )


def _is_measured(tokens: Sequence[Token], match: Match, read: Sequence[Amount]) -> bool:
    """ "My potassium is low", "he checked my iron": what the blood holds, unless a dose follows."""
    if not any(t.word in _ANALYTES for t in tokens[match.start : match.end]):
        return False
    after = tokens[match.end : match.end + _SPAN]
    before = {t.word for t in tokens[max(0, match.start - 3) : match.start]}
    measured = bool(_MEASURING & before) or (bool(after) and after[0].word in _COPULAS | _MEASURED)
    return measured and not any(is_dose(a) and match.end <= a.start < match.end + _SPAN for a in read)


def _with_attributes(
    text: str, tokens: Sequence[Token], match: Match, before: int, after: int, read: Sequence[Amount]
) -> Medicine:
    """The medicine with what is said of it after its name, or of its dose before it."""
    new = _after_old_dose(tokens, match.end, after)
    # "600 milligram ibuprofen", "a ten milligram dose of": the dose before goes first.
    led = leading(tokens, read, before, match.start)
    name = (match.start, match.end)
    first, start = match.start, new
    if led is not None and (led[1] or not any(is_dose(a) and new <= a.start < after for a in read)):
        first = start = first_of_several(tokens, [a for a in read if a.start >= before], led[0]).start
    found, begun, last = _attributes(text, tokens, start, min(after, new + _SPAN), read, name)
    if match.end < new < after and "dose" not in found and (amount := number_at([t.word for t in tokens], new)):
        # "From 40 milligrams to 60."
        old = [a for a in read if match.end <= a.start and a.end <= new and is_dose(a)]
        if old and amount.end == len(tokens):
            quantity = next(a.quantity for a in read if a.start == new)
            found = {**found, "dose": replace(quantity, unit=old[0].quantity.unit).written}
            found.pop("check", None)
            last = amount.end
    last = max(last, match.end)
    first = min(first, begun) if found else match.start
    return Medicine(
        name=match.entry.concept,
        generic=match.entry.detail,
        start=match.start,
        end=match.end,
        first=first,
        last=last if found else match.end,
        attributes=found,
        is_class=match.entry.kind == "drug_class",
    )


def _after_old_dose(tokens: Sequence[Token], start: int, end: int) -> int:
    """ "From forty milligrams a day to sixty": where the new dose begins, or the end where no new one is named."""
    spoken = [token.word for token in tokens[:end]]
    at = next((at for at in range(start, min(end, start + _NAME_TO_DOSE)) if spoken[at] == "from"), None)
    if at is None or at + 1 == end or number_at(spoken, at + 1) is None:
        return start
    reach = range(at + 2, min(end, at + _SPAN) - 1)
    new = (to + 1 for to in reach if spoken[to] == "to" and number_at(spoken, to + 1))
    return next(new, end)


def _attributes(
    text: str, tokens: Sequence[Token], start: int, end: int, read: Sequence[Amount], name: Span | None = None
) -> tuple[dict[str, str], int, int]:
    """Attributes in the tokens [start, end), and the tokens that they take up. `name`: those of the medicine."""
    stretch = tokens[start:end]
    if not stretch:
        return {}, start, start
    said = dosage(text, tokens, read, start, end, name)
    found = dict(said.attributes)
    spans = [(first - start, last - start) for first, last in said.spans]
    taken = {i for first, last in spans for i in range(first, last)}
    own = {i - start for i in range(*name)} if name is not None else set[int]()
    for expression in expressions(stretch, _SLOTS):
        inside = set(range(expression.start, expression.end))
        if (taken | own) & inside or (expression.value in _RATES and "dose" not in found):
            continue
        if said.timed and expression.slot == "frequency":
            continue
        if expression.slot == "frequency" and _is_of_a_step(stretch, spans, expression.start):
            continue
        if expression.start - max((last for _, last in spans), default=max(own, default=-1) + 1) > _GAP:
            # What is said so much later is said of something else.
            break
        if expression.slot not in found:
            found[expression.slot] = expression.value
        elif expression.slot == "frequency" and expression.value in _WHEN_NEEDED:
            found["frequency"] = f"{found['frequency']} {expression.value}"
        else:
            continue
        spans.append((expression.start, expression.end))
    if text and found and not said.timed:
        _add_duration(text, stretch, found, spans)
    if not spans:
        return found, start, start
    return found, start + min(first for first, _ in spans), start + max(last for _, last in spans)


def _is_of_a_step(stretch: Sequence[Token], spans: Sequence[Span], start: int) -> bool:
    """ "Thirty for five days, then down by five every three days": how often the dose changes."""
    since = max((last for _, last in spans if last <= start), default=0)
    return _STEPPING.search(" ".join(token.word for token in stretch[since:start])) is not None


def _add_duration(text: str, stretch: Sequence[Token], found: dict[str, str], spans: list[tuple[int, int]]) -> None:
    """ "For five days", where it stands close to the dose or the frequency."""
    taken = {i for first, last in spans for i in range(first, last)}
    duration = timing(text, stretch[0].start, stretch[-1].end).get("duration")
    if duration is None:
        return
    inside = {i for i, t in enumerate(stretch) if t.start >= duration[1] and t.end <= duration[2]}
    if not inside or inside & taken:
        return
    gap = max(min(inside) - max(taken) - 1, min(taken) - max(inside) - 1)
    if gap <= _DURATION_GAP:
        found["duration"] = duration[0]
        spans.append((min(inside), max(inside) + 1))
