"""What in a sentence another of its sort may take the place of: a drug, an amount, a side, a symptom. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from inference.extraction.memo import remembered
from inference.extraction.quantities.numbers import Number, fraction_at, number_at
from inference.extraction.quantities.units import unit_at
from inference.extraction.rules.concepts.anatomy import parts
from inference.extraction.rules.concepts.attributes import expressions
from inference.extraction.rules.concepts.mentions import mentions
from inference.extraction.rules.facts.plans import tests
from inference.extraction.tables import words
from inference.extraction.text.tokens import Token
from inference.extraction.words.lexicon import allergens_trie, drugs_trie, find, relations_trie

_SIDES = {"left": "left", "right": "right"}
_STRANGERS = words("stranger") | words("kin")
_TIMES = words("time_unit")
_RATES = ("day", "daily", "week", "hour", "morning", "evening", "night", "month")
"""What a frequency that can be corrected holds: "three times a day", not "on and off"."""
_BESIDE_SIDE = frozenset(("the", "my", "your", "his", "her", "side", "one"))
_PRONOUN = "one"
"""A number that is a pronoun more often than an amount, unless a unit follows."""
_OVER = "over"
_OUT_OF = ["out", "of"]


@dataclass(frozen=True, slots=True)
class Slot:
    """Something replaceable over the tokens [start, end).

    `value` tells whether two of a `kind` are the same. The unit of an amount is the class that it belongs to ("time",
    "dose", "pressure", "score", "" where none was said), and its number ends before the token `number_end`.
    """

    kind: str
    value: str
    start: int
    end: int
    unit: str = ""
    number_end: int = 0


@remembered
def slots(text: str, tokens: Sequence[Token]) -> list[Slot]:
    """The replaceable parts of a sentence in their order, the longer of two that begin together first."""
    found = [
        *(Slot("drug", m.entry.detail or m.entry.concept, m.start, m.end) for m in find(drugs_trie(), tokens)),
        *(Slot("allergen", m.entry.concept, m.start, m.end) for m in find(allergens_trie(), tokens)),
        *(Slot("relation", m.entry.concept, m.start, m.end) for m in find(relations_trie(), tokens)),
        *(Slot("relation", t.word, at, at + 1) for at, t in enumerate(tokens) if t.word in _STRANGERS),
        *(Slot("test", m.entry.concept, m.start, m.end) for m in tests(tokens)),
        *(Slot("problem", m.concept, m.start, m.end) for m in mentions(text, tokens) if m.kind != "social"),
        *(Slot("side", t.word, at, at + 1) for at, t in enumerate(tokens) if _is_side(tokens, at)),
        *(
            Slot("frequency", e.value, e.start, e.end)
            for e in expressions(tokens, frozenset(("frequency",)))
            if any(unit in e.value for unit in _RATES)
        ),
        *_parts(tokens),
        *_amounts(tokens),
    ]
    return sorted(found, key=lambda slot: (slot.start, -slot.end))


def _is_side(tokens: Sequence[Token], at: int) -> bool:
    """ "The right one", and not "right, so"."""
    beside = {t.word for t in (*tokens[max(0, at - 1) : at], *tokens[at + 1 : at + 2])}
    return tokens[at].word in _SIDES and not _BESIDE_SIDE.isdisjoint(beside)


def _parts(tokens: Sequence[Token]) -> Iterator[Slot]:
    """Parts of the body with their side: "left knee"."""
    for match in parts(tokens):
        start = match.start
        while start > 0 and tokens[start - 1].word in _SIDES:
            start -= 1
        yield Slot("part", " ".join(t.stem for t in tokens[start : match.end]), start, match.end)


def _number(words: Sequence[str], at: int) -> Number | None:
    return fraction_at(words, at) or number_at(words, at)


def _amounts(tokens: Sequence[Token]) -> Iterator[Slot]:
    spoken = [token.word for token in tokens]
    at = 0
    while at < len(spoken):
        amount = _number(spoken, at)
        if amount is None:
            at += 1
            continue
        end, unit = amount.end, ""
        measured = unit_at(spoken, amount.end)
        if measured is not None:
            end, unit = measured[1], "dose"
        elif end < len(spoken) and spoken[end] in _TIMES:
            end, unit = end + 1, "time"
        elif end + 1 < len(spoken) and spoken[end] == _OVER and (second := _number(spoken, end + 1)) is not None:
            end, unit = second.end, "pressure"
        elif (
            spoken[end : end + 2] == _OUT_OF
            and end + 2 < len(spoken)
            and (most := _number(spoken, end + 2)) is not None
        ):
            end, unit = most.end, "score"
        if unit or spoken[at : amount.end] != [_PRONOUN]:
            yield Slot("amount", " ".join(spoken[at:end]), at, end, unit, amount.end)
        at = end
