"""What stands behind a symptom and turns its status around: "headaches, no", "never a headache like this". Pure."""

import re
from dataclasses import replace
from itertools import islice, takewhile

from inference.extraction.rules.concepts.mentions import Mention
from inference.extraction.rules.cues.context import Assertion
from inference.extraction.text.dialogue import Turn

_LISTING = frozenset(("and", "or", "but", "any"))
_SAYING_MORE = frozenset(("it", "its", "that", "thats", "they", "theyre", "i", "im", "ive"))
_COMPARING = re.compile(
    r"(?:like (?:this|that|it)\b(?! before)|(?:this|that|so|quite so|as) (?:bad|long|severe)|"
    r"last (?:this|that|so) long)"
)
_CHANGING = re.compile(
    r"(?:is |are |has |have |was |were )?(?:been |got |getting |any |much )*"
    r"(?:better|worse|improv\w+|settl\w+|going away|gone away|related|due to|because|serious|that bad|too bad)\b"
)
_MUCH = re.compile(r"\b(?:a lot|lots|loads|much|many|masses|tons)(?: of)?(?: \w+)?$")
"""What a denial leaves some of: "there isn't a lot of discharge"."""
_NOT_THE_ONE = re.compile(r"\bnot (?:\w+ )?(?:about )?(?:just )?(?:the|my|this)(?: \w+)?$|\bnot (?:the|my)$")
_UNCHANGED = re.compile(
    r"\b(?:(?:not|dont think (?:its|it is|theyre)|isnt|arent|no) (?:\w+ )?(?:any )?different|"
    r"(?:the )?same as (?:usual|always|before)|"
    r"nothing (?:new|different|unusual))\b"
)
"""Behind what is asked of a change: nothing has changed."""
_CONTRASTED = re.compile(
    r"(?:\w+ ){0,4}but (?:actually |luckily |thankfully |fortunately )?"
    r"(?P<who>you|i) (?:dont|havent|didnt|arent|do not|have not|did not)(?: (?:have|had|got|get))?"
    r"(?: (?:it|that|one|any|them|those|either))?$"
)
"""What is imagined, or is so with others, and not here: "I'd be worried if you had a fever, but you don't"."""
_GIVEN_UP = re.compile(
    r"(?<!to )(?<!not )(?<!nt )(?<!never )(?<!ing )(?<!be )\b"
    r"(?:ex|former|gave up|given up|quit|stopped|(?:packed|jacked) (?:in|up)|kicked|off the|came off|sober)\b"
)
"""A habit that is over: "I'm an ex smoker", "I'm off the booze", and not "I'm trying to quit"."""
_NOT_GIVEN_UP = re.compile(
    r"\b(?:not|never|havent|hasnt|didnt|dont|cant|couldnt|cannot|wont)(?: \w+)? "
    r"(?:give up|given up|quit|stop|stopped|packed (?:in|up)|kicked)\b"
)
_GIVING_UP_REACH = 3
_MINDING = re.compile(r"\b(?:worried|concerned|bothered|fussed)\b")
_DEGREES = frozenset(
    ("much", "big", "heavy", "heavily", "lot", "often", "regularly", "during", "every", "daily", "weekdays")
)
"""What "not" takes back of a habit before one of these is the degree: "I don't drink much" is a drinker."""


def degree_left(turn: Turn, said: Assertion) -> int | None:
    """The token of a denial that leaves some of a habit: "I don't smoke a lot"."""
    after = takewhile(lambda at: not turn.tokens[at - 1].comma, range(said.to_token, len(turn.tokens)))
    near = (*range(said.from_token, said.to_token), *islice(after, 3))
    return next((at for at in near if turn.tokens[at].word in _DEGREES), None)


def is_given_up(turn: Turn, mention: Mention) -> bool:
    """Whether somebody tells of a habit that he has given it up."""
    return _GIVEN_UP.search(_habit(turn, mention)) is not None


def is_kept_up(turn: Turn, mention: Mention) -> bool:
    """Whether what is denied of a habit is its end: "I haven't stopped smoking"."""
    return _NOT_GIVEN_UP.search(_habit(turn, mention)) is not None


def _habit(turn: Turn, mention: Mention) -> str:
    return " ".join(turn.sentence.words[max(0, mention.start - _GIVING_UP_REACH) : mention.end])


def as_answered(turn: Turn, mention: Mention, said: Assertion) -> Assertion:
    """What the words behind a mention make of it: "chest pain, no", "never a headache like this".

    They turn a status around that the words before it gave, or gave not.
    """
    after = " ".join(turn.sentence.words[mention.end :])
    if mention.concept.startswith("change in ") and said.status == "present" and (same := _UNCHANGED.search(after)):
        end = mention.end + after[: same.end()].count(" ") + 1
        return replace(said, status="absent", to_token=max(said.to_token, end))
    contrasted = _CONTRASTED.fullmatch(after)
    if (
        contrasted is not None
        and mention.kind == "symptom"
        and said.experiencer == "patient"
        and said.status == "present"
        and turn.speaker != {"you": "patient", "i": "clinician"}[contrasted["who"]]
    ):
        return replace(said, status="absent", hypothetical=False, to_token=len(turn.tokens))
    if said.status == "absent":
        before = " ".join(turn.sentence.words[said.from_token : mention.start])
        of_another_verb = "think" in before and _CHANGING.match(after)
        relative = (
            turn.speaker == "patient"
            and _NOT_THE_ONE.search(before)
            and (after.startswith(("that ", "which ")) or _MINDING.search(before))
        )
        of_a_symptom = mention.kind == "symptom" and not turn.tokens[mention.end - 1].comma
        compared = of_a_symptom and _COMPARING.match(after)
        if of_a_symptom and _MUCH.search(before):
            return replace(said, status="present")
        if compared or after.startswith("unless ") or of_another_verb or relative:
            return replace(said, status="present", from_token=mention.start, to_token=mention.end)
        return said
    if turn.speaker != "clinician" and said.status == "present" and (last := _denied_behind(turn, mention)) is not None:
        return replace(said, status="absent", to_token=last + 1)
    return said


def _denied_behind(turn: Turn, mention: Mention) -> int | None:
    """The token of the "no" in "headaches, yes, chest pain, no", where nothing else is said of the symptom."""
    tokens = turn.tokens
    at = mention.start
    while at > 0 and (tokens[at - 1].soft or tokens[at - 1].word in _LISTING) and not tokens[at - 1].comma:
        at -= 1
    at_start = at == 0 or tokens[at - 1].comma or tokens[at - 1].word in _LISTING | {"yes", "yeah", "no"}
    if "the" in turn.sentence.words[max(0, mention.start - 1) : mention.end]:
        return None  # "the headache, no, it's in the front" is there
    last = mention.end
    while last < len(tokens) and tokens[last].soft:
        last += 1
    if not at_start or turn.sentence.words[last : last + 1] not in (["no"], ["nope"], ["nah"]):
        return None
    goes_on = turn.sentence.words[last + 1 : last + 2]
    return last if not goes_on or (tokens[last].comma and goes_on[0] not in _SAYING_MORE) else None
