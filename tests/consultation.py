"""Consultations as lines of dialogue, for the tests of extraction."""

from collections.abc import Sequence

from inference.extraction import Consultation
from inference.extraction.rules import RulesExtractor
from inference.findings import Finding
from inference.merging import Findings
from inference.transcript import Segment, Speaker

_SPEAKERS: dict[str, Speaker] = {"D": "clinician", "P": "patient", "A": "unknown"}


def segments(*lines: str) -> list[Segment]:
    """Finals of "D: ...", "P: ..." and "A: ..." (ambient: anybody), three seconds each."""
    return [
        Segment(
            id=f"s{number}",
            speaker=_SPEAKERS[line[0]],
            start=4.0 * number,
            end=4.0 * number + 3.0,
            text=line[3:],
            final=True,
        )
        for number, line in enumerate(lines, 1)
    ]


def findings(*lines: str) -> Sequence[Finding]:
    """What the rules find, one final after the other as live; every quote must be grounded."""
    extractor, store, finals = RulesExtractor(), Findings(), segments(*lines)
    by_id = {segment.id: segment for segment in finals}
    for at in range(len(finals)):
        store.apply(extractor.propose(Consultation(finals[: at + 1], at, store.all())), by_id)
    assert store.dropped == 0
    return store.all()


def facts(*lines: str) -> set[tuple[str, str, str]]:
    """(kind, text, status) of every finding; a chief complaint counts as a symptom."""
    return {("symptom" if f.kind == "chief_complaint" else f.kind, f.text, f.status) for f in findings(*lines)}
