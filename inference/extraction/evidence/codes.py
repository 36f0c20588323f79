"""What public vocabularies call a finding: ICD-10-CM for what ails people, DrugBank for what they take. Pure.

A code is looked up by words alone, so it is a suggestion (`Code.suggestion`). Where the right code hangs on what nobody
said, there is none. MeSH is left out: the packaged list gives the class of a drug, not the drug.
"""

from typing import get_args

from inference.extraction.tables import rows, table
from inference.extraction.text.tokens import sentences
from inference.extraction.words.lexicon import find, findings_trie
from inference.findings import Code, CodeSystem, Experiencer, Kind, Temporality

_DRUG_KINDS = frozenset(("medication", "order"))
_CHRONIC = "chronic"


@table
def _table() -> dict[tuple[str, str], Code]:
    """Codes by scope ("finding", "history", "family", "allergy", "drug") and concept."""
    systems: dict[str, CodeSystem] = {name: name for name in get_args(CodeSystem)}
    return {
        (scope, concept): Code(systems[system], code, display)
        for scope, concept, system, code, display in rows("codes.tsv")
    }


@table
def _lasting() -> frozenset[str]:
    """Conditions that somebody who once had them still has."""
    return frozenset(columns[0] for columns in rows("conditions.tsv") if columns[1] == _CHRONIC)


def codes_of(
    kind: Kind, text: str, temporality: Temporality = "current", experiencer: Experiencer = "patient"
) -> tuple[Code, ...]:
    """The codes of a finding by its words, if the vocabulary holds them. A denied finding has codes too."""
    words = text.casefold().strip()
    if kind == "allergy":
        found = (_table().get(("allergy", words)), _table().get(("drug", words)))
    elif kind in _DRUG_KINDS:
        found = (_table().get(("drug", words)), None)
    elif experiencer == "family":
        found = (_named("family", words), None)
    elif temporality == "past" or kind == "past_history":
        found = (_of_the_past(words, over=temporality == "past"), None)
    else:
        found = (_named("finding", words), None)
    return tuple(code for code in found if code is not None)


def _of_the_past(words: str, *, over: bool) -> Code | None:
    """A disease that is over has a code of its own or none; one that lasts keeps the code of the disease."""
    history = _named("history", words)
    lasts = words in _lasting() or _concept(words) in _lasting()
    if lasts and not over:
        return _named("finding", words)
    return history or (_named("finding", words) if lasts else None)


def _named(scope: str, words: str) -> Code | None:
    return _table().get((scope, words)) or _table().get((scope, _concept(words)))


def _concept(words: str) -> str:
    """The concept that the words, all of them, are a wording of: "high sugar" and "sugar diabetes" are diabetes."""
    read = sentences(words)
    if len(read) != 1:
        return ""
    matches = find(findings_trie(), read[0].tokens)
    if len(matches) == 1 and (matches[0].start, matches[0].end) == (0, len(read[0].tokens)):
        return matches[0].entry.concept
    return ""
