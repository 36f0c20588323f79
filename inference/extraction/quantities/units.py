"""Units of doses in every spelling, each with one canonical form. Pure."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from inference.extraction.tables import rows, table

UnitClass = Literal["measure", "solid", "count"]


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit as it is shown. "µg" and "U" are never shown: they are read as "mg" and as a digit.

    A "measure" says how much of the drug, a "solid" is a piece that itself holds a measure (a tablet), a "count" is
    what a device gives (a puff). More than `most` at once is no dose of anything.
    """

    name: str
    singular: str
    kind: UnitClass
    ucum: str
    most: Decimal


@table
def _wordings() -> dict[str, list[tuple[tuple[str, ...], Unit]]]:
    table: dict[str, list[tuple[tuple[str, ...], Unit]]] = {}
    for name, singular, kind, ucum, most, column in rows("units.tsv"):
        unit = Unit(name, singular, kind, ucum, Decimal(most))  # type: ignore[arg-type]
        for wording in column.split("|"):
            words = tuple(unicodedata.normalize("NFKC", wording).split())
            table.setdefault(words[0], []).append((words, unit))
    for wordings in table.values():
        wordings.sort(key=lambda wording: -len(wording[0]))
    return table


@table
def units() -> dict[str, Unit]:
    """The units by their canonical names."""
    return {unit.name: unit for wordings in _wordings().values() for _, unit in wordings}


def unit_at(words: Sequence[str], at: int) -> tuple[Unit, int] | None:
    """The longest unit that starts at word `at` (lower case, NFKC), and where it ends."""
    if at >= len(words):
        return None
    for wording, unit in _wordings().get(words[at], ()):
        if tuple(words[at : at + len(wording)]) == wording:
            return unit, at + len(wording)
    return None
