"""What a correction takes back of the findings that its first wording gave: retracted, or changed in place. Pure."""

from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import replace

from inference.extraction.rules.corrections.mending import Mended, Mending, is_touched
from inference.findings import Finding, Proposal, Quote, retraction


def touched(mending: Mending, findings: Sequence[Finding], new_from: int) -> dict[str, Mended | None]:
    """The ids of the findings of the rules that rest on what a new sentence takes back; None: on a cancelled one."""
    found: dict[str, Mended | None] = {}
    for finding in (f for f in findings if f.source == "rules"):
        for mended in mending.mended.values():
            if mended.turn.index >= new_from and any(is_touched(e, mended) for e in finding.evidence):
                found[finding.id] = mended
        for old, by in mending.cancelled:
            if by.index >= new_from and all(old.holds(e.segment, e.start) for e in finding.evidence):
                found[finding.id] = None
    return found


def settled(
    proposals: Sequence[Proposal], mending: Mending, findings: Sequence[Finding], gone: dict[str, Mended | None]
) -> list[Proposal]:
    """The proposals, one that corrects a finding as its update, and a retraction of each finding that nothing bears."""
    kept = list(proposals)
    corrected = set[str]()
    for finding in (f for f in findings if f.id in gone):
        at = next((i for i, p in enumerate(kept) if _corrects(p, finding, gone[finding.id])), None)
        if at is not None:
            kept[at] = replace(kept[at], op="update", finding_id=finding.id)
            corrected.add(finding.id)
    return [*_retractions(mending, findings, gone, corrected), *kept]


def _corrects(proposal: Proposal, finding: Finding, mended: Mended | None) -> bool:
    alike = _family(proposal.kind) == _family(finding.kind) and proposal.text == finding.text
    return mended is not None and alike and proposal.op == "add" and proposal.experiencer == finding.experiencer


def _family(kind: str) -> str:
    return "symptom" if kind == "chief_complaint" else kind


def _retractions(
    mending: Mending, findings: Sequence[Finding], gone: dict[str, Mended | None], corrected: Set[str]
) -> Iterator[Proposal]:
    for finding in findings:
        if finding.id not in gone or finding.id in corrected:
            continue
        mended = gone[finding.id]
        by = list(mended.repair) if mended is not None else []
        quotes = list[Quote]()
        if mended is not None and by:
            quotes.append(Quote(mended.turn.segment.id, mended.turn.segment.text, 0))
        quotes += [
            turn.quote() for _, turn in mending.cancelled if mended is None and turn.segment.id not in mending.mended
        ]
        yield taken_back(finding, quotes)


def taken_back(finding: Finding, against: Iterable[Quote]) -> Proposal:
    """Takes the finding back, with its own words and those against it as evidence."""
    own = (Quote(e.segment, e.quote, e.start) for e in finding.evidence)
    return retraction(finding, (*own, *against), "rules")
