"""A finding as a line that a clinician reads, and the times at which it was said. Pure."""

import re
import unicodedata
from collections.abc import Iterable, Mapping

from inference.extraction import Patient
from inference.findings import Evidence, Finding, Kind
from inference.transcript import Speaker

DENIED: Mapping[Kind, str] = {
    "chief_complaint": "denies {}",
    "symptom": "denies {}",
    "past_history": "denies {}",
    "social_history": "denies {}",
    "family_history": "denies {}",
    "medication": "denies taking {}",
    "allergy": "denies allergy to {}",
}
"""What the patient tells can be denied; the rest (a diagnosis, an order, a measurement) is simply not there."""

INLINE: Mapping[Kind, tuple[str, ...]] = {
    "medication": ("dose", "form", "route", "frequency"),
    "order": ("dose", "form", "route", "frequency"),
    "vital": ("value", "unit"),
}
"""Attributes that are read as one phrase with the name: lisinopril 10 mg twice a day."""

SHOWN_STAMPS = 3
"""Times of one line. What was said for hours is proved by its first times; the JSON record has them all."""

_NEGATIVE = re.compile(r"(?:no|not|none|denies|never|without)\b", re.IGNORECASE)


def plain(text: str) -> str:
    """The text on one line, without control characters or halves of surrogate pairs, which no format takes."""
    kept = ("" if unicodedata.category(c) in ("Cc", "Cs") and not c.isspace() else c for c in text)
    return " ".join("".join(kept).split())


def clock(seconds: float, *, tenths: bool = False) -> str:
    """00:12, and 1:02:05 beyond an hour; with `tenths` 00:12.3.

    Rounded down, so that a player starts before the words.
    """
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    whole = f"{hours}:{minute:02}:{second:02}" if hours else f"{minute:02}:{second:02}"
    return f"{whole}.{int(seconds * 10) % 10}" if tenths else whole


def named(finding: Finding) -> str:
    """Name with what belongs to it (dose and frequency, or value and unit), without its status."""
    return plain(finding.text) + read_with_name(finding)


def read_with_name(finding: Finding) -> str:
    """What belongs to the name, as it follows the name, without what the name or another value says already."""
    name = text = plain(finding.text)
    for attribute in INLINE.get(finding.kind, ()):
        value = plain(finding.attributes.get(attribute, ""))
        if value and not _says(text, value):
            text += value if value == "%" else f" {value}"
    return text.removeprefix(name)


def details(finding: Finding, unsaid: Iterable[str] = ()) -> list[str]:
    """The other attributes, each with its name; `unsaid` are those that the place of the line tells."""
    left_out = {*INLINE.get(finding.kind, ()), *unsaid}
    said = []
    for name, value in finding.attributes.items():
        value = plain(value)
        if name == "heard" and value:
            said.append(f"heard as “{value}”")
        elif value and name not in left_out:
            said.append(f"{name.replace('_', ' ')} {value}")
    if finding.temporality != "current" and finding.temporality not in left_out:
        said.append(finding.temporality)
    return said


def phrase(finding: Finding, unsaid: Iterable[str] = ()) -> str:
    """The whole finding but for its evidence: "denies fever", "possible pneumonia (location left lung)"."""
    unsaid = tuple(unsaid)
    text = stated(finding)
    if finding.experiencer == "family" or finding.kind == "family_history":
        relation = plain(finding.attributes.get("relation", ""))
        text = f"{relation or 'family'}: {text}"
        unsaid += ("relation",)
    more = details(finding, unsaid)
    return f"{text} ({'; '.join(more)})" if more else text


def stated(finding: Finding) -> str:
    """Name and status."""
    text = named(finding)
    if finding.status == "possible":
        return text if text.casefold().startswith("possible") else f"possible {text}"
    if finding.status == "present" or _NEGATIVE.match(text):
        return text
    if finding.kind == "allergy" and "allerg" in text.casefold():
        return f"denies {text}"
    return DENIED.get(finding.kind, "no {}").format(text)


def said(finding: Finding) -> str:
    """When and by whom: "[00:12, 01:20 patient; 00:14 clinician]"; without the speaker where one channel has all."""
    times: dict[Speaker, list[str]] = {}
    stamps = sorted({(clock(e.from_s), e.speaker): e for e in finding.evidence}.values(), key=_begin)
    for evidence in stamps[:SHOWN_STAMPS]:
        times.setdefault(evidence.speaker, []).append(clock(evidence.from_s))
    spoken = [", ".join(at) + (f" {speaker}" if speaker != "unknown" else "") for speaker, at in times.items()]
    if len(stamps) > SHOWN_STAMPS:
        spoken.append(f"{len(stamps) - SHOWN_STAMPS} more")
    if finding.source == "clinician":
        spoken.append("reviewed")
    return f"[{'; '.join(spoken)}]"


def quoted(evidence: Evidence) -> str:
    """The words, when they were said and by whom: “no, 5 mg” [00:12 clinician]."""
    speaker = "" if evidence.speaker == "unknown" else f" {evidence.speaker}"
    return f"“{plain(evidence.quote)}” [{clock(evidence.from_s)}{speaker}]"


def described(patient: Patient) -> str:
    """Name, age, gender: what there is of it; the history apart."""
    age = f"{patient.age} years" if patient.age is not None else ""
    return ", ".join(filter(None, (plain(patient.name or ""), age, plain(patient.gender or ""))))


def _begin(evidence: Evidence) -> float:
    return evidence.from_s


def _says(text: str, value: str) -> bool:
    return value.casefold() in text.casefold()
