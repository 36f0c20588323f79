"""What a model takes back must be disproved by words, as what it adds must be proved by them. Pure."""

from inference.extraction import ExtractionRequest
from inference.extraction.evidence.proof import lies_in
from inference.findings import Grounded


def is_justified(grounded: Grounded, request: ExtractionRequest) -> bool:
    """Whether the words of a proposal may do what it proposes. Only a model's retraction may lack them.

    Such a retraction needs words of a new segment, or of any when the consultation is over, that are not the finding's
    own evidence. `request` is what the model was asked.
    """
    proposal = grounded.proposal
    if proposal.op != "retract" or proposal.source != "model":
        return True
    finding = next((f for f in request.findings if f.id == proposal.finding_id), None)
    new = {segment.id for segment in request.segments[0 if request.over else request.new_from :]}
    return finding is not None and any(e.segment in new and not lies_in(e, finding.evidence) for e in grounded.evidence)
