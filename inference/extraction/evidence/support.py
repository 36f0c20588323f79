"""A model may not invent a drug or its dose: what it says must stand in the quotes. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from inference.extraction.evidence.limits import BEYOND_USUAL, is_beyond_usual
from inference.extraction.quantities.numbers import NUMBER, numbers_in
from inference.extraction.quantities.quantity import Quantity, QuantityKind
from inference.extraction.quantities.reader import quantities
from inference.extraction.text.tokens import sentences
from inference.extraction.words.lexicon import Match, drugs_trie, find
from inference.findings import Evidence, Grounded, Proposal
from inference.transcript import Segment

_QUANTITIES: Mapping[str, QuantityKind] = {"dose": "dose", "maximum": "ceiling"}
"""Attributes that are quantities, and what kind of quantity bears them out."""

_WORDED = ("frequency",)
"""Attributes whose words must be quoted too, where they hold no number."""

_DRUG_KINDS = ("medication", "allergy", "order")
_PRONOUNS = frozenset((Decimal(1),))
"""Numbers that are ordinary words: "one" says nothing of how many."""

_WORD = re.compile(r"[^\W_]")


def supported(grounded: Grounded, segments: Mapping[str, Segment]) -> Grounded | None:
    """The proposal as far as its evidence bears it out. None if nothing proves it, or if its text holds no word.

    A retraction needs no more than evidence. `segments` holds the finals in which the evidence stands, by their ids.
    """
    proposal, evidence = grounded.proposal, grounded.evidence
    if not evidence:
        return None
    if proposal.op == "retract":
        return grounded
    if not _WORD.search(proposal.text.casefold()) or not is_supported(proposal, evidence):
        return None
    return replace(grounded, proposal=with_supported_attributes(proposal, evidence, segments))


def with_supported_attributes(
    proposal: Proposal, evidence: tuple[Evidence, ...], segments: Mapping[str, Segment] | None = None
) -> Proposal:
    """The proposal without those attributes of a model that its quotes do not bear out, in digits or in words.

    A dose is compared as a quantity with those that the quotes touch in their segments, so that a quote of "five
    milligrams" out of "point five milligrams" proves 0.5 mg. Where they hold one other dose, that one stands instead.
    Of any source, a dose beyond the limit of its medicine is marked.
    """
    if proposal.source != "model":
        return _marked(proposal)
    quoted = " ".join(e.quote for e in evidence)
    kept = {
        name: value
        for name, value in proposal.attributes.items()
        if name not in _QUANTITIES and _is_borne_out(name, value, quoted)
    }
    heard = [quantity for e in evidence for quantity in _touched(e, segments or {})]
    for name, kind in _QUANTITIES.items():
        if name in proposal.attributes:
            value = proposal.attributes[name]
            shown = _heard_as(name, value, [q for q in heard if q.kind == kind], heard)
            if name == "maximum" and name in shown:
                shown[name] = f"{shown[name]} {_period(value, shown[name], quoted)}".strip()
            kept |= shown
    return _marked(replace(proposal, attributes=kept))


def _marked(proposal: Proposal) -> Proposal:
    dose = proposal.attributes.get("dose")
    if dose is None or "check" in proposal.attributes or proposal.kind not in _DRUG_KINDS:
        return proposal
    if not any(is_beyond_usual(match.entry.detail, dose) for match in _drugs(proposal.text)):
        return proposal
    return replace(proposal, attributes={**proposal.attributes, "check": f"dose: {BEYOND_USUAL}"})


def _period(value: str, shown: str, quoted: str) -> str:
    """ "A day" of the maximum "8 tablets a day", where that was said and is not shown yet."""
    claimed = quantities(value)
    rest = value[claimed[-1].end :].strip() if claimed else ""
    is_said = re.search(rf"\b{re.escape(rest)}\b", quoted, re.IGNORECASE) is not None
    return rest if rest and is_said and not shown.endswith(rest) else ""


def _touched(evidence: Evidence, segments: Mapping[str, Segment]) -> list[Quantity]:
    segment = segments.get(evidence.segment)
    if segment is None:
        return quantities(evidence.quote)
    return [q for q in quantities(segment.text) if q.start < evidence.end and evidence.start < q.end]


def _heard_as(name: str, value: str, heard: Sequence[Quantity], every: Sequence[Quantity]) -> dict[str, str]:
    """The attribute as it was heard, in doubt where the words are; nothing where it was not."""
    claimed = [q for q in quantities(value) if q.unit is not None or q.strength is not None]
    said = [_same(claim, heard) for claim in claimed]
    found = [q for q in said if q is not None]
    numbers = {q.measure[:2] for q in every}
    others = [q for q in quantities(value) if q.unit is None and q.strength is None]
    if claimed and len(found) == len(claimed) and all(q.measure[:2] in numbers for q in others):
        doubt = next((q.doubt for q in found if q.doubt), "")
        text = found[0].written if len(found) == 1 and not others else value
        return {name: text} | ({"check": f"{name}: {doubt}"} if doubt else {})
    bare = [q for q in heard if q.unit is None and q.strength is None and len(claimed) == 1]
    bare = [q for q in bare if q.measure[:2] == claimed[0].measure[:2]]
    if bare:
        return {name: bare[0].written, "check": f"{name}: no unit"}
    measured = [q for q in heard if q.unit is not None or q.strength is not None]
    if len(measured) == 1:
        return {name: measured[0].written} | ({"check": f"{name}: {measured[0].doubt}"} if measured[0].doubt else {})
    return {}


def _same(claim: Quantity, heard: Sequence[Quantity]) -> Quantity | None:
    def key(quantity: Quantity) -> tuple[object, ...]:
        return (*quantity.measure, quantity.strength.measure if quantity.strength is not None else None)

    return next((quantity for quantity in heard if key(quantity) == key(claim)), None)


def _is_borne_out(name: str, value: str, quoted: str) -> bool:
    claimed = {number.value for number in numbers_in(_spoken_words(value))}
    if claimed:
        return claimed <= {number.value for number in numbers_in(_spoken_words(quoted))}
    return name not in _WORDED or bool(_word_stems(value) & _word_stems(quoted))


def proved(attributes: Mapping[str, str], quote: str) -> list[str]:
    """The names of the attributes whose numbers, or words where there are none, all stand in the quote."""
    numbers, stems = _numbers(quote), _word_stems(quote)
    return [
        name
        for name, value in attributes.items()
        if (_numbers(value) <= numbers if _numbers(value) else bool(_word_stems(value)) and _word_stems(value) <= stems)
    ]


def _numbers(text: str) -> set[Decimal]:
    return {number.value for number in numbers_in(_spoken_words(text))} - _PRONOUNS


def _spoken_words(text: str) -> list[str]:
    """Words and numbers, "10mg" as two."""
    return re.findall(rf"{NUMBER}|[^\W\d_]+", text.casefold())


def _word_stems(text: str) -> frozenset[str]:
    # "daily" stands for "every day", "nightly" for "at night".
    plain = (re.sub(r"(?:ly|s)$", "", re.sub(r"ily$", "y", word)) for word in _spoken_words(text) if len(word) > 2)
    return frozenset(word[:3] for word in plain)


def is_supported(proposal: Proposal, evidence: tuple[Evidence, ...]) -> bool:
    """Whether the numbers and the drug names of a model's text stand in the quotes. Other sources are not checked.

    A drug counts as said under any of its names, and where a recogniser wrote letters much like it.
    """
    if proposal.source != "model":
        return True
    quoted = " ".join(e.quote for e in evidence)
    if not _numbers(proposal.text) <= _numbers(quoted):
        return False
    if proposal.kind not in _DRUG_KINDS:
        return True
    letters = re.sub(r"[\W_]+", "", quoted.casefold())
    drugs = _drugs(proposal.text)
    if drugs:
        said = {match.entry.detail for match in _drugs(quoted)}
        return all(
            m.entry.detail in said or any(_resembles(n, letters) for n in _names(m.entry.concept)) for m in drugs
        )
    if proposal.kind == "order":  # of a test, or of a drug that the vocabulary does not know
        return True
    return any(_resembles(name, letters) for name in _names(proposal.text))


def _drugs(text: str) -> list[Match]:
    found = [match for sentence in sentences(text) for match in find(drugs_trie(), sentence.tokens)]
    return [match for match in found if match.entry.kind == "drug"]


def _names(text: str) -> list[str]:
    return re.findall(r"[^\W\d_]{3,}", text.casefold())


def _resembles(name: str, letters: str) -> bool:
    if name in letters:
        return True
    pairs = [name[i : i + 2] for i in range(len(name) - 1)]
    for at in range(max(len(letters) - len(name), 0) + 1):
        window = letters[at : at + len(name) + 1]
        if sum(pair in window for pair in pairs) * 2 >= len(pairs):
            return True
    return False
