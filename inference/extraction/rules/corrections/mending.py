"""The conversation as it stands once people have corrected themselves and each other. Pure.

A sentence that was repaired is read once more with the repair in the place of what it takes back: "I take warfarin
3 mg" and, later, "sorry, 5 mg" as "I take warfarin 5 mg". Its quotes are then led back to the segments, with what was
said first and what was said last.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from inference.extraction.rules.corrections.ellipsis import elliptical
from inference.extraction.rules.corrections.repairs import (
    Correction,
    Repair,
    correction_of,
    inner_repair,
    names_side_alone,
    outer_repair,
    restated_side,
)
from inference.extraction.rules.cues.readings import is_empty
from inference.extraction.text.dialogue import Turn
from inference.extraction.text.tokens import Sentence, Token
from inference.findings import Evidence, Proposal, Quote
from inference.transcript import Segment

_LOOK_BACK = 6
"""Sentences within which somebody corrects himself."""
_REPAIRS = 3
"""Of one sentence."""
Piece = tuple[Turn, int]
"""A token of a turn."""


@dataclass(frozen=True, slots=True)
class Place:
    """Characters [start, end) of a segment."""

    segment: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Mended:
    """A repaired sentence: the place of each of its tokens, what was taken back, and what took its place."""

    turn: Turn
    places: tuple[Place, ...]
    unsaid: tuple[Place, ...]
    repair: tuple[Place, ...]


@dataclass(slots=True)
class Mending:
    """Sentences without what was taken back. `cancelled` are those that were taken back as a whole, and by what."""

    turns: list[Turn]
    mended: dict[str, Mended] = field(default_factory=dict)
    cancelled: list[tuple[Turn, Turn]] = field(default_factory=list)

    def real(self, proposal: Proposal, segments: Sequence[Segment]) -> Proposal:
        """The proposal with quotes that stand in the segments."""
        if not any(quote.segment in self.mended for quote in proposal.quotes):
            return proposal
        texts = {segment.id: segment.text for segment in segments}
        quotes = [place for quote in proposal.quotes for place in self._quotes(quote, texts)]
        return replace(proposal, quotes=tuple(dict.fromkeys(quotes)))

    def _quotes(self, quote: Quote, texts: dict[str, str]) -> list[Quote]:
        mended = self.mended.get(quote.segment)
        if mended is None:
            return [quote]
        start = quote.start or 0
        end = start + len(quote.text)
        tokens = mended.turn.tokens
        used = [p for t, p in zip(tokens, mended.places, strict=True) if t.start < end and start < t.end]
        if not set(used).isdisjoint(mended.repair):
            used += [*mended.unsaid, *mended.repair]
        spans: dict[str, tuple[int, int]] = {}
        for place in used:
            first, last = spans.get(place.segment, (place.start, place.end))
            spans[place.segment] = min(first, place.start), max(last, place.end)
        return [Quote(segment, texts[segment][first:last], first) for segment, (first, last) in spans.items()]


def mend(conversation: Sequence[Turn]) -> Mending:
    """The conversation with every repair made, in the order in which they were said."""
    mending = Mending([])
    for turn in conversation:
        whole = _without_inner_repairs(mending, turn)
        if not _repairs_earlier(mending, whole):
            mending.turns.append(whole)
    return mending


def is_touched(evidence: Evidence, mended: Mended) -> bool:
    """The quote holds something that was taken back."""
    return any(
        p.segment == evidence.segment and p.start < evidence.end and evidence.start < p.end for p in mended.unsaid
    )


def _without_inner_repairs(mending: Mending, turn: Turn) -> Turn:
    for _ in range(_REPAIRS):
        found = inner_repair(turn)
        if found is None:
            break
        turn = _spliced(mending, turn, found[1], turn, found[0], len(turn.tokens))
    return turn


def _repairs_earlier(mending: Mending, turn: Turn) -> bool:
    """Whether the sentence corrects one before it, which then stands as corrected."""
    correction = correction_of(turn)
    if turn.form == "open" or (turn.form == "polar" and correction is None):
        return False
    for at in _candidates(mending.turns, turn, correction):
        earlier = mending.turns[at]
        asked = earlier.form == "polar"
        if asked and "or" in earlier.sentence.words:
            continue  # "the right or the left?" is no claim that an answer corrects
        if correction is None:
            repair = restated_side(earlier, turn)
            end = len(turn.tokens)
        else:
            repair, end = outer_repair(earlier, correction, turn, asked=asked), correction.end
            answers = any(between.form != "statement" for between in mending.turns[at + 1 :])
            pieces = elliptical(earlier, correction, turn, answers=answers) if repair is None and not asked else None
            if pieces is not None:
                mending.turns[at] = _composed(
                    mending, earlier, turn, pieces, [(earlier, 0)], [(turn, correction.start)]
                )
                return True
        if repair is not None:
            answering = replace(earlier, form="statement", speaker=turn.speaker) if asked else earlier
            mending.turns[at] = _spliced(mending, answering, len(earlier.tokens), turn, repair, end)
            if correction is not None and not asked:
                _repair_same(mending, at, earlier, repair, turn, correction)
            return True
    return _cancels(mending, turn, correction)


def _repair_same(mending: Mending, at: int, repaired: Turn, repair: Repair, turn: Turn, correction: Correction) -> None:
    """What the same speaker said in the same words shortly before gives way too: "ramipril 5 mg. Let's start 5 mg."."""
    unsaid = repaired.sentence.words[repair.start : repair.end]
    for before in range(max(0, at - _LOOK_BACK), at):
        earlier = mending.turns[before]
        if earlier.speaker != repaired.speaker or earlier.form != "statement":
            continue
        same = outer_repair(earlier, correction, turn)
        if same is not None and earlier.sentence.words[same.start : same.end] == unsaid:
            mending.turns[before] = _spliced(mending, earlier, len(earlier.tokens), turn, same, same.last)


def _cancels(mending: Mending, turn: Turn, correction: Correction | None) -> bool:
    """ "Scratch that.": the sentence before is gone."""
    if correction is None or correction.strength != "cancel":
        return False
    own = [at for at, t in enumerate(mending.turns) if t.speaker == turn.speaker and not is_empty(t)]
    if not own or len(mending.turns) - own[-1] > _LOOK_BACK:
        return False
    mending.cancelled.append((mending.turns.pop(own[-1]), turn))
    return correction.end - correction.start == 0


def _candidates(earlier: Sequence[Turn], turn: Turn, correction: Correction | None) -> list[int]:
    """The sentences that the turn may correct, the nearest first.

    An ordinary word ("no", "actually") corrects the sentence before alone; "sorry" corrects one's own talk, even where
    somebody else spoke since.
    """
    said = (
        at for at in range(len(earlier) - 1, max(-1, len(earlier) - 1 - _LOOK_BACK), -1) if not is_empty(earlier[at])
    )
    near = list(said if correction is not None else islice(said, 2))
    if correction is None:
        # "The right one. The right elbow.": the first only began the second.
        begun = [at for at in near[:1] if earlier[at].index == turn.index and names_side_alone(earlier[at])]
        return [at for at in near[len(begun) : len(begun) + 1] if earlier[at].speaker != turn.speaker]
    own = [at for at in near if earlier[at].speaker == turn.speaker and earlier[at].form == "statement"]
    last = [at for at in near[:1] if earlier[at].form != "open" and earlier[at].is_of_another(turn)]
    if correction.strength == "weak" and correction.start > 0:
        adjoining = [at for at in near[:1] if at in own]
        return [*last, *adjoining, *(at for at in own if at not in adjoining)]
    return [*last, *own]


def _spliced(mending: Mending, earlier: Turn, upto: int, turn: Turn, repair: Repair, end: int) -> Turn:
    """The earlier sentence up to a token with the repair in it, and what follows the repair up to `end`."""
    pieces: list[Piece] = [
        *((earlier, at) for at in range(repair.start)),
        *((turn, at) for at in range(repair.first, repair.last)),
        *((earlier, at) for at in range(repair.end, upto)),
        *((turn, at) for at in range(repair.last, end)),
    ]
    unsaid: list[Piece] = [(earlier, at) for at in range(repair.start, repair.end)]
    return _composed(mending, earlier, turn, pieces, unsaid, [(turn, at) for at in range(repair.first, repair.last)])


def _composed(
    mending: Mending,
    earlier: Turn,
    turn: Turn,
    pieces: Sequence[Piece],
    unsaid: Sequence[Piece],
    repair: Sequence[Piece],
) -> Turn:
    text, tokens = "", list[Token]()
    for number, (source, at) in enumerate(pieces):
        token = source.tokens[at]
        follows = number > 0 and pieces[number - 1] == (source, at - 1)
        text += source.segment.text[source.tokens[at - 1].end : token.start] if follows else " " if text else ""
        goes_on = number + 1 < len(pieces) and pieces[number + 1] == (source, at + 1)
        comma = token.comma and (goes_on or source is turn)
        tokens.append(replace(token, start=len(text), end=len(text) + token.end - token.start, comma=comma))
        text += source.segment.text[token.start : token.end]
    places = tuple(_place(mending, source, at) for source, at in pieces)
    identity = f"{earlier.segment.id}+{turn.segment.id}.{len(mending.mended)}"
    segment = replace(earlier.segment, id=identity, text=text, words=())
    mended = replace(
        earlier,
        sentence=Sentence(tuple(tokens), earlier.sentence.mark),
        segment=segment,
        index=max(earlier.index, turn.index),
        end_s=max(earlier.end_s, turn.end_s),
    )
    before = mending.mended.get(earlier.segment.id)
    mending.mended[identity] = Mended(
        mended,
        places,
        (*(before.unsaid if before else ()), *(_place(mending, source, at) for source, at in unsaid)),
        (*(before.repair if before else ()), *(_place(mending, source, at) for source, at in repair)),
    )
    return mended


def _place(mending: Mending, turn: Turn, at: int) -> Place:
    known = mending.mended.get(turn.segment.id)
    if known is not None:
        return known.places[at]
    return Place(turn.segment.id, turn.tokens[at].start, turn.tokens[at].end)
