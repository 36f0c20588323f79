"""A proposal in the making, with the segments that it rests on. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from inference.extraction.dialogue import Turn
from inference.findings import Kind, Proposal, Quote, Status, Temporality

MAX_QUOTE_TOKENS = 16
_MAX_REPLY_TOKENS = 6
_JOINING = frozenset(("and", "or", "but"))
"""Words that end a negation's reach and say nothing themselves."""

_SAID, _INFERRED = 0.5, 0.3
"""Confidence in what stands in the words, and in a drug that only sounds like them."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A proposal and the indices of the segments that its quotes stand in."""

    proposal: Proposal
    segments: tuple[int, ...]


def draft(
    turn: Turn,
    kind: Kind,
    text: str,
    start: int,
    end: int,
    *,
    status: Status = "present",
    temporality: Temporality = "current",
    family: bool = False,
    attributes: Mapping[str, str] | None = None,
) -> Draft:
    """A fact proved by the tokens [start, end) of a turn."""
    while end - start > 1 and turn.tokens[end - 1].word in _JOINING:
        end -= 1
    start = max(start, end - MAX_QUOTE_TOKENS)
    proposal = Proposal(
        kind=kind,
        text=text,
        quotes=(Quote(turn.segment.id, turn.text(start, end)),),
        source="rules",
        status=status,
        temporality=temporality,
        experiencer="family" if family else "patient",
        attributes=dict(attributes or {}),
        confidence=_INFERRED if "heard" in (attributes or {}) else _SAID,
    )
    return Draft(proposal, (turn.index,))


def with_reply(asked: Draft, reply: Turn) -> Draft:
    """The fact that a question and its answer make together."""
    quote = Quote(reply.segment.id, reply.text(0, min(len(reply.tokens), _MAX_REPLY_TOKENS)))
    proposal = replace(asked.proposal, quotes=(*asked.proposal.quotes, quote))
    return Draft(proposal, (*asked.segments, reply.index))
