"""How long, since when, how bad, what like, how often: what stands beside a mention. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from inference.extraction.numbers import number_at
from inference.extraction.tables import rows
from inference.extraction.tokens import Token, normalise

_NUMBER = (
    r"(?:\d+(?:\.\d+)?|an?|(?:twenty|thirty|forty)[ -](?:one|two|three|four|five|six|seven|eight|nine)|"
    r"one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fourteen|fifteen|twenty|"
    r"thirty|forty|fifty|a couple(?: of)?|couple(?: of)?|a few|few|several|a good few|many|half an?)"
)
_UNIT = r"(?:minute|min|hour|day|night|week|weekend|fortnight|month|year|decade)s?"
_SPAN = (
    r"(?:(?:about|around|roughly|nearly|almost|over|at least|maybe|probably|like)\s+)?"
    rf"{_NUMBER}(?:\s+(?:or|to|and a half|-)\s+(?:{_NUMBER}\s+)?|\s+){_UNIT}"
)
_ONSET = re.compile(
    rf"\b(?:since\s+(?:about\s+|around\s+)?(?:the\s+|last\s+|this\s+|i\s+was\s+|i\s+)?[a-z]+(?:\s+(?:morning|evening|night|afternoon|week|weekend|month|year|ago|of\s+\w+|\w+day))?"
    rf"|{_SPAN}\s+(?:ago|back)"
    r"|(?:since\s+)?yesterday(?:\s+(?:morning|evening|night|afternoon))?|last\s+(?:night|week|month|year|weekend|summer|winter|\w+day)"
    r"|this\s+(?:morning|afternoon|evening|week)|(?:on|started)\s+(?:on\s+)?(?:mon|tues|wednes|thurs|fri|satur|sun)day"
    r"|at\s+the\s+start\s+of\s+\w+(?:\s+\w+)?|when\s+the\s+symptoms\s+started)\b",
    re.IGNORECASE,
)
_DURATION = re.compile(
    rf"\b(?:(?:the\s+)?(?:last|past)\s+)?(?:{_SPAN}(?!\s+(?:ago|back|old|later|time|a|per))|a\s+(?:long\s+)?while(?=\s*(?:now|\W|$))|(?:last|past)\s+(?:day|week|month|year)(?:\s+or\s+(?:two|so))?)\b",
    re.IGNORECASE,
)
_RATE = re.compile(r"an?\s+\w+", re.IGNORECASE)
_LASTING = re.compile(
    r"\b(?:in|after|next|for|about|around|over|within|lasts|lasted|take|takes|been)\s+$", re.IGNORECASE
)
_AGE = re.compile(r"years?\s+old", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Expression:
    """A wording of expressions.tsv over the tokens [start, end)."""

    slot: str
    value: str
    start: int
    end: int


@cache
def _expressions() -> dict[str, list[tuple[tuple[str, ...], str, str]]]:
    table: dict[str, list[tuple[tuple[str, ...], str, str]]] = {}
    for slot, written, column in rows("expressions.tsv"):
        for wording in column.split("|"):
            words = tuple(word for part in wording.split() for word in (["#"] if part == "#" else normalise(part)))
            if words:
                table.setdefault(words[0], []).append((words, slot, written))
    return table


def expressions(tokens: Sequence[Token], slots: frozenset[str]) -> list[Expression]:
    """Wordings of the slots, longest first, from left to right. A number may stand where the wording has one."""
    words = [token.word for token in tokens]
    table, found, at = _expressions(), list[Expression](), 0
    while at < len(words):
        best: Expression | None = None
        for wording, slot, written in (*table.get(words[at], ()), *table.get("#", ())):
            if slot not in slots or (best is not None and len(wording) <= best.end - best.start):
                continue
            end = _matched(words, at, wording)
            if end is not None and (best is None or end > best.end):
                best = Expression(slot, written or " ".join(words[at:end]), at, end)
        if best is None:
            at += 1
        else:
            found.append(best)
            at = best.end
    return found


def _matched(words: Sequence[str], at: int, wording: Sequence[str]) -> int | None:
    for part in wording:
        if at >= len(words):
            return None
        if part == "#":
            number = number_at(words, at)
            if number is None:
                return None
            at = number.end
        elif words[at] == part:
            at += 1
        else:
            return None
    return at


def timing(text: str, start: int = 0, end: int | None = None) -> dict[str, tuple[str, int, int]]:
    """Onset and duration said in the characters [start, end) of a text, each with its characters."""
    stretch = text[: len(text) if end is None else end]
    found: dict[str, tuple[str, int, int]] = {}
    onset = _ONSET.search(stretch, start)
    if onset:
        found["onset"] = (onset.group(), onset.start(), onset.end())
    duration = next((m for m in _DURATION.finditer(stretch, start) if not _is_rate(stretch, m)), None)
    if (
        duration
        and not _AGE.match(text, duration.end() - 5)
        and not _AGE.search(stretch, duration.start(), duration.end() + 4)
    ):
        overlaps = onset is not None and duration.start() < onset.end() and onset.start() < duration.end()
        if not overlaps:
            found["duration"] = (duration.group(), duration.start(), duration.end())
    return found


def _is_rate(text: str, match: re.Match[str]) -> bool:
    """ "40 milligrams a day": how often, not how long."""
    return _RATE.fullmatch(match.group()) is not None and _LASTING.search(text[: match.start()]) is None


SYMPTOM_SLOTS = frozenset(("severity", "character", "frequency"))


def of_symptom(
    text: str, tokens: Sequence[Token], window: tuple[int, int], mention: tuple[int, int]
) -> Mapping[str, str]:
    """The attributes of a symptom in the tokens of a window around its mention."""
    first, last = window
    found: dict[str, str] = {}
    for expression in expressions(tokens[first:last], SYMPTOM_SLOTS):
        start, end = first + expression.start, first + expression.end
        if start >= mention[0] and end <= mention[1]:
            continue
        distance = mention[0] - end if end <= mention[0] else start - mention[1]
        if distance <= 5:
            found.setdefault(expression.slot, text[tokens[start].start : tokens[end - 1].end])
    for slot, (value, _, _) in timing(text, tokens[first].start, tokens[last - 1].end).items():
        found.setdefault(slot, value)
    return found
