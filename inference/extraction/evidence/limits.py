"""Doses of high-alert medicines that are beyond what is given at once: shown as heard, and to be looked at. Pure.

The limits (vocabulary/limits.tsv) catch what a misheard unit or decimal point makes of a dose, as "10 mg of digoxin".
They are no dosing advice: below one of them a dose may still be wrong for its patient.
"""

from decimal import Decimal

from inference.extraction.quantities.quantity import Quantity
from inference.extraction.quantities.reader import quantities
from inference.extraction.tables import rows, table

BEYOND_USUAL = "beyond the usual dose"

_IN_NANOGRAMS = {"ng": 1, "micrograms": 10**3, "mg": 10**6, "g": 10**9}


@table
def _limits() -> dict[str, tuple[Decimal, str]]:
    return {name: (Decimal(most), unit) for name, most, unit, _ in rows("limits.tsv")}


def is_beyond_usual(generic: str, dose: str) -> bool:
    """Whether any part of the dose is above the limit of the medicine of this generic name, if it has one."""
    limit = _limits().get(generic) or _limits().get(generic.split(" ")[0])
    return limit is not None and any(_exceeds(quantity, *limit) for quantity in quantities(dose))


def _exceeds(quantity: Quantity, most: Decimal, unit: str) -> bool:
    count = quantity.high if quantity.strength is not None else Decimal(1)
    measured = quantity.strength or quantity
    if measured.unit is None:
        return False
    given = count * measured.high
    if measured.unit.name == unit:
        return given > most
    if measured.unit.name not in _IN_NANOGRAMS or unit not in _IN_NANOGRAMS:
        return False
    return given * _IN_NANOGRAMS[measured.unit.name] > most * _IN_NANOGRAMS[unit]
