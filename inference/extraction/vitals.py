"""Measured values: temperature, blood pressure, pulse and the like. Pure."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from inference.extraction.numbers import Number, numbers_in, written
from inference.extraction.tokens import Token

_REACH = 7


@dataclass(frozen=True, slots=True)
class Vital:
    """A measured value over the tokens [start, end)."""

    name: str
    value: str
    unit: str
    start: int
    end: int


# name, wordings, lowest and highest value that a living adult or child shows, unit
_MEASURES: tuple[tuple[str, tuple[str, ...], float, float, str], ...] = (
    ("temperature", ("temperature", "temp"), 33, 43, "°C"),
    ("temperature", ("temperature", "temp", "fever"), 93, 108, "°F"),
    ("pulse", ("pulse", "heart rate", "heartrate", "pulse rate"), 30, 220, "bpm"),
    (
        "oxygen saturation",
        ("oxygen", "sats", "saturation", "saturations", "pulse ox", "o2", "spo2", "oxygen level"),
        60,
        100,
        "%",
    ),
    ("respiratory rate", ("respiratory rate", "breathing rate", "resp rate"), 6, 70, "/min"),
    ("weight", ("weight", "weigh", "weighs", "weighing"), 2, 400, ""),
    ("height", ("height", "tall"), 0.4, 230, ""),
    ("blood sugar", ("blood sugar", "sugar", "glucose", "blood glucose", "sugars"), 1, 700, ""),
    ("body mass index", ("bmi", "body mass index"), 10, 80, "kg/m²"),
    ("hemoglobin a1c", ("a1c", "hba1c", "hemoglobin a1c"), 3, 20, "%"),
)
_UNITS = {
    "kilos": "kg", "kilograms": "kg", "kilo": "kg", "kg": "kg", "pounds": "lb", "lbs": "lb", "stone": "st",
    "centimetres": "cm", "centimeters": "cm", "cm": "cm", "feet": "ft", "foot": "ft", "metres": "m", "meters": "m",
    "celsius": "°C", "fahrenheit": "°F", "percent": "%", "bpm": "bpm",
}  # fmt: skip
_NO_MEASURE = frozenset(("bear", "bearing", "loss", "gain", "lifting", "training"))
_NO_VALUE = frozenset(
    ("day", "days", "weeks", "hours", "times", "years", "over", "months", "minutes", "to", "hundreds", "thousands")
)
"""What makes something else of a number, or no exact one: "in the low one hundreds"."""
_LABELS = frozenset(label for _, labels, *_ in _MEASURES for label in labels) | {"heart", "respiratory", "pressure"}


def vitals(tokens: Sequence[Token]) -> list[Vital]:
    """The measured values of a sentence."""
    words = [token.word for token in tokens]
    numbers = numbers_in(words)
    if not numbers:
        return []
    found = _blood_pressures(words, numbers)
    for name, labels, lowest, highest, unit in _MEASURES:
        for label in labels:
            parts = label.split()
            for at in range(len(words) - len(parts) + 1):
                after = at + len(parts)
                if words[at:after] == parts and not _NO_MEASURE & set(words[after : after + 1]):
                    number = _value(words, numbers, after, lowest, highest)
                    if number is not None and _LABELS & set(words[after : number.start]) - set(parts):
                        continue  # "your heart rate, your spo2 was 98": the nearest one was measured
                    if number is not None and not any(v.name == name for v in found):
                        found.append(_vital(name, number, unit, words, at))
    return found


def _blood_pressures(words: Sequence[str], numbers: Sequence[Number]) -> list[Vital]:
    for first, second in itertools.pairwise(numbers):
        between = words[first.end : second.start]
        if between not in (["over"], []) or not (
            60 <= first.value <= 260 and 30 <= second.value <= 150 < 2 * first.value
        ):
            continue
        labelled = "pressure" in words[max(0, first.start - 8) : first.start] or "bp" in words[: first.start]
        if labelled or (between == ["over"] and first.value >= 80 and second.value >= 40):
            value = f"{written(first.value)}/{written(second.value)}"
            return [Vital("blood pressure", value, "mmHg", first.start, second.end)]
    return []


def _value(words: Sequence[str], numbers: Sequence[Number], after: int, lowest: float, highest: float) -> Number | None:
    for number in numbers:
        if after <= number.start <= after + _REACH and lowest <= number.value <= highest:
            if _NO_VALUE & set(words[number.end : number.end + 1]):
                continue
            if words[number.start] in ("once", "twice", "half", "couple", "a"):
                continue
            return number
    return None


def _vital(name: str, number: Number, unit: str, words: Sequence[str], label: int) -> Vital:
    end = number.end
    if end < len(words) and words[end] in ("degrees", "degree"):
        end += 1
    if end < len(words) and words[end] in _UNITS:
        unit = _UNITS[words[end]]
        end += 1
    return Vital(name, written(number.value), unit, label, end)
