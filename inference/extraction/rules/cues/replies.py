"""Replies that answer late, beside the matter, or only one of several things that were asked. Pure."""

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

from inference.extraction.tables import words
from inference.extraction.text.dialogue import Turn
from inference.extraction.text.glosses import asks_meaning

_CLOSING = re.compile(
    r"(?:so |but |and |uh |um )*(?:(?P<no>no|nope|nah)|yes|yeah|yep)(?: (?:no|yes|yeah|um|uh))*"
    r"(?: (?:i|ive|it|there|thats) (?:\w+ )?(?:do|have|did|am|was|is|has|does|think so|dont|havent|didnt|wasnt|isnt|"
    r"(?:dont|wouldnt) think (?:so|i (?:have|did|do|was|am)|it (?:is|has|was|does)|there (?:is|was)))"
    r"(?: (?:had|been|got|done|noticed|a bit|any|at all|no|yeah|actually))*|"
    r" (?:not (?:really|at all|that i \w+)|nothing(?: like that)?|none|probably|sometimes|a bit|a little|definitely|"
    r"occasionally|at times|now and (?:then|again)))?"
)
"""The last clause of a sentence that comes round to the answer: "I was away, and, uh, no, I don't think so"."""
_CONTRADICTING = re.compile(
    r"(?:(?:oh|um|uh|well) )*no(?: no)*(?:$| (?=(?:its |actually |thats )*(?:the opposite|the other way)\b|"
    r"i (?:havent|dont|didnt|never)(?: \w+)?$))"
)
_REPEATING = re.compile(
    r"(?:(?:oh|um|uh|er|sorry|pardon|well|so) )*(?:what (?:was|is|did)|whats|did you (?:say|ask|mean)|"
    r"you (?:said|asked)|sorry|pardon|say (?:that|it) again)\b"
)
"""Whoever did not hear a question asks for it again: "What was it, numbness?"."""
_SO_YOU = re.compile(r"(?:(?:okay|ok|right|and|um|uh) )*so (?:you|youve|youre)\b")
_TELLING = re.compile(r"(?:(?:so|and|but|okay|ok|um|uh) )*(?:you|youve|youre|its|theres|there is|no)\b")
"""A question in the form of a statement, of which "right" confirms all."""
_ASSENTING = frozenset(("mm", "hmm", "mmm", "mhm", "hm", "uh", "huh", "uhhuh"))
_NO_NAME = frozenset(
    ("no", "i", "im", "ive", "it", "its", "thats", "that", "not", "actually", "wait", "sorry", "yes", "yeah", "really",
     "at", "all", "more", "longer", "nothing", "dont", "they", "there", "none", "um", "uh", "never", "idea", "my")
)  # fmt: skip
"""What follows a "no" that denies no one thing by its name."""
_SECOND_PERSON = words("second_person")
_DENIALS = words("denial") | {"no", "without"}
_SHORT = 6
_FEW_WORDS = 4


def closing_answer(turn: Turn) -> Literal["yes", "no"] | None:
    """How the last clauses of a sentence answer, where its opening does not."""
    text = " ".join(without_stammer(turn.sentence.words))
    start = 0
    for before, token in pairwise(turn.tokens):
        if token.word != before.word:
            start += len(before.word) + 1
        match = _CLOSING.fullmatch(text, start) if before.comma else None
        if match is not None and (match["no"] or token is not turn.tokens[-1]):
            return "no" if match["no"] else "yes"
    return None


def assents(question: Turn, turn: Turn) -> bool:
    """ "Any headache?" "Uh-huh."; "So you have no fever?" "Right.": in a segment of its own."""
    said = turn.sentence.words
    if question.sentence.mark != "?" or not turn.is_of_another(question) or turn.segment is question.segment:
        return False
    confirms = said == ["right"] and _TELLING.match(question.joined) is not None
    return confirms or (1 < len(said) <= _FEW_WORDS and _ASSENTING.issuperset(said))


def asks_back(question: Turn, turn: Turn) -> bool:
    """ "Any palpitations?" "What's that, sorry?": who does not understand a question still owes the answer."""
    is_short = sum(not t.soft for t in turn.tokens) <= _SHORT
    if turn.speaker == question.speaker == "unknown":
        repeats = turn.sentence.mark == "?" and is_short and _REPEATING.match(turn.joined) is not None
        return turn.segment is not question.segment and (repeats or asks_meaning(turn.sentence))
    return turn.speaker == "patient" != question.speaker and turn.sentence.mark == "?" and is_short


def names_another(turn: Turn) -> bool:
    """ "It does burn, yeah. No blood.": the second sentence is the answer to another item of the question."""
    said, first = turn.sentence.words, turn.tokens[0]
    return first.word == "no" and not first.comma and 1 < len(said) <= _FEW_WORDS and not _NO_NAME & set(said[1:])


def contradiction(conversation: Sequence[Turn], at: int) -> Turn | None:
    """The reply that says no to what somebody tells another: "So you've got diarrhoea." "No, it's the opposite."."""
    turn = conversation[at]
    if turn.form != "statement" or turn.speaker == "patient" or _SECOND_PERSON.isdisjoint(turn.sentence.words):
        return None
    if not _DENIALS.isdisjoint(turn.sentence.words):
        return None  # "So you've a rash, and you've not been feverish." "No, I haven't.": that agrees
    reply = next(iter(conversation[at + 1 : at + 2]), None)
    if reply is None or reply.segment is turn.segment or not reply.is_of_another(turn):
        return None
    said = _CONTRADICTING.match(reply.joined)
    return reply if said and (said.end() < len(reply.joined) or _SO_YOU.match(turn.joined)) else None


def without_stammer(said: Sequence[str]) -> list[str]:
    """ "I, I don't think so": a word said twice in a row counts once."""
    return [word for at, word in enumerate(said) if at == 0 or word != said[at - 1]]
