"""One quantity: what was heard, what it means, and how it is shown. Pure.

It is shown as the Institute for Safe Medication Practices asks for: a zero before a decimal point and none behind the
last digit, commas in thousands, "micrograms" for "µg", "units" for "U", fractions of a tablet in words, and a count
that stands before a strength in words too ("two 500 mg tablets", since "2 500 mg" may be read as 2,500 mg).
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from inference.extraction.quantities.numbers import written as digits
from inference.extraction.quantities.units import Unit

QuantityKind = Literal["dose", "ceiling", "floor", "change"]
"""A ceiling is a limit ("no more than 8"), a floor its opposite ("more than 8"), a change a difference ("by 5 mg")."""

_COUNTS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_FRACTIONS = {
    Decimal("0.5"): "half", Decimal("0.25"): "a quarter", Decimal("0.75"): "three quarters",
    Decimal("0.333"): "a third", Decimal("0.667"): "two thirds",
}  # fmt: skip
_MILLION = 1_000_000
_LONGEST = 60
"""Characters of a quantity that is shown as heard."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number or a range, mostly of a unit, over the characters [start, end) of a text.

    `low` and `high` are equal where no range was said. `per` is what a concentration or a rate is of ("5 ml", "kg").
    `strength` is what each piece holds: two tablets of 500 mg have the unit "tablets" and the strength 500 mg. `doubt`
    says why the words bear no sure meaning; then `heard` is shown as it is.
    """

    low: Decimal
    high: Decimal
    unit: Unit | None
    start: int
    end: int
    heard: str
    kind: QuantityKind = "dose"
    per: str = ""
    strength: "Quantity | None" = None
    doubt: str = ""

    @property
    def written(self) -> str:
        """As it is shown: canonical, or as heard where it is in doubt."""
        if self.doubt:
            heard = " ".join(self.heard.split())
            return heard if len(heard) <= _LONGEST else f"{heard[:_LONGEST]}…"
        if self.unit is None:
            return self._amount if self.strength is None else f"{self._amount} × {self.strength.written}"
        if self.strength is not None:
            return f"{self._count} {self.strength.written} {self._unit}"
        if self.unit.kind == "solid" and self.low == self.high and (part := self._in_words) is not None:
            return part
        return f"{self._amount}{'' if self.unit.name == '%' else ' '}{self._unit}{f' per {self.per}' * bool(self.per)}"

    @property
    def measure(self) -> tuple[Decimal, Decimal, str, str]:
        """What makes two quantities the same: the bounds, the unit, what it is per."""
        return self.low, self.high, self.unit.name if self.unit else "", self.per

    @property
    def _amount(self) -> str:
        low = _digits(self.low)
        return low if self.low == self.high else f"{low}-{_digits(self.high)}"

    @property
    def _unit(self) -> str:
        if self.unit is None:
            return ""
        is_one = self.low == self.high and (self.high == 1 or (self.unit.kind == "solid" and self.high < 1))
        return self.unit.singular if is_one else self.unit.name

    @property
    def _in_words(self) -> str | None:
        """ "half a tablet", "one and a half tablets"; None for a whole number, or a part that has no name."""
        if self.unit is None:
            return None
        whole, part = divmod(self.low, 1)
        name = _FRACTIONS.get(part)
        if name is None or whole >= len(_COUNTS):
            return None
        if whole:
            return f"{_COUNTS[int(whole)]} and {'a ' * (name == 'half')}{name} {self.unit.name}"
        return f"{name}{'' if name == 'half' else ' of'} a {self.unit.singular}"

    @property
    def _count(self) -> str:
        """The number of pieces before their strength: "two", "one or two", "half of a", "12 ×"."""
        if self.low != self.high:
            bounds = [_COUNTS[int(v)] for v in (self.low, self.high) if v in range(len(_COUNTS))]
            return " or ".join(bounds) if len(bounds) == 2 else f"{self._amount} ×"
        whole, part = divmod(self.low, 1)
        name = _FRACTIONS.get(part)
        if not part and whole < len(_COUNTS):
            return _COUNTS[int(whole)]
        if name is None or whole >= len(_COUNTS):
            return f"{self._amount} ×"
        return f"{_COUNTS[int(whole)]} and {'a ' * (name == 'half')}{name}" if whole else f"{name} of a"


def _digits(value: Decimal) -> str:
    """With commas from 1,000 on, and whole millions in words."""
    if value >= _MILLION and value % 100_000 == 0:
        return f"{digits(value / _MILLION)} million"
    whole, point, decimals = digits(value).partition(".")
    return f"{int(whole):,}{point}{decimals}" if value >= 1000 else f"{whole}{point}{decimals}"
