"""Records made up to try templates with: one with findings of every kind and status, and one with nothing. Pure."""

from datetime import UTC, datetime
from itertools import product

from inference.extraction import Patient
from inference.findings import ATTRIBUTES, KINDS, ORDER_TYPES, Code, Evidence, Finding, Kind, Status
from inference.transcript import Segment
from server.record.record import Declared, Record

_STATUSES: tuple[Status, ...] = ("present", "absent", "possible")
_WORDS = "these are the words of a sample"
_STARTED = datetime(2026, 1, 1, 12, tzinfo=UTC)


def samples() -> tuple[Record, Record]:
    """The record with everything, and the one with nothing."""
    findings = [_finding(f"f{n}", kind, status) for n, (kind, status) in enumerate(product(KINDS, _STATUSES), start=1)]
    findings += [_finding(f"o{n}", "order", "present", order_type=name) for n, name in enumerate(ORDER_TYPES)]
    patient = Patient("Sample Patient", 50, "female", "A sample of a history.")
    full = _record(tuple(findings), Declared("dual", "en", patient, _STARTED))
    return full, _record((), Declared("ambient", None, None, _STARTED))


def _finding(number: str, kind: Kind, status: Status, **attributes: str) -> Finding:
    given = {name: f"sample {name}" for name in ATTRIBUTES} | attributes if status == "present" else attributes
    proof = (Evidence("s1", _WORDS, 0, len(_WORDS), 0.5, 2.0, "patient"),)
    codes = (Code("ICD-10-CM", "Z00", "Sample"),)
    return Finding(number, kind, f"sample {kind}", status, "current", "patient", given, proof, "rules", 0.9, codes)


def _record(findings: tuple[Finding, ...], declared: Declared) -> Record:
    return Record(
        session_id="SAMPLE",
        state="ended",
        seq=1,
        declared=declared,
        drawn_at=_STARTED,
        audio_s=60.0,
        models={"asr": "sample"},
        segments=(Segment("s1", "patient", 0.0, 3.0, _WORDS, True),),
        findings=findings,
        retracted=findings[:1],
        software=("drtranscribe", "sample"),
        originals={finding.id: finding for finding in findings[:1]},
    )
