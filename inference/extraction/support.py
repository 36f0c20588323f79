"""A model may not invent a drug or its dose: what it says must stand in the quotes. Pure."""

import re
from dataclasses import replace

from inference.extraction.numbers import numbers_in
from inference.findings import Evidence, Proposal

_CHECKED_ATTRIBUTES = ("dose", "frequency")
_DRUG_KINDS = ("medication", "order")


def with_supported_attributes(proposal: Proposal, evidence: tuple[Evidence, ...]) -> Proposal:
    """A model may not invent a dose: its numbers and words must stand in the quotes, in digits or spelled out."""
    if proposal.source != "model" or proposal.kind not in _DRUG_KINDS:
        return proposal
    quoted = " ".join(e.quote for e in evidence)
    kept = {
        name: value
        for name, value in proposal.attributes.items()
        if name not in _CHECKED_ATTRIBUTES or _is_supported(value, quoted)
    }
    return replace(proposal, attributes=kept)


def _is_supported(value: str, quoted: str) -> bool:
    said = {number.value for number in numbers_in(_spoken_words(quoted))}
    claimed = {number.value for number in numbers_in(_spoken_words(value))}
    if claimed:
        return claimed <= said
    return bool(_word_stems(value) & _word_stems(quoted))


def _spoken_words(text: str) -> list[str]:
    """Words and numbers, "10mg" as two."""
    return re.findall(r"\d+(?:[.,]\d+)*|[^\W\d_]+", text.casefold())


def _word_stems(text: str) -> frozenset[str]:
    # "daily" stands for "every day", "nightly" for "at night".
    plain = (re.sub(r"(?:ly|s)$", "", re.sub(r"ily$", "y", word)) for word in _spoken_words(text) if len(word) > 2)
    return frozenset(word[:3] for word in plain)


def name_is_supported(proposal: Proposal, evidence: tuple[Evidence, ...]) -> bool:
    """A model may not invent a drug: its name, or letters much like it as a recogniser mishears, must be quoted."""
    if proposal.source != "model" or proposal.kind != "medication":
        return True
    quoted = " ".join(e.quote for e in evidence).casefold()
    letters = re.sub(r"[\W_]+", "", quoted)
    return any(_resembles(name, letters) for name in re.findall(r"[^\W\d_]{3,}", proposal.text.casefold()))


def _resembles(name: str, letters: str) -> bool:
    if name in letters:
        return True
    pairs = [name[i : i + 2] for i in range(len(name) - 1)]
    for at in range(max(len(letters) - len(name), 0) + 1):
        window = letters[at : at + len(name) + 1]
        if sum(pair in window for pair in pairs) * 2 >= len(pairs):
            return True
    return False
