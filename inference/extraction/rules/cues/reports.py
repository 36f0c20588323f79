"""How clinicians report what they looked for: ruled out, not excluded, no evidence of, negative for, a concern for.

Each of these has more wordings than a table can list ("we were not able to completely rule out"), so they are read by
their parts: a verb or a noun, and what stands before it. Pure.
"""

import re
from collections.abc import Iterator, Sequence

from inference.extraction.rules.cues.trigger import Category, Trigger
from inference.extraction.tables import words
from inference.extraction.text.tokens import Token

_REACH = 8
_BACK = 6
_WINDOW = 5
"""Words before a verb or a noun that may deny it."""

_EXCLUDING = re.compile(r"\b(?:rul(?:e|es|ed|ing) out|exclud(?:e|es|ed|ing))\b")
_EXCLUDING_APART = re.compile(r"\brul(?:e|es|ed|ing) (?=(?!out)(?:\w+ ){1,4}?out\b)")
_EVIDENCE = re.compile(
    r"\b(?:evidence|signs?|indications?|suggestions?|features?|hints?|traces?|proof|findings|"
    r"(?:any)?thing|nothing) (?:of|for|to (?:suggest|indicate|point to|support)|suggest(?:ing|ive of)|that suggests?|"
    r"indicating|pointing to)\b"
)
_SHOWING = re.compile(
    r"\b(?:show|reveal|demonstrate|find|found|suggest|indicate|point to|point towards|support|detect|pick up|identify|"
    r"confirm)(?: (?:any|a|an|the|you have))?\b"
)
_AGAINST = re.compile(r"\b(?:goes|argues|argue|speaks|points|counts) (?:strongly )?against\b|\bfail(?:s|ed)? to \w+\b")
_RESULT = re.compile(
    r"\b(?:(?:has|have|had|is|was|are|were|be|been|being|its|came|come|comes|coming|tested|tests|turned|out|back|"
    r"all(?! clear\b)|both|test|tests|swab|culture|smear|biopsy|bloods|scan|screen|panel|result|results|again|also|"
    r"thankfully|fortunately|luckily) )++(?P<result>negative|positive|all clear)\b(?P<of> for)?"
)
_RESULT_FOR = re.compile(r"\b(?P<result>negative|positive) (?P<of>for)\b")
_WELL = re.compile(
    r"\b(?:tests?|swab|culture|smear|biopsy|scan|screen|screening|results?|bloods|x ?ray|ct|mri|ultrasound)"
    r"(?: (?:has|have|had|is|was|are|were|been|all(?! right\b)|both|came|come|back|out|up|looked|looks|also|thankfully|"
    r"luckily|as)\b)++"
    r" (?:fine|ok|okay|normal|clear|good|all right|alright)\b"
)
"""What was tested for is not there: "my HIV test was fine"."""
_CONCERN = re.compile(
    r"\b(?:some|an?|my|our|the|slight|real|high|low|clinical|main|biggest|only|any|no|raises?|raising|raised)"
    r"(?: (?:slight|real|high|low|clinical|main|biggest|only|little|bit of a?|strong|big|first|serious))*"
    r" (?:concerns?|worry|worries|suspicions?|question|possibility|query|fear)"
    r"(?: (?:here|now|today|at the moment|at this point))?"
    r" (?:for|of|about|over|is|was|would be|remains)(?: (?:for|of|about|that|this|it))?"
    r"(?: (?:is|could be|might be|may be))?\b"
)
_REMAINING = re.compile(
    r"\b(?:is|are|was|would be|remains?|is still|has to be)(?: \w+)? (?:a|an|my|our|the)(?: \w+){0,2}? "
    r"(?:concern|worry|possibility|consideration|suspicion|question|differential)\b|"
    r"\b(?:is|are|was|would be)(?: \w+)? (?:(?:at the )?top of (?:my|the|our) list|"
    r"(?:possible|likely|most likely|conceivable)(?: too| here| though)?$)|"
    r"\bwould (?:also )?fit(?: with (?:that|this|it))?$"
)
_SUGGESTING = re.compile(
    r"\b(?:suggestive of|suspicious (?:for|of)|(?:could|may|might) represent|(?:presumed|presumptive|probable)|"
    r"question mark|differential (?:includes|is)|(?:have|need|ought) to (?:consider|think about|keep in mind))\b"
)
_CUES = re.compile(
    r"\b(?:rul|exclud|evidence|signs?\b|indicat|suggest|feature|hint|trace|suspici|proof|finding|nothing|anything|show|"
    r"reveal|demonstrate|find|found|point|support|detect|identify|pick|confirm|against|fail|negative|positive|"
    r"all clear|test|swab|culture|smear|biopsy|scan|screen|result|bloods|"
    r"concern|worr|question|possib|likely|conceivable|top of|fit|"
    r"query|fear|consider|differential|represent|presum|probable|think about|keep in)"
)
"""One of these is part of every report."""
_DENYING = words("report_denial") | words("denial")
_BEING = words("passive")
_INTENDING = words("report_intent")
_ABLE = frozenset(("can", "able", "lets", "allows"))
_OF_OTHERS = words("report_of_others")
_THERE = words("report_finding")


def reports(tokens: Sequence[Token]) -> list[Trigger]:
    """What the sentence reports, in its order and without overlap."""
    joined = " ".join(token.word for token in tokens)
    if _CUES.search(joined) is None:
        return []
    found: list[Trigger] = []
    taken = set[int]()
    for trigger in _every(tokens, joined):
        span = range(trigger.start, trigger.end)
        if taken.isdisjoint(span):
            found.append(trigger)
            taken.update(span)
    return sorted(found, key=lambda trigger: trigger.start)


def _every(tokens: Sequence[Token], joined: str) -> Iterator[Trigger]:
    for pattern, read in _READERS:
        for match in pattern.finditer(joined):
            start = joined[: match.start()].count(" ")
            end = joined[: match.end()].rstrip().count(" ") + 1
            trigger = read(tokens, match, start, end)
            if trigger is not None:
                yield trigger


def _trigger(category: Category, direction: str, start: int, end: int, reach: int = _REACH) -> Trigger:
    return Trigger(category, direction, reach, start, end, reports=True)


def _before(tokens: Sequence[Token], at: int) -> list[str]:
    """The words of the same phrase that stand before a token."""
    first = max(0, at - _WINDOW)
    for i in range(at - 1, first - 1, -1):
        if tokens[i].comma or tokens[i].word in ("but", "and", "so"):
            first = i + 1
            break
    return [token.word for token in tokens[first:at]]


def _denial(before: Sequence[str], at: int) -> int | None:
    """The token from which the words before the token `at` deny what follows."""
    place = next((i for i, word in enumerate(before) if word in _DENYING), None)
    return None if place is None else at - len(before) + place


def _excluded(tokens: Sequence[Token], match: re.Match[str], start: int, end: int) -> Trigger | None:
    before = _before(tokens, start)
    done = tokens[start].word in ("ruled", "excluded", "rules", "excludes")
    passive = tokens[start].word in ("ruled", "excluded") and not _BEING.isdisjoint(before[-3:])
    closes = end == len(tokens) or tokens[end - 1].comma
    if closes and not done and "what" in before:  # "a kidney infection is what I would like to exclude"
        return _trigger("possible", "backward", start - len(before) + before.index("what"), end, _BACK)
    direction, reach = ("backward", _BACK) if passive or (done and closes) else ("forward", _REACH)
    denied = _denial(before, start)
    if denied is not None:
        return _trigger("possible", direction, denied, end, reach)
    intends = not _INTENDING.isdisjoint(before) and _ABLE.isdisjoint(before)
    if done and not (passive and intends):
        return _trigger("negated", direction, start, end, reach)
    if "can" in before or "able" in before:
        return _trigger("negated", direction, start, end, reach)
    if passive or tokens[start].word.startswith("rul"):
        return _trigger("possible", direction, start, end, reach)
    return None


def _evident(tokens: Sequence[Token], match: re.Match[str], start: int, end: int) -> Trigger | None:
    if tokens[start].word == "nothing":
        return _trigger("negated", "forward", start, end) if tokens[start + 1].word == "to" else None
    before = _before(tokens, start)
    denied = _denial(before, start)
    if denied is not None:
        return _trigger("negated", "forward", denied, end)
    told = not _THERE.isdisjoint(before) and _OF_OTHERS.isdisjoint(before) and tokens[start].word != "anything"
    return _trigger("reported", "forward", start, end, 4) if told else None


def _shown(tokens: Sequence[Token], match: re.Match[str], start: int, end: int) -> Trigger | None:
    before = _before(tokens, start)[-2:]
    denied = _denial(before, start)
    return _trigger("negated", "forward", denied, end) if denied is not None else None


def _against(tokens: Sequence[Token], match: re.Match[str], start: int, end: int) -> Trigger | None:
    return _trigger("negated", "forward", start, end)


def _result(tokens: Sequence[Token], match: re.Match[str], start: int, end: int) -> Trigger | None:
    denied = not {"not", "isnt", "wasnt", "hasnt", "nt", "if", "whether"}.isdisjoint(_before(tokens, start))
    category: Category = "reported" if match["result"] == "positive" else "negated"
    if denied:
        return None
    return _trigger(category, "forward" if match["of"] else "backward", start, end)


def _well(tokens: Sequence[Token], match: re.Match[str], start: int, end: int) -> Trigger | None:
    """It governs what names the test: "I have diabetes and my eye test was fine" speaks of no diabetes."""
    denied = not {"not", "isnt", "wasnt", "nt", "if", "whether"}.isdisjoint(_before(tokens, start))
    return None if denied else _trigger("negated", "backward", start, end, reach=0)


def _concerning(tokens: Sequence[Token], match: re.Match[str], start: int, end: int) -> Trigger | None:
    if not _OF_OTHERS.isdisjoint(token.word for token in tokens[max(0, start - 2) : start]):
        return None
    denied = tokens[start].word == "no" or _denial(_before(tokens, start), start) is not None
    return _trigger("negated" if denied else "possible", "forward", start, end)


def _remaining(tokens: Sequence[Token], match: re.Match[str], start: int, end: int) -> Trigger | None:
    denied = not {"not", "no", "nt"}.isdisjoint(token.word for token in tokens[start:end])
    return None if denied else _trigger("possible", "backward", start, end, 3)


def _suggesting(tokens: Sequence[Token], match: re.Match[str], start: int, end: int) -> Trigger | None:
    denied = _denial(_before(tokens, start), start)
    return _trigger("possible" if denied is None else "negated", "forward", start if denied is None else denied, end)


_READERS = (
    (_EXCLUDING, _excluded),
    (_EXCLUDING_APART, _excluded),
    (_EVIDENCE, _evident),
    (_AGAINST, _against),
    (_RESULT, _result),
    (_RESULT_FOR, _result),
    (_WELL, _well),
    (_CONCERN, _concerning),
    (_REMAINING, _remaining),
    (_SUGGESTING, _suggesting),
    (_SHOWING, _shown),
)
