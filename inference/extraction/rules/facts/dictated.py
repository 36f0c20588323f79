"""The parts of dictated headings: the bare nouns, the values behind them, the names of sections. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

from inference.extraction.rules.concepts.mentions import Mention, mentions
from inference.extraction.tables import rows, table, words
from inference.extraction.text.dialogue import Turn
from inference.extraction.text.tokens import FILLERS, Token, normalise
from inference.extraction.words.lexicon import wordings
from inference.findings import Status

_STATUSES = get_args(Status)
_LEADING = FILLERS | words("heading_lead")
_VALUE_LEADING = words("heading_value_lead")
_LEAD_TOKENS = 4
_GOING_ON = frozenset(("it", "its", "that", "thats", "theyre", "im", "but"))
"""Behind "no" these explain: "headache, no, it's more a pressure"."""
JOINING = frozenset(("and", "or", "nor"))


@dataclass(frozen=True, slots=True)
class Value:
    """An answer over the tokens [start, end)."""

    status: Status
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Section:
    """The name of a section, which ends before the token `end`; an empty one denies `text`, if anything."""

    kind: str
    text: str
    end: int


@table
def values() -> dict[str, list[tuple[tuple[str, ...], str]]]:
    """Values and sections by their first word, the longest first."""
    found: dict[str, list[tuple[tuple[str, ...], str]]] = {}
    for column, meaning in rows("headings.tsv"):
        for text, _ in wordings(column):
            said = tuple(normalise(text))
            found.setdefault(said[0], []).append((said, meaning))
    for entries in found.values():
        entries.sort(key=lambda entry: -len(entry[0]))
    return found


def section_at(tokens: Sequence[Token]) -> Section | None:
    """The section whose name opens the sentence, if one does."""
    at = 0
    while at < len(tokens) - 1 and tokens[at].word in FILLERS:
        at += 1
    found = wording(tokens, at)
    if found is None or found[1].split()[-1] in _STATUSES:
        return None
    kind, _, text = found[1].partition(" ")
    end = found[0]
    apart = end == len(tokens) or tokens[end - 1].comma or _strictly_valued(tokens, end)
    return Section(kind, text, end) if apart else None


def _strictly_valued(tokens: Sequence[Token], at: int) -> bool:
    """ "Allergies none", without a mark between."""
    found = wording(tokens, at)
    return found is not None and found[1].split()[-1] in _STATUSES and found[0] == len(tokens)


def wording(tokens: Sequence[Token], at: int) -> tuple[int, str] | None:
    """The longest wording of headings.tsv at a token: where it ends, and what it is."""
    if at >= len(tokens):
        return None
    following = tokens[at + 1].word if at + 1 < len(tokens) else ""
    for said, meaning in values().get(tokens[at].word, ()):
        if len(said) > 1 and said[1] != following:
            continue
        if len(said) < 3 or tuple(token.word for token in tokens[at : at + len(said)]) == said:
            return at + len(said), meaning
    return None


def heads_at(tokens: Sequence[Token], named: Sequence[Mention], at: int) -> tuple[list[Mention], int] | None:
    """The bare nouns from a token on, "nausea or vomiting", and where they end."""
    heads: list[Mention] = []
    while True:
        while at < len(tokens) and tokens[at].word in (_LEADING if not heads else JOINING | FILLERS):
            at += 1
        mention = next((m for m in named if m.start == at), None)
        if mention is None:
            return (heads, at) if heads else None
        heads.append(mention)
        at = mention.end
        if at == len(tokens):
            return heads, at


def value_at(turn: Turn, at: int) -> Value | None:
    """The answer from a token on, which a comma or the end of the sentence closes."""
    tokens = turn.tokens
    start = at
    found = wording(tokens, at)
    while found is None and at < len(tokens) and tokens[at].word in _VALUE_LEADING and at - start < _LEAD_TOKENS:
        at += 1
        found = wording(tokens, at)
    if found is None:
        return None
    end, meaning = found
    strict, _, status = meaning.rpartition(" ")
    if status not in _STATUSES or strict not in ("", "strict"):
        return None
    while end < len(tokens) and not tokens[end - 1].comma and tokens[end].word in _VALUE_LEADING:
        end += 1
    closes = end == len(tokens) or tokens[end - 1].comma
    parted = start > 0 and tokens[start - 1].comma
    if not closes and (strict or parted or (tokens[end].word not in JOINING and not _opens_heading(turn, end))):
        return None  # "cough, no fever", but "fever none cough yes"
    if end < len(tokens) and tokens[end].word in _GOING_ON:
        return None
    return Value(next(s for s in _STATUSES if s == status), at, end)


def _opens_heading(turn: Turn, at: int) -> bool:
    return heads_at(turn.tokens, mentions(turn.segment.text, turn.tokens), at) is not None
