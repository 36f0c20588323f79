"""Long sentences cut into clauses: dictation and many recognisers know no full stop. Pure."""

from collections.abc import Sequence
from dataclasses import replace

from inference.extraction.memo import remembered
from inference.extraction.tables import words
from inference.extraction.text.dialogue import LEAD_INS, Turn, form
from inference.extraction.text.tokens import Sentence, Token

_LONG = 20
"""A sentence of at most so many words is left whole."""
_SHORTEST = 3
_CLAUSE_OPENERS = words("clause_opening")
_JOINING = frozenset(("and", "so", "but", "then", "also", "or"))
_MARKS = frozenset(("okay", "ok", "alright", "but", "anyway"))
_SUBORDINATING = words("subordinating")
_OBJECT_AFTER = words("object_after")
_AFTER_YOU = words("after_you")
_GREETING_WELL = frozenset(("as", "very", "doing", "pretty", "really", "how", "do", "quite", "so", "is", "going"))
_ASKING = frozenset(("do", "does", "did", "are", "any"))
_ASKED = frozenset(("you", "your", "that", "questions", "other", "question", "they"))
_INVERTING = frozenset(("can", "could", "should", "shall", "may", "do"))
_ASKING_SELF = frozenset(("i", "we"))
"""Behind an auxiliary they ask: "I guess, can I get that" is cut before the auxiliary."""
_HAVING = frozenset(("to", "will", "ill", "well", "lets", "gonna", "id", "would", "wanna", "and"))
_CONDITIONS = frozenset(("if", "unless", "whenever"))
_BEFORE_CONDITION = frozenset(
    ("see", "know", "sure", "even", "as", "and", "but", "so", "only", "what", "tell", "wonder")
)
_HEAD = 8
"""Words that tell whether a clause asks."""
_NUMBERING = frozenset(("first", "second", "third", "fourth", "fifth", "next", "last", "other", "1st", "2nd", "3rd"))


@remembered
def clauses(turn: Turn) -> list[Turn]:
    """The turn itself, or each clause of a long one as a turn with a form of its own."""
    tokens = turn.tokens
    if len(tokens) <= _LONG:
        return [turn]
    starts = [0]
    conditional = _is_condition(tokens)
    for at in range(_SHORTEST, len(tokens) - _SHORTEST + 1):
        if at - starts[-1] >= _SHORTEST and _opens(tokens, at, conditional=conditional):
            starts.append(at)
            # "Call me if it hurts I'll see you then": behind its main clause, a condition ends with the next subject.
            leading = tokens[at].word not in _CONDITIONS or tokens[at - 1].comma
            conditional = leading and _is_condition(tokens[at : at + 4])
    if len(starts) == 1:
        return [turn]
    return [_clause(turn, start, end) for start, end in zip(starts, [*starts[1:], len(tokens)], strict=True)]


def is_conditional(turn: Turn) -> bool:
    """The clause opens with "if"."""
    return _is_condition(turn.tokens)


def _is_condition(tokens: Sequence[Token]) -> bool:
    return bool(_CONDITIONS & {t.word for t in _without_lead(tokens)[:1]})


def _without_lead(tokens: Sequence[Token]) -> Sequence[Token]:
    at = 0
    while at < len(tokens) - 1 and tokens[at].word in LEAD_INS | _JOINING:
        at += 1
    return tokens[at:]


def _clause(turn: Turn, start: int, end: int) -> Turn:
    mark = turn.sentence.mark if end == len(turn.tokens) else ""
    head = Sentence(turn.tokens[start : min(end, start + _HEAD)], mark)
    return replace(turn, sentence=Sentence(turn.tokens[start:end], mark), form=form(head, turn.speaker))


def _opens(tokens: Sequence[Token], at: int, *, conditional: bool) -> bool:
    word, before = tokens[at].word, tokens[at - 1].word
    if word in _MARKS:
        return True
    if word in _JOINING:
        return before not in _JOINING and _opens_after_joint(tokens, at + 1)
    if before in _JOINING or conditional:
        return False
    if word in _CONDITIONS:
        return before not in _BEFORE_CONDITION
    return _is_subject(tokens, at)


def _opens_after_joint(tokens: Sequence[Token], at: int) -> bool:
    """ "And then we'll", "so for your second problem"."""
    while at < len(tokens) - 1 and tokens[at].word in _JOINING | {"finally", "lastly", "next", "again", "okay"}:
        at += 1
    return at < len(tokens) and (_is_subject(tokens, at) or tokens[at].word in _CONDITIONS or _numbers(tokens, at))


def _is_subject(tokens: Sequence[Token], at: int) -> bool:
    word, before = tokens[at].word, tokens[at - 1].word
    following = tokens[at + 1].word if at + 1 < len(tokens) else ""
    if before in _SUBORDINATING or (before in _INVERTING and word in _ASKING_SELF):
        return False
    if word in _INVERTING and following in _ASKING_SELF:
        return True
    if word == "well":
        return before not in _GREETING_WELL
    if word in _ASKING:
        return following in _ASKED and before not in _HAVING | {"have", "got"}
    if word == "you":
        return before not in _OBJECT_AFTER and following in _AFTER_YOU
    return word in _CLAUSE_OPENERS or _numbers(tokens, at)


def _numbers(tokens: Sequence[Token], at: int) -> bool:
    """ "For your second problem", "for the diabetes"."""
    return (
        tokens[at].word == "for"
        and tokens[at + 1 : at + 2] != ()
        and bool(tokens[at + 1].word in ("your", "the") and _NUMBERING & {t.word for t in tokens[at + 2 : at + 4]})
    )
