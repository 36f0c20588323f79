"""The record as JSON (`drtranscribe.record.v1`): findings and segments in the wire's own shape.

One object: format, session_id, state (open, ended), seq (the last event that is in it), started_at and drawn_at (UTC,
ISO 8601), appointment_id and clinician_id (null or a string), mode, language (null: detected), audio_s, models {asr,
extraction}, software {name, version}, patient (null or {name, age, gender, history}, each may be null), consent (null
or {given_at, wording, by}), findings (each with judgement {what, by, at} where somebody edited or confirmed it, and
with original, the finding as it was before the first edit, where it now says something else), retracted (what was said
and then taken back, as findings: the first of its evidence said it, the last took it back, nothing of it is current),
omissions (what was said and stands in no finding, in the same shape without confidence and codes: no part of the note),
segments (finals by the time at which they began, without word times). Fields may be added; none changes its meaning.
"""

import dataclasses
from typing import Any

from pydantic_core import to_json

from inference.findings import Finding
from server.protocol import finding_fields, segment_fields
from server.record.record import Record

FORMAT = "drtranscribe.record.v1"


def render(record: Record) -> bytes:
    declared = record.declared
    name, version = record.software
    fields: dict[str, Any] = {
        "format": FORMAT,
        "session_id": record.session_id,
        "state": record.state,
        "seq": record.seq,
        "started_at": declared.started_at.isoformat(timespec="seconds"),
        "drawn_at": record.drawn_at.isoformat(timespec="seconds"),
        "appointment_id": record.appointment_id,
        "clinician_id": record.clinician_id,
        "mode": declared.mode,
        "language": declared.language,
        "audio_s": record.audio_s,
        "models": record.models,
        "software": {"name": name, "version": version},
        "patient": dataclasses.asdict(declared.patient) if declared.patient else None,
        "consent": dataclasses.asdict(record.consent) if record.consent else None,
        "findings": [_judged(finding, record) for finding in record.findings],
        "retracted": [finding_fields(finding) for finding in record.retracted],
        "omissions": [finding_fields(omission) for omission in record.omissions],
        "segments": [segment_fields(dataclasses.replace(segment, words=())) for segment in record.segments],
    }
    return to_json(fields, indent=1) + b"\n"


def _judged(finding: Finding, record: Record) -> dict[str, Any]:
    judgement, original = record.judgements.get(finding.id), record.originals.get(finding.id)
    fields = finding_fields(finding)
    if judgement is not None:
        fields["judgement"] = dataclasses.asdict(judgement)
    if original is not None:
        fields["original"] = finding_fields(original)
    return fields
