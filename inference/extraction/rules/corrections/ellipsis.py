"""Corrections that name nothing anew: "I have asthma. No, I don't.", "... that was my brother". Pure."""

import re

from inference.extraction.rules.corrections.repairs import Correction
from inference.extraction.rules.corrections.slots import Slot, slots
from inference.extraction.tables import words
from inference.extraction.text.dialogue import Turn

_WORDS = r"(?: (?:it|that|this|them|those|one|any|either|really|actually|now|anymore|any more))*"
_DENYING = re.compile(
    r"(?:no |sorry |actually )*(?:(?:i|it|they|he|she|that|we|there) )?"
    r"(?:dont|do not|didnt|did not|havent|have not|hasnt|isnt|is not|wasnt|arent|am not|im not|its not|never did)"
    rf"{_WORDS}"
    r"(?: (?:have|had|take|took|use))?"
    rf"{_WORDS}$"
)
_AFFIRMING = re.compile(
    r"(?:yes |yeah |sorry |actually )*(?:i|it|they|there) (?:do|did|have|had|am|was|is|does|has)"
    r"(?: (?:have|had|get|got|take|took))?(?: (?:it|one|some|that|them))?"
    r"(?: (?:on|in|at|last|this|once)(?: \w+){1,3})?$"
)
_NOT = frozenset(("no", "not", "dont", "didnt", "havent", "hasnt", "isnt", "wasnt", "nt", "never", "without", "any"))
_DENIED = frozenset(("problem", "drug", "allergen"))
_OWN = frozenset(("i", "ive", "im"))
_OWNED = frozenset(("you", "youve", "youre"))
_OTHERS = words("of_another_head")


def elliptical(
    earlier: Turn, correction: Correction, turn: Turn, *, answers: bool = False
) -> list[tuple[Turn, int]] | None:
    """The tokens of the earlier sentence as the correction leaves it: denied, affirmed, or told of somebody else.

    `answers`: a question was asked in between, so that "no, I don't" is its answer and leaves the earlier sentence.
    """
    rest = turn.sentence.words[correction.start : correction.end]
    if not rest or (correction.strength == "weak" and correction.start == 0):
        return None
    said = " ".join(rest)
    same = earlier.speaker == turn.speaker
    own = _OWN if same else _OWNED
    every = slots(earlier.segment.text, earlier.tokens)
    named = [slot for slot in every if slot.kind in _DENIED]
    if not named or not (same or own & set(earlier.sentence.words)):
        return None
    if answers:
        return _of_another(earlier, correction, turn, own, every)
    if _DENYING.match(said):
        return _denied(earlier, correction, turn, named)
    if same and _AFFIRMING.match(said):
        return _affirmed(earlier)
    return _of_another(earlier, correction, turn, own, every)


def _denied(earlier: Turn, correction: Correction, turn: Turn, named: list[Slot]) -> list[tuple[Turn, int]] | None:
    if _NOT & set(earlier.sentence.words):
        return None
    at = next(i for i in range(correction.start, correction.end) if turn.tokens[i].word in _NOT | {"not", "arent"})
    first = named[0].start
    return [
        *((earlier, i) for i in range(first)),
        (turn, at),
        *((earlier, i) for i in range(first, len(earlier.tokens))),
    ]


def _affirmed(earlier: Turn) -> list[tuple[Turn, int]] | None:
    kept = [(earlier, at) for at, token in enumerate(earlier.tokens) if token.word not in _NOT]
    if len(kept) == len(earlier.tokens) or not kept:
        return None
    return kept


def _of_another(
    earlier: Turn, correction: Correction, turn: Turn, own: frozenset[str], every: list[Slot]
) -> list[tuple[Turn, int]] | None:
    """ "I have gout. Sorry, that was my brother."."""
    others = [
        slot
        for slot in slots(turn.segment.text, turn.tokens)
        if slot.kind == "relation" and correction.start <= slot.start < correction.end
    ]
    subject = next((at for at, token in enumerate(earlier.tokens) if token.word in own), None)
    if len(others) != 1 or subject is None or any(slot.kind == "relation" for slot in every):
        return None
    other = others[0]
    rest = {t.word for t in (*turn.tokens[correction.start : other.start], *turn.tokens[other.end : correction.end])}
    if not rest <= _OTHERS:
        return None
    mine = range(max(correction.start, other.start - 1), other.end)
    return [
        *((earlier, at) for at in range(subject)),
        *((turn, at) for at in mine),
        *((earlier, at) for at in range(subject + 1, len(earlier.tokens))),
    ]
