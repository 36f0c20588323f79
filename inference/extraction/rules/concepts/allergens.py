"""Which substances of a sentence the grammar ties to its allergy words. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from inference.extraction.rules.concepts.medication import medicines
from inference.extraction.tables import words
from inference.extraction.text.dialogue import Turn
from inference.extraction.words.lexicon import allergens_trie, find

ALLERGY = re.compile(r"allerg(?:y|ies|ic)|intoleran(?:t|ce|ces)|nkda|anaphyla\w+")
_REACTION = frozenset(("reaction", "reactions", "reacted", "react", "reacts"))
"""To a drug, an allergy; to anything else, perhaps not."""

_DEGREES = frozenset(("badly", "really", "strongly", "terribly"))
_OTHER_MATTERS = words("after_allergy")
_TYING = words("allergy_to")
_PARTING = words("no_allergy_between")
_PARTING_BEFORE = words("no_allergy_after")
_GIVING_REASON = frozenset(("because", "as", "since", "cause", "cos"))
_COMPOUNDING = frozenset(("and", "or", "protein", "proteins", "products"))
UNTAKEN = words("denial") | {"cant", "couldnt", "cannot", "avoid", "when", "if"}
"""Before a medicine: it is not taken, or something happens when it is."""

_NEAR = 8
"""Words between an allergy and its substance, or between two substances, at most."""

_EXPOSED = re.compile(
    r"^(?:reactions? )?(?:when|whenever|if|after|once|every time|each time)(?: (?:i|ive))?"
    r"(?: (?:eat|ate|eating|take|took|taking|taken|have|had|having|get|touch|touched|drink|drank|use|used|using))?"
    r"(?: (?:any|some|the|a))?$"
)


@dataclass(frozen=True, slots=True)
class Substance:
    """A drug or another substance over the tokens [start, end)."""

    name: str
    start: int
    end: int
    is_drug: bool
    attributes: Mapping[str, str] = field(default_factory=dict)


def speaks_of_allergy(spoken: Sequence[str]) -> bool:
    """Whether one of the words is of an allergy or of a reaction."""
    return any(word in _REACTION or ALLERGY.fullmatch(word) for word in spoken)


def substances(turn: Turn) -> list[Substance]:
    """The drugs and the other allergens that a sentence names, in its order."""
    text, tokens = turn.segment.text, turn.tokens
    others = [Substance(m.entry.concept, m.start, m.end, False) for m in find(allergens_trie(), tokens)]
    drugs = [
        Substance(m.name, m.start, m.end, True, {k: v for k, v in m.attributes.items() if k == "heard"})
        for m in medicines(text, tokens, asked=True)
    ]
    return sorted([*drugs, *others], key=lambda s: s.start)


def is_allergy(spoken: Sequence[str], at: int, named: Sequence[Substance]) -> bool:
    """Whether the word `at` is one of an allergy, and not of a test or a season of it."""
    following = spoken[at + 1] if at + 1 < len(spoken) else ""
    if spoken[at] in _REACTION:
        to = at + 2 if following in _DEGREES else at + 1
        return (
            spoken[to : to + 1] == ["to"]
            and not ALLERGY.fullmatch(spoken[max(0, at - 1)])
            and any(s.is_drug and 0 <= s.start - to - 1 <= 2 for s in named)
        )
    return bool(ALLERGY.fullmatch(spoken[at])) and following not in _OTHER_MATTERS


def tied_to(spoken: Sequence[str], anchor: int, named: Sequence[Substance]) -> list[Substance]:
    """The substances of the allergy word `anchor`."""
    after = _tied_after(spoken, anchor, [s for s in named if s.start > anchor])
    if after:
        return after
    before = [s for s in named if s.end <= anchor]
    if spoken[anchor].startswith("intoleran"):
        return []  # "lactose intolerant" is a condition, and its name stands in the vocabulary of these
    compound: list[Substance] = []
    end = anchor
    for substance in reversed(before):
        if any(word not in _COMPOUNDING for word in spoken[substance.end : end]):
            break
        compound.insert(0, substance)
        end = substance.start
    if compound or not before or spoken[anchor] in ("allergy", "allergies"):
        return compound
    between = spoken[before[-1].end : anchor]
    if len(between) > _NEAR or _PARTING_BEFORE & set(between):
        return []
    if _GIVING_REASON & set(between) and not UNTAKEN & set(spoken[: before[-1].start]):
        # "No penicillin, because I'm allergic", and not "I take cetirizine because I'm allergic".
        return []
    return before[-1:]


def _tied_after(spoken: Sequence[str], anchor: int, following: Sequence[Substance]) -> list[Substance]:
    """ "Allergic to latex and nuts", "allergies: penicillin", "an allergic reaction when I eat nuts"."""
    found: list[Substance] = []
    at = anchor + 1
    for substance in following:
        between = spoken[at : substance.start]
        if not found and _EXPOSED.match(" ".join(between)):
            pass
        elif len(between) > _NEAR or _PARTING & set(between) or not (found or not between or _TYING & set(between)):
            break
        found.append(substance)
        at = substance.end
    return found
