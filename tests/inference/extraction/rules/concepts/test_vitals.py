"""Measured values."""

import pytest

from inference.extraction.rules.concepts.vitals import vitals
from inference.extraction.text.tokens import sentences
from tests.support.consultation import findings


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("your temperature is 38.5 degrees", ("temperature", "38.5", "°C")),
        ("my temperature was thirty eight point five", ("temperature", "38.5", "°C")),
        ("your temperature's thirty eight two", ("temperature", "38.2", "°C")),
        ("my temperature was 38 two days ago", ("temperature", "38", "°C")),
        ("your HbA1c is 58", ("hemoglobin a1c", "58", "mmol/mol")),
        ("temperature of 101 fahrenheit", ("temperature", "101", "°F")),
        ("blood pressure 120/80", ("blood pressure", "120/80", "mmHg")),
        ("it's one forty over ninety", ("blood pressure", "140/90", "mmHg")),
        ("your heart rate is seventy", ("pulse", "70", "bpm")),
        ("oxygen is ninety eight percent", ("oxygen saturation", "98", "%")),
        ("I weigh eighty kilos", ("weight", "80", "kg")),
        ("your heart rate's a hundred and ten", ("pulse", "110", "bpm")),
        ("blood pressure is 132 on 84", ("blood pressure", "132/84", "mmHg")),
        ("your peak flow was three hundred and fifty", ("peak flow", "350", "L/min")),
        ("I'm eleven and a half stone", ("weight", "11.5", "st")),
        ("I'm five foot ten", ("height", "5 ft 10 in", "")),
    ],
)
def test_a_value_has_its_name_and_unit(text: str, expected: tuple[str, str, str]) -> None:
    (sentence,) = sentences(text)
    assert [(v.name, v.value, v.unit) for v in vitals(sentence.tokens)] == [expected]


@pytest.mark.parametrize("text", ["a temperature for three days", "twenty over the weekend", "I'm forty eight"])
def test_other_numbers_are_none(text: str) -> None:
    (sentence,) = sentences(text)
    assert vitals(sentence.tokens) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("your heart rate your spo2 was ninety eight percent", [("oxygen saturation", "98", "%")]),
        ("you can't weight bear on that foot for six to eight weeks", []),
    ],
)
def test_the_nearest_name_was_measured_and_bearing_weight_is_no_weight(text, expected) -> None:
    (sentence,) = sentences(text)
    assert [(v.name, v.value, v.unit) for v in vitals(sentence.tokens)] == expected


def test_a_range_of_hundreds_is_no_value() -> None:
    (sentence,) = sentences("your blood sugar is in the low two hundreds")
    assert vitals(sentence.tokens) == []


def test_two_measurements_of_one_kind_are_two_findings() -> None:
    lines = ("D: Your blood pressure at home was 170 over 90.", "D: And here the blood pressure is 150 over 85.")
    assert [f.attributes["value"] for f in findings(*lines)] == ["170/90", "150/85"]
    assert len(findings(lines[0], lines[0])) == 1


def test_a_value_answers_the_question_that_names_it() -> None:
    (found,) = findings("D: What was your temperature?", "P: Thirty eight point two.")
    assert (found.kind, found.text, found.attributes) == ("vital", "temperature", {"value": "38.2", "unit": "°C"})
    assert [evidence.quote for evidence in found.evidence] == ["temperature", "Thirty eight point two"]
    assert findings("D: How long have you had a temperature?", "P: Three days.") == []
    assert (
        findings("D: Did you take your temperature?", "P: I'm on forty milligrams of furosemide for the swelling.")
        != []
    )
