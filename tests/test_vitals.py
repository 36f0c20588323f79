"""Measured values."""

import pytest

from inference.extraction.tokens import sentences
from inference.extraction.vitals import vitals


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("your temperature is 38.5 degrees", ("temperature", "38.5", "°C")),
        ("my temperature was thirty eight point five", ("temperature", "38.5", "°C")),
        ("temperature of 101 fahrenheit", ("temperature", "101", "°F")),
        ("blood pressure 120/80", ("blood pressure", "120/80", "mmHg")),
        ("it's one forty over ninety", ("blood pressure", "140/90", "mmHg")),
        ("your heart rate is seventy", ("pulse", "70", "bpm")),
        ("oxygen is ninety eight percent", ("oxygen saturation", "98", "%")),
        ("I weigh eighty kilos", ("weight", "80", "kg")),
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
