"""What a whole consultation holds, for the comparison with its note: facts, and sentences that may hold one. Pure."""

from collections.abc import Iterator, Sequence, Set

from inference.extraction.rules.concepts.mentions import mentions
from inference.extraction.rules.concepts.vitals import vitals
from inference.extraction.rules.cues.readings import is_empty
from inference.extraction.rules.facts.plans import tests
from inference.extraction.rules.facts.statements import imagined
from inference.extraction.text.dialogue import Turn, turns
from inference.extraction.words.lexicon import drugs_trie, find
from inference.findings import Kind, Proposal
from inference.transcript import Segment

LONGEST_SENTENCE = 40
"""Tokens. What is longer has no punctuation, and nobody finds a fact in it at a glance."""

_KINDS: dict[str, Kind] = {"symptom": "symptom", "condition": "past_history", "procedure": "past_history", "social": "social_history"}


def telling_sentences(segments: Sequence[Segment]) -> list[Proposal]:
    """Each statement in which something clinical is named, as it was heard: `text` is the sentence itself.

    Questions, warnings and what might happen are left out.
    """
    return list(_telling(turns(segments)))


def _telling(conversation: Sequence[Turn]) -> Iterator[Proposal]:
    for turn in conversation:
        if turn.form != "statement" or is_empty(turn) or len(turn.tokens) > LONGEST_SENTENCE:
            continue
        kind = _kind(turn)
        if kind is not None:
            words = turn.text(0, len(turn.tokens))
            yield Proposal(kind, words, (turn.quote(),), "rules", confidence=0.1)


def _kind(turn: Turn) -> Kind | None:
    """Of the first thing that the sentence names, a medicine or a measured value before all others."""
    if turn.speaker != "clinician" and find(drugs_trie(), turn.tokens):
        return "medication"
    if vitals(turn.tokens):
        return "vital"
    if turn.speaker == "clinician":
        return "order" if tests(turn.tokens) else None
    unreal: Set[str] = imagined(turn)
    for mention in mentions(turn.segment.text, turn.tokens):
        if mention.concept not in unreal and mention.kind in _KINDS:
            return _KINDS[mention.kind]
    return None
