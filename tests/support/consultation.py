"""Consultations as lines of dialogue, for the tests of extraction."""

import re
from collections.abc import Iterable, Sequence

from inference.extraction import ExtractionRequest
from inference.extraction.evidence.grounding import FinalTexts
from inference.extraction.evidence.merging import Findings
from inference.extraction.evidence.support import supported
from inference.extraction.quantities.numbers import numbers_in
from inference.extraction.rules.engine import RulesExtractor
from inference.extraction.speech_guard import provable
from inference.findings import Finding, Grounded, Operation, Proposal
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


def proved(proposals: Iterable[Proposal], said: Iterable[Segment]) -> list[Grounded]:
    """The proposals that words of the segments support, as far as they do."""
    finals = FinalTexts(said)
    checked = (supported(finals.grounded(proposal), finals.by_id) for proposal in proposals)
    return [grounded for grounded in checked if grounded is not None]


def merged(store: Findings, proposals: Iterable[Proposal], said: Iterable[Segment]) -> list[Operation]:
    """What the proposals change in the store, each checked as in a live consultation."""
    operations = (store.merge(grounded) for grounded in proved(proposals, said))
    return [operation for operation in operations if operation is not None]


def findings(*lines: str) -> Sequence[Finding]:
    """What the rules find, one final after the other as live; every quote and attribute must be proven."""
    extractor, store, finals = RulesExtractor(), Findings(), [provable(segment) for segment in segments(*lines)]
    for at in range(len(finals)):
        proposals = extractor.propose(ExtractionRequest(finals[: at + 1], at, store.all()))
        assert len(proved(proposals, finals)) == len(proposals)
        merged(store, proposals, finals)
    assert [missing for finding in store.all() for missing in unproven(finding)] == []
    return store.all()


_AS_SPOKEN = ("severity", "character", "onset", "duration", "location")
_MEASURED = ("dose", "value", "frequency")


def unproven(finding: Finding) -> list[str]:
    """The attributes of a rules' finding that stand in none of its quotes: letter for letter, or by their numbers."""
    quotes = [evidence.quote.casefold() for evidence in finding.evidence]
    spoken = {name: value for name, value in finding.attributes.items() if name in _AS_SPOKEN}
    literal = [name for name, value in spoken.items() if not any(value.casefold() in quote for quote in quotes)]
    said = _numbers(" ".join(quotes))
    measured = {name: value for name, value in finding.attributes.items() if name in _MEASURED}
    return [*literal, *(name for name, value in measured.items() if not _numbers(value) <= said)]


def _numbers(text: str) -> set[float]:
    """Numbers in digits or spelled out, without "one", which is a word like others."""
    spaced = re.sub(r"(?<=\d)(?=[^\W\d])|[^\w.]+", " ", text).split()
    return {number.value for number in numbers_in([word.strip(".") for word in spaced])} - {1.0}


def facts(*lines: str) -> set[tuple[str, str, str]]:
    """(kind, text, status) of every finding; a chief complaint counts as a symptom."""
    return {("symptom" if f.kind == "chief_complaint" else f.kind, f.text, f.status) for f in findings(*lines)}
