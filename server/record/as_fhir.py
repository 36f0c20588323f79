"""The record as a FHIR R4B document: a Bundle whose first entry is a preliminary Composition.

Each finding is one resource (fhir/resource.py), and each of these has a Provenance that points to the transcript, which
travels as a DocumentReference: entity by entity the quote, its segment, its seconds and who said it. What a machine
asserted carries HL7's security label AIAST, what a clinician edited or confirmed CLINAST. Codes are suggestions:
`userSelected` is false. What was said and then taken back is there as `entered-in-error`,
in a section of its own. Ids follow from the session's: a later record of it speaks of the same resources.
The only import of fhir.resources, whose models check everything.
"""

import base64
from collections.abc import Iterable
from datetime import timedelta
from html import escape
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from fhir.resources.R4B.bundle import Bundle

from inference.findings import Evidence, Finding
from inference.transcript import Segment
from server.record.fhir.codes import concept, loinc, terminology
from server.record.fhir.resource import STOP, Resource, resource, unsaid
from server.record.record import Judgement, Record
from server.record.soap import RETRACTED, Loinc, Part, Section, agreed, retracted, soap
from server.record.wording import clock, described, plain

_GENDERS = {"male": "male", "m": "male", "man": "male", "female": "female", "f": "female", "woman": "female"}
_GENDERS |= {"other": "other", "unknown": "unknown"}
_LABELS = {True: ("CLINAST", "clinician asserted"), False: ("AIAST", "Artificial Intelligence asserted")}
"""By whether the clinician edited or confirmed the finding."""
_ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"


def render(record: Record) -> bytes:
    """Raises pydantic's ValidationError for what is no FHIR, which would be our own bug."""
    text = Bundle.model_validate(bundle(record)).model_dump_json(indent=1)
    return (text if isinstance(text, bytes) else text.encode()) + b"\n"


def bundle(record: Record) -> Resource:
    """The document as FHIR JSON, not yet validated."""
    ids = _Ids(record.session_id)
    at = record.drawn_at.isoformat(timespec="seconds")
    subject, device, transcript = (ids.reference(name) for name in ("patient", "device", "transcript"))
    resources: dict[str, Resource] = {
        "composition": _composition(record, ids, at),
        "patient": _patient(record),
        "device": _device(record),
        "transcript": _transcript(record, subject, device, at),
        **_encounter(record, ids, subject),
    }
    stopped = {f.text.casefold().removeprefix(STOP) for f in record.findings if f.text.casefold().startswith(STOP)}
    for finding in record.findings:
        said = min((evidence.from_s for evidence in finding.evidence), default=0.0)
        said_at = (record.declared.started_at + timedelta(seconds=said)).isoformat(timespec="seconds")
        is_stopped = finding.text.casefold() in stopped
        label = _LABELS[finding.source == "clinician"]
        meta = {"security": [terminology("v3-ObservationValue", *label)]}
        resources[finding.id] = {"meta": meta, **resource(finding, subject, at, said_at=said_at, stopped=is_stopped)}
    for finding in record.retracted:
        made = unsaid(resource(finding, subject, at))
        resources[finding.id] = {"meta": {"security": [terminology("v3-ObservationValue", *_LABELS[False])]}, **made}
    for finding in (*record.findings, *record.retracted):
        target = ids.reference(finding.id)
        judgement = record.judgements.get(finding.id)
        resources[f"provenance {finding.id}"] = _provenance(finding, target, device, transcript, at, judgement)
    return {
        "resourceType": "Bundle",
        "type": "document",
        "identifier": ids.identifier(f"bundle {record.seq}"),
        "timestamp": at,
        "entry": [
            {"fullUrl": ids.urn(name), "resource": {**made, "id": ids.id(name)}} for name, made in resources.items()
        ],
    }


class _Ids:
    """Ids of a session's resources, by name; no id tells the session's own, which opens its record."""

    def __init__(self, session_id: str) -> None:
        self._namespace = uuid5(NAMESPACE_OID, session_id)

    def id(self, name: str) -> str:
        return str(uuid5(self._namespace, name))

    def urn(self, name: str) -> str:
        return f"urn:uuid:{self.id(name)}"

    def reference(self, name: str) -> dict[str, str]:
        return {"reference": self.urn(name)}

    def identifier(self, name: str) -> dict[str, str]:
        return {"system": "urn:ietf:rfc:3986", "value": self.urn(name)}


def _composition(record: Record, ids: _Ids, at: str) -> Resource:
    patient = record.declared.patient
    sections = [_section(section, ids) for section in soap(record)]
    if patient and (history := plain(patient.history or "")):
        given = {"title": "History given", "text": _narrative([history], "additional")}
        sections.insert(0, given)
    if consent := agreed(record):
        sections.append({"title": "Consent", "text": _narrative([consent], "additional")})
    if record.retracted:
        entries = [ids.reference(finding.id) for finding in record.retracted]
        sections.append({"title": RETRACTED, "text": _narrative(retracted(record)), "entry": entries})
    sections.append({"title": "Transcript", "entry": [ids.reference("transcript")]})
    return {
        "resourceType": "Composition",
        "identifier": ids.identifier("record"),
        "status": "preliminary",
        "type": concept(loinc("11488-4", "Consult note")),
        "subject": ids.reference("patient"),
        "date": at,
        "author": [ids.reference("device")],
        "title": "Consultation record",
        "event": [{"period": {"start": record.declared.started_at.isoformat(timespec="seconds")}}],
        "section": sections,
        **({"encounter": held} if (held := _held(record, ids)) else {}),
    }


def _held(record: Record, ids: _Ids) -> dict[str, Any]:
    """The consultation that the record is of. Without a clinician, nothing is known of it but the client's own name."""
    booked = _named(record.appointment_id)
    found = ids.reference("encounter") if _named(record.clinician_id) else {}
    return {"type": "Encounter", **found, **({"identifier": booked[0]} if booked else {})} if found or booked else {}


def _encounter(record: Record, ids: _Ids, subject: dict[str, str]) -> dict[str, Resource]:
    """Who held the consultation, as the client named them: not an author, because nobody has reviewed the record."""
    clinician, booked = _named(record.clinician_id), _named(record.appointment_id)
    if not clinician:
        return {}
    performer = concept(terminology("v3-ParticipationType", "PPRF", "primary performer"))
    encounter: Resource = {
        "resourceType": "Encounter",
        "status": "in-progress" if record.state == "open" else "finished",
        "class": {"extension": [{"url": _ABSENT, "valueCode": "unknown"}]},  # nobody said where it took place
        "subject": subject,
        "participant": [{"type": [performer], "individual": ids.reference("practitioner")}],
        "period": {"start": record.declared.started_at.isoformat(timespec="seconds")},
        **({"identifier": booked} if booked else {}),
    }
    return {"encounter": encounter, "practitioner": {"resourceType": "Practitioner", "identifier": clinician}}


def _named(given: str | None) -> list[dict[str, str]]:
    """What the client calls something, as identifiers: whose names these are is not known."""
    name = plain(given or "")
    return [{"value": name}] if name else []


def _section(section: Section, ids: _Ids) -> dict[str, Any]:
    made: dict[str, Any] = {"title": section.title, "code": _code(section.loinc, section.title)}
    if section.parts:
        return made | {"section": [_part(part, ids) for part in section.parts]}
    empty = concept(terminology("list-empty-reason", "unavailable", "Unavailable"), text="nothing was found")
    return made | {"emptyReason": empty, "text": _narrative(["Nothing was found."])}


def _part(part: Part, ids: _Ids) -> dict[str, Any]:
    return {
        "title": part.title,
        "code": _code(part.loinc, part.title),
        "text": _narrative(f"{line.text} {line.said}" for line in part.lines),
        "entry": [ids.reference(line.finding.id) for line in part.lines],
    }


def _code(code: Loinc | None, title: str) -> dict[str, Any]:
    return concept(*([loinc(code.code, code.display)] if code else []), text=title)


def _narrative(lines: Iterable[str], status: str = "generated") -> dict[str, str]:
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return {"status": status, "div": f'<div xmlns="http://www.w3.org/1999/xhtml"><ul>{items}</ul></div>'}


def _patient(record: Record) -> Resource:
    """Name and gender, and what FHIR has no field for, as the age, in words: nobody gave a date of birth."""
    made: Resource = {"resourceType": "Patient"}
    patient = record.declared.patient
    if patient is None:
        return made
    if name := plain(patient.name or ""):
        made["name"] = [{"text": name}]
    if gender := _GENDERS.get(plain(patient.gender or "").casefold()):
        made["gender"] = gender
    if known := described(patient):
        made["text"] = _narrative([known], "additional")
    return made


def _device(record: Record) -> Resource:
    name, version = record.software
    versions = [{"value": version}]
    engines = [{"type": {"text": engine}, "value": model} for engine, model in record.models.items()]
    return {
        "resourceType": "Device",
        "deviceName": [{"name": name, "type": "user-friendly-name"}],
        "version": versions + engines,
    }


def _transcript(record: Record, subject: dict[str, str], device: dict[str, str], at: str) -> Resource:
    attachment: dict[str, str] = {"contentType": "text/plain; charset=utf-8", "title": "Transcript"}
    if record.declared.language:
        attachment["language"] = record.declared.language
    if record.segments:
        text = "\n".join(map(_spoken, record.segments))
        attachment["data"] = base64.b64encode(text.encode()).decode()
    return {
        "resourceType": "DocumentReference",
        "status": "current",
        "docStatus": "preliminary",
        "type": {"text": "Transcript of the consultation, made by a machine"},
        "subject": subject,
        "date": at,
        "author": [device],
        "content": [{"attachment": attachment}],
    }


def _spoken(segment: Segment) -> str:
    return f"{segment.id} [{clock(segment.start)}] {segment.speaker}: {plain(segment.text)}"


def _provenance(
    finding: Finding,
    target: dict[str, str],
    device: dict[str, str],
    transcript: dict[str, str],
    at: str,
    judgement: Judgement | None = None,
) -> Resource:
    role = terminology("provenance-participant-type", "assembler", "Assembler")
    agents: list[dict[str, Any]] = [{"type": concept(role, text=f"found by {finding.source}"), "who": device}]
    if finding.source == "clinician":
        agents[0]["type"] = concept(role)
        verifier = terminology("provenance-participant-type", "verifier", "Verifier")
        agents.append({"type": concept(verifier), "who": {"display": _verifier(judgement)}})
    proofs = [{"role": "source", "what": transcript | {"display": _proof(proof)}} for proof in finding.evidence]
    return {
        "resourceType": "Provenance",
        "target": [target],
        "recorded": at,
        "agent": agents,
        "entity": proofs or [{"role": "source", "what": transcript}],
    }


def _verifier(judgement: Judgement | None) -> str:
    by = plain(judgement.by or "") if judgement is not None else ""
    return by or "the clinician of this session"


def _proof(evidence: Evidence) -> str:
    seconds = f"{evidence.from_s:.1f} to {evidence.to_s:.1f} s"
    return f"“{plain(evidence.quote)}” (segment {evidence.segment}, {seconds}, {evidence.speaker})"
