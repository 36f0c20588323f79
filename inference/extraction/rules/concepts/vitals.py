"""Measured values: temperature, blood pressure, pulse and the like. Pure."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

from inference.extraction.quantities.numbers import Number, numbers_in, written
from inference.extraction.text.tokens import Token

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
    ("peak flow", ("peak flow", "peak flows"), 50, 900, "L/min"),
    ("body mass index", ("bmi", "body mass index"), 10, 80, "kg/m²"),
    ("hemoglobin a1c", ("a1c", "hba1c", "hemoglobin a1c"), 3, 20, "%"),
    ("hemoglobin a1c", ("a1c", "hba1c", "hemoglobin a1c"), 21, 150, "mmol/mol"),
)
_HOTTEST = (43, 108)
"""The highest temperatures of `_MEASURES`."""
_UNITS = {
    "kilos": "kg", "kilograms": "kg", "kilo": "kg", "kg": "kg", "pounds": "lb", "lbs": "lb", "stone": "st",
    "centimetres": "cm", "centimeters": "cm", "cm": "cm", "feet": "ft", "foot": "ft", "metres": "m", "meters": "m",
    "celsius": "°C", "fahrenheit": "°F", "percent": "%", "%": "%", "bpm": "bpm",
}  # fmt: skip
_SHORT_REPLY = 7
_NEAR = 4
_ONESELF = frozenset(
    ("i", "im", "am", "weigh", "weighs", "weight", "height", "about", "around", "hes", "shes", "youre")
)
_NO_MEASURE = frozenset(("bear", "bearing", "loss", "gain", "lifting", "training"))
_AS_SHARE = (["percent"], ["%"])
_NO_VALUE = frozenset(
    ("day", "days", "weeks", "hours", "times", "years", "over", "months", "minutes", "to", "hundreds", "thousands")
)
"""What makes something else of a number, or no exact one: "in the low one hundreds"."""
_LABELS = frozenset(label for _, labels, *_ in _MEASURES for label in labels) | {"heart", "respiratory", "pressure"}

_LABEL_ENDS = frozenset(label.split()[-1] for label in _LABELS) | {"saturation"}


def vitals(tokens: Sequence[Token]) -> list[Vital]:
    """The measured values of a sentence."""
    words = [_without_clitic(token) for token in tokens]
    numbers = numbers_in(words)
    if not numbers:
        return []
    found = [*_blood_pressures(words, numbers), *_bodies(words, numbers)]
    for name, labels, lowest, highest, unit in _MEASURES:
        for label in labels:
            parts = label.split()
            for at in range(len(words) - len(parts) + 1):
                after = at + len(parts)
                if words[at:after] == parts and not _NO_MEASURE & set(words[after : after + 1]):
                    number = _value(words, numbers, after, lowest, highest)
                    if number is not None and unit != "%" and words[number.end : number.end + 1] in _AS_SHARE:
                        continue  # "I took my temperature, so I'm a hundred percent sure"
                    if number is not None and _LABELS & set(words[after : number.start]) - set(parts):
                        continue  # "your heart rate, your spo2 was 98": the nearest one was measured
                    if number is not None and not any(v.name == name for v in found):
                        found.append(_vital(name, number, unit, words, at))
    return found


def asked_for(question: Sequence[Token], reply: Sequence[Token]) -> tuple[Vital, int, int] | None:
    """ "What was your temperature?" "Thirty eight.": the value over the reply's tokens, and the label over [start, end)
    of the question's. A reply in which much else is said answers something else."""
    asked, said = [_without_clitic(t) for t in question], [t.word for t in reply]
    numbers = numbers_in(said)
    if len(numbers) != 1 or len(said) > _SHORT_REPLY:
        return None
    for name, labels, lowest, highest, unit in _MEASURES:
        for label in labels:
            parts = label.split()
            for at in range(len(asked) - len(parts) + 1):
                if asked[at : at + len(parts)] == parts:
                    number = _value(said, numbers, 0, lowest, highest)
                    if number is not None:
                        return _vital(name, number, unit, said, 0), at, at + len(parts)
    return None


def _without_clitic(token: Token) -> str:
    """The "heart rate's" are the heart rate."""
    has_clitic = token.end - token.start > len(token.word) and token.word.endswith("s")
    return token.word[:-1] if has_clitic and token.word[:-1] in _LABEL_ENDS else token.word


def _bodies(words: Sequence[str], numbers: Sequence[Number]) -> list[Vital]:
    """ "I'm five foot ten", "I'm eleven and a half stone": the unit names the measure."""
    found: list[Vital] = []
    for number in numbers:
        unit = words[number.end : number.end + 1]
        mine = _ONESELF & set(words[max(0, number.start - _NEAR) : number.start])
        if not mine or not unit:
            continue
        if unit[0] in ("foot", "feet") and 3 <= number.value <= 7:
            inches = next((n for n in numbers if n.start == number.end + 1 and n.value < 12), None)
            value = f"{written(number.value)} ft" + (f" {written(inches.value)} in" if inches else "")
            found.append(Vital("height", value, "", number.start, inches.end if inches else number.end + 1))
        elif unit[0] == "stone" and 2 <= number.value <= 60:
            found.append(Vital("weight", written(number.value), "st", number.start, number.end + 1))
    return found


def _blood_pressures(words: Sequence[str], numbers: Sequence[Number]) -> list[Vital]:
    for first, second in itertools.pairwise(numbers):
        between = words[first.end : second.start]
        if between not in (["over"], ["on"], []) or not (
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
            if words[number.start] in ("once", "twice", "half", "couple") or number.value < 1:
                continue
            return _with_tenths(words, number, numbers) if highest in _HOTTEST else number
    return None


def _with_tenths(words: Sequence[str], number: Number, numbers: Sequence[Number]) -> Number:
    """A temperature as people say it: "thirty eight two" is 38.2."""
    tenths = next((n for n in numbers if n.start == number.end and n.end == n.start + 1), None)
    if tenths is None or tenths.value not in range(10) or number.value != int(number.value):
        return number
    if _NO_VALUE & set(words[tenths.end : tenths.end + 1]):
        return number  # "thirty eight two days ago"
    return replace(number, value=number.value + tenths.value / 10, end=tenths.end)


def _vital(name: str, number: Number, unit: str, words: Sequence[str], label: int) -> Vital:
    end = number.end
    if end < len(words) and words[end] in ("degrees", "degree"):
        end += 1
    if end < len(words) and words[end] in _UNITS:
        unit = _UNITS[words[end]]
        end += 1
    return Vital(name, written(number.value), unit, label, end)
