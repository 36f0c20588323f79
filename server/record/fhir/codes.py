"""Codes and their systems as FHIR writes them: measures (LOINC), units (UCUM), relatives (HL7 v3 RoleCode). Pure."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from inference.findings import CodeSystem, Finding
from server.record.wording import plain

_TERMINOLOGY = "http://terminology.hl7.org/CodeSystem"
_SNOMED = "http://snomed.info/sct"
_LOINC = "http://loinc.org"
_SYSTEMS: Mapping[CodeSystem, str] = {
    "ICD-10-CM": "http://hl7.org/fhir/sid/icd-10-cm",
    # FHIR R4B names these two by no URI of their own; its page of code systems gives this pattern for UMLS sources.
    "MeSH": "http://www.nlm.nih.gov/research/umls/msh",
    "DrugBank": "http://www.nlm.nih.gov/research/umls/drugbank",
}


class Measure(NamedTuple):
    loinc: str
    display: str
    components: tuple[tuple[str, str], ...] = ()


_PRESSURE = (("8480-6", "Systolic blood pressure"), ("8462-4", "Diastolic blood pressure"))
_PULSE = Measure("8867-4", "Heart rate")
_WEIGHT = Measure("29463-7", "Body weight")
_HEIGHT = Measure("8302-2", "Body height")
_TEMPERATURE = Measure("8310-5", "Body temperature")
_SATURATION = Measure("2708-6", "Oxygen saturation in Arterial blood")
_INDEX = Measure("39156-5", "Body mass index (BMI) [Ratio]")

MEASURES: Mapping[str, Measure] = {
    "blood pressure": Measure("85354-9", "Blood pressure panel with all children optional", _PRESSURE),
    "pulse": _PULSE,
    "heart rate": _PULSE,
    "respiratory rate": Measure("9279-1", "Respiratory rate"),
    "temperature": _TEMPERATURE,
    "body temperature": _TEMPERATURE,
    "oxygen saturation": _SATURATION,
    "weight": _WEIGHT,
    "body weight": _WEIGHT,
    "height": _HEIGHT,
    "body height": _HEIGHT,
    "body mass index": _INDEX,
    "bmi": _INDEX,
}
"""By the name of the measure in lower case; FHIR R4B, "Vital Signs Profile"."""

UCUM: Mapping[str, str] = {
    "mmhg": "mm[Hg]",
    "bpm": "/min",
    "/min": "/min",
    "°c": "Cel",
    "°f": "[degF]",
    "%": "%",
    "kg": "kg",
    "lb": "[lb_av]",
    "st": "[stone_av]",
    "cm": "cm",
    "m": "m",
    "ft": "[ft_i]",
    "kg/m²": "kg/m2",
    "mmol/l": "mmol/L",
    "mmol/mol": "mmol/mol",
    "mg/dl": "mg/dL",
}
"""By the unit in lower case; unitsofmeasure.org."""

PROFILED: Mapping[str, tuple[int, str, str]] = {
    "m": (100, "cm", "cm"),
    "[ft_i]": (12, "in", "[in_i]"),
    "[stone_av]": (14, "lb", "[lb_av]"),
}
"""Units that the profile's sets "Body Length Units" and "Body Weight Units" lack: each as a number of another."""

RELATIVES: Mapping[str, str] = {
    "mother": "MTH", "mum": "MTH", "mom": "MTH", "father": "FTH", "dad": "FTH", "parent": "PRN", "parents": "PRN",
    "sister": "SIS", "brother": "BRO", "sibling": "SIB", "siblings": "SIB", "daughter": "DAUC", "son": "SONC",
    "child": "CHILD", "children": "CHILD", "grandmother": "GRMTH", "grandfather": "GRFTH", "grandparent": "GRPRN",
    "aunt": "AUNT", "uncle": "UNCLE", "cousin": "COUSN", "wife": "WIFE", "husband": "HUSB", "spouse": "SPS",
}  # fmt: skip
"""By the relation in lower case; anybody else is FAMMEMB, family member."""


def coding(system: str, code: str, display: str | None = None) -> dict[str, str]:
    return {"system": system, "code": code} | ({"display": display} if display else {})


def terminology(name: str, code: str, display: str | None = None) -> dict[str, str]:
    """A coding of HL7's own terminology."""
    return coding(f"{_TERMINOLOGY}/{name}", code, display)


def loinc(code: str, display: str) -> dict[str, str]:
    return coding(_LOINC, code, display)


def snomed(code: str, display: str) -> dict[str, str]:
    return coding(_SNOMED, code, display)


def concept(*codings: Mapping[str, object], text: str | None = None) -> dict[str, Any]:
    return ({"coding": list(codings)} if codings else {}) | ({"text": text} if text else {})


def coded(finding: Finding) -> dict[str, Any]:
    """The name of a finding with the codes that are suggested for it: `userSelected` false, nobody chose them."""
    codings = [
        coding(_SYSTEMS[code.system], plain(code.code), plain(code.display)) | {"userSelected": False}
        for code in finding.codes
    ]
    return concept(*codings, text=plain(finding.text))
