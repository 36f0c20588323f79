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
from server.record.fold import EventFold

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
    software: tuple[str, str]


def draw(
    events: Iterable[bytes], session_id: str, declared: Declared, drawn_at: datetime, software: tuple[str, str]
) -> Record:
    """The record after the given events: wire texts of one log, in order, from its beginning; swept ones may lack."""
    fold = EventFold()
    for text in events:
        fold.apply(json.loads(text))
    segments = [_segment.validate_python(segment) for segment in fold.finals]
    segments.sort(key=lambda segment: segment.start)
    return Record(
        session_id,
        "ended" if fold.stopped else "open",
        fold.seq,
        declared,
        drawn_at,
        fold.audio_s,
        fold.models,
        tuple(segments),
        tuple(map(_finding.validate_python, fold.findings.values())),
        software,
    )
