"""Clinical findings, the evidence that proves them, and the proposals of extractors. Pure.

How proposals become findings is in inference/extraction/evidence/merging.py.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Self, get_args

from inference.transcript import Speaker

Kind = Literal[
    "chief_complaint",
    "symptom",
    "medication",
    "allergy",
    "vital",
    "past_history",
    "family_history",
    "social_history",
    "diagnosis",
    "order",
    "advice",
]
Status = Literal["present", "absent", "possible"]
Temporality = Literal["current", "past", "planned"]
Experiencer = Literal["patient", "family"]
Source = Literal["model", "rules", "clinician"]
CodeSystem = Literal["ICD-10-CM", "MeSH", "DrugBank"]
Op = Literal["add", "update", "retract"]
Attribute = Literal[
    "onset",
    "duration",
    "severity",
    "location",
    "character",
    "frequency",
    "dose",
    "route",
    "form",
    "value",
    "unit",
    "relation",
    "reaction",
    "reason",
    "order_type",
    "heard",
    "maximum",
    "check",
]

KINDS: tuple[Kind, ...] = get_args(Kind)
ATTRIBUTES: tuple[Attribute, ...] = get_args(Attribute)

ATTRIBUTES_OF: Mapping[Kind, tuple[Attribute, ...]] = {
    "chief_complaint": ("onset", "duration", "severity", "location", "character", "frequency"),
    "symptom": ("onset", "duration", "severity", "location", "character", "frequency"),
    "medication": ("dose", "form", "route", "frequency", "maximum", "duration", "reason"),
    "allergy": ("reaction", "severity", "onset"),
    "vital": ("value", "unit", "location"),
    "past_history": ("onset", "duration", "severity", "location"),
    "family_history": ("relation", "onset"),
    "social_history": ("frequency", "duration", "onset"),
    "diagnosis": ("onset", "severity", "location", "character"),
    "order": ("order_type", "dose", "form", "route", "frequency", "maximum", "duration", "location", "reason"),
    "advice": ("frequency", "duration", "reason"),
}
"""The attributes that a clinician is offered for each kind. A finding may hold others, which an extractor has heard."""

ORDER_TYPES = ("medication", "lab", "imaging", "followup", "referral")
"""The values of the attribute `order_type`."""


@dataclass(frozen=True, slots=True)
class Quote:
    """Words that, according to an extractor, stand in the final segment with the id `segment`; not checked yet.

    `start` is the character of the segment's text at which they begin, or None if the extractor does not know it.
    """

    segment: str
    text: str
    start: int | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """A checked quote: `segment.text[start:end] == quote`, spoken from `from_s` to `to_s` of the session's audio."""

    segment: str
    quote: str
    start: int
    end: int
    from_s: float
    to_s: float
    speaker: Speaker


@dataclass(frozen=True, slots=True)
class Code:
    """A finding's code in a public vocabulary. It is looked up by the words of the finding alone, so `suggestion` stays
    true until a clinician accepts it."""

    system: CodeSystem
    code: str
    display: str
    suggestion: bool = True


@dataclass(frozen=True, slots=True)
class Finding:
    """One clinical fact as the client sees it (docs/protocol.md, "A finding")."""

    id: str
    kind: Kind
    text: str
    status: Status
    temporality: Temporality
    experiencer: Experiencer
    attributes: Mapping[str, str]
    evidence: tuple[Evidence, ...]
    source: Source
    confidence: float
    codes: tuple[Code, ...] = ()

    @classmethod
    def of(cls, identifier: str, proposal: "Proposal", evidence: tuple[Evidence, ...]) -> Self:
        """What a proposal says, as a finding with its evidence and without codes."""
        return cls(
            id=identifier,
            kind=proposal.kind,
            text=proposal.text,
            status=proposal.status,
            temporality=proposal.temporality,
            experiencer=proposal.experiencer,
            attributes=dict(proposal.attributes),
            evidence=evidence,
            source=proposal.source,
            confidence=proposal.confidence,
        )


@dataclass(frozen=True, slots=True)
class Proposal:
    """What an extractor claims about one fact, before its quotes are checked and before it is merged.

    `finding_id` is the finding that an update or a retraction refers to; it is None for an addition.
    """

    kind: Kind
    text: str
    quotes: tuple[Quote, ...]
    source: Source
    status: Status = "present"
    temporality: Temporality = "current"
    experiencer: Experiencer = "patient"
    attributes: Mapping[str, str] = field(default_factory=dict)
    confidence: float = 0.5
    op: Op = "add"
    finding_id: str | None = None


def retraction(finding: Finding, quotes: Iterable[Quote], source: Source) -> Proposal:
    """The proposal to take a finding back, which the quotes justify."""
    return Proposal(
        kind=finding.kind, text=finding.text, quotes=tuple(quotes), source=source, status=finding.status,
        temporality=finding.temporality, experiencer=finding.experiencer, attributes=finding.attributes,
        op="retract", finding_id=finding.id,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Grounded:
    """A proposal after its quotes were looked up: `evidence` holds those that stand in a final, and may be empty."""

    proposal: Proposal
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Operation:
    """One change of the findings, as the client receives it. For a `retract`, `finding` is the one that is removed."""

    op: Op
    finding: Finding


@dataclass(frozen=True, slots=True)
class Omission:
    """Something that was said and stands in no finding. `evidence` was checked like that of a finding.

    `id` follows from the place of the words, so that the same omission has the same id each time it is looked for.
    Where nothing is understood but that a sentence holds something clinical, `text` is the sentence as it was heard.
    """

    id: str
    kind: Kind
    text: str
    status: Status
    temporality: Temporality
    experiencer: Experiencer
    attributes: Mapping[str, str]
    evidence: tuple[Evidence, ...]
    source: Source


def is_more_of_the_answer(before: Iterable[Evidence], now: Sequence[Evidence | Quote]) -> bool:
    """Does a question with more of its answer prove now what rested on the same question before?"""
    question, *replies = (one.segment for one in now)
    return bool(replies) and question in {one.segment for one in before}
