"""What a question takes for granted, compares with or leaves out, so that its answer says nothing of it. Pure."""

import re

from inference.extraction.rules.concepts.mentions import Mention
from inference.extraction.rules.cues.readings import Answer
from inference.extraction.tables import words
from inference.extraction.text.dialogue import Turn

_THINKING = frozenset(("feel", "felt", "feeling", "feelings", "think", "thought", "thoughts"))
_COMPARING = frozenset(("worse", "better"))
_IS_IT_SO = frozenset(("is", "are", "was", "were", "like"))
_COMPARED = re.compile(r"^(?:like (?:this|that|these|it)|(?:(?!or\b|anything\b)\w+ ){0,2}before)\b")
_AT_REST = re.compile(
    r"(?:even |just )?(?:at rest|(?:when |while )?(?:(?:youre|you are|you) )?(?:just )?"
    r"(?:resting|rest|sitting|sit|lying|lie|sat|still|doing nothing|not (?:moving|doing anything))\b)"
)
_OF_A_CONDITION = words("condition_owner") | {"test", "tests", "jab", "vaccine", "leaflet", "nurse"}
EXCEPTING = frozenset(("apart", "besides", "than", "except", "aside"))
_BOUTS = words("bout")
_DENYING = re.compile(r"\b(?:no to|den(?:y|ied)|without|none of|no (?:sign|more) of|(?:havent|not) (?:had|got)) \w+$")
_RESUMING = frozenset(("have", "has", "do", "are", "is", "did", "any", "you", "youve", "there"))


def is_excepted(turn: Turn, start: int) -> bool:
    """ "Apart from the cough and the inhaler, do you take any medicines?" """
    words = turn.sentence.words
    opened = [at for at in range(max(0, start - 10), start) if words[at] in EXCEPTING]
    if not opened:
        return False
    between = words[opened[-1] + 1 : start]
    return not _RESUMING & set(between) and not any(t.comma for t in turn.tokens[opened[-1] + 1 : start])


def is_given(turn: Turn, mention: Mention) -> bool:
    """ "Do you take anything for your asthma?": "no" does not deny the asthma."""
    before = turn.sentence.words[max(0, mention.start - 1) : mention.start]
    return mention.kind == "condition" and before == ["your"]


def is_of_bouts(turn: Turn, mention: Mention, answer: Answer) -> bool:
    """ "Have you had any asthma attacks?" "No.": nobody denied the asthma."""
    following = turn.sentence.words[mention.end : mention.end + 1]
    return answer != "yes" and mention.kind == "condition" and not _BOUTS.isdisjoint(following)


def names_an_owner(turn: Turn, mention: Mention) -> bool:
    """ "Your diabetes check" asks after the check."""
    return mention.kind == "condition" and not _OF_A_CONDITION.isdisjoint(
        turn.sentence.words[mention.end : mention.end + 1]
    )


def is_compared(turn: Turn, mention: Mention, answer: Answer) -> bool:
    """ "Have you ever had a rash like this before?" "No.": it is there all the same."""
    return answer == "no" and bool(_COMPARED.search(" ".join(turn.sentence.words[mention.end :])))


def is_circumstance(turn: Turn, mention: Mention, answer: Answer) -> bool:
    """ "Is the pain worse when you cough?" "No.": nobody denied a cough."""
    words = turn.sentence.words
    before = words[max(0, mention.start - 2) : mention.start]
    return (
        answer == "no"
        and not _COMPARING.isdisjoint(words)
        and before[:1] in (["when"], ["whenever"], ["while"])
        and before[1:] in (["you"], ["youre"])
    )


def is_at_rest(turn: Turn, mention: Mention) -> bool:
    """ "Are you short of breath at rest?" "No.": who is short of breath on the stairs still is."""
    return _AT_REST.match(" ".join(turn.sentence.words[mention.end :])) is not None


def is_presupposed(turn: Turn, mention: Mention) -> bool:
    """ "Is the cough worse at night?" asks of a cough that is known; "no" does not deny it."""
    before = {t.word for t in turn.tokens[max(0, mention.start - 2) : mention.start]}
    if _DENYING.search(turn.words_before(mention.start)):
        return False  # "you said no to the night sweats, is that right?"
    if mention.end - mention.start > 1 and _IS_IT_SO & before and mention.end + 1 >= len(turn.tokens):
        return False  # "are the stools loose?"
    if _THINKING & set(turn.sentence.words[: mention.start][-3:]):
        before -= {"that"}  # "do you feel that life isn't worth living?"
    return bool({"the", "this", "that", "these", "those"} & before)
