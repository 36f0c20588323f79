"""A wording that says how the mentions beside it are meant. Pure."""

from dataclasses import dataclass
from typing import Literal

Category = Literal[
    "negated", "possible", "hypothetical", "past", "family", "resolved", "stop", "pseudo", "reported"
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Trigger:
    """A wording over the tokens [start, end).

    It governs mentions in its direction, up to `reach` words away. `reports` says that somebody tells the result of
    an examination or a suspicion of his own, as in "the scan rules out a stroke".
    """

    category: Category
    direction: str
    reach: int
    start: int
    end: int
    reports: bool = False
