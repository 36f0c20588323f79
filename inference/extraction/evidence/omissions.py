"""What was said and stands in no finding: facts are compared with the note one by one. Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from zlib import crc32

from inference.findings import Evidence, Finding, Kind, Omission

_SMALL = frozenset(
    "a an and any at been for from had has have her his i in is it me my no not of on or some that the their this to "
    "was were with your".split()
)
_GROUPS: Mapping[Kind, str] = {
    "chief_complaint": "problem",
    "symptom": "problem",
    "diagnosis": "problem",
    "past_history": "problem",
    "family_history": "problem",
    "medication": "treatment",
    "order": "treatment",
    "advice": "treatment",
}


@dataclass(slots=True)
class Note:
    """The findings with which facts are compared, and the facts that are offered already."""

    _told: list[tuple[Finding, frozenset[str]]] = field(default_factory=list)

    def add(self, findings: Iterable[Finding]) -> None:
        self._told += [(finding, content(finding.text)) for finding in findings]

    def tells(self, fact: Finding) -> bool:
        """Whether a finding tells the fact, in other words perhaps or with another status.

        It does if the two are about the same, wherever that was said, or are of one sort and rest on the same words.
        """
        words = content(fact.text)
        return any(_tells(finding, told, fact, words) for finding, told in self._told)

    def touches(self, sentence: Finding) -> bool:
        """Whether a finding rests on words of the sentence, or what it names stands in the sentence."""
        words = content(sentence.text)
        return any(
            shares_words(finding.evidence, sentence.evidence) or (told and told <= words)
            for finding, told in self._told
        )


def omission(fact: Finding) -> Omission:
    """A fact as it is offered."""
    first = fact.evidence[0]
    return Omission(
        f"o-{first.segment}-{first.start}-{crc32(fact.text.encode(errors='replace')):x}",
        fact.kind,
        fact.text,
        fact.status,
        fact.temporality,
        fact.experiencer,
        fact.attributes,
        fact.evidence,
        fact.source,
    )


def shares_words(some: Iterable[Evidence], others: Sequence[Evidence]) -> bool:
    """Whether any two quotes overlap."""
    return any(
        one.segment == other.segment and one.start < other.end and other.start < one.end
        for one in some
        for other in others
    )


def content(text: str) -> frozenset[str]:
    """The words that carry a meaning, plural aside."""
    found = re.findall(r"[^\W_]+", text.casefold())
    return frozenset(w[:-1] if len(w) > 3 and w.endswith("s") and not w.endswith("ss") else w for w in found) - _SMALL


def _tells(finding: Finding, told: frozenset[str], fact: Finding, words: frozenset[str]) -> bool:
    if finding.experiencer != fact.experiencer or _group(finding.kind) != _group(fact.kind):
        return shares_words(finding.evidence, fact.evidence) and bool(words & told)
    if told and words and (told <= words or words <= told):
        return True
    return shares_words(finding.evidence, fact.evidence)


def _group(kind: Kind) -> str:
    return _GROUPS.get(kind, kind)
