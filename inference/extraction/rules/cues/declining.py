"""What a sentence names in order not to have it: "instead of X", "I don't recommend X", "X is not necessary". Pure.

Nothing that is named inside such a stretch is ordered, prescribed or stopped. A forward wording governs what follows it
up to the end of its clause, a backward one what precedes it.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal, get_args

from inference.extraction.tables import rows, table, words
from inference.extraction.text.tokens import Token

Way = Literal["contrast", "exchange", "rejection", "refusal", "delay", "withdrawal"]
"""contrast: something else takes its place. exchange: the same, and it was taken until now. rejection: it was offered,
and somebody did not want it. refusal: it is not wanted. delay: not now. withdrawal: it was wanted before, and is no
more."""


@dataclass(frozen=True, slots=True)
class Declined:
    """The tokens [start, end), which hold the wording and all that it governs."""

    way: Way
    start: int
    end: int


_WAYS: dict[str, Way] = {way: way for way in get_args(Way)}
_PART = "part"
_WITHDRAWN_LEADS = words("withdrawing_lead")
_NOT_WITHDRAWN_LEADS = frozenset(("dont", "never", "wont", "not", "cant", "didnt", "cannot", "shouldnt"))
_OFFERED = re.compile(r"\b(?:offer|want|suggest|recommend|prescri|propos|ask|tried to|talk|advis)")
_DIRECT_NOT = words("after_bare_not")
_OPENING = words("declining_end")
_ACTING = words("acting_verb")
_LINKING = frozenset(("with", "for", "because", "when", "if", "while", "since", "as"))
_TO_NEW = frozenset(("with", "for", "by", "to"))
_AFTER_AUXILIARY = frozenset(("do", "did", "does", "would", "could", "should", "will", "can", "must", "may"))


@dataclass(frozen=True, slots=True)
class _Wordings:
    """The wordings of declining.tsv by the direction in which they govern."""

    forward: tuple[tuple[Way, re.Pattern[str]], ...]
    backward: re.Pattern[str]
    compared: tuple[re.Pattern[str], ...]
    said: re.Pattern[str]


@table
def _wordings() -> _Wordings:
    parts: dict[str, str] = {}
    found: dict[str, list[tuple[Way, re.Pattern[str]]]] = {}
    for way, direction, wording in rows("declining.tsv"):
        if way == _PART:
            parts[direction] = wording
            continue
        for name, part in parts.items():
            wording = wording.replace(f"{{{name}}}", part)
        end = r"\b" if way == "withdrawal" or direction == "backward" else ""
        found.setdefault(direction, []).append((_WAYS[way], re.compile(rf"\b(?:{wording}){end}")))
    return _Wordings(
        tuple(found["forward"]), found["backward"][0][1], tuple(p for _, p in found["compared"]), found["said"][0][1]
    )


def declined(tokens: Sequence[Token]) -> list[Declined]:
    """The stretches of a clause in which what is named is not wanted, in their order."""
    spoken = [token.word for token in tokens]
    joined = " ".join(spoken)
    starts = dict(zip(accumulate((len(word) + 1 for word in spoken[:-1]), initial=0), range(len(spoken)), strict=True))
    found = [
        *_forward(tokens, joined, starts),
        *_compared(tokens, joined, starts),
        *_backward(tokens, joined, starts),
    ]
    return sorted(found, key=lambda stretch: (stretch.start, -stretch.end))


def within(stretches: Sequence[Declined], start: int) -> Declined | None:
    """The stretch that a thing named at a token lies in: of several, one that tells most of what becomes of it."""
    ways: tuple[Way, ...] = ("exchange", "withdrawal", "contrast", "rejection", "delay", "refusal")
    holding = [s for s in stretches if s.start <= start < s.end]
    return min(holding, key=lambda s: ways.index(s.way), default=None)


def words_outside(tokens: Sequence[Token], stretches: Sequence[Declined], end: int) -> list[str]:
    """The words before a token without those of stretches that end before it.

    The verb of an exchange stays, for it orders: "switch you from X to Y".
    """
    gone = {at for s in stretches if s.end <= end for at in range(s.start + (s.way == "exchange"), s.end)}
    return [token.word for at, token in enumerate(tokens[:end]) if at not in gone]


def _forward(tokens: Sequence[Token], joined: str, starts: dict[int, int]) -> Iterator[Declined]:
    for way, wording in _wordings().forward:
        for match in wording.finditer(joined):
            start, after = _span(joined, starts, match.start(), match.end())
            if way == "contrast" and tokens[start].word in ("not", "and"):
                yield from _bare_not(tokens, start)
            elif way == "exchange":
                end = next((at for at in range(after, len(tokens)) if tokens[at].word in _TO_NEW), None)
                if end is not None:
                    yield Declined(way, start, end)
            elif way != "withdrawal" or _may_withdraw(tokens, start):
                yield Declined(way, start, _clause_end(tokens, after, short=way == "contrast"))
    for at in range(len(tokens) - 1):
        if tokens[at].word == "no" and not tokens[at].comma and (at == 0 or tokens[at - 1].comma):
            yield Declined("withdrawal", at, _clause_end(tokens, at + 1, short=False))


def _may_withdraw(tokens: Sequence[Token], start: int) -> bool:
    """ "Let's forget the statin", and not "don't forget the statin" or "they forget the statin"."""
    if start == 0 or tokens[start - 1].comma:
        return True
    lead = tokens[start - 1].word
    return lead in _WITHDRAWN_LEADS and lead not in _NOT_WITHDRAWN_LEADS


def _compared(tokens: Sequence[Token], joined: str, starts: dict[int, int]) -> Iterator[Declined]:
    """ "I'd take X over Y", "I'd rather give you X than Y", "I prefer X to Y"."""
    for comparing in _wordings().compared:
        match = comparing.search(joined)
        if match is not None:
            start, after = _span(joined, starts, match.start(1), match.end(1))
            yield Declined("contrast", start, _clause_end(tokens, after, short=True))


def _bare_not(tokens: Sequence[Token], start: int) -> Iterator[Declined]:
    """ "X, not Y", "not X but Y": the next thing that is named, where no verb stands between."""
    if start and tokens[start - 1].word in _AFTER_AUXILIARY:
        return
    at = start + 1
    while at < len(tokens) and tokens[at].word in _DIRECT_NOT:
        at += 1
    if at < len(tokens):
        yield Declined("contrast", start, _clause_end(tokens, at, short=True))


def _backward(tokens: Sequence[Token], joined: str, starts: dict[int, int]) -> Iterator[Declined]:
    for match in _wordings().backward.finditer(joined):
        at, end = _span(joined, starts, match.start(), match.end())
        start = at
        while start > 0 and not (tokens[start - 1].comma or tokens[start].word in ("but", "so", "and", "because")):
            start -= 1
        yield Declined("refusal", start, end)
    refused = _wordings().said.search(joined)
    if refused is not None and _OFFERED.search(joined[: refused.start()]):
        yield Declined("rejection", 0, len(tokens))


def _span(joined: str, starts: dict[int, int], start: int, end: int) -> tuple[int, int]:
    """The tokens over the characters [start, end) of the joined words."""
    first = starts[
        joined.rfind(" ", 0, start + 1) + 1 if start and joined[start] != " " else start + (joined[start] == " ")
    ]
    last = end if joined[end - 1] != " " else end - 1
    following = joined.find(" ", last)
    return first, len(starts) if following < 0 else starts[following + 1]


def _clause_end(tokens: Sequence[Token], after: int, *, short: bool) -> int:
    """Where what a wording governs ends. `short`: it governs one thing, and not what comes after a comma."""
    for at in range(after + 1, len(tokens)):
        word, comma = tokens[at].word, tokens[at - 1].comma
        if word == "but" or (comma and (short or word in _OPENING | _ACTING or _is_list_end(tokens, at))):
            return at
        if word in _LINKING or (word in _OPENING and word not in ("it", "this", "its")):
            return at
        if short and (word in _ACTING or (word == "you" and not _takes_object(tokens[at - 1]))):
            return at
        if tokens[at - 1].word in ("and", "or", "so") and word in _OPENING | _ACTING | {"you", "well"}:
            return at - 1
    return len(tokens)


def _takes_object(verb: Token) -> bool:
    """ "Rather than start you on a statin"."""
    return verb.word in _ACTING or verb.word.endswith("ing")


def _is_list_end(tokens: Sequence[Token], at: int) -> bool:
    """A comma before what is no part of a list: "no MRI, an ultrasound will do"."""
    rest = [token.word for token in tokens[at : at + 6]]
    return not {"or", "and"} & set(rest) and any(word in rest for word in ("will", "is", "should", "can", "would"))
