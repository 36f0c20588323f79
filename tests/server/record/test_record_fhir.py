"""The record as a FHIR R4B document, read back through the library's own models."""

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from uuid import UUID

import pytest
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.composition import Composition
from pydantic import ValidationError

from inference.extraction import Patient
from server.record import as_fhir
from server.record.wording import clock
from tests.support.fhir_document import DERIVED, code, document, named, resources, walk
from tests.support.recorded import PATIENT, findings, record, segments


def held(**fields) -> dict:
    """The document of a consultation whose clinician and appointment the client has named."""
    named_so = {"clinician_id": "D-4 <b>", "appointment_id": "A-17"} | fields
    return json.loads(as_fhir.render(replace(record(), **named_so)))


def test_the_document_is_valid_and_its_first_entry_is_a_preliminary_composition():
    made = Bundle.model_validate(document())
    assert made.type == "document"
    assert made.timestamp
    assert made.identifier.system
    assert isinstance(made.entry[0].resource, Composition)
    assert made.entry[0].resource.status == "preliminary"


def test_the_libraries_models_turn_down_what_is_no_fhir(monkeypatch):
    monkeypatch.setattr(as_fhir, "resource", lambda *_, **__: {"resourceType": "Condition"})
    with pytest.raises(ValidationError, match="subject"):
        as_fhir.render(record())


@pytest.mark.parametrize("drawn", [document, held])
def test_every_reference_resolves_in_the_document_to_the_resource_under_its_full_url(drawn):
    made = drawn()
    urls = [entry["fullUrl"] for entry in made["entry"]]
    assert len(set(urls)) == len(urls)
    assert all(UUID(url.removeprefix("urn:uuid:")) for url in urls)
    assert [f"urn:uuid:{resource['id']}" for resource in resources(made)] == urls
    references = [value for key, value in walk(made) if key == "reference"]
    assert len(references) > 3 * len(findings())
    assert set(references) <= set(urls)


def test_each_finding_is_one_resource_in_one_section_and_there_are_no_others():
    made = document()
    derived = resources(made, *DERIVED)
    assert len(derived) == len(findings())
    composition = made["entry"][0]["resource"]
    entries = [r["reference"] for key, value in walk(composition["section"]) if key == "entry" for r in value]
    assert len(entries) == len(set(entries)) == len(derived) + 1
    transcript = resources(made, "DocumentReference")[0]
    assert set(entries) == {f"urn:uuid:{resource['id']}" for resource in [*derived, transcript]}
    assert {r["resourceType"] for r in resources(made)} == DERIVED | {
        "Composition", "Patient", "Device", "DocumentReference", "Provenance",
    }  # fmt: skip


def test_each_derived_resource_has_a_provenance_that_points_to_the_words_in_the_transcript():
    made = document()
    transcript = resources(made, "DocumentReference")[0]
    text = base64.b64decode(transcript["content"][0]["attachment"]["data"]).decode()
    targets = {}
    for provenance in resources(made, "Provenance"):
        (target,) = provenance["target"]
        targets[target["reference"]] = provenance
    derived = resources(made, *DERIVED)
    assert set(targets) == {f"urn:uuid:{resource['id']}" for resource in derived}
    for finding, resource in zip(findings(), derived, strict=True):
        entities = targets[f"urn:uuid:{resource['id']}"]["entity"]
        assert len(entities) == len(finding.evidence)
        for entity, proof in zip(entities, finding.evidence, strict=True):
            assert entity["what"]["reference"] == f"urn:uuid:{transcript['id']}"
            seconds = f"{proof.from_s:.1f} to {proof.to_s:.1f} s"
            assert entity["what"]["display"] == f"“{proof.quote}” (segment {proof.segment}, {seconds}, {proof.speaker})"
            (line,) = [line for line in text.splitlines() if line.startswith(f"{proof.segment} ")]
            assert proof.quote in line


def test_the_transcript_travels_whole():
    transcript = resources(document(), "DocumentReference")[0]
    text = base64.b64decode(transcript["content"][0]["attachment"]["data"]).decode()
    assert text.splitlines() == [f"{s.id} [{clock(s.start)}] {s.speaker}: {s.text}" for s in segments()]


def test_codes_are_suggestions_that_nobody_selected():
    made = document()
    suggested = [
        (coding["system"], coding["code"])
        for resource in resources(made, *DERIVED)
        for key, value in walk(resource)
        if key == "coding"
        for coding in value
        if coding.get("userSelected") is False
    ]
    assert ("http://hl7.org/fhir/sid/icd-10-cm", "I10") in suggested
    assert ("http://www.nlm.nih.gov/research/umls/msh", "D017706") in suggested
    given = {code.code for finding in findings() for code in finding.codes}
    assert given <= {code for _, code in suggested}
    assert {code for system, code in suggested if system != "http://loinc.org"} == given


def test_what_the_clinician_confirmed_is_marked_apart_from_what_a_machine_found():
    made = resources(document(), *DERIVED)
    labels = [resource["meta"]["security"][0]["code"] for resource in made]
    assert labels == ["CLINAST" if finding.source == "clinician" else "AIAST" for finding in findings()]


def test_codes_that_the_standard_fixes_are_of_its_sets():
    """The library's models name these sets and do not check them."""

    def check(model) -> Iterator[str]:
        for name, field in type(model).model_fields.items():
            value = getattr(model, name)
            allowed = (field.json_schema_extra or {}).get("enum_values")
            for one in value if isinstance(value, list) else [value]:
                if allowed and one is not None:
                    checked.append(name)
                    if one not in allowed:
                        yield f"{type(model).__name__}.{name} {one}"
                if hasattr(type(one), "model_fields"):
                    yield from check(one)

    checked: list[str] = []
    assert list(check(Bundle.model_validate(document()))) == []
    assert list(check(Bundle.model_validate(held()))) == []
    assert {"status", "intent", "gender", "role"} <= set(checked)


def test_the_patient_has_what_was_given_and_nothing_more():
    (patient,) = resources(document(), "Patient")
    assert patient["name"] == [{"text": PATIENT.name}]
    assert patient["gender"] == "female"
    assert "birthDate" not in patient
    assert "54 years" in patient["text"]["div"]
    (nobody,) = resources(document(patient=None), "Patient")
    assert set(nobody) == {"resourceType", "id"}
    (other,) = resources(document(patient=Patient(gender="agender")), "Patient")
    assert "gender" not in other
    assert "agender" in other["text"]["div"]


def test_a_consultation_without_a_word_is_still_a_valid_document():
    made = document(found=[], turns=[], patient=None)
    assert resources(made, *DERIVED, "Provenance") == []
    titles = [section["title"] for section in made["entry"][0]["resource"]["section"]]
    assert titles == ["Subjective", "Objective", "Assessment", "Plan", "Transcript"]


def test_words_cannot_break_out_of_the_narrative():
    wild = '</li></div><script src="x">& \x0b done'
    made = document(found=[replace(named("fever"), text=wild)], patient=Patient(name=wild, history=wild))
    divs = [value for key, value in walk(made) if key == "div"]
    assert len(divs) > 2
    assert not [div for div in divs if "<script" in div or re.search(r"&(?!amp;|lt;|gt;|quot;|#x27;)", div)]


def test_a_later_record_of_a_session_speaks_of_the_same_resources_in_another_document():
    early, late = document(found=findings()[:1]), document()
    assert [r["id"] for r in resources(early, "Condition")] == [r["id"] for r in resources(late, "Condition")][:1]
    assert record().seq == 18
    longer = json.loads(as_fhir.render(replace(record(), seq=19)))
    assert longer["identifier"] != late["identifier"]


def test_no_id_tells_the_sessions_own():
    assert "SESSION" not in json.dumps(document())


def test_who_held_the_consultation_takes_part_in_its_encounter_and_is_no_author_of_a_note_that_nobody_reviewed():
    made = held()
    (practitioner,), (encounter,) = resources(made, "Practitioner"), resources(made, "Encounter")
    assert practitioner == {
        "resourceType": "Practitioner",
        "id": practitioner["id"],
        "identifier": [{"value": "D-4 <b>"}],
    }
    (participant,) = encounter["participant"]
    assert participant["individual"] == {"reference": f"urn:uuid:{practitioner['id']}"}
    assert code(participant["type"][0]) == "PPRF"
    assert (encounter["status"], encounter["identifier"]) == ("finished", [{"value": "A-17"}])
    (patient,) = resources(made, "Patient")
    assert encounter["subject"] == {"reference": f"urn:uuid:{patient['id']}"}
    composition = made["entry"][0]["resource"]
    assert composition["encounter"] == {
        "reference": f"urn:uuid:{encounter['id']}", "type": "Encounter", "identifier": {"value": "A-17"},
    }  # fmt: skip
    (device,) = resources(made, "Device")
    assert composition["author"] == [{"reference": f"urn:uuid:{device['id']}"}]


@pytest.mark.parametrize(
    ("fields", "encounter"),
    [
        ({}, None),
        ({"appointment_id": "A-17"}, {"type": "Encounter", "identifier": {"value": "A-17"}}),
        ({"clinician_id": " "}, None),
    ],
)
def test_without_a_clinician_nothing_is_said_of_who_held_it(fields, encounter):
    made = json.loads(as_fhir.render(replace(record(), **fields)))
    assert resources(made, "Practitioner", "Encounter") == []
    assert made["entry"][0]["resource"].get("encounter") == encounter


def test_a_consultation_that_is_still_recorded_is_an_encounter_in_progress():
    made = held(appointment_id=None, state="open")
    (encounter,) = resources(made, "Encounter")
    assert encounter["status"] == "in-progress"
    assert "identifier" not in encounter
    assert made["entry"][0]["resource"]["encounter"] == {
        "reference": f"urn:uuid:{encounter['id']}", "type": "Encounter",
    }  # fmt: skip


STATUS = ("status", "verificationStatus")


def test_what_was_taken_back_is_entered_in_error_in_a_section_of_its_own_and_has_its_provenance():
    made = json.loads(as_fhir.render(replace(record(), findings=(), retracted=tuple(findings()))))
    derived = resources(made, *DERIVED)
    assert len(derived) == len(findings())
    for resource in derived:
        assert "entered-in-error" in json.dumps([resource.get(name) for name in STATUS])
        assert "clinicalStatus" not in resource
    (section,) = [s for s in made["entry"][0]["resource"]["section"] if s["title"] == "Said and taken back"]
    assert len(section["entry"]) == len(derived)
    assert len(resources(made, "Provenance")) == len(derived)
