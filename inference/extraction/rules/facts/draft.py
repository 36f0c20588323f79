"""A proposal in the making, with the segments that it rests on. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from inference.extraction.rules.concepts.attributes import Span
from inference.extraction.text.dialogue import Turn
from inference.findings import Kind, Proposal, Status, Temporality

MAX_QUOTE_TOKENS = 16
_MAX_REPLY_TOKENS = 6
_JOINING = frozenset(("and", "or", "but"))
"""Words that end a negation's reach and say nothing themselves."""

_SAID, _INFERRED = 0.5, 0.3
"""Confidence in what stands in the words, and in a drug that only sounds like them."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A proposal and the indices of the segments that its quotes stand in.

    `place` is the segment and the character at which its sentence, or its clause, begins.
    """

    proposal: Proposal
    segments: tuple[int, ...]
    place: tuple[str, int] | None = None


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
    proof: Sequence[Span] = (),
) -> Draft:
    """A fact proved by the tokens [start, end) of a turn, and its attributes by the tokens of `proof`."""
    while end - start > 1 and turn.tokens[end - 1].word in _JOINING:
        end -= 1
    start = max(start, end - MAX_QUOTE_TOKENS)
    start, end, apart = _with_proof(start, end, proof)
    proposal = Proposal(
        kind=kind,
        text=text,
        quotes=tuple(turn.quote(*span) for span in ((start, end), *apart)),
        source="rules",
        status=status,
        temporality=temporality,
        experiencer="family" if family else "patient",
        attributes=dict(attributes or {}),
        confidence=_INFERRED if "heard" in (attributes or {}) else _SAID,
    )
    return Draft(proposal, (turn.index,), (turn.segment.id, turn.tokens[0].start))


def _with_proof(start: int, end: int, proof: Sequence[Span]) -> tuple[int, int, list[Span]]:
    """The tokens [start, end) stretched over those of a proof that stand near, and those that stand too far."""
    apart: list[Span] = []
    for first, last in sorted(proof, key=lambda span: max(start - span[0], span[1] - end)):
        if max(end, last) - min(start, first) <= MAX_QUOTE_TOKENS:
            start, end = min(start, first), max(end, last)
        else:
            apart.append((first, last))
    return start, end, apart


def with_reply(asked: Draft, reply: Turn, proof: Sequence[Span] = ()) -> Draft:
    """The fact that a question and its answer make together; the answer's tokens of `proof` say its attributes."""
    start, end, apart = _with_proof(0, min(len(reply.tokens), _MAX_REPLY_TOKENS), proof)
    quotes = [reply.quote(*span) for span in ((start, end), *apart)]
    proposal = replace(asked.proposal, quotes=(*asked.proposal.quotes, *quotes))
    return Draft(proposal, (*asked.segments, reply.index), asked.place)
