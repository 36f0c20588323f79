"""Findings dictated as headings: "Fever, none. Diabetes: negative. Allergies: penicillin." Pure.

A heading is a bare noun, its value a bare answer behind it, in the same sentence or, as recognisers write it, in the
next one. A heading that is a section ("family history") holds the names behind it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from inference.extraction.rules.concepts.allergens import substances
from inference.extraction.rules.concepts.mentions import VAGUE, Mention, mentions
from inference.extraction.rules.concepts.relatives import relation_of
from inference.extraction.rules.facts.dictated import (
    JOINING,
    Section,
    Value,
    heads_at,
    section_at,
    value_at,
    values,
    wording,
)
from inference.extraction.rules.facts.draft import Draft, draft, with_reply
from inference.extraction.rules.facts.statements import symptom_attributes
from inference.extraction.text.dialogue import Turn
from inference.extraction.text.tokens import Sentence, Token
from inference.findings import Kind, Status

_FAMILY = ("family", "history")
_PAUSE_S = 4.0
"""Between a heading and its value, where the pause made two finals of them."""
_LIST_TOKENS = 8


@dataclass(slots=True)
class Headed:
    """The conversation without its headings, and their facts: before which of the turns each stood, and in which."""

    turns: list[Turn] = field(default_factory=list)
    facts: list[tuple[int, Turn, Draft]] = field(default_factory=list)

    def add(self, facts: Iterable[Draft], turn: Turn) -> None:
        """Adds facts that stood in `turn`, before the next sentence that is kept."""
        self.facts += [(len(self.turns), turn, fact) for fact in facts]


def without_headings(conversation: Sequence[Turn]) -> Headed:
    """Reads the headings of a conversation, and leaves what else was said."""
    headed, at = Headed(), 0
    while at < len(conversation):
        turn = conversation[at]
        following = conversation[at + 1] if at + 1 < len(conversation) else None
        taken = _section(headed, conversation, at) or _in_two(headed, turn, following)
        if taken:
            at += taken
            continue
        rest = _in_one(headed, turn)
        if rest is not None:
            headed.turns.append(rest)
        at += 1
    return headed


def _in_one(headed: Headed, turn: Turn) -> Turn | None:
    """Reads "fever, none, cough, yes"; returns what is left of the sentence, if anything."""
    tokens = turn.tokens
    if not any(value_at(turn, at) for at in range(1, len(tokens)) if tokens[at].word in values()):
        return turn
    named = mentions(turn.segment.text, tokens)
    facts: list[Draft] = []
    at = 0
    while at < len(tokens):
        read = heads_at(tokens, named, at)
        value = value_at(turn, read[1]) if read is not None else None
        if read is None or value is None or (turn.sentence.mark == "?" and value.end == len(tokens)):
            break
        heads, _ = read
        facts += _facts(turn, named, heads, value, is_family=_is_family(tokens, at, heads[0].start))
        at = value.end
    if not facts:
        return turn
    headed.add(facts, turn)
    while at < len(tokens) and tokens[at].word in JOINING:
        at += 1
    return replace(turn, sentence=Sentence(tokens[at:], turn.sentence.mark)) if at < len(tokens) else None


def _in_two(headed: Headed, turn: Turn, following: Turn | None) -> int:
    """Reads "Fever. None."; returns the number of turns that this takes."""
    if following is None or not _goes_on(turn, following) or following.sentence.mark == "?":
        return 0
    if turn.sentence.mark == "?" and (turn.speaker == "unknown" or turn.segment is not following.segment):
        return 0  # a question, which somebody else may have answered
    if turn.speaker == "patient" and turn.segment is not following.segment:
        return 0
    value = value_at(following, 0)
    if value is None or value.end < len(following.tokens):
        return 0
    named = mentions(turn.segment.text, turn.tokens)
    read = heads_at(turn.tokens, named, 0)
    if read is None or read[1] < len(turn.tokens):
        return 0
    whole = Value(value.status, len(turn.tokens), len(turn.tokens))
    is_family = _is_family(turn.tokens, 0, read[0][0].start)
    facts = (with_reply(fact, following) for fact in _facts(turn, named, read[0], whole, is_family=is_family))
    headed.add(facts, turn)
    return 2


def _section(headed: Headed, conversation: Sequence[Turn], at: int) -> int:
    """Reads "Allergies: none", "Allergies. Penicillin. Latex."; returns the number of turns that this takes."""
    turn = conversation[at]
    section = section_at(turn.tokens)
    if section is None or turn.sentence.mark == "?":
        return 0
    if section.end < len(turn.tokens):
        value = value_at(turn, section.end)
        if value is None or value.status != "absent" or value.end < len(turn.tokens):
            return 0
        headed.add(_denied(turn, section), turn)
        return 1
    values = conversation[at + 1 :]
    if not values or not _goes_on(turn, values[0]):
        return 0
    value = value_at(values[0], 0)
    if value is not None and value.status == "absent" and value.end == len(values[0].tokens):
        headed.add((with_reply(fact, values[0]) for fact in _denied(turn, section)), turn)
        return 2
    taken = 1
    for earlier, listed in zip(conversation[at:], values, strict=False):
        facts = list(_listed(turn, section, listed)) if _goes_on(earlier, listed) else []
        if not facts:
            break
        headed.add(facts, listed)
        taken += 1
    return taken if taken > 1 else 0


def _goes_on(turn: Turn, following: Turn) -> bool:
    """Did the same person go on, without a pause in which another may have answered?"""
    same = turn.speaker == following.speaker and following.index - turn.index <= 1
    return same and following.start_s - turn.end_s < _PAUSE_S


def _is_family(tokens: Sequence[Token], start: int, end: int) -> bool:
    return tuple(t.word for t in tokens[start:end] if t.word in _FAMILY) == _FAMILY


def _facts(
    turn: Turn, named: Sequence[Mention], heads: Sequence[Mention], value: Value, *, is_family: bool
) -> Iterator[Draft]:
    for mention in heads:
        if mention.concept in VAGUE and mention.location is None and value.status == "absent":
            continue
        kind = _kind(turn, mention, is_family=is_family)
        if kind is None:
            continue
        status: Status = value.status
        attributes: dict[str, str] = {"relation": "family"} if is_family else {}
        proof: list[tuple[int, int]] = []
        if kind == "symptom" and status != "absent":
            attributes, proof = symptom_attributes(turn, named, named.index(mention))
        yield draft(
            turn,
            kind,
            mention.concept,
            mention.start,
            max(mention.end, value.end),
            status="absent" if mention.negated else status,
            family=is_family,
            temporality="past" if mention.kind == "procedure" else "current",
            attributes=attributes,
            proof=proof,
        )


def _kind(turn: Turn, mention: Mention, *, is_family: bool) -> Kind | None:
    if is_family:
        return "family_history" if mention.kind == "condition" else None
    if mention.kind == "symptom":
        return "symptom"
    if mention.kind == "social":
        return "social_history"
    acute = mention.detail == "acute" and turn.speaker == "clinician"
    return "diagnosis" if acute and mention.kind == "condition" else "past_history"


def _denied(turn: Turn, section: Section) -> Iterator[Draft]:
    kinds: dict[str, Kind] = {
        "allergy": "allergy",
        "medication": "medication",
        "past_history": "past_history",
        "family_history": "family_history",
    }
    if section.kind in kinds:
        yield draft(turn, kinds[section.kind], section.text, 0, len(turn.tokens) or section.end, status="absent")


def _listed(turn: Turn, section: Section, listed: Turn) -> Iterator[Draft]:
    """What a sentence behind the name of a section lists, if it does nothing else."""
    if listed.form != "statement" or len(listed.tokens) > _LIST_TOKENS:
        return
    if section.kind == "allergy":
        named = substances(listed)
        covered = {i for s in named for i in range(s.start, s.end)}
        if all(i in covered or t.soft or t.word in JOINING for i, t in enumerate(listed.tokens)):
            for substance in named:
                fact = draft(listed, "allergy", substance.name, substance.start, substance.end)
                yield _under(turn, fact)
    elif section.kind == "family_history":
        for mention in mentions(listed.segment.text, listed.tokens):
            if mention.kind == "condition" and not wording(listed.tokens, 0):
                attributes = relation_of(listed, len(listed.tokens)) or {"relation": "family"}
                fact = draft(
                    listed, "family_history", mention.concept, 0, len(listed.tokens), family=True, attributes=attributes
                )
                yield _under(turn, fact)


def _under(turn: Turn, fact: Draft) -> Draft:
    """The fact with the name of its section before it, which proves what kind it is."""
    name = draft(turn, fact.proposal.kind, fact.proposal.text, 0, len(turn.tokens)).proposal.quotes
    return Draft(replace(fact.proposal, quotes=(*name, *fact.proposal.quotes)), (turn.index, *fact.segments))
