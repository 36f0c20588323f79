"""What a sentence says of how much of one medicine is taken: doses with their times, tapers, limits. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from inference.extraction.quantities.quantity import Quantity
from inference.extraction.quantities.reader import quantities
from inference.extraction.quantities.units import unit_at
from inference.extraction.rules.concepts.attributes import Expression, Span, expressions, timing, tokens_over
from inference.extraction.tables import words
from inference.extraction.text.tokens import FILLERS, Token
from inference.extraction.words.lexicon import find, relations_trie
from inference.extraction.words.sounds import dictionary

NO_UNIT, NO_TIMES = "no unit", "two amounts"

_OTHERS = words("stranger") | frozenset(
    ("wife", "husband", "daughter", "daughters", "son", "sons", "partner", "child", "kids", "spouse", "donor")
)
_STEPPING = frozenset(("then", "followed", "afterwards", "after", "down", "reduce", "reducing", "taper", "next"))
_TIMES_COUNTED = frozenset(
    f"{word}{plural}"
    for word in ("time", "minute", "hour", "day", "night", "week", "month", "year")
    for plural in ("", "s")
)
_SEVERAL = 2
_ADDING = frozenset(("and", "plus", "a", "an", "one"))
_LIGHT = FILLERS | frozenset(
    ("and", "plus", "then", "of", "a", "an", "the", "my", "your", "i", "take", "taking", "to", "about", "with", "by",
     "down", "reduce", "reducing", "followed", "after", "that", "go", "going", "it", "is", "at", "dose", "doses", "one")
)  # fmt: skip
_BEFORE_NAME = frozenset(("of", "the", "my", "your", "a", "an", "his", "her", "dose", "doses", "tablet", "tablets"))
_LEADS_TO_DOSE = FILLERS | frozenset(("at", "about", "is", "a", "an", "of", "dose", "tablet", "tablets", "the"))
_STRENGTH_GAP = _LIGHT | frozenset(("tablet", "tablets", "capsule", "capsules", "pill", "pills", "strength"))
_IN_PERIOD = re.compile(
    r"\s{0,4}(?:a time|at (?:a time|once)|in (?:a|any|one) \w+(?: period)?|(?:in|per|every|over|within) (?:any )?"
    r"(?:24|twenty[ -]four|twelve|12|six|6|four|4)[ -]hours?(?: period)?|a day|per day|daily|each day|a week|per week|"
    r"/\s{0,4}(?:day|d|week)|times a \w+|times per \w+|in total)\b",
    re.IGNORECASE,
)
_NUMBERED = frozenset(("tylenol", "vitamin", "omega", "coenzyme", "factor", "humulin", "novomix", "humalog", "novolog"))
"""Names that a number belongs to: "Tylenol 3"."""
_TAKES_ANOTHER = re.compile(r"\b(?:he|she|they)(?:s|re)? (?:is |are |was )?(?:takes?|taking|uses?|on|has|had|gets?)\b")
_REFERRING = frozenset(("it", "that", "this", "them", "those", "these", "the", "my", "each", "your"))
_WHEN_GAP = 2
_CHAIN_GAP = 6
_SHORTEST_NAME = 5


@dataclass(frozen=True, slots=True)
class Dosage:
    """The attributes `dose`, `maximum` and `check`, and the tokens [start, end) of a sentence that say them.

    `timed`: the dose says its own times, so that no frequency stands beside it.
    """

    attributes: Mapping[str, str]
    spans: tuple[Span, ...]
    timed: bool = False


@dataclass(frozen=True, slots=True)
class Amount:
    """A quantity over the tokens [start, end) of its sentence."""

    quantity: Quantity
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Part:
    """One dose and when it is taken; a step follows the part before it in time."""

    amount: Amount
    when: str
    end: int
    is_step: bool = False

    @property
    def text(self) -> str:
        return f"{self.amount.quantity.written} {self.when}".strip()


def amounts(text: str, tokens: Sequence[Token]) -> list[Amount]:
    """The quantities of a sentence of the text."""
    if not tokens or not any(_may_open_number(token.word) for token in tokens):
        return []
    first = tokens[0].start
    found = []
    for read in quantities(text[first : tokens[-1].end]):
        moved = replace(read, start=read.start + first, end=read.end + first)
        found.append(Amount(moved, *tokens_over(tokens, moved.start, moved.end)))
    return found


def _may_open_number(word: str) -> bool:
    return not word.isalpha() or len(word) > 2 or word == "a"


def is_dose(amount: Amount) -> bool:
    """Whether the amount is a dose with a unit, or one of pieces with a strength."""
    quantity = amount.quantity
    return quantity.kind == "dose" and (quantity.unit is not None or quantity.strength is not None)


def _may_be_dose(tokens: Sequence[Token], amount: Amount) -> bool:
    """A dose, or a number of no time: not the "five days" of "12 units for five days", nor "day one"."""
    beside = {t.word for t in (*tokens[max(0, amount.start - 1) : amount.start], *tokens[amount.end : amount.end + 1])}
    return is_dose(amount) or (amount.quantity.kind == "dose" and _TIMES_COUNTED.isdisjoint(beside))


def dosage(
    text: str, tokens: Sequence[Token], read: Sequence[Amount], start: int, end: int, name: Span | None = None
) -> Dosage:
    """What the tokens [start, end) say; those of `name` are the medicine itself, which may stand among them."""
    inside = [a for a in read if start <= a.start and a.end <= end]
    times = [_moved(e, start) for e in expressions(tokens[start:end], frozenset(("frequency",)))]
    attributes: dict[str, str] = {}
    spans: list[Span] = []
    for amount in inside:
        if amount.quantity.kind == "ceiling" and "maximum" not in attributes:
            limit = _limit(text, tokens, amount, end)
            if limit is not None:
                attributes["maximum"], last = limit
                spans.append((amount.start, last))
    parts = _chain(text, tokens, inside, times, end, name)
    if not parts and name is not None and not spans:
        if several := _timed_numbers(text, tokens, inside, times, end):
            said = {"dose": _joined(several), "check": f"dose: {NO_UNIT}"}
            return Dosage(said, ((several[0].amount.start, several[-1].end),), timed=True)
        bare = _without_unit(tokens, inside, times, name)
        if bare is not None:
            said = {"dose": bare.quantity.written, "check": f"dose: {NO_UNIT}"}
            return Dosage(said, ((bare.start, bare.end),))
    if not parts:
        return Dosage(attributes, tuple(spans))
    doubt = next((p.amount.quantity.doubt for p in parts if p.amount.quantity.doubt), "")
    if len(parts) == 1:
        attributes["dose"] = parts[0].amount.quantity.written
        spans.append((parts[0].amount.start, parts[0].amount.end))
    else:
        attributes["dose"] = _joined(parts)
        spans.append((parts[0].amount.start, parts[-1].end))
        if not doubt and not any(p.when or p.is_step for p in parts):
            doubt = NO_TIMES
    if doubt:
        attributes["check"] = f"dose: {doubt}"
    return Dosage(attributes, tuple(spans), timed=len(parts) > 1 and any(p.when for p in parts))


def leading(tokens: Sequence[Token], read: Sequence[Amount], before: int, name: int) -> tuple[Amount, bool] | None:
    """The dose that stands before a name: "two tablets of", "a 600 mg", and whether "of" joins them."""
    last = next((a for a in reversed(read) if before <= a.start and a.end <= name and is_dose(a)), None)
    if last is None:
        return None
    between = [token.word for token in tokens[last.end : name]]
    if len(between) > _WHEN_GAP + 1 or not _BEFORE_NAME.issuperset(between):
        return None
    return last, "of" in between


def first_of_several(tokens: Sequence[Token], read: Sequence[Amount], last: Amount) -> Amount:
    """The first of the doses that stand before a name: "a 5 mg and a 2 mg warfarin tablet" is no 2 mg."""
    for earlier in reversed([a for a in read if a.end <= last.start and is_dose(a)]):
        between = [token.word for token in tokens[earlier.end : last.start]]
        if not {"and", "plus"} & set(between) or not _ADDING.issuperset(between):
            break
        last = earlier
    return last


def phrase_end(tokens: Sequence[Token], start: int, end: int, read: Sequence[Amount]) -> int:
    """Where the talk of another person, or of a name that is not known, begins: its dose belongs to nobody here."""
    others = {match.start for match in find(relations_trie(), tokens)}
    for at in range(start, end):
        if at in others or tokens[at].word in _OTHERS:
            return at
        if at > start and is_strange(tokens, at) and _doses_follow(tokens, at + 1, read):
            return at
    return end


def belongs_to_another(tokens: Sequence[Token], read: Sequence[Amount]) -> bool:
    """ "My wife is on 20 mg", "bicepperol five milligrams", "20 mg of something": no dose of the medicine before."""
    doses = [a for a in read if is_dose(a)]
    first = doses[0].start if doses else len(tokens)
    if phrase_end(tokens, 0, first, read) < first or (
        first < len(tokens)
        and any(is_strange(tokens, at) and _doses_follow(tokens, at + 1, read) for at in range(first))
    ):
        return True
    if _TAKES_ANOTHER.search(" ".join(token.word for token in tokens[:first])):
        return True
    after = [token.word for token in tokens[doses[0].end : doses[0].end + 2]] if doses else []
    return len(after) == 2 and after[0] == "of" and after[1] not in _REFERRING


def is_strange(tokens: Sequence[Token], at: int) -> bool:
    """A word that no list of English words holds: perhaps the name of a medicine."""
    token = tokens[at]
    if len(token.word) < _SHORTEST_NAME or token.word in dictionary() or not token.word.isalpha() or token.soft:
        return False
    stems = (token.stem, token.word.removesuffix("s"), token.word.removesuffix("ly"))
    return not any(stem in dictionary() for stem in stems) and unit_at([token.word], 0) is None


def _doses_follow(tokens: Sequence[Token], at: int, read: Sequence[Amount]) -> bool:
    starts = {a.start for a in read if is_dose(a)}
    while at < len(tokens) and at not in starts and tokens[at].word in _LEADS_TO_DOSE:
        at += 1
    return at in starts


def _moved(expression: Expression, by: int) -> Expression:
    return replace(expression, start=expression.start + by, end=expression.end + by)


def _limit(text: str, tokens: Sequence[Token], amount: Amount, end: int) -> tuple[str, int] | None:
    """ "8 tablets a day" of "no more than 8 tablets a day", and where it ends; None for a number of nothing."""
    rest = _IN_PERIOD.match(text, tokens[amount.end - 1].end)
    if rest is None and amount.quantity.unit is None:
        return None
    period = " ".join(rest.group().replace("/", "a ").split()) if rest is not None else ""
    inside = [i for i in range(amount.end, end) if rest is not None and tokens[i].end <= rest.end()]
    return f"{amount.quantity.written} {period}".strip(), inside[-1] + 1 if inside else amount.end


def _chain(
    text: str, tokens: Sequence[Token], inside: Sequence[Amount], times: Sequence[Expression], end: int,
    name: Span | None,
) -> list[_Part]:  # fmt: skip
    """The first dose and those that go on with it."""
    parts: list[_Part] = []
    skipped = range(*name) if name is not None else range(0)
    for place, amount in enumerate(inside):
        following = next((a.start for a in inside[place + 1 :] if _may_be_dose(tokens, a)), end)
        if not parts:
            if is_dose(amount):
                behind_name = name[1] if name is not None and amount.end <= name[0] else amount.end
                parts.append(_part(text, tokens, amount, times, following, behind_name))
            continue
        last = parts[-1]
        if amount.start < last.end or amount.quantity.kind != "dose":
            continue
        between = [tokens[i].word for i in range(last.end, amount.start) if i not in skipped]
        part = _part(text, tokens, _with_unit_of(last, amount), times, following)
        together = _together(text, tokens, last, part, between, is_measured=is_dose(amount))
        if together is not None:
            parts[-1:] = together
        elif is_dose(amount):
            break
    return parts


def _with_unit_of(last: _Part, amount: Amount) -> Amount:
    """A bare number behind a dose counts in its unit: "20 mg in the morning and 10 at night"."""
    if is_dose(amount):
        return amount
    return replace(amount, quantity=replace(amount.quantity, unit=last.amount.quantity.unit))


def _together(
    text: str, tokens: Sequence[Token], last: _Part, part: _Part, between: Sequence[str], *, is_measured: bool
) -> tuple[_Part, ...] | None:
    """What a dose and the amount behind it make together; None where the one does not go on with the other.

    `between` are the words between them. `is_measured`: the amount has a unit of its own.
    """
    if len(between) > _CHAIN_GAP or not _STRENGTH_GAP.issuperset(between):
        return None
    if is_measured and (whole := _with_strength(last, part, text)) is not None:
        return (whole,)
    if not _STEPPING.isdisjoint(between):
        return last, replace(part, is_step=True)
    both_timed = part.when and (last.when or is_measured) and _is_joined(tokens, last.end, between)
    return (last, part) if both_timed or (is_measured and _ADDING.issuperset(between)) else None


def _is_joined(tokens: Sequence[Token], at: int, between: Sequence[str]) -> bool:
    return "and" in between or "plus" in between or tokens[max(0, at - 1)].comma


def _with_strength(strength: _Part, count: _Part, text: str) -> _Part | None:
    """ "500 mg, two tablets": two tablets of 500 mg."""
    each, pieces = strength.amount.quantity, count.amount.quantity
    if each.unit is None or pieces.unit is None or strength.when or each.doubt or pieces.doubt:
        return None
    if each.unit.kind != "measure" or pieces.unit.kind != "solid" or pieces.strength is not None or each.per:
        return None
    whole = replace(pieces, strength=each, start=each.start, heard=text[each.start : pieces.end])
    return _Part(Amount(whole, strength.amount.start, count.amount.end), count.when, count.end)


def _part(
    text: str, tokens: Sequence[Token], amount: Amount, times: Sequence[Expression], end: int, start: int = 0
) -> _Part:
    """The amount with what is said of its time behind it, from the token `start` up to the token `end`."""
    said: list[str] = []
    last = max(amount.end, start)
    if last >= end:
        return _Part(amount, "", amount.end)
    lasting = timing(text, tokens[last].start, tokens[end - 1].end).get("duration")
    duration = tokens_over(tokens, lasting[1], lasting[2]) if lasting is not None else None
    for first, after in sorted([(e.start, e.end) for e in times] + ([duration] if duration else [])):
        is_duration = (first, after) == duration
        if first < last or after > end or first - last > _WHEN_GAP - (not is_duration):
            continue
        begin = first - 1 if is_duration and tokens[first - 1].word == "for" and first > last else first
        said.append(text[tokens[begin].start : tokens[after - 1].end])
        last = after
    return _Part(amount, " ".join(said), last if said else amount.end)


def _timed_numbers(
    text: str, tokens: Sequence[Token], inside: Sequence[Amount], times: Sequence[Expression], end: int
) -> list[_Part]:
    """ "Gabapentin, one in the morning and two at night": numbers of nothing that is named, each with its time."""
    bare = [a for a in inside if _may_be_dose(tokens, a)]
    if len(bare) < _SEVERAL:
        return []
    ends = [*(a.start for a in bare[1:]), end]
    parts = [_part(text, tokens, amount, times, until) for amount, until in zip(bare, ends, strict=True)]
    joined = all(
        _STRENGTH_GAP.issuperset(t.word for t in tokens[before.end : after.amount.start])
        for before, after in pairwise(parts)
    )
    return parts if joined and all(part.when for part in parts) else []


def _joined(parts: Sequence[_Part]) -> str:
    text = parts[0].text
    for place, part in enumerate(parts[1:], 1):
        is_last = place == len(parts) - 1 or parts[place + 1].is_step
        text += f", then {part.text}" if part.is_step else f" and {part.text}" if is_last else f", {part.text}"
    return text


def _without_unit(
    tokens: Sequence[Token], inside: Sequence[Amount], times: Sequence[Expression], name: Span
) -> Amount | None:
    """ "Warfarin 5": a number right behind the name, with nothing behind it that it could count."""
    first = next((a for a in inside if a.quantity.unit is None and a.start == name[1]), None)
    if first is None or first.quantity.kind != "dose" or tokens[first.start].word == "one":
        return None
    if tokens[name[0]].word in _NUMBERED or any(e.start <= first.start < e.end for e in times):
        return None
    closed = first.end == len(tokens) or tokens[first.end - 1].comma or any(e.start == first.end for e in times)
    return first if closed or tokens[first.end].word in ("and", "for", "now", "or") else None
