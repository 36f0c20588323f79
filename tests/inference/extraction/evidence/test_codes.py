"""Codes of findings: looked up, never invented."""

import bz2
import importlib.resources
import pickle
import warnings

import pytest

from inference.extraction.evidence.codes import codes_of
from inference.extraction.tables import rows
from inference.findings import Experiencer, Kind, Temporality

with warnings.catch_warnings():
    # The package reads its files in a way that importlib deprecates.
    warnings.simplefilter("ignore", DeprecationWarning)
    import simple_icd_10_cm

TABLE = list(rows("codes.tsv"))


def test_every_icd_code_exists_as_a_billable_code_with_the_words_shown() -> None:
    of_icd = [(code, display) for _, _, system, code, display in TABLE if system == "ICD-10-CM"]
    assert len(of_icd) > 500
    for code, display in of_icd:
        assert simple_icd_10_cm.is_valid_item(code), code
        assert simple_icd_10_cm.is_leaf(code), code
        assert simple_icd_10_cm.get_description(code) == display


def test_every_drugbank_id_is_the_one_that_the_packaged_list_gives_the_name() -> None:
    # Read as data: the package's own module imports a web client.
    path = importlib.resources.files("drug_named_entity_recognition").joinpath("drug_ner_dictionary.pkl.bz2")
    listed = pickle.loads(bz2.decompress(path.read_bytes()))
    of_drugbank = [(name, code, display) for _, name, system, code, display in TABLE if system == "DrugBank"]
    assert len(of_drugbank) > 500
    for name, code, display in of_drugbank:
        (canonical,) = listed["drug_variant_to_canonical"][name]
        entry = listed["drug_canonical_to_data"][canonical]
        assert (entry["drugbank_id"], entry["name"]) == (code, display), name


def test_scopes_and_concepts_are_unique() -> None:
    keys = [(scope, concept) for scope, concept, *_ in TABLE]
    assert len(keys) == len(set(keys))


def test_every_coded_drug_stands_in_the_vocabulary() -> None:
    names = {
        name.strip().lstrip("~=")
        for table in ("drugs.tsv", "drugs_public.tsv")
        for columns in rows(table)
        for name in (columns[0], *columns[1].split("|"))
    }
    assert {concept for scope, concept, *_ in TABLE if scope == "drug"} <= names


@pytest.mark.parametrize(
    ("kind", "text", "code"),
    [
        ("symptom", "chest pain", "R07.9"),
        ("chief_complaint", "cough", "R05.9"),
        ("symptom", "fever", "R50.9"),
        ("diagnosis", "type 2 diabetes", "E11.9"),
        ("past_history", "asthma", "J45.909"),
        ("past_history", "heart attack", "I25.2"),
        ("past_history", "appendectomy", "Z90.49"),
        ("allergy", "peanuts", "Z91.010"),
        ("medication", "metformin", "DB00331"),
        ("medication", "ventolin", "DB01001"),
        ("order", "lisinopril", "DB00722"),
    ],
)
def test_a_finding_has_the_unspecific_code_of_its_words(kind: Kind, text: str, code: str) -> None:
    (found,) = codes_of(kind, text)
    assert (found.code, found.suggestion) == (code, True)


def test_an_allergy_to_a_drug_names_the_allergy_and_the_substance() -> None:
    assert [code.code for code in codes_of("allergy", "Amoxicillin")] == ["Z88.0", "DB01060"]


def test_another_wording_of_a_concept_has_its_code_and_a_longer_text_has_none() -> None:
    assert codes_of("symptom", "shortness of breath") == codes_of("symptom", "out of breath")
    assert codes_of("symptom", "chest pain that is not there") == ()
    assert codes_of("symptom", "") == ()
    assert codes_of("vital", "blood pressure") == ()


@pytest.mark.parametrize(
    ("kind", "text", "temporality", "experiencer", "codes"),
    [
        ("diagnosis", "breast cancer", "current", "patient", ["C50.919"]),
        ("past_history", "breast cancer", "past", "patient", ["Z85.3"]),
        ("family_history", "breast cancer", "current", "family", ["Z80.3"]),
        ("past_history", "appendicitis", "past", "patient", []),
        ("family_history", "cough", "current", "family", []),
        ("social_history", "smoking", "past", "patient", ["Z87.891"]),
    ],
)
def test_what_is_over_and_what_runs_in_the_family_has_codes_of_its_own_or_none(
    kind: Kind, text: str, temporality: Temporality, experiencer: Experiencer, codes: list[str]
) -> None:
    assert [code.code for code in codes_of(kind, text, temporality, experiencer)] == codes
