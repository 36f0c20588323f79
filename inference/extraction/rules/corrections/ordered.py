"""What may be ordered, as it is named in a sentence, and whether an order is meant by it: "the statin". Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from inference.extraction.rules.facts.plans import tests
from inference.extraction.tables import rows, table
from inference.extraction.text.tokens import Token, stem
from inference.extraction.words.lexicon import drugs_trie, find, generic_of
from inference.findings import Finding, Proposal

Sort = Literal["drug", "test", "referral", "followup", ""]

_SORTS: dict[str, Sort] = {
    "medication": "drug", "lab": "test", "imaging": "test", "referral": "referral", "followup": "followup",
}  # fmt: skip
_GENERAL: dict[str, tuple[str, ...]] = {
    "scan": ("imaging",), "imaging": ("imaging",), "picture": ("imaging",), "test": ("lab", "imaging"),
    "blood": ("lab",),
    "bloods": ("lab",), "lab": ("lab",), "referral": ("referral",), "specialist": ("referral",),
    "tablet": ("medication",), "pill": ("medication",), "drug": ("medication",), "medicine": ("medication",),
    "medication": ("medication",), "prescription": ("medication",), "appointment": ("followup", "referral"),
}  # fmt: skip
"""Words that name a sort of order, with its types."""
_STOP = "stop "


@dataclass(frozen=True, slots=True)
class Named:
    """A drug, a class of drugs, a test, a referral, or a word for a sort of them, over the tokens [start, end)."""

    name: str
    types: tuple[str, ...]
    start: int
    end: int
    is_class: bool = False
    is_general: bool = False


@table
def _members() -> dict[str, tuple[str, ...]]:
    return {columns[0]: tuple(columns[1].split("|")) for columns in rows("class_members.tsv")}


def named_in(tokens: Sequence[Token]) -> list[Named]:
    """What a sentence names that may be ordered, in its order."""
    found = [
        Named(m.entry.concept, ("medication",), m.start, m.end, is_class=m.entry.kind == "drug_class")
        for m in find(drugs_trie(), tokens)
    ]
    found += [Named(m.entry.concept, (m.entry.detail,), m.start, m.end) for m in tests(tokens)]
    taken = {at for named in found for at in range(named.start, named.end)}
    found += [
        Named(token.word, types, at, at + 1, is_general=True)
        for at, token in enumerate(tokens)
        if at not in taken and (types := _GENERAL.get(token.word, _GENERAL.get(token.stem, ())))
    ]
    return sorted(found, key=lambda named: named.start)


def type_of(order: Finding | Proposal) -> str:
    """The `order_type` of an order; empty for what is none."""
    return order.attributes.get("order_type", "") if order.kind == "order" else ""


def sort_of(order: Finding | Proposal) -> Sort:
    """Of two orders of a sort, one may take the place of the other."""
    return _SORTS.get(type_of(order), "")


def is_stop(order: Finding | Proposal) -> bool:
    """Whether it orders that a medicine be stopped."""
    return order.kind == "order" and order.text.startswith(_STOP)


def is_meant(named: Named, text: str, order_type: str) -> bool:
    """Whether somebody who says the name means what an order, or a medicine that is taken, calls `text`."""
    if order_type not in named.types:
        # "The cholesterol" is a test here, and "the dermatology" a referral.
        return False
    if named.is_general:
        return True
    if order_type == "medication":
        return is_same_drug(named.name, text)
    mine, theirs = _stems(named.name), _stems(text)
    return bool(mine) and (mine <= theirs or theirs <= mine)


def is_same_drug(one: str, other: str) -> bool:
    """Whether `one` names `other`: by its name, its generic, or its class. One member alone does not name a class."""
    if one == other or (generic_of(one) is not None and generic_of(one) == generic_of(other)):
        return True
    return _is_member(one, other)


def _is_member(group: str, drug: str) -> bool:
    name = generic_of(drug) or drug
    return any(
        name.endswith(member[1:]) if member.startswith("-") else member in (name, drug)
        for member in _members().get(group, ())
    )


def _stems(text: str) -> set[str]:
    return {stem(word) for word in text.casefold().replace("(", "").replace(")", "").split()} - {
        "referral",
        "scan",
        "the",
        "of",
    }
