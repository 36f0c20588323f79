"""Findings dictated as headings: "Fever, none. Diabetes: negative. Allergies: penicillin." Pure.

A heading is a bare noun, its value a bare answer behind it, in the same sentence or, as recognisers write it, in the
next one. A heading that is a section ("family history") holds the names behind it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import get_args

from inference.extraction.allergens import substances
from inference.extraction.dialogue import Turn
from inference.extraction.draft import Draft, draft, with_reply
from inference.extraction.lexicon import wordings
from inference.extraction.mentions import VAGUE, Mention, mentions
from inference.extraction.relatives import relation_of
from inference.extraction.statements import symptom_attributes
from inference.extraction.tables import rows, table, words
from inference.extraction.tokens import FILLERS, Sentence, Token, normalise
from inference.findings import Kind, Status

_STATUSES = get_args(Status)
_LEADING = FILLERS | words("heading_lead")
_VALUE_LEADING = words("heading_value_lead")
_GOING_ON = frozenset(("it", "its", "that", "thats", "theyre", "im", "but"))
"""Behind "no" these explain: "headache, no, it's more a pressure"."""
_JOINING = frozenset(("and", "or", "nor"))
_FAMILY = ("family", "history")
_PAUSE_S = 4.0
"""Between a heading and its value, where the pause made two finals of them."""
_LIST_TOKENS = 8


@dataclass(frozen=True, slots=True)
class Value:
    """An answer over the tokens [start, end)."""

    status: Status
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Section:
    """The name of a section, which ends before the token `end`; an empty one denies `text`, if anything."""

    kind: str
    text: str
    end: int


@dataclass(slots=True)
class Headed:
    """The conversation without its headings, and what these say: before which of the turns, and the turn they stood in."""

    turns: list[Turn] = field(default_factory=list)
    facts: list[tuple[int, Turn, Draft]] = field(default_factory=list)

    def add(self, facts: Iterable[Draft], turn: Turn) -> None:
        self.facts += [(len(self.turns), turn, fact) for fact in facts]


@table
def _wordings() -> dict[str, list[tuple[tuple[str, ...], str]]]:
    """Values and sections by their first word, the longest first."""
    found: dict[str, list[tuple[tuple[str, ...], str]]] = {}
    for column, meaning in rows("headings.tsv"):
        for text, _ in wordings(column):
            said = tuple(normalise(text))
            found.setdefault(said[0], []).append((said, meaning))
    for entries in found.values():
        entries.sort(key=lambda entry: -len(entry[0]))
    return found


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
    if not any(_value(turn, at) for at in range(1, len(tokens)) if tokens[at].word in _wordings()):
        return turn
    named = mentions(turn.segment.text, tokens)
    facts: list[Draft] = []
    at = 0
    while at < len(tokens):
        read = _heads(tokens, named, at)
        value = _value(turn, read[1]) if read is not None else None
        if read is None or value is None or (turn.sentence.mark == "?" and value.end == len(tokens)):
            break
        heads, end = read
        facts += _facts(turn, named, heads, value, is_family=_is_family(tokens, at, heads[0].start))
        at = value.end
    if not facts:
        return turn
    headed.add(facts, turn)
    while at < len(tokens) and tokens[at].word in _JOINING:
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
    value = _value(following, 0)
    if value is None or value.end < len(following.tokens):
        return 0
    named = mentions(turn.segment.text, turn.tokens)
    read = _heads(turn.tokens, named, 0)
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
    section = _section_at(turn.tokens)
    if section is None or turn.sentence.mark == "?":
        return 0
    if section.end < len(turn.tokens):
        value = _value(turn, section.end)
        if value is None or value.status != "absent" or value.end < len(turn.tokens):
            return 0
        headed.add(_denied(turn, section), turn)
        return 1
    values = conversation[at + 1 :]
    if not values or not _goes_on(turn, values[0]):
        return 0
    value = _value(values[0], 0)
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


def _section_at(tokens: Sequence[Token]) -> Section | None:
    at = 0
    while at < len(tokens) - 1 and tokens[at].word in FILLERS:
        at += 1
    found = _wording(tokens, at)
    if found is None or found[1].split()[-1] in _STATUSES:
        return None
    kind, _, text = found[1].partition(" ")
    end = found[0]
    apart = end == len(tokens) or tokens[end - 1].comma or _strictly_valued(tokens, end)
    return Section(kind, text, end) if apart else None


def _strictly_valued(tokens: Sequence[Token], at: int) -> bool:
    """ "Allergies none", without a mark between."""
    found = _wording(tokens, at)
    return found is not None and found[1].split()[-1] in _STATUSES and found[0] == len(tokens)


def _wording(tokens: Sequence[Token], at: int) -> tuple[int, str] | None:
    """The longest wording of headings.tsv at a token: where it ends, and what it is."""
    if at >= len(tokens):
        return None
    for said, meaning in _wordings().get(tokens[at].word, ()):
        if tuple(token.word for token in tokens[at : at + len(said)]) == said:
            return at + len(said), meaning
    return None


def _heads(tokens: Sequence[Token], named: Sequence[Mention], at: int) -> tuple[list[Mention], int] | None:
    """The bare nouns from a token on, "nausea or vomiting", and where they end."""
    heads: list[Mention] = []
    while True:
        while at < len(tokens) and tokens[at].word in (_LEADING if not heads else _JOINING | FILLERS):
            at += 1
        mention = next((m for m in named if m.start == at), None)
        if mention is None:
            return (heads, at) if heads else None
        heads.append(mention)
        at = mention.end
        if at == len(tokens):
            return heads, at


def _value(turn: Turn, at: int) -> Value | None:
    """The answer from a token on, which a comma or the end of the sentence closes."""
    tokens = turn.tokens
    start = at
    found = _wording(tokens, at)
    while found is None and at < len(tokens) and tokens[at].word in _VALUE_LEADING and at - start < 4:
        at += 1
        found = _wording(tokens, at)
    if found is None:
        return None
    end, meaning = found
    strict, _, status = meaning.rpartition(" ")
    if status not in _STATUSES or strict not in ("", "strict"):
        return None
    while end < len(tokens) and not tokens[end - 1].comma and tokens[end].word in _VALUE_LEADING:
        end += 1
    closes = end == len(tokens) or tokens[end - 1].comma
    parted = start > 0 and tokens[start - 1].comma
    if not closes and (strict or parted or (tokens[end].word not in _JOINING and not _opens_heading(turn, end))):
        return None  # "cough, no fever", but "fever none cough yes"
    if end < len(tokens) and tokens[end].word in _GOING_ON:
        return None
    return Value(next(s for s in _STATUSES if s == status), at, end)


def _opens_heading(turn: Turn, at: int) -> bool:
    return _heads(turn.tokens, mentions(turn.segment.text, turn.tokens), at) is not None


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
        if all(i in covered or t.soft or t.word in _JOINING for i, t in enumerate(listed.tokens)):
            for substance in named:
                fact = draft(listed, "allergy", substance.name, substance.start, substance.end)
                yield _under(turn, fact)
    elif section.kind == "family_history":
        for mention in mentions(listed.segment.text, listed.tokens):
            if mention.kind == "condition" and not _wording(listed.tokens, 0):
                attributes = relation_of(listed, len(listed.tokens)) or {"relation": "family"}
                fact = draft(
                    listed, "family_history", mention.concept, 0, len(listed.tokens), family=True, attributes=attributes
                )
                yield _under(turn, fact)


def _under(turn: Turn, fact: Draft) -> Draft:
    """The fact with the name of its section before it, which proves what kind it is."""
    name = draft(turn, fact.proposal.kind, fact.proposal.text, 0, len(turn.tokens)).proposal.quotes
    return Draft(replace(fact.proposal, quotes=(*name, *fact.proposal.quotes)), (turn.index, *fact.segments))
