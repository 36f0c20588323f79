"""How long, since when, how bad, what like, how often: what stands beside a mention. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from inference.extraction.quantities.numbers import number_at
from inference.extraction.tables import rows, table, words
from inference.extraction.text.tokens import Token, normalise

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
_DAYTIME = r"(?:morning|afternoon|evening|night|lunchtime|noon|midnight)"
_WHEN = (
    rf"(?:then|yesterday(?:\s+{_DAYTIME})?|(?:early\s+|late\s+)?(?:this|last)\s+\w+(?:\s+{_DAYTIME})?|(?:19|20)\d\d|"
    rf"(?:early\s+|mid\s+|late\s+|(?:the\s+)?(?:start|beginning|middle|end)\s+of\s+(?:the\s+)?)?"
    rf"(?:(?:mon|tues|wednes|thurs|fri|satur|sun)day(?:\s+{_DAYTIME})?|january|february|march|april|may|june|july|"
    r"august|september|october|november|december|spring|summer|autumn|fall|winter|christmas|easter|new\s+year|"
    r"week|weekend|month|year|birth|childhood|school|pregnancy|lockdown|covid)|"
    rf"(?:the|my|your)\s+(?:(?:last|first|other|second)\s+)?(?:{_DAYTIME}|week|weekend|month|year|day|spring|summer|"
    r"autumn|winter|accident|operation|surgery|fall|injury|crash|birth|baby|pregnancy|stroke|attack|holiday|trip|move|"
    r"divorce|visit|appointment|procedure|chemo\w*|vaccine|vaccination|jab|biopsy|infection|teens|twenties|thirties)|"
    rf"{_SPAN}\s+(?:ago|back)|"
    r"(?:i|you|we)\s+(?:was|were|woke|started|stopped|changed|fell|got|came|went|moved|hurt|hit|lost|quit|"
    r"switched|began|left|retired|ate|last)\b(?:\s+(?!and\b|but\b|so\b|i\b|i've\b|i'm\b|it\b|it's\b|you\b|then\b)[\w']+){1,4})"
)
_ONSET = re.compile(
    rf"\b(?:since\s+(?:about\s+|around\s+|like\s+)?{_WHEN}"
    rf"|{_SPAN}\s+(?:ago|back)"
    r"|(?:since\s+)?yesterday(?:\s+(?:morning|evening|night|afternoon))?|last\s+(?:night|week|month|year|weekend|summer|winter|\w+day)"
    r"|this\s+(?:morning|afternoon|evening|week)|(?:on|started)\s+(?:on\s+)?(?:mon|tues|wednes|thurs|fri|satur|sun)day"
    r"|at\s+the\s+start\s+of\s+\w+(?:\s+\w+)?|when\s+the\s+symptoms\s+started)\b",
    re.IGNORECASE,
)
_DURATION = re.compile(
    rf"\b(?:(?:the\s+)?(?:last|past)\s+)?(?:{_SPAN}(?!\s+(?:ago|back|old|later|time|a|per))|a\s+(?:long\s+)?while(?=\s*(?:now|\W|$))|(?:last|past)\s+(?:day|week|month|year)(?:\s+or\s+(?:two|so))?|for\s+(?:hours|days|weeks|months|years|ages))\b",
    re.IGNORECASE,
)
_RATE = re.compile(r"(?:an?|per)\s+\w+", re.IGNORECASE)
_LASTING = re.compile(
    r"\b(?:in|after|next|for|about|around|over|within|lasts|lasted|take|takes|been)\s+$", re.IGNORECASE
)
_AGE = re.compile(r"years?\s+old", re.IGNORECASE)

Span = tuple[int, int]
"""Tokens [start, end)."""


@dataclass(frozen=True, slots=True)
class Expression:
    """A wording of expressions.tsv over the tokens [start, end)."""

    slot: str
    value: str
    start: int
    end: int


@table
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
    numbered = table.get("#", [])
    while at < len(words):
        best: Expression | None = None
        number = number_at(words, at) if numbered else None
        for wording, slot, written in (*table.get(words[at], ()), *(numbered if number is not None else ())):
            if slot not in slots or (best is not None and len(wording) <= best.end - best.start):
                continue
            counted = number is not None and wording[0] == "#"
            end = _matched(words, number.end, wording[1:]) if number and counted else _matched(words, at, wording)
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


_CHARACTERS = tuple(
    (re.compile(symptoms), words(f"character_of_{group}"))
    for group, symptoms in (
        ("pain", "pain|ache|aching|sore|cramp|discomfort|tightness|burn|tender|migraine|indigestion|stiff"),
        ("cough", "cough"),
        ("fluid", "diarrh|stool|vomit|phlegm|sputum|discharge|runny|pus|urin|bleed|blood"),
        ("skin", "rash|skin|itch|blister|spot|lump|hives|wound|swelling|eyes|mouth|lips"),
    )
)
_STEM = 4
_SHORTEST = 3
SYMPTOM_SLOTS = frozenset(("severity", "character", "frequency"))


def of_symptom(
    text: str, tokens: Sequence[Token], window: Span, mention: Span, *, concept: str
) -> tuple[dict[str, str], list[Span]]:
    """The attributes of a symptom in the tokens of a window around its mention, and the tokens that say them."""
    first, last = window
    found: dict[str, str] = {}
    spans: list[Span] = []
    for expression in expressions(tokens[first:last], SYMPTOM_SLOTS):
        start, end = first + expression.start, first + expression.end
        value = text[tokens[start].start : tokens[end - 1].end]
        inside = start >= mention[0] and end <= mention[1]
        if (inside and _names(concept, value)) or _RATE.fullmatch(value):
            # "A cough for a week": how long; "a day" says how often only of a dose.
            continue
        if expression.slot == "character" and not is_character_of(concept, tokens, start, end):
            continue
        distance = mention[0] - end if end <= mention[0] else start - mention[1]
        if distance <= 5 and expression.slot not in found:
            found[expression.slot] = value
            spans.append((start, end))
    for slot, (value, start, end) in timing(text, tokens[first].start, tokens[last - 1].end).items():
        if slot not in found:
            found[slot] = value
            spans.append(tokens_over(tokens, start, end))
    return found, spans


def _names(concept: str, value: str) -> bool:
    """ "Tight" in "tight chest" is the name of chest tightness and says no more."""
    return any(word[:_STEM] in concept for word in value.casefold().split() if len(word) >= _SHORTEST)


def is_character_of(concept: str, tokens: Sequence[Token], start: int, end: int) -> bool:
    """Is what the tokens [start, end) say a character of this symptom? A cough is dry, a pain is not."""
    if start and tokens[start - 1].word == "blood":  # pressure
        return False
    said = {token.word for token in tokens[start:end]}
    return any(symptoms.search(concept) and said & characters for symptoms, characters in _CHARACTERS)


def tokens_over(tokens: Sequence[Token], start: int, end: int) -> Span:
    """The tokens that hold the characters [start, end) of their text."""
    inside = [at for at, token in enumerate(tokens) if token.start < end and token.end > start]
    return inside[0], inside[-1] + 1
