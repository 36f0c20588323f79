"""What was said and stands in no finding: facts are compared with the note one by one. Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from zlib import crc32

from inference.findings import Evidence, Finding, Kind, Omission

_SMALL = frozenset(
    ("a", "an", "and", "any", "at", "been", "for", "from", "had", "has", "have", "her", "his", "i", "in", "is", "it",
     "me", "my", "no", "not", "of", "on", "or", "some", "that", "the", "their", "this", "to", "was", "were", "with",
     "your")
)  # fmt: skip
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


class Note:
    """The findings with which facts are compared."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self._told = [(finding, content(finding.text)) for finding in findings]

    def lacking(self, facts: Sequence[Finding]) -> list[Finding]:
        """The facts that no finding tells.

        A finding tells a fact of the same name, wherever it was said and whatever its status. It tells a fact of
        another name too, if both are of one sort and rest on the same words, unless the list names the finding as well:
        "weak and shaky" are two facts, and "weakness" alone does not tell both.
        """
        worded = [(fact, content(fact.text)) for fact in facts]
        named = [any(_is_named(told, fact, words) for fact, words in worded) for told in self._told]
        return [
            fact
            for fact, words in worded
            if not any(
                _is_named(told, fact, words) or (not elsewhere and _rests_on_same(told, fact, words))
                for told, elsewhere in zip(self._told, named, strict=True)
            )
        ]

    def holds(self, sentence: "Sentence") -> bool:
        """Whether everything that the sentence names is in a finding: by its words, or by its name elsewhere."""
        named = [(evidence, content(evidence.quote)) for evidence in sentence.named]
        return all(
            any(
                shares_words(finding.evidence, [evidence]) or (told and (told <= words or words <= told))
                for finding, told in self._told
            )
            for evidence, words in named
        )


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of which no fact was made, in the form of one, and the words in it that name something."""

    heard: Finding
    named: tuple[Evidence, ...]


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


def _is_named(told: tuple[Finding, frozenset[str]], fact: Finding, words: frozenset[str]) -> bool:
    """Whether the finding has the name of the fact. One name may say more than the other if the status is the same."""
    finding, mine = told
    if finding.experiencer != fact.experiencer or _group(finding.kind) != _group(fact.kind) or not mine:
        return False
    return mine == words or (finding.status == fact.status and (mine <= words or words <= mine))


def _rests_on_same(told: tuple[Finding, frozenset[str]], fact: Finding, words: frozenset[str]) -> bool:
    finding, mine = told
    if finding.experiencer != fact.experiencer or _group(finding.kind) != _group(fact.kind):
        return bool(words & mine) and shares_words(finding.evidence, fact.evidence)
    return shares_words(finding.evidence, fact.evidence)


def _group(kind: Kind) -> str:
    return _GROUPS.get(kind, kind)
