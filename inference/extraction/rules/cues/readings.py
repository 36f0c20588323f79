"""How a sentence answers a question for yes or no. Pure."""

import re
from collections.abc import Callable
from itertools import takewhile
from typing import Literal

from inference.extraction.memo import remembered
from inference.extraction.rules.cues.replies import closing_answer, without_stammer
from inference.extraction.tables import words
from inference.extraction.text.denied import affirms
from inference.extraction.text.dialogue import Turn
from inference.extraction.text.tokens import FILLERS

Answer = Literal["yes", "no", "maybe"]
_NO = words("no")
_YES = words("yes")
_MAYBE = words("maybe")
_ADVERBS = words("answering_adverb")
DEGREES = frozenset(
    (
        "very",
        "extremely",
        "incredibly",
        "terribly",
        "awfully",
        "massively",
        "hugely",
        "completely",
        "totally",
        "constantly",
    )
)
"""How much, as the whole answer: "are you tired?" "Very."."""
_OPENING = FILLERS - {"yeah", "right", "i"} | words("answer_opening")
_REVERSING = frozenset(("no", "nope", "not", "havent", "dont"))
_ACKNOWLEDGING = words("acknowledging")
EMPTY = FILLERS - {"yeah"} | _ACKNOWLEDGING
_BARE = _YES | FILLERS | _ACKNOWLEDGING | {"no", "nope", "not", "all", "at"}
_DENYING = re.compile(
    r"^(?:i (?:dont|havent|didnt|wasnt|cant|(?:do|have|did|was|am|can|would) not)|ive not|im not|"
    r"(?:it|that|there) (?:isnt|wasnt|hasnt|doesnt|didnt|is not|was not|has not)|"
    r"(?:theres|its|thats) not|(?:i|it) wouldnt (?:say (?:so|that)|call (?:it|that))|"
    r"(?:thankfully|luckily|fortunately) (?:not|no)|none|nothing|cant say (?:i|ive|that)|not that i|"
    r"(?:its |it is |quite )*the (?:opposite|reverse)|(?:far|anything|nowhere near) (?:from|but)(?: (?:it|that))?$)\b"
)
_AFFIRMING = re.compile(
    r"^(?:i do|i have|i did|i am|it is|it does|it has|it was|there is|there was|there has|a little|"
    r"a bit|a wee|little bit|wee bit|every|all the time|quite|only|just|some|uh huh|mm hmm|of course|i used to|used to|"
    r"comes and goes|it comes and goes|they come and go|one or two|as a (?:child|kid|baby)|"
    r"all of (?:them|those|it)|all three|both|everything|all (?:but|except|bar)|when i was|"
    r"could say (?:that|so)|youre telling me|tell me about it|you bet|(?:im )?afraid so|id say so|very much|"
    r"a (?:touch|tad|fair (?:bit|amount))|slightly|somewhat|plenty|the odd|an occasional|on occasion|"
    r"i get (?:it|that|them|those|these|some)|"
    r"for about|for the last|a few|a couple|thats right|thats correct|on and off|now and|once|twice|"
    r"from time|(?:it|they|that) (?:flares?|comes?|happens?|plays?) (?:\w+ ){0,2}"
    r"(?:every|now|on and|once|when|from|some)|"
    r"it (?:has |have )?(?:only |just )?happened (?:once|twice|a|one|two|maybe|last|yesterday|when))\b"
)
_ALL_WELL = re.compile(
    r"^(?:it is|its|it was|i am|im|thats|that is) (?:\w+ ){0,2}(?:ok|okay|fine|normal|all right|alright|good)\b"
)
_HALF = re.compile(
    r"^(?:i think so|kind of|sort of|i guess|i suppose so|i suppose|i (?:might|may)(?! not)|"
    r"it (?:might|may|could))\b"
)
_UNCHECKED = re.compile(
    r"^i (?:havent|have not|didnt|did not) (?:actually |really |even )?(?:check\w*|look\w*|measur\w+|take)\b"
)
_STILL_DENYING = re.compile(r"\bi dont think so\b")
_NEARLY = re.compile(r"\bbut (?:i|it|they) (?:didnt|havent|hasnt|wasnt|dont|doesnt)$")
"""What nearly happened: "any blackouts?" "I felt I would pass out, but I didn't."."""
_COULD_NOT_SAY = re.compile(
    r"\b(?:couldnt|could not|cant|cannot) (?:really )?(?:say|tell)(?: for sure| you)?$|"
    r"\bso (?:\w+ )?(?:i dont|dont|i wouldnt|wouldnt) (?:really |actually )?know$|\bso im not sure$"
)
_EXCEPTED = re.compile(
    r"^(?:no |not )?(?:unless|except when|only when|only if)\b|^not (?:a lot|much|very much|very often|often|loads)\b.*"
    r"\b(?:just|only) (?:a |the )?(?:\w+ )?(?:little|bit|odd|touch|mild)\b"
    r"|^(?:no )?not (?:a lot|(?:too|so|that|very|all that) (?:much|often)|much|often|loads)\b.*\bbut "
    r"(?:(?:i|it|they) (?:do|does|get|am|is)\b|(?:just )?(?:a (?:bit|little)|some|sometimes|occasionally|now and)\b)"
    r"|^not much of (?:one|a|it)\b"
    r"|^not as (?:many|much|often|bad|badly)\b"
    r"|^(?:no |not )(?:really|usually|normally|generally|always|all the time|particularly) (?:\w+ )?"
    r"(?:(?:just|only) (?:when|if|with|on|after|at|in)|unless|except)\b"
    r"|^not (?:\w+ ){1,4}but i (?:did|have|do)(?: (?:around|in|back|last|when|about|once|before|as|years)\b|$)"
    r"|^not (?:in|at|during|on|when|by|while|if|always|every|all) (?:\w+ ){0,4}but (?:\w+ ){0,4}"
    r"(?:i|it|they|there) (?:do|does|did|is|are|am|have|has|was)\b"
)
_NONE_NOW = re.compile(
    r"\b(?:but|and|though) (?:theres been |ive had |there has been )?(?:none|nothing|no more|not)"
    r"(?: \w+){0,2}? (?:since|for|now|any ?more|lately|recently|at the moment|today|this)\b(?! but\b)|\bnone since$"
)
_COMING_ROUND = re.compile(
    r"\bbut (?:um |uh )?(?:yes|yeah|yep|there is|i do|i have|it does|it is)$|"
    r"^(?!.*\b(?:no|not|never|nothing|none|hardly|say|said|told|think|thought|know|if|as|\w+nt)\b)(?!i\b)(?:\w+ ){1,7}"
    r"(?:it is|it does|i do|i am|there is|they do|it has|i have)$|"
    r"^(?:its|it is|thats|theyre) (?:really |usually |normally )?(?:only|just|mainly|mostly) "
    r"(?:really |ever )?(?:when|if|at|in|on|after|before|with|during)\b"
)
"""What comes round to yes: "not too bad today, but yes", "going downstairs it is", "it's only when I run"."""
_BEHIND_IF = re.compile(r"(?:only |just )?(?:when|whenever|if) (?:i|im|ive|its?)\b(?! was\b)(?: [a-z0-9]+){1,14}$")
_CIRCUMSTANCE = re.compile(
    rf"^(?:(?:{'|'.join(sorted(DEGREES))})$|(?:the )?once(?: or twice)?$|"
    r"(?:an?|some|a few|the odd) (?:(?:really|very|quite|rather|pretty|fairly) )?(?:\w+ )?ones?$|"
    r"a lot|quite a (?:lot|bit|few)|loads|all over|at night|in the (?:mornings?|evenings?|nights?)|"
    r"(?:in|on|down|into|across|round|around) (?:my|the|both) |"
    r"about (?:once|twice|half|a|one|two|three|four|five|ten|twenty|\d)|"
    r"(?:one|two|three|\d+) (?:or|last|a|yesterday|this)|"
    r"(?:about |maybe |at least )?(?:(?:two|three|four|five|six|seven|eight|ten|several|many|a couple of|a few|\d+)"
    r"(?: (?:or|to) (?:three|four|five|six|seven|eight|ten|\d+))?) times\b|"
    r"mostly|mainly|more at|first thing|last thing|"
    r"(?:when|whenever|if) (?:i|im|ive|it|its)\b|(?:by|during|throughout|towards) the|"
    r"(?:most|some) (?:days|nights|mornings|evenings|of the time)|"
    r"after (?:eating|food|meals|exercise|lunch|dinner|i)\b|before (?:bed|eating|food|meals)\b)"
)
"""When, where or how much, as the whole answer: "any cramps?" "In my calves at night."."""
_MILD = re.compile(
    r"^(?:(?:its|it is|it was|theyre|they are|they were) not|(?:it|they) (?:isnt|wasnt|arent|werent)|"
    r"i (?:dont|didnt|wouldnt|do not|did not|would not) (?:really )?(?:think|feel|say|call|find)(?: like| that)?"
    r"(?: its| it is| it was| it| theyre| they are)|i (?:wouldnt|would not) say)"
    r"(?: (?:really|actually|been|like|too|that|so|very|particularly|especially|terribly|all|overly|quite|as))*"
    r" (?:bad|badly|severe|acute|intense|unbearable|terrible|awful|excruciating|horrendous|strong|serious|constant|"
    r"extreme|agony)\b(?! at all)"
)
"""What denies a degree and not the matter: "any pain?" "It's not too bad."."""
_SEVERE = re.compile(
    r"(?:(?:its|it is|theyre|really|pretty|quite|absolutely|very|so|just|still|even|getting|a lot|much|about|no) )*"
    r"(?:terrible|awful|dreadful|horrendous|horrific|shocking|unbearable|agony|severe|worse|the same|no better|there|"
    r"bad|constant|constantly|non stop|nonstop|relentless|mild|moderate|slight|minor|minimal)"
    r"(?: (?:now|today|lately|actually|really|to be honest|id say|i would say|i suppose|i guess))*"
)
"""How bad it is, as the whole answer: "and the tiredness?" "Terrible."."""
_PLAIN_YES = frozenset(("yes", "yeah", "yep"))
_SHORT = 6
_NOT_KNOWING = re.compile(r"^(?:not sure|im not sure|(?:and )?i dont know|dont know|couldnt say|hard to say)\b")
_PERHAPS = re.compile(r"\b(?:might be|could be|maybe|possibly|a bit|a little)\b")
_RETRACTING = re.compile(
    r"\b(?:actually|wait|hang on|i tell a lie)(?: no| well| sorry)? (?=yes|yeah|no\b|i have|i do|i did)"
)
_ADVERB_REPLY_WORDS = 4


def answers_in_turn(reply: Turn) -> list[Answer]:
    """ "Yes, yes, no.": one answer for each item of a list; empty where there are not several and different ones."""
    if [token.word for token in reply.tokens] == ["yeah", "no"]:
        return []  # which is a no
    given: list[Answer] = ["yes" if t.word in _YES else "no" for t in reply.tokens if t.word in _YES | {"no", "nope"}]
    return given if is_bare(reply) and len(set(given)) > 1 and _commas_between(reply) else []


def _commas_between(reply: Turn) -> bool:
    return all(t.comma for t in reply.tokens[:-1] if t.word in _YES | {"no", "nope"})


def is_explicit(turn: Turn) -> bool:
    """ "Well, yes, a bit." and not "Well, I have a cough."."""
    first = next((t.word for t in turn.tokens if t.word not in _OPENING), "")
    return first in _YES - _ADVERBS or first in ("no", "nope")


def answer_of(turn: Turn) -> Answer | None:
    """Yes, no or maybe by how the sentence opens, or by how it takes that back: "Yes, actually no."."""
    return next(iter(_answer_of(turn)), None)


@remembered
def _answer_of(turn: Turn) -> list[Answer]:
    said = without_stammer(turn.sentence.words)
    retraction = _RETRACTING.search(" ".join(said))
    if retraction:
        said = said[" ".join(said)[: retraction.end()].count(" ") :]
    while len(said) > 1 and said[0] in _OPENING:
        said = said[1:]
    if said[0] == "actually" and said[1:2] == ["there"]:
        said = said[1:]
    text = " ".join(said)
    for is_said, answer in _READINGS:
        if is_said(text):
            return [answer] if answer is not None else []
    closing = closing_answer(turn) or ("yes" if affirms(turn.sentence) else None)
    return [closing] if closing is not None else []


def _is_unknown(text: str) -> bool:
    is_unchecked = _UNCHECKED.match(text) is not None and not _STILL_DENYING.search(text)
    return is_unchecked or _COULD_NOT_SAY.search(text) is not None


def _is_guessed(text: str) -> bool:
    return _NOT_KNOWING.match(text) is not None and _PERHAPS.search(text) is not None


def _tells_something_else(text: str) -> bool:
    said = text.split()
    return said[0] in _ADVERBS and len(said) > _ADVERB_REPLY_WORDS


def _says_yes(text: str) -> bool:
    return _first(text) in _YES or text == "right"


def _says_yes_and_no(text: str) -> bool:
    """ "Yeah, no": the last of the two is meant."""
    run = takewhile(lambda word: word in _YES | _REVERSING | {"i", "um", "uh"}, text.split())
    return _says_yes(text) and not _REVERSING.isdisjoint(run)


def _says_no(text: str) -> bool:
    return _first(text) in _NO or _DENYING.match(text) is not None


def _says_maybe(text: str) -> bool:
    return _first(text) in _MAYBE


def _says_maybe_not(text: str) -> bool:
    return _says_maybe(text) and text.split()[1:2] == ["not"]


def _tells_circumstance(text: str) -> bool:
    said = text.split()
    return len(said) <= _SHORT and (
        said[-1] in _PLAIN_YES or _CIRCUMSTANCE.match(text) is not None or _SEVERE.fullmatch(text) is not None
    )


def _first(text: str) -> str:
    return text.partition(" ")[0]


_READINGS: tuple[tuple[Callable[[str], object], Answer | None], ...] = (
    (_is_unknown, None),  # "I haven't checked", "I couldn't say"
    (_MILD.match, "yes"),
    (_EXCEPTED.match, "yes"),  # "No, only when I run"
    (_NONE_NOW.search, "no"),  # "There was some at the start, but none for a fortnight"
    (_COMING_ROUND.search, "yes"),
    (_BEHIND_IF.match, "yes"),
    (_is_guessed, "maybe"),  # "Not sure, a bit"
    (_NOT_KNOWING.match, None),
    (_ALL_WELL.match, None),
    (_NEARLY.search, "no"),
    (_HALF.match, "maybe"),
    (_tells_something_else, None),  # "Sometimes I do pilates"
    (_says_yes_and_no, "no"),
    (_says_yes, "yes"),
    (_says_no, "no"),
    (_says_maybe_not, "no"),
    (_says_maybe, "maybe"),
    (_AFFIRMING.match, "yes"),
    (_tells_circumstance, "yes"),
)
"""How an answer is read, the first that fits: what is said, and what that answers. None: it answers nothing."""


def is_bare(turn: Turn) -> bool:
    """Nothing but yes, no and fillers."""
    return all(token.word in _BARE for token in turn.tokens)


def is_plain_yes(turn: Turn) -> bool:
    """It says yes before it says anything else."""
    return next((t.word for t in turn.tokens if t.word not in _OPENING), "") in _YES - _ADVERBS


def is_plain_maybe(turn: Turn) -> bool:
    """It says maybe before it says anything else: "possibly, I felt hot", and not "I suppose I ache"."""
    return next((t.word for t in turn.tokens if t.word not in _OPENING), "") in _MAYBE


def is_empty(turn: Turn) -> bool:
    """Nothing but fillers and acknowledgements: "Okay. Um."."""
    said = turn.sentence.words
    return EMPTY.issuperset(said) and not (len(said) == 1 and said[0] in DEGREES and turn.sentence.mark != "?")
