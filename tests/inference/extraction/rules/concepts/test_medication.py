"""Medicines with their doses."""

import pytest

from inference.extraction.rules.concepts.medication import Medicine, loose_dose, medicines
from inference.extraction.text.tokens import sentences


def found(text: str, *, asked: bool = False) -> list[Medicine]:
    (sentence,) = sentences(text)
    return medicines(text, sentence.tokens, asked=asked)


@pytest.mark.parametrize(
    ("text", "attributes"),
    [
        ("metformin 500 mg twice daily", {"dose": "500 mg", "frequency": "twice daily"}),
        ("metformin five hundred milligrams", {"dose": "500 mg"}),
        ("a 600 milligram ibuprofen", {"dose": "600 mg"}),
        ("lasix, 40 milligrams a day", {"dose": "40 mg", "frequency": "a day"}),
        ("salbutamol two puffs as needed", {"dose": "2 puffs", "frequency": "as needed"}),
        (
            "prednisolone tablets once a day for five days",
            {"form": "tablet", "frequency": "once a day", "duration": "five days"},
        ),
        ("codeine half a tablet at bedtime", {"dose": "half a tablet", "frequency": "at bedtime"}),
        (
            "lortab one or two tablets every six hours as needed",
            {"dose": "1-2 tablets", "frequency": "every six hours as needed"},
        ),
        ("lantus forty units at bedtime", {"dose": "40 units", "frequency": "at bedtime"}),
        ("warfarin two point five milligrams every other day", {"dose": "2.5 mg", "frequency": "every other day"}),
        ("amlodipine 5 mg qd", {"dose": "5 mg", "frequency": "once a day"}),
        ("metformin 500 mg bid", {"dose": "500 mg", "frequency": "twice a day"}),
        ("ibuprofen every eight hours", {"frequency": "every eight hours"}),
        ("paracetamol every four to six hours", {"frequency": "every four to six hours"}),
    ],
)
def test_dose_and_frequency_stand_beside_the_drug(text: str, attributes: dict[str, str]) -> None:
    (medicine,) = found(text)
    assert medicine.attributes == attributes


def test_each_drug_of_a_list_has_its_own_dose() -> None:
    first, second = found("ramipril 5 mg and simvastatin 20 mg at night")
    assert (first.name, first.attributes) == ("ramipril", {"dose": "5 mg"})
    assert (second.name, second.attributes) == ("simvastatin", {"dose": "20 mg", "frequency": "at night"})


def test_a_misspelt_name_is_known_and_an_ordinary_word_is_not() -> None:
    assert [m.name for m in found("I take lisonopril")] == ["lisinopril"]
    assert found("in the meantime the creator has the ability") == []


def test_a_class_of_drugs_counts_beside_a_verb_of_taking_or_in_an_answer_about_medicines() -> None:
    assert [m.name for m in found("I took some painkillers")] == ["painkillers"]
    assert found("the painkillers aisle") == []
    assert [m.name for m in found("painkillers", asked=True)] == ["painkillers"]


def test_a_brand_keeps_its_name_and_knows_its_generic() -> None:
    (medicine,) = found("I use Ventolin")
    assert (medicine.name, medicine.generic) == ("ventolin", "salbutamol")


def test_a_dose_without_a_drug_is_loose() -> None:
    text = "ten milligrams, twice a day"
    (sentence,) = sentences(text)
    dose = loose_dose(text, sentence.tokens)
    assert dose is not None
    assert dose.attributes == {"dose": "10 mg", "frequency": "twice a day"}


def test_a_dose_belongs_to_the_drug_before_it_and_not_to_the_next() -> None:
    first, second = found("i'll continue the lipitor forty milligrams a day and the aspirin")
    assert first.attributes == {"dose": "40 mg", "frequency": "a day"}
    assert second.attributes == {}


def test_what_is_said_much_later_is_said_of_something_else() -> None:
    (medicine,) = found("I take metformin and my daughter comes to see me at the weekend twice a day")
    assert medicine.attributes == {}


@pytest.mark.parametrize(
    ("text", "name", "dose", "check"),
    [
        ("Take 20 mg of flurbidol daily.", "flurbidol", "20 mg", "name: unknown"),
        ("I take flurbidol, point five milligrams.", "flurbidol", "0.5 mg", "name: unknown"),
        ("Take 20 mg flurbidol at night.", "flurbidol", "20 mg", "name: unknown"),
        ("I take 20 mg ml of flurbidol.", "flurbidol", "20 mg ml", "dose: two units; name: unknown"),
        ("I drank 500 ml of Lucozade.", None, None, None),
        ("We walked with flurbidol for 20 days.", None, None, None),
    ],
)
def test_a_name_of_no_list_in_the_place_of_a_medicine_is_shown_as_heard_and_marked(
    text: str, name: str | None, dose: str | None, check: str | None
) -> None:
    (sentence,) = sentences(text)
    found = [(m.name, m.attributes.get("dose"), m.attributes.get("check")) for m in medicines(text, sentence.tokens)]
    assert found == ([(name, dose, check)] if name else [])
