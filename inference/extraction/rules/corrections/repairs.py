"""Which of two things said stands: "3 mg, sorry, 5 mg", "it was my left, no, my right knee". Pure.

One reading of a self-repair as (reparandum, editing term, repair) for doses, drugs, symptoms, sides, times, relatives,
tests and numbers: the repair opens with something that can take the place of something of the same sort before it.
"""

from collections.abc import Sequence, Set
from dataclasses import dataclass

from inference.extraction.rules.corrections.editing import Strength, editings
from inference.extraction.rules.corrections.slots import Slot, slots
from inference.extraction.tables import words
from inference.extraction.text.dialogue import Turn

_HEAD = words("repair_head")
"""What may lead from an editing term to the repair: "sorry, [it was my] left knee"."""
_BARE = words("repair_bare")
"""The same where a clause of one's own would be news: "sorry, I have a fever" corrects no headache."""
_ADDITIONS = words("repair_addition")
_POINTING = frozenset(("it", "its", "thats", "that", "more"))
_DENIALS = frozenset(("not", "isnt", "wasnt", "dont", "arent", "nt"))
_DENIAL_REACH = 3
_NEW_CLAUSE = frozenset(("problem", "relation"))
_MARKED = frozenset(("amount", "side", "part", "frequency"))
"""What an ordinary word corrects without a comma: "three no five milligrams"."""
_ASKED = frozenset(("amount", "side", "part"))
"""What the answer to a question corrects in it: "does your right knee hurt?" "No, the left." """
_SIDES = frozenset(("left", "right"))
_SHORT = 8
"""Words of a sentence whose one illness a later one may correct."""
_GAP = 3
"""Words between two parts of one repair: "warfarin, 5 mg"."""


@dataclass(frozen=True, slots=True)
class Repair:
    """The tokens [start, end) of one sentence give way to the tokens [first, last) of the other, or of the same."""

    start: int
    end: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Correction:
    """What an editing term is followed by: the tokens [start, end) of a turn, and how strong the term is."""

    strength: Strength
    start: int
    end: int


def inner_repair(turn: Turn) -> tuple[Repair, int] | None:
    """The first repair inside one sentence, and the token at which its editing term begins."""
    for editing in editings(turn.tokens):
        if not 0 < editing.start < editing.end < len(turn.tokens):
            continue
        correction = Correction(editing.strength, editing.end, len(turn.tokens))
        before = _slots(turn, 0, editing.start)
        repair = _pair(turn, before, correction, turn)
        if repair is not None and (
            _is_parted(turn, editing.start, editing.strength) or _adjoins(before, editing.start)
        ):
            return repair, editing.start
    return None


def correction_of(turn: Turn) -> Correction | None:
    """What the sentence corrects in one before it: it opens with an editing term, or ends with one."""
    found = editings(turn.tokens)
    if not found:
        return None
    first, last = found[0], found[-1]
    if first.start == 0:
        return Correction(first.strength, first.end, len(turn.tokens))
    if last.end == len(turn.tokens):
        return Correction(last.strength, 0, last.start)
    return None


def outer_repair(earlier: Turn, correction: Correction, turn: Turn, *, asked: bool = False) -> Repair | None:
    """What a sentence repairs in an earlier one. `asked`: that is another's question, in which less is corrected."""
    before = _slots(earlier, 0, len(earlier.tokens))
    if asked:
        before = [slot for slot in before if slot.kind in _ASKED]
    return _pair(earlier, before, correction, turn)


def restated_side(earlier: Turn, turn: Turn) -> Repair | None:
    """ "It's the left elbow?" "The right elbow.": the same part of the body, on its other side, and nothing else."""
    mine = [slot for slot in _slots(turn, 0, len(turn.tokens)) if slot.kind == "part"]
    if len(mine) != 1 or not _BARE.issuperset(
        t.word for t in (*turn.tokens[: mine[0].start], *turn.tokens[mine[0].end :])
    ):
        return None
    side, _, part = mine[0].value.partition(" ")
    for slot in _slots(earlier, 0, len(earlier.tokens)):
        if slot.kind == "part" and part and slot.value.endswith(f" {part}") and not slot.value.startswith(side):
            return Repair(slot.start, slot.end, mine[0].start, mine[0].end)
    return None


def names_side_alone(turn: Turn) -> bool:
    """ "The right one.": a side and no part of the body."""
    said = set(turn.sentence.words)
    return bool(_SIDES & said) and said <= _SIDES | _BARE | {"one", "side", "no"}


def _slots(turn: Turn, start: int, end: int) -> list[Slot]:
    return [slot for slot in slots(turn.segment.text, turn.tokens) if start <= slot.start and slot.end <= end]


def _is_parted(turn: Turn, at: int, strength: Strength) -> bool:
    return strength != "weak" or turn.tokens[at - 1].comma


def _adjoins(before: Sequence[Slot], at: int) -> bool:
    return any(slot.end == at and slot.kind in _MARKED for slot in before)


def _pair(earlier: Turn, before: Sequence[Slot], correction: Correction, turn: Turn) -> Repair | None:
    after = _slots(turn, correction.start, correction.end)
    if not before or not after or _adds(turn, correction):
        return None
    denied = {slot for slot in after if _is_denied(turn, slot, correction.start)}
    known = {(slot.kind, slot.value) for slot in before}
    explicit = correction.strength in ("explicit", "cancel")
    named = {(slot.kind, slot.value) for slot in denied} & known
    if named:  # "not sertraline, citalopram" says itself what it takes back
        before, explicit = [slot for slot in before if (slot.kind, slot.value) in named], True
        if len(turn.tokens) > _SHORT:
            return None
    said = {at for slot in denied for at in range(slot.start, slot.end)}
    for slot in (s for s in after if s not in denied):
        head = {turn.tokens[at].word for at in range(correction.start, slot.start) if at not in said} - _DENIALS
        if not _leads(slot, head, explicit=explicit):
            continue
        if slot.kind == "problem" and correction.strength == "weak" and not explicit and not _POINTING & head:
            continue  # "no vomiting, no fever" is a list
        pairs = _pairs(before, [s for s in after if s not in denied and s.start >= slot.start])
        if pairs and any(s.start > slot.end and s not in denied and _names_again(pairs[0][0], s) for s in after):
            return None  # "... you're on sertraline, so tramadol is no good idea" speaks of tramadol still
        if pairs and pairs[0][1] is slot:
            if (
                slot.kind == "problem"
                and turn is earlier
                and not explicit
                and not _closes(turn, pairs[0][0], correction)
            ):
                return None
            return _replacing(before, pairs)
    return None


def _names_again(old: Slot, later: Slot) -> bool:
    return old.kind == "drug" and (old.kind, old.value) == (later.kind, later.value)


def _closes(turn: Turn, old: Slot, correction: Correction) -> bool:
    """Nothing but fillers stands between what is taken back and the editing term."""
    first = max((e.start for e in editings(turn.tokens) if e.end == correction.start), default=correction.start)
    return all(token.soft for token in turn.tokens[old.end : first])


def _adds(turn: Turn, correction: Correction) -> bool:
    """ "Sorry, I also take aspirin", "... as well"."""
    spoken = [token.word for token in turn.tokens[correction.start : correction.end]]
    adding = spoken[:1] == ["and"] or (_ADDITIONS - {"and"}) & set(spoken)
    return bool(adding) or any(spoken[at : at + 2] == ["as", "well"] for at in range(len(spoken)))


def _is_denied(turn: Turn, slot: Slot, start: int) -> bool:
    near = [t.word for t in turn.tokens[max(start, slot.start - _DENIAL_REACH) : slot.start]]
    at = max((i for i, word in enumerate(near) if word in _DENIALS), default=None)
    if at is None:
        return False
    return not any(t.comma for t in turn.tokens[slot.start - len(near) + at : slot.start])


def _leads(slot: Slot, head: Set[str], *, explicit: bool) -> bool:
    return head <= (_BARE if slot.kind in _NEW_CLAUSE and not explicit else _HEAD)


def _pairs(before: Sequence[Slot], after: Sequence[Slot]) -> list[tuple[Slot, Slot]]:
    """Each part of the repair with the last thing of its sort before it, while the parts stand close together."""
    pairs: list[tuple[Slot, Slot]] = []
    for slot in after:
        if pairs and slot.start < pairs[-1][1].end:
            continue
        if pairs and slot.start - pairs[-1][1].end > _GAP:
            break
        old = next((old for old in reversed(before) if _is_same_sort(old, slot)), None)
        if old is not None and not any(old.start < taken.end and taken.start < old.end for taken, _ in pairs):
            pairs.append((old, slot))
        elif not pairs:
            return []
    return pairs if any(old.value != new.value for old, new in pairs) else []


def _is_same_sort(old: Slot, new: Slot) -> bool:
    return old.kind == new.kind and (old.unit == new.unit or not old.unit or not new.unit)


def _replacing(before: Sequence[Slot], pairs: Sequence[tuple[Slot, Slot]]) -> Repair:
    start, end = min(old.start for old, _ in pairs), max(old.end for old, _ in pairs)
    old, new = pairs[0]
    if len(pairs) == 1 and old.kind == "amount" and old.unit and not new.unit:
        end = old.number_end  # "5 mg, make it 10": the unit stays
    if old.kind == "drug" and all(other.kind not in ("amount", "frequency") for other, _ in pairs):
        # How much and how often of a drug that was not meant says nothing of the other.
        for slot in sorted(before, key=lambda slot: slot.start):
            if slot.kind in ("amount", "frequency") and 0 <= slot.start - end <= 1:
                end = slot.end
    return Repair(start, end, new.start, max(new.end for _, new in pairs))
