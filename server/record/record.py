"""What a consultation amounts to so far: folded from the events of its log, which nothing else knows better. Pure."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from pydantic import TypeAdapter

from inference.extraction import Patient
from inference.findings import Finding, Omission
from inference.stream import Mode
from inference.transcript import Segment
from server.protocol import Judged
from server.record.fold import EventFold

State = Literal["open", "ended"]

_segment = TypeAdapter(Segment)
_finding = TypeAdapter(Finding)
_omission = TypeAdapter(Omission)


@dataclass(frozen=True, slots=True)
class Declared:
    """What the log does not say: what the client declared at the start, and when that was (UTC)."""

    mode: Mode
    language: str | None
    patient: Patient | None
    started_at: datetime


@dataclass(frozen=True, slots=True)
class Consent:
    """When those who are recorded agreed (UTC, ISO 8601) and to what, and whose key or sign-on stated it, if any."""

    given_at: str
    wording: str
    by: str | None


@dataclass(frozen=True, slots=True)
class Judgement:
    """What was done by hand to a finding, by whose key or sign-on (None on a server without keys), and when (UTC)."""

    what: Judged
    by: str | None
    at: str


@dataclass(frozen=True, slots=True)
class Record:
    """Final segments by the time at which they began, and the findings as they stand after event number `seq`.

    `retracted` is what somebody said and somebody took back: the first of its evidence said it, the last took it
    back, and nothing of it is current. What the clinician dismissed was never so and is left out.

    `audio_s` is the audio that was received, while the session is open the audio that is transcribed. `models` names
    the engines: asr, extraction. `software` is the name and version of what made the record. Nobody has reviewed it
    but for the findings whose source is the clinician.
    """

    session_id: str
    state: State
    seq: int
    declared: Declared
    drawn_at: datetime
    audio_s: float
    models: Mapping[str, str]
    segments: tuple[Segment, ...]
    findings: tuple[Finding, ...]
    retracted: tuple[Finding, ...]
    software: tuple[str, str]
    consent: Consent | None = None
    omissions: tuple[Omission, ...] = ()
    """What was said and stands in no finding. It is no part of the note: nobody has taken it into it."""
    judgements: Mapping[str, Judgement] = field(default_factory=dict)
    """By the id of the finding."""
    appointment_id: str | None = None
    clinician_id: str | None = None
    originals: Mapping[str, Finding] = field(default_factory=dict)
    """Findings as they were before somebody edited them, by id: those alone that now say something else."""


def draw(
    events: Iterable[bytes], session_id: str, declared: Declared, drawn_at: datetime, software: tuple[str, str]
) -> Record:
    """The record after the given events: wire texts of one log in order, of which some may have been swept."""
    fold = EventFold()
    for text in events:
        fold.apply(json.loads(text))
    segments = [_segment.validate_python(segment) for segment in fold.finals]
    segments.sort(key=lambda segment: segment.start)
    findings = [_finding.validate_python(finding) for finding in fold.findings.values()]
    before = {finding_id: _finding.validate_python(finding) for finding_id, finding in fold.originals.items()}
    unsaid = [_finding.validate_python(finding) for before, finding in fold.retracted if _is_unsaid(before, finding)]
    omissions = [_omission.validate_python(omission) for omission in fold.omissions]
    return Record(
        session_id,
        "ended" if fold.stopped else "open",
        fold.seq,
        declared,
        drawn_at,
        fold.audio_s,
        fold.models,
        tuple(segments),
        tuple(findings),
        tuple(finding for finding in unsaid if not _stands(finding, findings)),
        software,
        Consent(**fold.consent) if fold.consent else None,
        tuple(omission for omission in omissions if not any(_rest_on_same_words(f, omission) for f in findings)),
        {finding_id: Judgement(**judgement) for finding_id, judgement in fold.judgements.items()},
        fold.appointment_id,
        fold.clinician_id,
        {f.id: before[f.id] for f in findings if f.id in before and _said(f) != _said(before[f.id])},
    )


def _said(finding: Finding) -> tuple[object, ...]:
    """What makes two states of a finding the same to a reader."""
    told = (finding.kind, finding.text, finding.status, finding.temporality, finding.experiencer)
    return *told, dict(finding.attributes)


def _is_unsaid(before: Mapping[str, Any], retracted: Mapping[str, Any]) -> bool:
    """The words that took it back came with the retraction; a clinician who dismisses a finding brings none."""
    return len(retracted["evidence"]) > 1 and retracted["evidence"] != before["evidence"]


def _stands(finding: Finding, current: Iterable[Finding]) -> bool:
    """It was said once more since."""
    subject = (finding.kind, finding.text, finding.experiencer)
    return any((other.kind, other.text, other.experiencer) == subject for other in current)


def _rest_on_same_words(finding: Finding, omission: Omission) -> bool:
    """It was added to the note since the two were compared."""
    return finding.source == "clinician" and set(finding.evidence) >= set(omission.evidence)
