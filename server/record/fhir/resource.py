"""A finding as a FHIR R4B resource, in FHIR's JSON. Pure: `as_fhir` validates what comes from here.

Symptoms and complaints are Conditions, not Observations: a Condition alone says refuted, unconfirmed and provisional,
so "denies fever" and "perhaps a fever" survive. Nobody has reviewed a finding unless its source is the clinician; hence
what is present is provisional, what is possible unconfirmed, and only a clinician's word confirmed. A relative's
condition can be neither refuted nor doubted in FHIR: there the status stands in the words, a denial is a note alone.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

from inference.extraction.quantities.reader import quantities
from inference.findings import Finding
from server.record.fhir.codes import (
    MEASURES,
    PROFILED,
    RELATIVES,
    UCUM,
    Measure,
    coded,
    concept,
    loinc,
    snomed,
    terminology,
)
from server.record.wording import details, plain, stated

Resource = dict[str, Any]

STOP = "stop "
"""Before the name of a medicine in an order that stops it."""

# A pattern of unbounded digits takes the square of a long text's length, and a number of 400 digits is no float.
_NUMBER = re.compile(r"-?\d{1,12}(?:\.\d{1,9})?")
_PRESSURE = re.compile(r"(\d{1,4}) ?/ ?(\d{1,4})")


def resource(
    finding: Finding, subject: Mapping[str, str], at: str, *, said_at: str | None = None, stopped: bool = False
) -> Resource:
    """The resource of a finding about the patient `subject`, recorded at the instant `at`; without id and meta.

    `said_at` is the instant at which it was said, `at` where that is not known. `stopped`: an order of this record
    stops the medicine.
    """
    if finding.experiencer == "family" or finding.kind == "family_history":
        return _family(finding, subject, at)
    ordered = finding.kind == "order" and finding.attributes.get("order_type", "").casefold() == "medication"
    if ordered or (finding.kind == "medication" and finding.temporality == "planned"):
        return _medication_request(finding, subject, at)
    if finding.kind == "vital":
        return _vital(finding, subject, at) | {"effectiveDateTime": said_at or at}
    if finding.kind == "medication":
        return _medication_statement(finding, subject, at, stopped=stopped)
    build: Mapping[str, Callable[[Finding, Mapping[str, str], str], Resource]] = {
        "allergy": _allergy,
        "social_history": _social,
        "order": _service_request,
        "advice": _service_request,
    }
    return build.get(finding.kind, _condition)(finding, subject, at)


def unsaid(made: Resource) -> Resource:
    """The resource of a finding that was said and then taken back: entered in error, so that it is not current.

    FHIR wants no clinical status beside it (its rules con-5 and ait-2).
    """
    verified = {"Condition": "condition-ver-status", "AllergyIntolerance": "allergyintolerance-verification"}
    system = verified.get(made["resourceType"])
    if system is None:
        return made | {"status": "entered-in-error"}
    kept = {name: value for name, value in made.items() if name != "clinicalStatus"}
    return kept | {"verificationStatus": concept(terminology(system, "entered-in-error"))}


def _condition(finding: Finding, subject: Mapping[str, str], at: str) -> Resource:
    present = {"present": "provisional", "possible": "unconfirmed", "absent": "refuted"}[finding.status]
    if finding.status == "present" and finding.source == "clinician":
        present = "confirmed"
    category = {"diagnosis": "encounter-diagnosis", "past_history": "problem-list-item"}.get(finding.kind)
    if finding.status == "absent":
        category = None  # a problem that the patient does not have belongs on no list
    codings = [terminology("condition-category", category)] if category else []
    made: Resource = {
        "resourceType": "Condition",
        "verificationStatus": concept(terminology("condition-ver-status", present)),
        "category": [concept(*codings, text=finding.kind.replace("_", " "))],
        "code": coded(finding),
        "subject": subject,
        "recordedDate": at,
    }
    if finding.status != "absent":
        state = "inactive" if finding.temporality == "past" else "active"
        made["clinicalStatus"] = concept(terminology("condition-clinical", state))
    if severity := _attribute(finding, "severity"):
        made["severity"] = {"text": severity}
    if location := _attribute(finding, "location"):
        made["bodySite"] = [{"text": location}]
    if onset := _attribute(finding, "onset"):
        made["onsetString"] = onset
    return made | _notes(finding, "severity", "location", "onset", "past")


def _medication_statement(finding: Finding, subject: Mapping[str, str], at: str, *, stopped: bool) -> Resource:
    status = {"absent": "not-taken", "possible": "unknown"}.get(finding.status)
    if stopped or (finding.status == "absent" and finding.temporality == "past"):
        status = "stopped"
    return {
        "resourceType": "MedicationStatement",
        "status": status or ("completed" if finding.temporality == "past" else "active"),
        "medicationCodeableConcept": coded(finding),
        "subject": subject,
        "dateAsserted": at,
        **({"dosage": dosage} if (dosage := _dosage(finding)) else {}),
        **_reason(finding),
        **_notes(finding, "reason", *_DOSAGE),
    }


def _medication_request(finding: Finding, subject: Mapping[str, str], at: str) -> Resource:
    stops = finding.text.casefold().startswith(STOP)
    return {
        "resourceType": "MedicationRequest",
        "status": "draft",
        "intent": "proposal",
        **({"doNotPerform": True} if finding.status == "absent" or stops else {}),
        "medicationCodeableConcept": coded(finding),
        "subject": subject,
        "authoredOn": at,
        **({"dosageInstruction": dosage} if (dosage := _dosage(finding)) else {}),
        **_reason(finding),
        **_notes(finding, "reason", "order_type", "planned", *_DOSAGE),
    }


def _service_request(finding: Finding, subject: Mapping[str, str], at: str) -> Resource:
    order_type = _attribute(finding, "order_type")
    category = {
        "lab": concept(snomed("108252007", "Laboratory procedure"), text="laboratory"),
        "imaging": concept(snomed("363679005", "Imaging"), text="imaging"),
        "referral": concept(text="referral"),
        "followup": concept(text="follow-up"),
    }.get(order_type.casefold(), concept(text=order_type or finding.kind))
    return {
        "resourceType": "ServiceRequest",
        "status": "draft",
        "intent": "proposal",
        "category": [category],
        **({"doNotPerform": True} if finding.status == "absent" else {}),
        "code": coded(finding),
        "subject": subject,
        "authoredOn": at,
        **_reason(finding),
        **_notes(finding, "reason", "order_type", "planned", inline=True),
    }


def _allergy(finding: Finding, subject: Mapping[str, str], at: str) -> Resource:
    verified = "confirmed" if finding.source == "clinician" and finding.status == "present" else "unconfirmed"
    refuted = finding.status == "absent"
    reaction = _attribute(finding, "reaction")
    return {
        "resourceType": "AllergyIntolerance",
        # Not to be left out (ait-1), though nothing that was refuted was ever active.
        "clinicalStatus": concept(terminology("allergyintolerance-clinical", "inactive" if refuted else "active")),
        "verificationStatus": concept(
            terminology("allergyintolerance-verification", "refuted" if refuted else verified)
        ),
        "code": coded(finding),
        "patient": subject,
        "recordedDate": at,
        **({"reaction": [{"manifestation": [{"text": reaction}]}]} if reaction else {}),
        **_notes(finding, "reaction"),
    }


def _vital(finding: Finding, subject: Mapping[str, str], at: str) -> Resource:
    measure = MEASURES.get(plain(finding.text).casefold())
    code = coded(finding)
    if measure:
        code["coding"] = [loinc(measure.loinc, measure.display) | {"userSelected": False}, *code.get("coding", ())]
    return {
        "resourceType": "Observation",
        "status": "preliminary",
        "category": [concept(terminology("observation-category", "vital-signs"))],
        "code": code,
        "subject": subject,
        "issued": at,
        **_value(finding, measure),
        **_notes(finding, "value", "unit"),
    }


def _social(finding: Finding, subject: Mapping[str, str], at: str) -> Resource:
    value = _attribute(finding, "value")
    return {
        "resourceType": "Observation",
        "status": "preliminary",
        "category": [concept(terminology("observation-category", "social-history"))],
        "code": coded(finding),
        "subject": subject,
        "issued": at,
        **({"valueString": value} if value else _presence(finding)),
        **_notes(finding, "value"),
    }


def _family(finding: Finding, subject: Mapping[str, str], at: str) -> Resource:
    relation = _attribute(finding, "relation")
    role = RELATIVES.get(relation.casefold(), "FAMMEMB")
    made: Resource = {
        "resourceType": "FamilyMemberHistory",
        "status": "partial",
        "patient": subject,
        "date": at,
        "relationship": concept(terminology("v3-RoleCode", role), text=relation or "family"),
    }
    if finding.status == "absent":
        return made | _notes(finding, "relation", "past", also=[stated(finding)])
    code = coded(finding) if finding.status == "present" else {"text": stated(finding)}
    if finding.kind in ("symptom", "chief_complaint", "family_history", "past_history", "diagnosis"):
        return made | {"condition": [{"code": code} | _notes(finding, "relation", "past")]}
    kind = finding.kind.replace("_", " ")
    return made | _notes(finding, "relation", "past", also=[f"{kind}: {stated(finding)}"])


def _attribute(finding: Finding, name: str) -> str:
    return plain(finding.attributes.get(name, ""))


_DOSAGE = ("dose", "form", "route", "frequency", "duration", "maximum")


def _dosage(finding: Finding) -> list[dict[str, Any]]:
    text = " ".join(filter(None, (_attribute(finding, name) for name in _DOSAGE[:-2])))
    most = _attribute(finding, "maximum")
    text = ", ".join(filter(None, (text, _attribute(finding, "duration"), f"maximum {most}" if most else "")))
    route = _attribute(finding, "route")
    return [{"text": text, **({"route": {"text": route}} if route else {}), **_amount(finding)}] if text else []


def _amount(finding: Finding) -> dict[str, Any]:
    """The dose as a quantity of UCUM, where it is one amount that nothing is in doubt of; a taper stays in words."""
    read = quantities(_attribute(finding, "dose"))
    if len(read) != 1 or _attribute(finding, "check"):
        return {}
    (dose,) = read
    if dose.unit is None or dose.doubt or dose.per or dose.heard != _attribute(finding, "dose"):
        return {}
    unit = {"unit": dose.unit.name, "system": "http://unitsofmeasure.org", "code": dose.unit.ucum}
    low, high = ({"value": int(v) if v == int(v) else float(v), **unit} for v in (dose.low, dose.high))
    amount = {"doseQuantity": low} if dose.low == dose.high else {"doseRange": {"low": low, "high": high}}
    return {"doseAndRate": [amount]}


def _reason(finding: Finding) -> dict[str, Any]:
    reason = _attribute(finding, "reason")
    return {"reasonCode": [{"text": reason}]} if reason else {}


def _notes(finding: Finding, *told: str, also: Iterable[str] = (), inline: bool = False) -> dict[str, Any]:
    """What no element of the resource tells, in words; `told` are the attributes that one does."""
    lines = list(also)
    if finding.status == "possible":
        lines.append("possible")
    if inline:
        lines += [value for name in _DOSAGE[:-2] if (value := _attribute(finding, name))]
    lines += details(finding, told)
    return {"note": [{"text": "; ".join(lines)}]} if lines else {}


def _presence(finding: Finding) -> dict[str, Any]:
    return {} if finding.status == "possible" else {"valueBoolean": finding.status == "present"}


def _value(finding: Finding, measure: Measure | None) -> dict[str, Any]:
    value, unit = _attribute(finding, "value"), _attribute(finding, "unit")
    if not value:
        # The vital-signs profile wants a value or the reason why there is none (vs-2).
        return _presence(finding) or {"dataAbsentReason": concept(terminology("data-absent-reason", "unknown"))}
    pressure = _PRESSURE.fullmatch(value)
    if pressure and measure and measure.components:
        parts = zip(measure.components, pressure.groups(), strict=True)
        return {
            "component": [
                {"code": concept(loinc(*part)), "valueQuantity": _quantity(number, unit)} for part, number in parts
            ]
        }
    if _NUMBER.fullmatch(value):
        return {"valueQuantity": _quantity(value, unit)}
    return {"valueString": f"{value} {unit}".strip()}


def _quantity(value: str, unit: str) -> dict[str, Any]:
    ucum = UCUM.get(unit.casefold())
    exact = Decimal(value)
    if ucum is not None and ucum in PROFILED:
        factor, unit, ucum = PROFILED[ucum]
        exact *= factor
    number = int(exact) if exact == exact.to_integral_value() else float(exact)
    coded = {"system": "http://unitsofmeasure.org", "code": ucum} if ucum else {}
    return {"value": number} | ({"unit": unit} if unit else {}) | coded
