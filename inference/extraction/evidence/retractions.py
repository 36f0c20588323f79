"""What a model takes back must be disproved by words, as what it adds must be proved by them. Pure."""

from collections.abc import Mapping, Sequence

from inference.extraction import ExtractionRequest
from inference.extraction.evidence.grounding import ground
from inference.findings import Finding, Proposal
from inference.transcript import Segment


def justified(proposals: Sequence[Proposal], consultation: ExtractionRequest) -> list[Proposal]:
    """The proposals without the retractions that nothing justifies.

    A retraction needs words of a new segment, or of any when the consultation is over, that are not the finding's own
    evidence.
    """
    if all(proposal.op != "retract" for proposal in proposals):
        return list(proposals)
    segments = {segment.id: segment for segment in consultation.segments}
    new_from = 0 if consultation.over else consultation.new_from
    new = {segment.id for segment in consultation.segments[new_from:]}
    findings = {finding.id: finding for finding in consultation.findings}
    return [
        proposal for proposal in proposals if proposal.op != "retract" or _disproved(proposal, findings, segments, new)
    ]


def _disproved(
    retraction: Proposal, findings: Mapping[str, Finding], segments: Mapping[str, Segment], new: set[str]
) -> bool:
    finding = findings.get(retraction.finding_id or "")
    if finding is None:
        return False
    found = (ground(quote, segments) for quote in retraction.quotes)
    return any(
        evidence.segment in new
        and not any(
            own.segment == evidence.segment and own.start <= evidence.start and evidence.end <= own.end
            for own in finding.evidence
        )
        for evidence in found
        if evidence is not None
    )
