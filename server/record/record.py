"""What a consultation amounts to so far: folded from the events of its log, which nothing else knows better. Pure."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pydantic import TypeAdapter

from inference.extraction import Patient
from inference.findings import Finding
from inference.stream import Mode
from inference.transcript import Segment

State = Literal["open", "ended"]

_segment = TypeAdapter(Segment)
_finding = TypeAdapter(Finding)


@dataclass(frozen=True, slots=True)
class Declared:
    """What the log does not say: what the client declared at the start, and when that was (UTC)."""

    mode: Mode
    language: str | None
    patient: Patient | None
    started_at: datetime


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


def draw(
    events: Iterable[bytes], session_id: str, declared: Declared, drawn_at: datetime, software: tuple[str, str]
) -> Record:
    """The record after the given events: wire texts of one log, in order, from its beginning; swept ones may lack."""
    segments: list[Segment] = []
    findings: dict[str, Finding] = {}
    retracted: list[Finding] = []
    state: State = "open"
    seq, audio_s, models = 0, 0.0, {}
    for text in events:
        event = json.loads(text)
        seq = event["seq"]
        match event["type"]:
            case "session_started":
                models = {name: str(model) for name, model in event["models"].items()}
            case "transcript" if event["segment"]["final"] and event["segment"]["text"]:
                segments.append(_segment.validate_python(event["segment"]))
            case "extraction":
                for operation in event["ops"]:
                    finding = _finding.validate_python(operation["finding"])
                    if operation["op"] == "retract":
                        if _is_unsaid(finding, findings.pop(finding.id, None)):
                            retracted.append(finding)
                    else:
                        findings[finding.id] = finding
            case "progress":
                audio_s = event["transcribed_s"]
            case "session_stopped":
                state, audio_s = "ended", event["audio_s"]
    segments.sort(key=lambda segment: segment.start)
    return Record(
        session_id,
        state,
        seq,
        declared,
        drawn_at,
        audio_s,
        models,
        tuple(segments),
        tuple(findings.values()),
        tuple(finding for finding in retracted if not _stands(finding, findings.values())),
        software,
    )


def _is_unsaid(finding: Finding, known: Finding | None) -> bool:
    """The words that took it back came with the retraction; a clinician who dismisses a finding brings none."""
    return known is not None and len(finding.evidence) > 1 and finding.evidence != known.evidence


def _stands(finding: Finding, current: Iterable[Finding]) -> bool:
    """It was said once more since."""
    subject = (finding.kind, finding.text, finding.experiencer)
    return any((other.kind, other.text, other.experiencer) == subject for other in current)
