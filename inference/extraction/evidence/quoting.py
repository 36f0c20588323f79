"""A model names the segment of each quote, and sometimes the wrong one: here its quotes find their place. Pure.

Grounding would search every segment for every quote that does not stand where it is said to: half a second for an
answer of inventions after an hour, in which no other session is served. Here the transcript is folded once for all.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from inference.extraction.evidence.grounding import ground
from inference.findings import Proposal, Quote
from inference.transcript import Segment

_BETWEEN = re.compile(r"[\W_]+")


def located(proposals: Sequence[Proposal], segments: Sequence[Segment]) -> list[Proposal]:
    """The proposals with those of their quotes that stand in a final, each under the id of that final."""
    by_id = {segment.id: segment for segment in segments}
    folded: list[str] = []

    def places(quote: Quote) -> tuple[Quote, ...]:
        named = by_id.get(quote.segment)
        if named is not None and ground(quote, {named.id: named}) is not None:
            return (quote,)
        if not folded:
            folded.extend(_letters(segment.text) for segment in segments)
        wanted = _letters(quote.text)
        holders = {segment.id: segment for segment, text in zip(segments, folded, strict=True) if wanted in text}
        evidence = ground(quote, holders) if wanted else None
        return (Quote(evidence.segment, quote.text),) if evidence is not None else ()

    return [
        replace(proposal, quotes=tuple(place for quote in proposal.quotes for place in places(quote)))
        for proposal in proposals
    ]


def _letters(text: str) -> str:
    """No less than what grounding compares: letters and digits, whatever stands between them."""
    return _BETWEEN.sub("", _BETWEEN.sub("", text).casefold())
