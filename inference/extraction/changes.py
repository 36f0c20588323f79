"""The words by which a plan is changed: taken back, replaced, objected to and agreed to. Pure.

Which orders a change meets is found in withdrawals.py. What a sentence names in order not to have it is found in
declining.py.
"""

import re

from inference.extraction.dialogue import Turn
from inference.extraction.editing import editings

_LEAD = (
    r"(?:(?:okay|ok|oh|well|um|uh|hmm|hm|right|alright|all right|fine|sure|so|then|and|but|yes|yeah|no|wait|actually|sorry|"
    r"now|maybe|perhaps|you know what|i think|i guess|in that case|of course|thats fine|fair enough|on second thoughts?|"
    r"on reflection|come to think of it|id say|i suppose) )*"
)
_TAIL = (
    r"(?: (?:then|for now|now|after all|today|at all|for the moment|for the time being|out|alone|off|altogether|completely|"
    r"again|please|though|actually|instead|with that|about that|about it|either|yet))*"
)
_IT = r"(?: (?:it|that|this|them|those|that one|this one|the whole thing|the idea|that idea))"
_TAKEN_BACK = re.compile(
    rf"^{_LEAD}(?:"
    rf"(?:(?:lets|let us|we|well|we will|ill|i will|we can|we could|we should|id|i can|wed|shall we|just|please) )*"
    rf"(?:just )?(?:forget(?: about)?|cancel|scrap|scratch|strike|skip|drop|leave|ditch|shelve|park|abandon|do without|"
    rf"hold off(?: on)?|hold back(?: on)?|postpone|put off|wait with|not bother with|not do|not have|not give you|not start|not use|"
    rf"not go for|not prescribe|not order|rule out){_IT}{_TAIL}"
    rf"|(?:lets|let us|we|well|i|id|ill|wed|its|it is)(?: had)? (?:wont|will not|better not|best not|not|rather not|cant|shouldnt|"
    rf"had better not|dont (?:need|have) to|neednt|would rather not|will leave it|can leave it|can wait|will wait|hold off|"
    rf"will hold off)"
    rf"(?: (?:do|have|give|order|start|use|take|go there|prescribe|need|bother with|bother|risk|try|give you|do with)(?: you)?(?:{_IT})?|{_IT})?"
    rf"{_TAIL}"
    rf"|(?:better|best|rather|perhaps|maybe) not{_TAIL}"
    rf"|(?:lets|we|well|we will|we can|ill) (?:do without|hold off|wait|leave it)(?: (?:and see|a bit|a while|and watch))*{_TAIL}"
    rf"|(?:forget|cancel|scrap|leave|skip)(?:{_IT})"
    rf"|(?:thats|it is|its|that is|this is) (?:not|no longer) (?:a good idea|necessary|needed|an option|going to happen){_TAIL}"
    rf")$"
)
_TAKEN_BACK_BEFORE = re.compile(
    rf"^{_LEAD}(?:lets |well |ill |just )?(?:forget|scrap|scratch|strike|cancel|skip|drop|leave) (?:it|that|this|them)$"
)
_CHANGED = re.compile(
    r"\b(?:chang\w+ of plans?|chang\w+ the plan|chang\w+ (?:my|our) minds?|new plan|plan b|second thoughts?|on reflection|come to think of it|"
    r"now that i think (?:of|about) it|thinking about it|having thought about it|instead(?! of)|after all|better idea|"
    r"scrap that|scratch that|strike that|forget that|forget it|cancel that|forget what i said|ignore that|"
    r"or rather|actually no|no actually|wait no|no wait|"
    r"sorry no|no sorry|hang on|hold on)\b"
)
_FOLLOWING = re.compile(r"\b(?:in that case|then (?:well|lets|ill|we can|let us))\b|\b(?:well|lets|ill|we can|let us)\b.*\bthen$")
"""What follows from what the other said in between, and else is the next step."""
_RESTRICTING = re.compile(r"\b(?:just|only)(?: (?:do|have|get|take|go with))? (?:the|an?|your)\b|\bjust \w+(?: then)?$")
_ALONE = re.compile(
    rf"^{_LEAD}(?:(?:ive |i have |i |we |weve |theres a |its a )?(?:chang\w+ (?:my|our) minds?|chang\w+ of plans?|"
    rf"new plan|have a better idea|on second thoughts?|on reflection)|on second thoughts?|wait no|no wait){_TAIL}$"
)
_PLANNING = re.compile(
    r"\b(?:lets|let us|well|we will|we can|we could|ill|id|i will|we should|i would|wed|start|try|rather)\b"
)
_TRYING = re.compile(r"\b(?:try|do|start|go|use|wait|see|watch|manage|treat|have|take|rely|stick|work|focus)\b")
_OBJECTING = re.compile(
    r"\b(?:(?:id|i would|would|i had|id really|we would|wed)(?: really| much)? (?:rather|prefer) not|"
    r"i (?:really )?(?:dont|do not)(?: really)? (?:want|fancy|need|wish)"
    r"(?= (?:(?:it|that|this|those|them|one)\b(?! to\b)|to (?:take|have|do|go|start|use|be on|try|get|swallow)|any|an?|the|another|more)\b|$)|"
    r"i (?:really )?(?:dont|do not)(?: really)? (?:like the (?:idea|sound) of|feel comfortable|feel like|like (?:that|it)$)|"
    r"im (?:really )?not (?:\w+ )?(?:keen|happy|comfortable|sure i want|having|taking|doing|going to (?:take|have|do))|"
    r"no thanks|no thank you|not for me|id like to avoid|i (?:refuse|wont (?:take|have|do|go))|please dont|please no|"
    r"can we not|could we not|"
    r"(?:can|could|cant|couldnt|shall|should) we (?:\w+ )?(?:leave|skip|drop|avoid|wait|hold off|forget|cancel|postpone|do without)|"
    r"(?:lets|we can) (?:not|leave|skip|forget|cancel|drop)|i said no)\b|^no \w+(?: \w+)? please$|^(?:oh |um )*(?:id )?rather not$"
)
_PROPOSING = re.compile(
    r"\b(?:(?:can|could|may|might|cant|couldnt|shall|should) (?:we|i)|what about|how about|why not|id (?:rather|prefer)|"
    r"i would (?:rather|prefer)|lets|maybe)(?! not)\b(?:.*\b(?:instead|rather|first)\b)?"
)
_INSTEAD = re.compile(r"\b(?:instead|rather|first|prefer)\b")
_AGREEING = re.compile(
    r"^(?:(?:oh|well|um|ah|i see|hmm) )*(?:okay|ok|alright|all right|sure|fine|yes|yeah|yep|certainly|absolutely|understood|"
    r"of course|no problem|not a problem|fair enough|very well|thats (?:fine|okay|ok|all right|alright|a good idea|perfectly fine)|"
    r"good idea|as you (?:wish|like|prefer)|we can do that|lets do that|then we|agreed|i agree|why not|that works|"
    r"no need then|you dont have to|no worries)\b"
)
_INSISTING = frozenset(
    ("but", "however", "though", "still", "recommend", "should", "important", "because", "worry", "quick", "really", "why",
     "must", "unfortunately", "necessary", "advise", "urge", "insist")
)  # fmt: skip
_KEEPING = re.compile(
    r"\b(?:keep (?:taking|using|on|going)|continue|carry on|stay on|stick with|remain on|go on with|dont stop|do not stop|"
    r"keep (?:it|that|them)|not stop|leave (?:it|that|them) (?:as|at))\b"
)
_ADDING = frozenset(("also", "too", "plus", "both", "besides", "again", "additionally", "well", "add", "adding"))
_SHORT = 12


def is_taken_back(turn: Turn) -> bool:
    """The sentence takes back what was planned last, without a name: "we'd better not", "then let's leave it"."""
    return _TAKEN_BACK.match(turn.joined) is not None or any(
        _TAKEN_BACK_BEFORE.match(turn.words_before(at))
        for at in range(1, len(turn.tokens))
        if turn.tokens[at - 1].comma
    )


def is_change(turn: Turn, before: Turn | None, *, answering: bool) -> bool:
    """The sentence, or one before it that says nothing else, tells that another plan follows.

    `answering`: somebody else spoke since the plan was made.
    """
    if _adds(turn):
        return False
    if answering and _FOLLOWING.search(turn.joined):
        return True
    if _CHANGED.search(turn.joined) or (
        before is not None and before.speaker == turn.speaker and is_bare_change(before)
    ):
        return True
    first = next(iter(editings(turn.tokens)), None)
    opening = turn.sentence.words[: first.end] if first is not None and first.start == 0 else []
    return "actually" in opening or "rather" in opening


def is_bare_change(turn: Turn) -> bool:
    """ "Change of plan.": the next sentence tells which."""
    return _ALONE.match(turn.joined) is not None


def is_firm(turn: Turn) -> bool:
    """It names the change: any test may give way to any other. "Actually" and "then" speak of the same type."""
    return _CHANGED.search(turn.joined) is not None


def is_earlier(turn: Turn) -> bool:
    """ "Actually, let's do bloods first.": the other plan follows."""
    spoken = turn.sentence.words
    return "first" in spoken and "instead" not in spoken


def restricts(turn: Turn) -> bool:
    """ "Actually, just the ECG."."""
    return _RESTRICTING.search(turn.joined) is not None


def plans_something_else(turn: Turn) -> bool:
    """ "Let's try diet instead": a plan that names no order, in the place of one."""
    after = re.search(r"\binstead\b(?! of)", turn.joined)
    return after is not None and bool(_PLANNING.search(turn.joined)) and bool(_TRYING.search(turn.joined))


def objects(turn: Turn) -> bool:
    """Somebody does not want what was planned."""
    return _OBJECTING.search(turn.joined) is not None


def proposes(turn: Turn) -> bool:
    """Somebody would rather have something else: "could we do an MRI instead?" """
    return bool(_PROPOSING.search(turn.joined)) and bool(_INSTEAD.search(turn.joined))


def agrees(turn: Turn) -> bool:
    """The other goes along with an objection or a proposal, and does not insist."""
    return (
        _AGREEING.match(turn.joined) is not None
        and turn.sentence.mark != "?"
        and len(turn.tokens) <= _SHORT
        and not _INSISTING & set(turn.sentence.words)
    )


def keeps(turn: Turn) -> bool:
    """ "Stay on it", "keep taking it"."""
    return _KEEPING.search(turn.joined) is not None


def _adds(turn: Turn) -> bool:
    spoken = turn.sentence.words
    adding = _ADDING & set(spoken[1:]) - {"well"} or any(
        spoken[at : at + 2] == ["as", "well"] for at in range(len(spoken))
    )
    return bool(adding)
