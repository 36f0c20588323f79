"""What a clinician does with a medicine in a clause: prescribes, continues or stops it. Pure."""

import re
from collections.abc import Sequence
from typing import Literal

from inference.extraction.tables import words

Act = Literal["prescribe", "continue", "stop"]

_GIVING = re.compile(
    r"\b(?:prescribe|prescribing|refill(?:ing)?|renew(?:ing)?|represcribe|"
    r"(?:re)?start(?:ing)? (?:(?:you|her|him|them) )?(?:back )?(?:off )?(?:on|with|taking|using|the|a|an|some|"
    r"this|that|at)|"
    r"(?:re)?start(?:ing)?(?: (?:you|her|him))?(?= ?$)|(?:re)?start(?:ing)? (?:you|her|him)|"
    r"get (?:you|her|him) started|initiate|initiating|"
    r"put(?:ting)? (?:(?:you|her|him|them) )?(?:back )?(?:on|in for)|place (?:you|her|him) on|"
    r"giv(?:e|ing) (?:you|her|him|the|a|an|some)|get (?:you|her|him|some|a|an)|got (?:you|her|him)|"
    r"(?:send|sending|call|calling|write|writing) (?:(?:you|her|him) )?(?:in|for|up|out|some|a|an|over)|"
    r"(?:send|write) (?:you|her|him)|order(?:ing)?|add(?:ing)?|increas(?:e|ing)|decreas(?:e|ing)|reduc(?:e|ing)|"
    r"lower(?:ing)? (?:your|the)|bump(?:ing)?|doubl(?:e|ing)|switch(?:ing)?|swap(?:ping)?|"
    r"replac(?:e|ing)|chang(?:e|ing)|"
    r"up(?:ping)? (?:your|the)|go(?:ing)? up on|go(?:ing)? (?:back )?(?:with|on)|"
    r"go(?:ing)? for(?! (?:an?|the) )|want (?:you|her|him) (?:on|to be on)|recommend(?:ing)?|"
    r"suggest(?:ing)?|advise|advising|pick(?:ing)? up|supply|offer|"
    r"have (?:you|her|him)(?! (?:on|been|had|tried|taken|ever|noticed)\b)|resume|think about|consider|could be|"
    r"benefit from|worth)\b"
)
_USING = re.compile(r"\b(?:take|taking|use|using|try|trying|apply|applying|have|do|be on|be taking|get|need|keep)\b")
_MODAL = re.compile(
    r"\b(?:can|could|should|want|wanna|like|need|needs|to|ill|well|will|lets|gonna|please|just|then|just|try|id|"
    r"would|wed|"
    r"recommend|youll|may|might|worth|encourage)\b"
)
_NEEDING = re.compile(r"^(?!.*\b(?:if|when|do|does|did|might|may|whether|why|what|which)\b).*\b(?:you|he|she)$")
"""Before "need": who needs it, as a fact and neither as a question nor as a condition."""
_CONTINUING = re.compile(
    r"\b(?:continue|continuing|keep (?:taking|using|on|you on|up|going)|stay on|stick with|carry on|remain on|"
    r"keep (?:you|her|him) on|maintain|go on with|stay with)\b"
)
_CHANGING = re.compile(r"\b(?:increas|decreas|reduc|doubl|bump|chang|switch|refill|renew|order|prescrib)")
_STOPPING = re.compile(
    r"\b(?:stop(?:ping)?(?: taking| using)?|discontinue|discontinuing|hold off(?: on)?|hold|come off|"
    r"(?:get|take|wean|taper) (?:you|her|him) off|get rid of|avoid taking|quit taking|dont take|not take)\b"
)
_TOLD = re.compile(
    r"\b(?:had|was|been|youre|dr|doctor|they|pcp|hospital|already|did|gave|has|started|tried|previously|"
    r"currently|last (?:time|visit|year|month)|"
    r"ago|have (?:you|her|him) on|had (?:you|her|him) on|you said|you mentioned|you stopped|you took|take it|"
    r"she is|hes|shes|he is|you are|are you|do you|have you (?:been|had|tried|taken|used|ever)|did you|"
    r"since you|youve|"
    r"refilled|(?:^|and|so|that|but|what|when|if) you (?:take|use))\b"
)
_NOT_PRESCRIBED = re.compile(
    r"\b(?:no need|dont need|not going|wont|dont think|nt think|not need|didnt|not have to|dont want|wouldnt|"
    r"not want|"
    r"not gonna|dont have to|doesnt need|not sure|before we give|cant (?:take|have|give|prescribe)|"
    r"not recommend|rather not|"
    r"without|more than)\b"
)
_LIMITING = re.compile(r"\b(?:dont|not|never|no|nt) (?:\w+ ){0,3}(?:more than|over|exceed\w*)\b")
"""How much is too much: "don't take more than eight" stops nothing."""
_BETWEEN = re.compile(
    r"\b(?:to see|see if|if|because|which|while|since|adjustments?|for (?:your|the|his|her)|"
    r"from)\b"
)
_REFILLING = re.compile(r"\b(?:refill|prescription|script|renew)")
_LISTING = words("listing")
_NAMING = re.compile(
    r"\b(?:called|thats|its)(?: um| uh)* ?$|^(?:\w+ ){0,3}(?:thats|that is|its|it is|called|its called|known as|"
    r"which is|this is|thatll be)\b"
)
_OTHER_SUBJECT = re.compile(r"\b(?:i|you|youre|youve|he|she|we|they|it|that|which|to|when|if|not|dont)\b")
_NEW_CLAUSE = re.compile(r"\b(?:so|then|but)\b(?= lets\b| ill\b| well\b)")
"""Behind it something is to be done, whatever was said before: "you're allergic, so let's use"."""
_NEAR = 16
_VERB_REACH = 12
_CLASS_REACH = 6


def act_on(before: Sequence[str], *, is_class: bool, ordered_before: bool) -> Act | None:
    """What the clinician does with the medicine that follows the words `before` in its clause.

    `is_class`: a class ("an antibiotic") is prescribed only by a verb that stands close by. `ordered_before`: the
    clause before prescribed something, so that "it's called amlodipine" names what.
    """
    near = list(before[-_NEAR:])
    text = " ".join(near)
    if _LIMITING.search(text):
        return None
    if _NOT_PRESCRIBED.search(text):
        return "stop" if re.search(r"\b(?:dont|not) (?:take|taking)\b", text) else None
    stop, give, keep, use = (_last(p, text) for p in (_STOPPING, _GIVING, _CONTINUING, _USING))
    if stop is not None and all(verb is None or verb.start() <= stop.end() for verb in (give, use)):
        return None if _is_told(text, stop) or _words_after(text, stop) > _VERB_REACH else "stop"
    if keep is not None and not _CHANGING.search(text[keep.start() :]):
        return "continue"
    reach = _CLASS_REACH if is_class else _VERB_REACH
    if give is not None and _governs(text, give, reach):
        return "prescribe"
    if use is not None and _governs(text, use, reach):
        lead = " ".join(text[: use.start()].split()[-5:])
        goes_on = stop is not None and not _OTHER_SUBJECT.search(text[stop.end() : use.start()])
        needed = use.group() == "need" and _NEEDING.search(lead) is not None
        if goes_on or needed or _MODAL.search(lead) or not text[: use.start()].strip():
            return "prescribe"
    return "prescribe" if ordered_before and (_NAMING.search(f"{text} ") or _LISTING.issuperset(near)) else None


def _governs(text: str, verb: re.Match[str], reach: int) -> bool:
    after = text[verb.end() :]
    if len(after.split()) > reach or _is_told(text, verb):
        return False
    return not _BETWEEN.search(after) or _REFILLING.search(verb.group() + after) is not None


def _last(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    return next(reversed(list(pattern.finditer(text))), None)


def _words_after(text: str, match: re.Match[str]) -> int:
    return len(text[match.end() :].split())


def _is_told(text: str, verb: re.Match[str]) -> bool:
    """Just before the verb, something says that this was so before: "you were started on"."""
    lead = _NEW_CLAUSE.split(" ".join(text[: verb.start()].split()[-4:]))[-1]
    return _TOLD.search(f"{lead} {verb.group()}") is not None
