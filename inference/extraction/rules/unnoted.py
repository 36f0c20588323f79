"""Sentences that may hold a fact which the rules made nothing of, for the comparison with the note. Pure."""

from collections.abc import Iterator, Mapping, Sequence

from inference.extraction import Heard
from inference.extraction.rules.concepts.mentions import Mention, mentions
from inference.extraction.rules.concepts.relatives import asks_of_family
from inference.extraction.rules.concepts.vitals import vitals
from inference.extraction.rules.cues.answers import answered
from inference.extraction.rules.cues.readings import is_empty
from inference.extraction.rules.facts.statements import imagined
from inference.extraction.text.dialogue import Turn, turns
from inference.extraction.words.lexicon import drugs_trie, find
from inference.findings import Kind, Proposal, Quote, Status
from inference.transcript import Segment

LONGEST_SENTENCE = 30
"""Tokens. In what is longer, without punctuation, nobody finds a fact at a glance."""

_KINDS: Mapping[str, Kind] = {
    "symptom": "symptom",
    "condition": "past_history",
    "procedure": "past_history",
    "social": "social_history",
}
_ASKING_OTHERWISE = frozenset(
    ("question", "questions", "okay", "ok", "sense", "hear", "happy", "understand", "help", "concerns", "name", "sound")
)
"""Words of questions about the conversation itself."""
_REPLY_TOKENS = 12


def telling_sentences(segments: Sequence[Segment]) -> list[Heard]:
    """Statements in which something clinical is named, and questions for yes or no with their answers."""
    conversation = turns(segments)
    found: list[Heard] = []
    for at, turn in enumerate(conversation):
        if is_empty(turn) or len(turn.tokens) > LONGEST_SENTENCE:
            continue
        found += _stated(turn) if turn.form == "statement" else _answered(conversation, at)
    return found


def _stated(turn: Turn) -> Iterator[Heard]:
    if turn.speaker == "clinician" and not vitals(turn.tokens):
        return  # who explains names much that nobody has
    unreal = imagined(turn)
    named = [m for m in mentions(turn.segment.text, turn.tokens) if m.concept not in unreal and m.kind in _KINDS]
    drugs = find(drugs_trie(), turn.tokens)
    quotes = [turn.quote(mention.start, mention.end) for mention in named]
    quotes += [turn.quote(drug.start, drug.end) for drug in drugs]
    quotes += [turn.quote(vital.start, vital.end) for vital in vitals(turn.tokens)]
    if quotes:
        yield Heard(_proposal(turn, _kind(turn, named, bool(drugs)), "present", turn.quote()), tuple(quotes))


def _answered(conversation: Sequence[Turn], at: int) -> Iterator[Heard]:
    turn = conversation[at]
    spoken = set(turn.sentence.words)
    if turn.form != "polar" or turn.speaker == "patient" or not _ASKING_OTHERWISE.isdisjoint(spoken):
        return
    named = mentions(turn.segment.text, turn.tokens)
    drugs = find(drugs_trie(), turn.tokens)
    answer = answered(conversation, at)
    if answer is None or not (named or drugs):
        return
    reply, said = answer
    status: Status = "absent" if said == "no" else "present" if said == "yes" else "possible"
    answering = reply.quote(0, min(len(reply.tokens), _REPLY_TOKENS))
    yield Heard(_proposal(turn, _kind(turn, named, bool(drugs)), status, turn.quote(), answering), (turn.quote(),))


def _kind(turn: Turn, named: Sequence[Mention], has_drug: bool) -> Kind:
    if asks_of_family(turn):
        return "family_history"
    if "allergic" in turn.sentence.words or "allergies" in turn.sentence.words:
        return "allergy"
    if vitals(turn.tokens):
        return "vital"
    if has_drug:
        return "medication"
    return _KINDS[named[0].kind] if named and named[0].kind in _KINDS else "symptom"


def _proposal(turn: Turn, kind: Kind, status: Status, *quotes: Quote) -> Proposal:
    family = kind == "family_history"
    return Proposal(
        kind, turn.text(0, len(turn.tokens)), quotes, "rules", status, experiencer="family" if family else "patient"
    )
