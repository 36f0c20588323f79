"""A part of the body and what it does: "pain in my lower stomach", "my head hurts", "a stiff neck". Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from inference.extraction.tables import rows, table, words
from inference.extraction.text.tokens import QUALIFIERS, Token
from inference.extraction.words.lexicon import Entry, Match, Trie, find, stems_of, wordings

_BEFORE_PART = words("complaint_to_part")
_AFTER_PART = words("part_to_complaint")
_NEGATIONS = words("denial")
_CONJUNCTIONS = frozenset(("and", "or", "nor"))
_NAMED_ONLY = frozenset(("heart", "head", "body"))
"""Parts whose wordings mean much else: a heavy heart, a stiff body of men. Only pairs with a name count."""
_OF_THE_SKIN = frozenset(("rash", "itching", "bruising", "blister"))
"""Complaints that are called the same wherever they sit; the part is their location."""
_REACH = 7


@dataclass(frozen=True, slots=True)
class Part:
    """A body part where a complaint sits: its wording, as the attribute `location` shows it."""

    name: str
    adjective: str


@dataclass(frozen=True, slots=True)
class Ailment:
    """A complaint of a part over the tokens [start, end); `negated` where the denial stands inside."""

    concept: str
    start: int
    end: int
    location: tuple[int, int]
    negated: bool


@table
def _parts_trie() -> Trie:
    trie = Trie()
    for name, adjective, column in rows("body_parts.tsv"):
        for text, _ in wordings(column):
            trie.add(stems_of(text), Entry(name, "part", adjective))
    return trie


@table
def _complaints_trie() -> Trie:
    trie = Trie()
    for name, column in rows("complaints.tsv"):
        for text, _ in wordings(column):
            trie.add(stems_of(text), Entry(name, "complaint"))
    return trie


@table
def _combinations() -> dict[tuple[str, str], str]:
    return {(part, complaint): concept for part, complaint, concept in rows("combinations.tsv")}


def parts(tokens: Sequence[Token]) -> list[Match]:
    """The parts of the body that a sentence names."""
    return find(_parts_trie(), tokens)


def ailments(tokens: Sequence[Token]) -> list[Ailment]:
    """Every pair of a part and a complaint that the words between them join."""
    places = parts(tokens)
    complaints = find(_complaints_trie(), tokens)
    if not places or not complaints:
        return []
    found: list[Ailment] = []
    for complaint in complaints:
        for part in places:
            ailment = _joined(tokens, part, complaint)
            if ailment is not None:
                found.append(ailment)
    return found + _coordinated(tokens, places, complaints, found)


def _joined(tokens: Sequence[Token], part: Match, complaint: Match) -> Ailment | None:
    if part.entry.concept in _NAMED_ONLY and (part.entry.concept, complaint.entry.concept) not in _combinations():
        return None
    if complaint.end <= part.start:
        between = tokens[complaint.end : part.start]
        if len(between) > _REACH:
            return None
        plain = [t for t in between if t.word not in QUALIFIERS]
        if plain and not any(t.word in _BEFORE_PART and t.word not in _CONJUNCTIONS for t in plain):
            return None
        if any(t.word not in _BEFORE_PART and t.stem not in _BEFORE_PART for t in plain):
            return None
        if not plain and (len(between) > 2 or tokens[complaint.end - 1].comma):
            return None
        if any(t.word in ("my", "your") for t in between) and not plain:
            return None
        return _ailment(part, complaint, negated=False)
    if part.end <= complaint.start:
        between = tokens[part.end : complaint.start]
        if len(between) > _REACH or (tokens[part.end - 1].comma and (not between or between[0].stem != "be")):
            return None
        allowed = all(
            t.word in QUALIFIERS or t.stem in _AFTER_PART or t.word in _AFTER_PART | _NEGATIONS for t in between
        )
        if not allowed or (between and between[0].word in _CONJUNCTIONS):
            return None
        if any(t.word in ("a", "some", "any", "i", "my", "the") for t in between) and not _has_verb(between):
            return None
        return _ailment(part, complaint, negated=any(t.word in _NEGATIONS for t in between))
    return None


def _has_verb(tokens: Sequence[Token]) -> bool:
    return any(t.stem in ("be", "feel", "have", "get", "go") for t in tokens)


def _coordinated(
    tokens: Sequence[Token], parts: Sequence[Match], complaints: Sequence[Match], known: Sequence[Ailment]
) -> list[Ailment]:
    """ "Pain in my neck and shoulder", "my hand is numb and tingly": the second takes the first one's partner."""
    more: list[Ailment] = []
    for ailment in known:
        part = next(p for p in parts if (p.start, p.end) == ailment.location)
        complaint = next(c for c in complaints if ailment.start <= c.start and c.end <= ailment.end and c is not part)
        for other in parts:
            if other.start >= ailment.end and part.end == ailment.end and _is_list(tokens[part.end : other.start]):
                if not any(a.location == (other.start, other.end) for a in known):
                    more.append(_ailment(other, complaint, ailment.negated))
                break
        for second in complaints:
            if (
                second.start >= ailment.end
                and complaint.end == ailment.end
                and _is_list(tokens[complaint.end : second.start])
            ):
                if not any(a.start <= second.start < a.end for a in known):
                    more.append(_ailment(part, second, ailment.negated))
                break
    return more


def _is_list(between: Sequence[Token]) -> bool:
    return any(t.word in _CONJUNCTIONS for t in between) and all(
        t.word in _CONJUNCTIONS or t.word in QUALIFIERS or t.word in ("in", "on") for t in between
    )


def _ailment(part: Match, complaint: Match, negated: bool) -> Ailment:
    concept = _combinations().get((part.entry.concept, complaint.entry.concept))
    alone = complaint.entry.concept in _OF_THE_SKIN
    return Ailment(
        concept=concept or (complaint.entry.concept if alone else f"{part.entry.detail} {complaint.entry.concept}"),
        start=min(part.start, complaint.start),
        end=max(part.end, complaint.end),
        location=(part.start, part.end),
        negated=negated,
    )
