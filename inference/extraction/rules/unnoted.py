"""Sentences that may hold a fact which the rules made nothing of, for the comparison with the note. Pure."""

from collections.abc import Iterator, Mapping, Sequence

from inference.extraction import Heard
from inference.extraction.rules.concepts.mentions import Mention, mentions
from inference.extraction.rules.concepts.vitals import vitals
from inference.extraction.rules.cues.readings import is_empty
from inference.extraction.rules.facts.statements import imagined
from inference.extraction.text.dialogue import Turn, turns
from inference.extraction.words.lexicon import drugs_trie, find
from inference.findings import Kind, Proposal
from inference.transcript import Segment

LONGEST_SENTENCE = 30
"""Tokens. In a longer one, which the recogniser wrote without punctuation, nobody finds a fact at a glance."""

_KINDS: Mapping[str, Kind] = {
    "symptom": "symptom",
    "condition": "past_history",
    "procedure": "past_history",
    "social": "social_history",
}


def telling_sentences(segments: Sequence[Segment]) -> list[Heard]:
    """Statements in which something clinical is named, with the words that name it.

    Questions with their answers were tried and left out: they doubled the false offers (benchmarks/LOG.md).
    """
    return [heard for turn in turns(segments) for heard in _stated(turn)]


def _stated(turn: Turn) -> Iterator[Heard]:
    if turn.form != "statement" or is_empty(turn) or len(turn.tokens) > LONGEST_SENTENCE:
        return
    if turn.speaker == "clinician" and not vitals(turn.tokens):
        return  # explanations name much that the patient does not have
    unreal = imagined(turn)
    named = [m for m in mentions(turn.segment.text, turn.tokens) if m.concept not in unreal and m.kind in _KINDS]
    drugs = find(drugs_trie(), turn.tokens)
    quotes = [turn.quote(mention.start, mention.end) for mention in named]
    quotes += [turn.quote(drug.start, drug.end) for drug in drugs]
    quotes += [turn.quote(vital.start, vital.end) for vital in vitals(turn.tokens)]
    if quotes:
        said = turn.quote()
        kind = _kind(turn, named, bool(drugs))
        yield Heard(Proposal(kind, said.text, (said,), "rules"), tuple(quotes))


def _kind(turn: Turn, named: Sequence[Mention], has_drug: bool) -> Kind:
    if "allergic" in turn.sentence.words or "allergies" in turn.sentence.words:
        return "allergy"
    if vitals(turn.tokens):
        return "vital"
    return "medication" if has_drug else _KINDS[named[0].kind]
