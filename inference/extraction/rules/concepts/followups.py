"""When the patient is to be seen again. Pure."""

import re
from collections.abc import Sequence

from inference.extraction.quantities.numbers import number_at
from inference.extraction.rules.concepts.attributes import timing
from inference.extraction.text.tokens import Token

_SEEING_AGAIN = re.compile(
    r"\b(?:follow ups?|followups?|come (?:\w+ )?(?:back|in)|coming back|see (?:you|her|him)(?: back| again)?|see me|"
    r"see us|review you|review|return|check back|recheck you|another appointment|follow you(?: up)?|have you back|"
    r"(?:have|get|bring) (?:you|her|him) (?:come )?back|speak again|touch base|touching base|meet again|"
    r"(?:book|make|schedule|set up|arrange)(?: you)?(?: for)? an? (?:\w+ )?appointment|follow up appointment)\b"
)
_APPOINTING = re.compile(
    r"\b(?:follow ups? (?:appointment|visit|with|here)|followups? (?:appointment|visit|with)|schedule a follow ?up|"
    r"(?:book|make|schedule|set up|arrange)(?: you)?(?: for)? an? (?:\w+ )?appointment|another appointment|"
    r"(?:for|have|need) (?:a|your) follow ?up|have you follow up|like you to (?:follow up|return)|"
    r"want you to follow up|come back (?:and|to) see (?:me|us)|come in (?:and|to) see (?:me|us)|see you back)\b"
)
_TOLD = re.compile(
    r"\b(?:i (?:came|come|went|saw|had|have)|you came|you were|you have come|came|been|since i|last|saw|seen|ago|"
    r"havent|here for|here today for|is here|was here|in today|while now|ever since|called for|presents|"
    r"before you come|as needed|either|sooner|coming in today|thanks|thank you|"
    r"once a|twice a|times a|asked you|have n?t)\b"
)
_CONDITION = re.compile(r"\b(?:if|unless|when you (?:come|see)|next time you come)\b")
_NO_FOLLOWUP = re.compile(r"\b(?:no need|dont need|wont|dont think|didnt|havent|dont have to|not)\b")
_NEXT = re.compile(
    r"\b(?:next (?:week|month|year|\w+day)|tomorrow|later (?:today|this week)|this afternoon|"
    r"(?:in|on|(?:the )?week of|by) (?:january|february|march|april|may|june|july|august|september|october|november|"
    r"december)(?: \d+(?:st|nd|rd|th)?)?)\b"
)
_ELSEWHERE = re.compile(r"\bwith (?:your|the|an?) (?:\w+ ){0,2}\w+(?:ists?|ians?|surgeon|clinic)\b(?<!physician)")
_HEDGES = re.compile(r"\b(?:about|around|roughly|probably|maybe|like|the next|just|another|uh|um|perhaps)\b\s*")
SOME_TIME = "follow-up appointment"
"""A visit without a time."""
_DAYS = {"day": 1, "night": 1, "week": 7, "fortnight": 14, "month": 30.4, "year": 365}
_REACH = 16
_TIME_BEFORE = 4


def followup(text: str, tokens: Sequence[Token]) -> tuple[str, int, int] | None:
    """ "Follow up in two weeks" for whatever way it is said, and its tokens; without a time only for an appointment."""
    joined = " ".join(t.word for t in tokens)
    if _TOLD.search(joined) or _NO_FOLLOWUP.search(joined) or _ELSEWHERE.search(joined):
        return None
    condition = _CONDITION.search(joined)
    for verb in _SEEING_AGAIN.finditer(joined):
        if condition and condition.start() < verb.start():
            return None
        start = joined[: verb.start()].count(" ")
        end = joined[: verb.end()].count(" ") + 1
        when = _time(text, tokens, max(0, start - _TIME_BEFORE), min(len(tokens), start + _REACH))
        if when is not None:
            spoken, first, last = when
            return f"follow up {spoken}", min(start, first), max(end, last)
        if _APPOINTING.search(joined) and not (condition and condition.start() >= verb.end()):
            return SOME_TIME, start, end
    return None


def _time(text: str, tokens: Sequence[Token], start: int, end: int) -> tuple[str, int, int] | None:
    """ "In two weeks", "next week", and its tokens."""
    first_char, last_char = tokens[start].start, tokens[end - 1].end
    found = timing(text, first_char, last_char).get("duration")
    if found is None:
        word = _NEXT.search(text.casefold(), first_char, last_char)
        if word is None:
            return None
        inside = [i for i in range(start, end) if word.start() <= tokens[i].start < word.end()]
        return word.group(), inside[0], inside[-1] + 1
    inside = [i for i in range(start, end) if found[1] <= tokens[i].start < found[2]]
    if not inside:
        return None
    spoken = _HEDGES.sub("", " ".join(tokens[i].word for i in inside)).strip()
    return f"in {spoken}", inside[0], inside[-1] + 1


def is_same_time(left: str, right: str) -> bool:
    """ "In four weeks" and "in a month" are one visit."""
    first, second = _days(left), _days(right)
    return first is not None and second is not None and max(first, second) <= 1.35 * min(first, second)


def _days(text: str) -> float | None:
    """The days of a text such as "in four to six weeks": of the middle."""
    spoken = text.replace("a couple of", "2").replace("a couple", "2").replace("a few", "3").split()
    unit = next((word.rstrip("s") for word in spoken if word.rstrip("s") in _DAYS), None)
    if unit is None:
        return None
    said = [float(n.value) for i in range(len(spoken)) if (n := number_at(spoken, i))] or [1.0]
    return _DAYS[unit] * (said[0] + said[-1]) / 2
