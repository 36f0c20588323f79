"""Whose illness a sentence tells: the relatives that it names or means. Pure."""

import re
from collections.abc import Sequence

from inference.extraction.memo import remembered
from inference.extraction.rules.concepts.mentions import Mention
from inference.extraction.tables import words
from inference.extraction.text.dialogue import Turn
from inference.extraction.text.tokens import Token
from inference.extraction.words.lexicon import Match, find, relations_trie

_FIRST_PERSON = words("first_person")
THIRD_PERSON = frozenset(("he", "she", "hes", "shes"))
ECHO_OF_FAMILY_TOKENS = 4
_RELATIVE_PRONOUNS = THIRD_PERSON | {"they", "theyre", "theyve", "both"}
_STRANGERS = words("stranger")
_SPEAKER = frozenset(("i", "im", "ive", "me", "you", "youre", "youve"))
_OWN = frozenset(("my", "your"))
_RELATIVE_REACH = 8
_FAMILY_QUESTION = re.compile(
    r"\bfamil(?:y|ial) (?:medical )?(?:history|illness)|\bruns? in (?:the|your) family\b|"
    r"\b(?:any\w*|what|illness\w*|diseases?|problems?|conditions?|history) (?:\w+ ){0,6}(?:family|relatives)\b|"
    r"\b(?:family|relatives) (?:\w+ ){0,4}(?:have|had|suffer|with) (?:any\w*|\w+ (?:problems?|conditions?|illness))"
)


def asks_of_family(turn: Turn) -> bool:
    """Whether a question asks about the family."""
    return bool(_FAMILY_QUESTION.search(turn.joined))


def speaks_of_relative(turn: Turn, mention: Mention, *, answering: bool) -> bool:
    """`answering`: a question about the family, which a sentence that names nobody then answers."""
    before = {t.word for t in turn.tokens[: mention.start]}
    if _SPEAKER & before or _OWN & {t.word for t in turn.tokens[max(0, mention.start - 2) : mention.start]}:
        return False
    is_short = len(turn.tokens) <= ECHO_OF_FAMILY_TOKENS
    named = (_FIRST_PERSON | _SPEAKER) & set(turn.sentence.words) or find(relations_trie(), turn.tokens)
    fragment = turn.speaker != "clinician" and mention.kind == "condition" and (is_short or (answering and not named))
    return bool(_RELATIVE_PRONOUNS & before) or fragment


def relation_of(turn: Turn, before: int) -> dict[str, str]:
    """Which relative the sentence speaks of: the last one named before a token, or the first after it."""
    relations = _relations(turn)
    others = not _STRANGERS.isdisjoint(turn.sentence.words[:before])
    chosen = [r for r in relations if r.start < before][-1:] or ([] if others else relations[:1])
    if chosen:
        return {"relation": chosen[0].entry.concept}
    return {"relation": "family"} if "family" in turn.sentence.words else {}


def _relations(turn: Turn) -> list[Match]:
    """The relatives whom a sentence names; "my friend's mother" is none."""
    return _named(turn.tokens)


@remembered
def _named(tokens: Sequence[Token]) -> list[Match]:
    return [r for r in find(relations_trie(), tokens) if not r.start or tokens[r.start - 1].word not in _STRANGERS]


def speaks_of_stranger(turn: Turn) -> bool:
    """ "My friend has migraines. She gets dizzy." """
    return bool(_STRANGERS & set(turn.sentence.words)) and not _relations(turn)


def with_relative(turn: Turn, first: int, last: int) -> tuple[int, int]:
    """The tokens [first, last) and the relative who is named near them: whose illness it is belongs to the proof."""
    relations = _relations(turn)
    before = [r.start for r in relations if 0 <= first - r.start <= _RELATIVE_REACH]
    if before:
        return before[-1], last
    after = [r.end for r in relations if 0 < r.end - last <= _RELATIVE_REACH]
    return first, after[0] if after else last
