"""What kind of FHIR resource each finding is, and what it says."""

import json
import re
from dataclasses import replace

import pytest

from inference.extraction.rules.concepts.vitals import _MEASURES
from inference.findings import ATTRIBUTES, KINDS
from server.record.fhir import resource as fhir_resource
from server.record.fhir.codes import MEASURES
from tests.support.fhir_document import code, named, of
from tests.support.recorded import findings


@pytest.mark.parametrize(
    ("finding", "verification", "clinical"),
    [
        (named("chest pain"), "provisional", "active"),
        (named("fever"), "unconfirmed", "active"),
        (named("shortness of breath"), "refuted", None),
        (named("vomiting"), "provisional", "inactive"),
        (named("diabetes"), "refuted", None),
        (named("pneumonia"), "refuted", None),
        (named("angina"), "unconfirmed", "active"),
        (named("hypertension"), "confirmed", "active"),
    ],
    ids=lambda value: getattr(value, "text", value),
)
def test_a_condition_says_what_is_present_refuted_or_in_doubt(finding, verification, clinical):
    made = of(finding)
    assert made["resourceType"] == "Condition"
    assert code(made["verificationStatus"]) == verification
    assert (code(made["clinicalStatus"]) if "clinicalStatus" in made else None) == clinical
    assert made["code"]["text"] == finding.text


@pytest.mark.parametrize(
    ("finding", "status", "dosage"),
    [
        (named("lisinopril"), "active", "10 mg once a day"),
        (named("ibuprofen", kind="medication"), "completed", None),
        (named("blood thinners"), "not-taken", None),
        (named("aspirin", temporality="current"), "unknown", None),
    ],
    ids=lambda value: getattr(value, "text", value),
)
def test_a_medicine_that_is_taken_is_a_statement_with_its_dosage_in_words(finding, status, dosage):
    made = of(finding)
    assert (made["resourceType"], made["status"]) == ("MedicationStatement", status)
    assert made["medicationCodeableConcept"]["text"] == finding.text
    assert (made["dosage"][0]["text"] if "dosage" in made else None) == dosage


def test_the_words_that_were_heard_for_a_drug_stay_beside_its_name():
    assert of(named("lisinopril"))["note"] == [{"text": "heard as “lies in April”"}]


def test_orders_are_drafts_and_proposals_and_a_refusal_is_not_to_be_done():
    planned = of(named("aspirin", temporality="planned"))
    assert (planned["resourceType"], planned["status"], planned["intent"]) == ("MedicationRequest", "draft", "proposal")
    assert planned["dosageInstruction"][0]["text"] == "75 mg once a day"
    assert planned["reasonCode"] == [{"text": "chest pain"}]
    assert of(named("ibuprofen", kind="order"))["doNotPerform"] is True
    for text, category, refused in (
        ("troponin", "laboratory", False), ("CT", "imaging", True), ("cardiology", "referral", False),
        ("review", "follow-up", False), ("ECG", "order", False), ("rest", "advice", False),
    ):  # fmt: skip
        made = of(named(text))
        assert (made["resourceType"], made["status"], made["intent"]) == ("ServiceRequest", "draft", "proposal")
        assert made["category"][0]["text"] == category
        assert made.get("doNotPerform", False) is refused
    assert of(named("chest X-ray"))["note"] == [{"text": "possible"}]


@pytest.mark.parametrize("text", ["troponin", "chest X-ray", "cardiology", "review"])
def test_what_an_order_is_for_is_its_reason_and_no_note(text):
    order = named(text)
    made = of(replace(order, attributes={**order.attributes, "reason": "chest pain"}))
    assert made["reasonCode"] == [{"text": "chest pain"}]
    assert "chest pain" not in str(made.get("note"))


def test_an_allergy_has_its_reaction_and_may_be_refuted_or_in_doubt():
    penicillin, latex, nuts = of(named("penicillin")), of(named("latex")), of(named("nuts"))
    assert penicillin["reaction"] == [{"manifestation": [{"text": "rash"}]}]
    assert [code(made["verificationStatus"]) for made in (penicillin, latex)] == ["unconfirmed", "refuted"]
    assert [code(made["clinicalStatus"]) for made in (penicillin, latex)] == ["active", "inactive"]
    assert nuts["note"] == [{"text": "possible"}]


def test_a_measured_value_has_its_number_and_its_unit():
    pressure, temperature = of(named("blood pressure")), of(named("temperature"))
    values = [(c["code"]["coding"][0]["code"], c["valueQuantity"]) for c in pressure["component"]]
    unit = {"unit": "mmHg", "system": "http://unitsofmeasure.org", "code": "mm[Hg]"}
    assert values == [("8480-6", {"value": 150, **unit}), ("8462-4", {"value": 95, **unit})]
    assert temperature["valueQuantity"]["value"] == 37.2
    assert temperature["valueQuantity"]["code"] == "Cel"
    assert temperature["code"]["coding"][0]["code"] == "8310-5"
    assert of(named("general appearance"))["valueString"] == "well"
    assert of(named("rash"))["valueBoolean"] is False
    assert of(replace(named("temperature"), attributes={"value": "high", "unit": "°C"}))["valueString"] == "high °C"


def test_social_history_is_an_observation():
    smoking, alcohol = of(named("smoking")), of(named("alcohol"))
    assert code(smoking["category"][0]) == "social-history"
    assert (smoking["valueBoolean"], alcohol["valueBoolean"]) == (True, False)
    assert smoking["note"] == [{"text": "frequency ten a day"}]


def test_a_relatives_condition_is_stated_only_where_it_is_present_or_in_words_that_doubt_it():
    heart, stroke, asthma = of(named("heart attack")), of(named("stroke")), of(named("asthma"))
    assert code(heart["relationship"]) == "MTH"
    assert heart["condition"] == [{"code": {"text": "heart attack"}}]
    assert "condition" not in stroke
    assert stroke["note"] == [{"text": "denies stroke"}]
    assert asthma["condition"][0]["code"]["text"] == "possible asthma"
    assert of(named("cough"))["condition"][0]["code"]["text"] == "cough"
    taken = of(replace(named("lisinopril"), experiencer="family"))
    assert taken["resourceType"] == "FamilyMemberHistory"
    assert "condition" not in taken


@pytest.mark.parametrize(
    ("dose", "amount"),
    [
        ("0.5 mg", {"doseQuantity": (0.5, "mg", "mg")}),
        ("62.5 micrograms", {"doseQuantity": (62.5, "micrograms", "ug")}),
        ("25,000 units", {"doseQuantity": (25000, "units", "[iU]")}),
        ("two 500 mg tablets", {"doseQuantity": (2, "tablets", "{tbl}")}),
        ("half a tablet", {"doseQuantity": (0.5, "tablets", "{tbl}")}),
        ("200-400 mg", {"doseRange": ((200, "mg", "mg"), (400, "mg", "mg"))}),
        ("40 mg for three days, then 20 mg", None),
        ("5", None),
        ("5 mg ml", None),
    ],
)
@pytest.mark.parametrize("kind", ["medication", "order"])
def test_a_dose_is_a_quantity_of_ucum_where_it_is_one_sure_amount(kind, dose, amount):
    made = of(replace(named("lisinopril"), kind=kind, attributes={"dose": dose, "order_type": "medication"}))
    (dosage,) = made["dosage" if kind == "medication" else "dosageInstruction"]
    assert dosage["text"] == dose

    def told(quantity):
        assert quantity["system"] == "http://unitsofmeasure.org"
        return quantity["value"], quantity["unit"], quantity["code"]

    if amount is None:
        assert "doseAndRate" not in dosage
    elif "doseQuantity" in amount:
        assert told(dosage["doseAndRate"][0]["doseQuantity"]) == amount["doseQuantity"]
    else:
        bounds = dosage["doseAndRate"][0]["doseRange"]
        assert (told(bounds["low"]), told(bounds["high"])) == amount["doseRange"]


def test_a_dose_that_somebody_must_check_is_no_quantity():
    attributes = {"dose": "10 mg", "check": "dose: beyond the usual dose"}
    made = of(replace(named("lisinopril"), attributes=attributes))
    assert "doseAndRate" not in made["dosage"][0]
    assert "beyond the usual dose" in json.dumps(made["note"])


# FHIR R4B, Vital Signs Profile: the code of each measure, and "Vital Signs Units": the UCUM units that it may have.
VITAL_SIGNS = [
    ("respiratory rate", "18", "/min", "9279-1", {"/min"}),
    ("pulse", "72", "bpm", "8867-4", {"/min"}),
    ("oxygen saturation", "97", "%", "2708-6", {"%"}),
    ("temperature", "37.2", "°C", "8310-5", {"Cel", "[degF]"}),
    ("temperature", "99", "°F", "8310-5", {"Cel", "[degF]"}),
    ("height", "170", "cm", "8302-2", {"cm", "[in_i]"}),
    ("weight", "70", "kg", "29463-7", {"g", "kg", "[lb_av]"}),
    ("weight", "150", "lb", "29463-7", {"g", "kg", "[lb_av]"}),
    ("body mass index", "24", "kg/m²", "39156-5", {"kg/m2"}),
    ("height", "1.7", "m", "8302-2", {"cm", "[in_i]"}),
    ("height", "5.5", "ft", "8302-2", {"cm", "[in_i]"}),
    ("weight", "12", "st", "29463-7", {"g", "kg", "[lb_av]"}),
]


@pytest.mark.parametrize(("name", "value", "unit", "loinc", "units"), VITAL_SIGNS)
def test_each_vital_sign_keeps_the_rules_of_the_profile(name, value, unit, loinc, units):
    made = of(replace(named("temperature"), text=name, attributes={"value": value, "unit": unit}))
    assert made["status"]  # status 1..1
    assert code(made["category"][0]) == "vital-signs"  # category:VSCat 1..1
    assert made["code"]["coding"][0] | {"display": ""} == {
        "system": "http://loinc.org", "code": loinc, "display": "", "userSelected": False,
    }  # fmt: skip
    assert made["subject"]["reference"]  # subject 1..1
    assert made["effectiveDateTime"]  # effective[x] 1..1; vs-1: at least to the day
    assert len(made["effectiveDateTime"]) >= len("2026-01-01")
    quantity = made["valueQuantity"]  # vs-2: a value, or dataAbsentReason
    assert quantity["system"] == "http://unitsofmeasure.org"  # valueQuantity.system 1..1, fixed
    assert quantity["code"] in units  # valueQuantity.code 1..1, of the value set
    assert quantity["value"] > 0


@pytest.mark.parametrize(
    ("name", "value", "unit", "written"),
    [("height", "1.7", "m", (170, "cm")), ("height", "5.5", "ft", (66, "in")), ("weight", "12", "st", (168, "lb"))],
)
def test_a_unit_that_the_profile_lacks_becomes_one_that_it_has(name, value, unit, written):
    made = of(replace(named("temperature"), text=name, attributes={"value": value, "unit": unit}))
    assert (made["valueQuantity"]["value"], made["valueQuantity"]["unit"]) == written


def test_every_measure_of_the_rules_has_the_code_of_a_measure_or_none_that_is_wrong():
    """Blood sugar, peak flow and haemoglobin A1c are no vital signs of the profile: they have no code of it."""
    profiled = {name for name, *_ in _MEASURES} - {"blood sugar", "peak flow", "hemoglobin a1c"}
    assert profiled | {"blood pressure"} <= MEASURES.keys()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("status", ["present", "absent", "possible"])
def test_every_attribute_of_every_kind_is_told_somewhere(kind, status):
    attributes = {name: f"({name} told)" for name in ATTRIBUTES}
    made = of(replace(findings()[0], kind=kind, status=status, attributes=attributes))
    told = json.dumps(made)
    assert [name for name, value in attributes.items() if value not in told] == []


def test_a_vital_sign_has_a_time_and_a_stopped_medicine_is_not_current() -> None:
    """FHIR R4B, Vital Signs Profile: effective[x] is 1..1, and vs-2 asks for a value or the reason why there is none."""
    from inference.findings import Finding
    from server.record.fhir.resource import resource

    pulse = Finding(
        "f1", "vital", "pulse", "present", "current", "patient", {"value": "72", "unit": "bpm"}, (), "rules", 0.5
    )
    made = resource(pulse, {}, "2026-01-01T10:00:00Z", said_at="2026-01-01T09:59:00Z")
    assert made["effectiveDateTime"] == "2026-01-01T09:59:00Z"
    assert made["code"]["coding"][0]["code"] == "8867-4"
    assert made["valueQuantity"] == {"value": 72, "unit": "bpm", "system": "http://unitsofmeasure.org", "code": "/min"}
    aspirin = Finding("f2", "medication", "aspirin", "present", "current", "patient", {}, (), "rules", 0.5)
    assert resource(aspirin, {}, "2026-01-01T10:00:00Z")["status"] == "active"
    assert resource(aspirin, {}, "2026-01-01T10:00:00Z", stopped=True)["status"] == "stopped"
    stop = Finding(
        "f3", "order", "stop aspirin", "present", "planned", "patient", {"order_type": "medication"}, (), "rules", 0.5
    )
    assert resource(stop, {}, "2026-01-01T10:00:00Z")["doNotPerform"] is True


@pytest.mark.parametrize("kind", ["symptom", "past_history", "diagnosis", "allergy", "medication", "family_history"])
def test_the_export_of_a_possible_finding_is_not_surer_than_the_finding(kind):
    told = json.dumps(of(replace(findings()[0], kind=kind, status="possible", source="rules", attributes={})))
    assert not any(f'"{sure}"' in told for sure in ("confirmed", "provisional", "refuted", "not-taken"))
    assert any(doubt in told for doubt in ("unconfirmed", "unknown", "possible"))


@pytest.mark.parametrize(
    "value", ["9" * 400, "9" * 400 + ".5", "-" + "1" * 13, "12345/80", "1" * 200 + "/" + "2" * 200]
)
@pytest.mark.parametrize("name", ["blood pressure", "temperature"])
def test_a_measurement_that_no_instrument_shows_is_kept_in_words(name, value):
    made = of(replace(named(name), attributes={"value": value}))
    assert made["valueString"] == value
    assert "valueQuantity" not in made
    assert "component" not in made


@pytest.mark.parametrize("name", ["_NUMBER", "_PRESSURE"])
def test_the_patterns_of_measurements_look_a_bounded_way_ahead_so_that_no_text_takes_the_square_of_its_length(name):
    _, longest = re._parser.parse(getattr(fhir_resource, name).pattern).getwidth()
    assert longest < 30
