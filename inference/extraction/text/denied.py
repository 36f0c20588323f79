"""Statements of which the reply makes questions: "You've had chest pain." "No."; "You don't smoke." "I do.". Pure."""

import re

from inference.extraction.text.tokens import Sentence

_OF_YOU = re.compile(
    r"(?:(?:so|and|but|um|uh|okay|ok|right|now|then|well|i see|also|plus) )*"
    r"(?:(?P<told>(?:youve|you have|youd|you had) (?:had|been)|you (?:had|get|take|took|smoke|drink|feel|felt)"
    r"|(?:youre|you are|you were) (?:taking|on|having|getting|allergic|feeling))|you|youve|youre|youd|your)\b"
    r"(?! (?:know|can|could|should|need|must|will|may|might|see)\b)"
)
"""What is said of the other speaker. What was `told` by them can be denied by a bare "no"; after "You have pneumonia",
that may be dismay."""
_NEGATED = re.compile(r"\b(?:no|not|never|none|without|nothing|\w+nt|deny|denied)\b")
_ADVISING = re.compile(r"\b(?:need|have to|should|shouldnt|must|mustnt|want|worry|can|cant|wont)\b")
"""What is not to be done: "you don't need a scan"."""
_NO = r"(?:(?:um|uh|er|well) )*(?:no|nope|nah)(?: (?:no|nope|nah))*"
_BARE_NO = re.compile(_NO)
_DENIAL = re.compile(
    _NO
    + r"(?: (?:thats|that is) (?:not|wrong)(?: (?:right|true|correct|so))?| not (?:really|at all|that i know of|ever)"
    r"| never| i (?:havent|dont|didnt|wasnt|have not|do not|did not|was not|am not|never (?:have|did|do|had))"
    r"| (?:im|ive) not)+"
)
_DENYING = (
    re.compile(r"\b(?:dont|doesnt|didnt|(?:do|does|did) (?:not|nt)|no|never|deny|denied)\b"),
    re.compile(
        r"\b(?:havent|hasnt|hadnt|(?:have|has|had|ve|youve|theres|its) (?:not|nt|never|been no|had no)|no|never)\b"
    ),
    re.compile(
        r"\b(?:isnt|arent|wasnt|werent|(?:is|are|was|were|youre|its|theyre|im|re) (?:not|nt|never|no)|"
        r"theres (?:no|not)|no)\b"
    ),
)
"""What a statement denies with "do", "have" and "be"."""
_FORMS = (
    re.compile(r"\b(?:do|does|did)\b"),
    re.compile(r"\b(?:have|has|had)\b"),
    re.compile(r"\b(?:am|is|are|was|were)\b"),
)
_OF_THING = re.compile(r"\b(?:it|its|that|thats|this)\b|\b(?:is|isnt|doesnt|hasnt|wasnt)\b")
_LAST_WORDS = 14
"""Words of a long statement that its reply may take up."""
_AFFIRMED = re.compile(
    r"(?:(?:um|uh|er|erm|oh|ooh|ah|well|no|nope|yes|yeah|but|actually|sorry|mm|hmm|although|unfortunately) )*"
    r"(?P<said>i (?:do|did|have|had|am|was)|(?:it|that) (?:does|did|is|has|was)|"
    r"there (?:is|are|was|were|has|have)|"
    r"they (?:do|did|are|were|have)|s?he (?:does|did|is|has|was))"
    r"(?: (?:been|had))?\b(?! (?:not|nt|fine|ok|okay|good|all right|alright|normal)\b)"
)
_YES_AFTER_ALL = re.compile(r"(?:(?:um|uh|er|oh) )*(?:well|actually|in fact) (?:yes|yeah)\b|(?:yes|yeah) actually\b")
_OF_IT = re.compile(r" (?:get|have|feel|suffer from|do|notice) (?:it|that|them|those|this|some|one|both)\b")
_HOW_MUCH = re.compile(
    r" (?:actually|though|now|still|always|often|sometimes|occasionally|quite|very|indeed|unfortunately|afraid|"
    r"yeah|yes|im afraid|a (?:bit|little|lot|few|touch|tiny|wee|while)|at (?:night|times|the moment|first)|"
    r"in the (?:morning|evening|night|day)s?|(?:only )?(?:when|if|after|since|before|during)|once|twice|every|"
    r"(?:last|this|yesterday|today|tonight)|for (?:a|the|about)|some|most|kind of|sort of|just a|from time)\b"
)


def is_denied(said: str, reply: Sentence) -> bool:
    """Does the reply flatly deny the statement, given as plain words?"""
    spoken = " ".join(reply.words)
    if _NEGATED.search(said):
        last = " ".join(said.split()[-_LAST_WORDS:])
        return affirms(reply) and not _ADVISING.search(last) and _takes_up(last, spoken)
    of_you = _OF_YOU.match(said)
    return of_you is not None and bool(_DENIAL.fullmatch(spoken) or (of_you["told"] and _BARE_NO.fullmatch(spoken)))


def _takes_up(said: str, reply: str) -> bool:
    """Does "I do" follow "you don't", "it is" follow "it isn't"? "No rash" may be followed by any but "it does"."""
    found = _AFFIRMED.match(reply)
    verb = found["said"] if found is not None else ""
    if verb.startswith(("it ", "that ")) and not _OF_THING.search(said):
        return False
    return any(form.search(verb) and denying.search(said) for form, denying in zip(_FORMS, _DENYING, strict=True))


def affirms(reply: Sentence) -> bool:
    """ "No, I do.", "It is, a bit.", "I have, actually.": what was denied is so.

    "I have a cough" is no such reply, since it tells something of its own.
    """
    spoken = " ".join(reply.words)
    said = _AFFIRMED.match(spoken)
    if said is None:
        return _YES_AFTER_ALL.match(spoken) is not None
    more = _OF_IT.match(spoken, said.end())
    end = more.end() if more else said.end()
    last = spoken[:end].count(" ")
    return end == len(spoken) or reply.tokens[last].comma or _HOW_MUCH.match(spoken, end) is not None
