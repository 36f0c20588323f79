"""The five strings of the legacy contract, built from findings. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import TypeAdapter

from inference.findings import Finding
from server.record.soap import place
from server.record.wording import phrase, plain

FIELDS = ("chief_complaint", "diagnosis", "medicine", "advice", "next_steps")
SEPARATOR = "; "

_PLACES = {
    "Chief complaint": "chief_complaint",
    "Symptoms": "chief_complaint",
    "Past history": "diagnosis",
    "Family history": "diagnosis",
    "Social history": "diagnosis",
    "Allergies": "diagnosis",
    "Vital signs": "diagnosis",
    "Diagnoses": "diagnosis",
    "Medication taken": "medicine",
    "Medication ordered": "medicine",
    "Advice": "advice",
}
"""Which field each part of the SOAP note goes to; orders that are no medicines are next steps."""

_LABELS = {
    "Past history": "past history",
    "Family history": "family history",
    "Social history": "social history",
    "Allergies": "allergy",
    "Vital signs": "measured",
}
"""What a line is called that would not say by itself what it is among diagnoses."""

_finding = TypeAdapter(Finding)


def extraction(findings: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """The whole state, from findings as they stand in events. A field without a finding is empty.

    A finding keeps its status, time and doubts in words, because the contract has no other place for them: "denies
    fever", "possible pneumonia", "lisinopril 10 mg (past)".
    """
    items: dict[str, list[str]] = {name: [] for name in FIELDS}
    for wire in findings:
        finding = _finding.validate_python(wire)
        title = place(finding)
        item = _item(finding, title)
        known = items[_PLACES.get(title, "next_steps")]
        if item not in known:
            known.append(item)
    return {name: SEPARATOR.join(said) for name, said in items.items()}


def _item(finding: Finding, title: str) -> str:
    """One item: without the separator in it, which would make two of it."""
    said = phrase(finding, ("order_type",)).replace(";", ",")
    label = _LABELS.get(title)
    if label is None or (finding.status == "absent" and title == "Allergies"):
        return plain(said)
    return plain(f"{label}: {said}")
