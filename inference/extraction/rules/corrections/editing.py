"""The words by which people take back what they said: "sorry", "I mean", "no, wait", "scratch that". Pure.

A self-repair is (reparandum, editing term, repair) after Levelt (Cognition 1983, 14:41). Here only the editing term is
found; what it takes back, and what it puts in its place, is found in repairs.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from inference.extraction.memo import remembered
from inference.extraction.tables import rows, table
from inference.extraction.text.tokens import Token, normalise

Strength = Literal["weak", "strong", "explicit", "cancel"]
_RANKS: tuple[Strength, ...] = ("weak", "strong", "explicit", "cancel")
_JOINT = "joint"
_DENYING = (["so", "no"], ["but", "no"])


@dataclass(frozen=True, slots=True)
class Editing:
    """A run of editing terms over the tokens [start, end), as strong as its strongest."""

    strength: Strength
    start: int
    end: int


@table
def _terms() -> dict[str, list[tuple[tuple[str, ...], str]]]:
    """Editing terms by their first word, the longest first."""
    table: dict[str, list[tuple[tuple[str, ...], str]]] = {}
    for wording, strength in rows("repairs.tsv"):
        term = tuple(normalise(wording))
        table.setdefault(term[0], []).append((term, strength))
    for terms in table.values():
        terms.sort(key=lambda term: -len(term[0]))
    return table


@remembered
def editings(tokens: Sequence[Token]) -> list[Editing]:
    """The runs of editing terms in a sentence, with the fillers between and before them."""
    table = _terms()
    if not any(token.word in table for token in tokens):
        return []
    spoken = [token.word for token in tokens]
    found: list[Editing] = []
    at = 0
    while at < len(spoken):
        if spoken[at] not in table:
            at += 1
            continue
        strengths, end = _run(table, spoken, at)
        ranked = [rank for rank in _RANKS if rank in strengths]
        if ranked and not (ranked[-1] == "weak" and _denies(tokens, end)):
            found.append(Editing(ranked[-1], at, end))
        at = max(end, at + 1)
    return found


def _denies(tokens: Sequence[Token], end: int) -> bool:
    """ "An ultrasound will do, so no MRI" corrects nothing: there shall be no MRI."""
    run = tokens[max(0, end - 2) : end]
    return [t.word for t in run] in _DENYING and not run[-1].comma and end < len(tokens)


def _run(table: dict[str, list[tuple[tuple[str, ...], str]]], spoken: Sequence[str], at: int) -> tuple[set[str], int]:
    strengths, end = set[str](), at
    while end < len(spoken):
        term = next((t for t in table.get(spoken[end], ()) if tuple(spoken[end : end + len(t[0])]) == t[0]), None)
        if term is None:
            break
        strengths.add(term[1])
        end += len(term[0])
    return strengths - {_JOINT}, end
