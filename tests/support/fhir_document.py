"""The hand-made consultation as a FHIR document, and ways to look into one."""

import json
from collections.abc import Iterator
from typing import Any

from inference.findings import Finding
from server.record import as_fhir
from tests.support.recorded import findings, record

DERIVED = {
    "Condition", "MedicationStatement", "MedicationRequest", "AllergyIntolerance", "Observation", "FamilyMemberHistory",
    "ServiceRequest",
}  # fmt: skip


def document(**fields) -> dict[str, Any]:
    return json.loads(as_fhir.render(record(**fields)))


def resources(document: dict[str, Any], *types: str) -> list[dict[str, Any]]:
    made = [entry["resource"] for entry in document["entry"]]
    return [resource for resource in made if not types or resource["resourceType"] in types]


def of(finding: Finding) -> dict[str, Any]:
    (made,) = resources(document(found=[finding]), *DERIVED)
    return made


def named(text: str, **fields: str) -> Finding:
    (found,) = [f for f in findings() if f.text == text and all(getattr(f, k) == v for k, v in fields.items())]
    return found


def code(concept: dict[str, Any]) -> str:
    (coding,) = concept["coding"]
    return coding["code"]


def walk(value: Any) -> Iterator[tuple[str, Any]]:
    """Every key and value at any depth."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key, inner
            yield from walk(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from walk(inner)
