"""The record as a SOAP note: each finding in one place, by its kind. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from inference.findings import Finding, Omission
from server.record.record import Record
from server.record.wording import clock, described, phrase, plain, quoted, said


@dataclass(frozen=True, slots=True)
class Loinc:
    code: str
    display: str


@dataclass(frozen=True, slots=True)
class Line:
    """One finding: what it says, and "[when who]" it was said. `suggested` names codes that nobody has settled."""

    finding: Finding
    text: str
    said: str
    suggested: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    title: str
    loinc: Loinc | None
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Section:
    title: str
    loinc: Loinc
    parts: tuple[Part, ...]


OTHER_ORDERS = "Other orders"
"""Where an order stands whose type is none of `ORDERS`."""

LAYOUT: tuple[tuple[str, Loinc, tuple[tuple[str, Loinc | None], ...]], ...] = (
    (
        "Subjective",
        Loinc("61150-9", "Subjective narrative"),
        (
            ("Chief complaint", Loinc("10154-3", "Chief complaint Narrative - Reported")),
            ("Symptoms", Loinc("10164-2", "History of Present illness Narrative")),
            ("Past history", Loinc("11348-0", "History of Past illness Narrative")),
            ("Medication taken", Loinc("10160-0", "History of Medication use Narrative")),
            ("Allergies", Loinc("48765-2", "Allergies and adverse reactions Document")),
            ("Family history", Loinc("10157-6", "History of family member diseases Narrative")),
            ("Social history", Loinc("29762-2", "Social history Narrative")),
        ),
    ),
    ("Objective", Loinc("61149-1", "Objective narrative"), (("Vital signs", Loinc("8716-3", "Vital signs note")),)),
    (
        "Assessment",
        Loinc("51848-0", "Evaluation note"),
        (("Diagnoses", Loinc("29308-4", "Diagnosis")),),
    ),
    (
        "Plan",
        Loinc("18776-5", "Plan of care note"),
        (
            ("Medication ordered", None),
            ("Laboratory", None),
            ("Imaging", None),
            ("Referral", None),
            ("Follow-up", None),
            (OTHER_ORDERS, None),
            ("Advice", None),
        ),
    ),
)

ORDERS = {
    "medication": "Medication ordered",
    "lab": "Laboratory",
    "imaging": "Imaging",
    "referral": "Referral",
    "followup": "Follow-up",
}
KINDS = {
    "chief_complaint": "Chief complaint",
    "symptom": "Symptoms",
    "past_history": "Past history",
    "medication": "Medication taken",
    "allergy": "Allergies",
    "family_history": "Family history",
    "social_history": "Social history",
    "vital": "Vital signs",
    "diagnosis": "Diagnoses",
    "advice": "Advice",
}
UNSAID: Mapping[str, tuple[str, ...]] = {
    "Past history": ("past",),
    "Family history": ("past",),
    "Advice": ("planned",),
    **dict.fromkeys((*ORDERS.values(), OTHER_ORDERS), ("order_type", "planned")),
}
"""Attributes and times that the title of a part already tells."""

RANK = {"present": 0, "possible": 1, "absent": 2}


def notice(record: Record) -> str:
    """What a reader must know first."""
    still = " The consultation is still open." if record.state == "open" else ""
    return f"Draft, made by a machine and not reviewed: check it before use.{still}"


def heading(record: Record) -> list[tuple[str, str]]:
    """Whom and what the record is about: names and values, only what is known."""
    declared = record.declared
    patient = declared.patient
    speakers = "one channel, speakers not told apart" if declared.mode == "ambient" else "a channel for each speaker"
    begun = declared.started_at.strftime("%Y-%m-%d %H:%M %Z")
    facts = [
        ("Patient", described(patient) if patient else ""),
        ("History given", plain(patient.history or "") if patient else ""),
        ("Consultation", f"{begun}, {clock(record.audio_s)} of audio, {speakers}"),
        ("Appointment", plain(record.appointment_id or "")),
        ("Clinician", plain(record.clinician_id or "")),
        ("Consent", agreed(record)),
        ("Made by", " ".join(record.software) + "".join(f", {engine} {m}" for engine, m in record.models.items())),
    ]
    return [(name, value) for name, value in facts if value]


def agreed(record: Record) -> str:
    """Since when and to what those who are recorded agreed; nothing where the log does not say."""
    consent = record.consent
    if consent is None:
        return ""
    by = f", as {plain(consent.by)} states" if consent.by else ""
    return f"{plain(consent.wording)} (given {plain(consent.given_at)}{by})"


def judged(finding: Finding, record: Record) -> str:
    """Who confirmed or edited the finding, and how it was heard before somebody edited it."""
    judgement, original = record.judgements.get(finding.id), record.originals.get(finding.id)
    by = f" by {plain(judgement.by)}" if judgement is not None and judgement.by else ""
    what = "edited" if original is not None else judgement.what if judgement is not None and by else ""
    heard = f", heard as “{phrase(original)}”" if original is not None else ""
    return f", {what}{by}{heard}" if what else ""


def place(finding: Finding) -> str:
    """The title of the part in which the finding stands. What the family has is never the patient's own."""
    if finding.experiencer == "family":
        return "Family history"
    if finding.kind == "order":
        return ORDERS.get(finding.attributes.get("order_type", "").casefold(), OTHER_ORDERS)
    if finding.kind == "medication" and finding.temporality == "planned":
        return "Medication ordered"
    if finding.kind == "diagnosis" and finding.temporality == "past":
        return "Past history"
    return KINDS[finding.kind]


def soap(record: Record) -> tuple[Section, ...]:
    """All four sections; of their parts those in which something stands."""
    placed: dict[str, list[Finding]] = {}
    for finding in record.findings:
        placed.setdefault(place(finding), []).append(finding)
    return tuple(
        Section(
            title,
            loinc,
            tuple(Part(name, code, _lines(name, placed[name], record)) for name, code in parts if name in placed),
        )
        for title, loinc, parts in LAYOUT
    )


def _lines(part: str, findings: Iterable[Finding], record: Record) -> tuple[Line, ...]:
    in_order = sorted(findings, key=lambda finding: RANK[finding.status])
    unsaid = UNSAID.get(part, ())
    return tuple(Line(f, phrase(f, unsaid), said(f) + judged(f, record), _suggested(f, part)) for f in in_order)


def _suggested(finding: Finding, part: str) -> str:
    """Codes of what is diagnosed, where a reader wants them; the other formats carry those of all findings."""
    if part != "Diagnoses" or finding.status == "absent":
        return ""
    codes = ", ".join(f"{plain(code.system)} {plain(code.code)}" for code in finding.codes)
    return codes and f"suggested: {codes}"


RETRACTED = "Said and taken back"
"""Title of what follows the four sections, where anything was taken back. None of it is current."""


def retracted(record: Record) -> tuple[str, ...]:
    """A line for each finding that was taken back: what it was, the words that said it and those that took it back."""
    return tuple(_unsaid_line(finding) for finding in record.retracted)


def _unsaid_line(finding: Finding) -> str:
    words = ", ".join(map(quoted, finding.evidence))
    return f"{place(finding)}, no longer so: {phrase(finding, ())}. {words}"


OMITTED = "Said, not in the note"
"""Title of what somebody said and no finding tells. It is no part of the note."""


def omitted(record: Record) -> tuple[str, ...]:
    """A line for each: what was understood, and the words."""
    return tuple(
        ", ".join(map(quoted, omission.evidence))
        if [omission.text] == [evidence.quote for evidence in omission.evidence]
        else f"{_named(omission)}: {', '.join(map(quoted, omission.evidence))}"
        for omission in record.omissions
    )


def _named(omission: Omission) -> str:
    status = {"present": "", "absent": "no ", "possible": "possible "}[omission.status]
    return f"{status}{plain(omission.text)}"
