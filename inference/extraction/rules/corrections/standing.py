"""Orders that stand, and the sentences of a conversation that placed them. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from inference.extraction.rules.corrections.mending import Mending
from inference.extraction.rules.corrections.ordered import Named, is_meant, sort_of, type_of
from inference.extraction.rules.facts.draft import Draft
from inference.extraction.text.dialogue import Turn
from inference.findings import Finding, Proposal

_LOOK_BACK = 10
"""Sentences within which a plan is changed without its name."""


@dataclass(slots=True)
class Standing:
    """An order and the sentence that placed it: -1 if that was before all that is read now."""

    order: Finding | Proposal
    at: int
    fact: Draft | None = None
    by: tuple[int, ...] = ()
    """The sentences that took it back."""


def meant_by(things: Sequence[Named], before: Sequence[Standing]) -> list[Standing]:
    """The orders among those `before` that the names mean; of a general word ("the scan") the last."""
    met: list[Standing] = []
    for named in things:
        same = [s for s in before if is_meant(named, s.order.text, type_of(s.order))]
        met += same[-1:] if named.is_general else same
    return met


def last_before(before: Sequence[Standing], at: int, sort: str) -> list[Standing]:
    """The orders of the last sentence that placed any, of a sort where one is told."""
    near = [s for s in before if at - _LOOK_BACK <= s.at < at and (not sort or sort_of(s.order) == sort)]
    last = max((s.at for s in near), default=-1)
    return [s for s in near if s.at == last >= 0]


def place_of_finding(finding: Finding, mending: Mending) -> int:
    """The index of the first sentence that holds evidence of the finding; -1 if none does."""
    for at, turn in enumerate(mending.turns):
        mended = mending.mended.get(turn.segment.id)
        for e in finding.evidence:
            if mended is not None:
                if any(p.segment == e.segment and p.start < e.end and e.start < p.end for p in mended.places):
                    return at
            elif turn.holds(e.segment, e.start):
                return at
    return -1


def place_of_draft(fact: Draft, conversation: Sequence[Turn]) -> int:
    """The index of the sentence that the draft was found in; -1 if it is not in the conversation."""
    quote = fact.proposal.quotes[0]
    place = fact.place or (quote.segment, quote.start)
    return next((at for at, turn in enumerate(conversation) if turn.holds(*place)), -1)
