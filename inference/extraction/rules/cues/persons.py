"""Of which other person a conversation spoke last, and whether a sentence goes on with them. Pure."""

from collections.abc import Sequence

from inference.extraction.rules.concepts.relatives import relation_of, speaks_of_stranger
from inference.extraction.rules.cues.context import assertion, triggers
from inference.extraction.tables import words
from inference.extraction.text.dialogue import Turn
from inference.extraction.words.lexicon import find, relations_trie

_FAMILY_TALK = 6
"""Sentences for which a person who was named stays the one that is spoken of."""
_STRANGERS = words("stranger")
_ONESELF = words("first_person") | words("second_person")
_FEMALE, _MALE = words("female"), words("male")
_SHE = frozenset(("she", "shes", "her", "hers"))
_HE = frozenset(("he", "hes", "his", "him"))
_THEY = frozenset(("they", "theyre", "theyve", "their", "them"))
_PRONOUNS = _SHE | _HE | _THEY
_THIRD_PERSONS = words("third_person")
_BEFORE_OBJECT = words("before_object")


def other_before(conversation: Sequence[Turn], at: int) -> str | None:
    """The person named last: "What about your mother?" "She has diabetes. High cholesterol too.".

    The relation of a relative; empty where it was somebody whose illness is no family history; None where the talk was
    of the patient.
    """
    turn = conversation[at]
    spoken = set(turn.sentence.words)
    for earlier in reversed(conversation[max(0, at - _FAMILY_TALK) : at]):
        relation = relation_of(earlier, len(earlier.tokens))
        if relation or speaks_of_stranger(earlier):
            if _may_be(spoken, earlier) and not _is_beside(earlier):
                return relation.get("relation", "")
            return None
        said = set(earlier.sentence.words)
        if _ONESELF & said and not (_PRONOUNS & said and _ONESELF.isdisjoint(spoken)):
            return None
    return None


def is_of_other(turn: Turn, start: int, end: int, other: str | None) -> bool:
    """Is what stands in the tokens [start, end) told of another person? `other`: who was named before."""
    found = triggers(turn.tokens, frozenset(range(start, end)))
    if assertion(turn.tokens, found, start, end).experiencer == "family":
        return True
    return goes_on(turn, start, other)


def goes_on(turn: Turn, before: int, other: str | None) -> bool:
    """Do the words before a token speak of the person who was named before, and not of the speaker or listener?"""
    said = turn.sentence.words[:before]
    return other is not None and not _THIRD_PERSONS.isdisjoint(said) and _ONESELF.isdisjoint(said)


def _may_be(spoken: set[str], earlier: Turn) -> bool:
    """ "He" is no wife."""
    named = set(earlier.sentence.words)
    if spoken & _SHE and not spoken & _HE:
        return not (named & _MALE and not named & _FEMALE)
    if spoken & _HE and not spoken & _SHE:
        return not (named & _FEMALE and not named & _MALE)
    return True


def _is_beside(earlier: Turn) -> bool:
    """ "He lives with his wife", dictated: the patient is spoken of, and the other only beside him."""
    if earlier.speaker == "patient" or not _ONESELF.isdisjoint(earlier.sentence.words):
        return False
    places = [m.start for m in find(relations_trie(), earlier.tokens)]
    places += [at for at, token in enumerate(earlier.tokens) if token.word in _STRANGERS]
    return bool(places) and all(_BEFORE_OBJECT & set(earlier.sentence.words[max(0, at - 2) : at]) for at in places)
