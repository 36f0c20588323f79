"""What a sentence names in order not to have it: "instead of X", "I don't recommend X", "X is not necessary". Pure.

Nothing that is named inside such a stretch is ordered, prescribed or stopped. A forward wording governs what follows it
up to the end of its clause, a backward one what precedes it.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal

from inference.extraction.tokens import Token

Way = Literal["contrast", "exchange", "rejection", "refusal", "delay", "withdrawal"]
"""contrast: something else takes its place. exchange: the same, and it was taken until now. rejection: it was
offered, and somebody did not want it. refusal: it is not wanted.
delay: not now. withdrawal: it was wanted before, and is no more."""


@dataclass(frozen=True, slots=True)
class Declined:
    """The tokens [start, end), which hold the wording and all that it governs."""

    way: Way
    start: int
    end: int


_NOT = (
    r"(?:not|never|dont|didnt|doesnt|wont|cant|cannot|couldnt|wouldnt|shouldnt|neednt|mustnt|(?:do|did|will|would|can|"
    r"could|should|need|must|am|are|is) not|aint|arent|isnt)"
)
_ADVERBS = (
    r"(?: (?:really|actually|necessarily|currently|just|generally|usually|personally|particularly|even|yet|also))*"
)
_VERBS = (
    r"(?:recommend|advise|suggest|advocate|favou?r|prescrib|order|giv|offer|start|us|do|go(?:ing)? (?:with|for|ahead|down)|"
    r"put|try|get|consider|bother|touch|request|arrang|book|refer|send|add|need|requir|want|warrant|justif|support|"
    r"endors|push|see|having|be (?:taking|using|doing|giving|having|on|prescribing|ordering))(?:e|es|ing|ting|y|ies)?"
)
_FORWARD: tuple[tuple[Way, str], ...] = (
    (
        "contrast",
        r"instead of|rather than|as opposed to|in preference to|in place of|in lieu of|as an alternative to|"
        r"as a substitute for|not (?!only|just|merely|simply|sure|more|less|to\b)(?=\w)|and no(?= \w+$)",
    ),
    (
        "exchange",
        r"(?:switch|chang|mov|convert|swapp|transfer|cross)(?:e|ing|ed)?(?: (?:you|her|him|them|over|across))* from|"
        r"replac(?:e|ing)|swap(?:ping)?|exchang(?:e|ing)",
    ),
    (
        "refusal",
        rf"{_NOT}{_ADVERBS} (?:think|believe|feel|like|want|need|have|intend|plan|propose|going|gonna) (?!of\b)",
    ),
    ("refusal", rf"{_NOT}{_ADVERBS} {_VERBS}\b"),
    (
        "refusal",
        r"(?:no|without|see no|see any|see a|see the|see much|isnt any|not any|not much|little) (?:\w+ )?(?:need|reason|point|"
        r"indication|sense|call|necessity|benefit|use|value|role|place|case|justification)\b",
    ),
    (
        "refusal",
        r"(?:advi[sc]e|advised|advising|recommend|recommended|counsel|caution|warn|be|am|im|are|were|is|"
        r"you|him|her)(?: \w+)? against|"
        r"(?:reluctant|hesitant|wary|unwilling|nervous|cautious|unwise|inadvisable|dangerous|unsafe|risky|wrong|premature|"
        r"pointless|foolish|a mistake|too early|too soon|overkill) (?:to|about|of|for)|"
        r"not (?:so |very |too |that |at all )?(?:happy|comfortable|keen|convinced|a fan|in favou?r|a believer|"
        r"inclined|prepared|willing|ready)\b",
    ),
    (
        "rejection",
        r"(?:declin|refus|reject)(?:e|es|ed|ing)|turn(?:ed|ing)? down|sa(?:y|id) no to|opt(?:ed|ing)? out of|(?:decided?|opted?) against",
    ),
    (
        "refusal",
        r"avoid(?:ing)?|steer(?:ing)? clear of|stay(?:ing)? (?:away from|clear of)|keep(?:ing)? (?:away from|clear of)|discourag\w+|"
        r"(?:rather|prefer|better|best|wiser|safer|id|well|ill)(?: to)? not(?: to)?\b|(?:wouldnt|would not|shouldnt) tak(?:e|ing)",
    ),
    (
        "delay",
        r"hold(?:ing)? (?:off|fire|back)(?: on| with)?|put(?:ting)? off|postpon(?:e|ing)|defer(?:ring)?|delay(?:ing)?",
    ),
)
_WITHDRAWING = (
    r"(?:forget|cancel|scrap|scratch|strike|skip|drop|leave|leave out|ditch|omit|shelve|park|abandon|disregard|ignore|"
    r"never mind|pass on|do without|go without|dispense with|wait with|changed? (?:my|our) minds? (?:about|on)|"
    r"(?:dont|do not) bother|(?:lets|let us) not(?: \w+)?|(?:wont|will not|not going to|not gonna|wouldnt|cant|cannot|shouldnt) (?:do|have|give|order|"
    r"prescribe|start|use|get|be (?:doing|having|giving|ordering|prescribing|starting|using|needing)|need|send|refer|book|"
    r"arrange)|"
    r"(?:dont|do not|doesnt|not|neednt|wont) (?:need|have)(?: to)?|no need|no longer|no more|(?:so|then|and|but|okay|actually) no)"
)
_WITHDRAWN_LEADS = frozenset(
    ("lets", "us", "we", "well", "ill", "ill", "will", "id", "could", "can", "should", "then", "just", "actually", "okay", "ok",
     "so", "please", "to", "and", "but", "i", "ive", "weve", "you", "youll", "no", "wait", "sorry", "oh", "better", "now",
     "reflection", "thought", "thoughts", "thinking", "rather", "right", "hmm", "um", "instead", "though", "fine", "alright",
     "gonna", "maybe", "perhaps", "not", "im", "were", "are", "would", "think", "that")
)  # fmt: skip
_NOT_WITHDRAWN_LEADS = frozenset(("dont", "never", "wont", "not", "cant", "didnt", "cannot", "shouldnt"))
_BACKWARD = re.compile(
    r"\b(?:(?:is|was|are|were|would|be|its|thats|seems|looks)?(?: (?:really|just|probably|clearly|simply))* ?"
    r"(?:not|isnt|arent|wasnt|wouldnt be|wont be|would not be|will not be|never)"
    r"(?: (?:a|an|the|really|very|such|that|so|all|actually|going|to|be|much|strictly|yet|any))* "
    r"(?:good|idea|necessary|needed|required|indicated|appropriate|suitable|advisable|recommended|advised|safe|option|worth|"
    r"helpful|help|right|best|warranted|justified|useful|sensible|wise|answer|for you|for him|for her|on the cards)"
    r"|(?:wont|wouldnt|would not|will not|doesnt|does not|cant|cannot)(?: really| actually)? (?:help|work|add|change|tell|be needed|"
    r"suit|do (?:you )?(?:any|much) good|make (?:any|a) difference)"
    r"|(?:is|are|be|its|seems|was|were) (?:quite |really |completely |simply |far |a |an |too )*(?:unnecessary|pointless|"
    r"contraindicated|unsuitable|inappropriate|unwise|dangerous|mistake|risky|overkill|off the table|out of the question|"
    r"much for|bad idea|unsafe)"
    r"|can wait|makes no sense|isnt going to help|is not going to help)\b"
)
_REFUSED_AFTER = re.compile(
    r"\b(?:i|he|she|we|they)(?: \w+)? (?:said no|declined|refused|turned (?:it|that|them|this) down|"
    r"(?:didnt|did not) (?:want|take|fancy|accept|start)(?: to)?(?: it| that| them)?|"
    r"never (?:took|started|filled|used) (?:it|that|them)|wasnt keen|passed)"
    r"(?: (?:it|that|them|this|at the time|though|in the end))*$"
)
_OFFERED = re.compile(r"\b(?:offer|want|suggest|recommend|prescri|propos|ask|tried to|talk|advis)")
_PREFERRING = (
    re.compile(
        r"\b(?:prefer|choose|chose|pick|favou?r|go (?:for|with)|opt for|take|use|recommend)\b.*?\b(over)"
        r"(?! (?:the (?:next|counter|past|last|phone|weekend|course|coming)|a |two |three |four |\d|time|here|there))\b"
    ),
    re.compile(r"\b(?:rather\b(?! than)|better|safer|sooner|gentler|stronger|weaker|kinder|cheaper|more \w+)\b.*?\b(than)\b"),
    re.compile(r"\bprefer (?!to\b|you\b|not\b|him\b|her\b).*?\b(to) (?=(?:a|an|the|any) |\w+$)"),
)
_DIRECT_NOT = frozenset(
    (
        "the",
        "a",
        "an",
        "any",
        "your",
        "some",
        "on",
        "by",
        "with",
        "to",
        "for",
        "of",
        "my",
        "his",
        "her",
        "have",
        "take",
        "use",
    )
)
_OPENING = frozenset(
    ("i", "ill", "id", "im", "ive", "we", "weve", "lets", "youll", "youre", "he", "she", "they", "so", "because", "since",
     "while", "if", "when", "unless", "until", "although", "though", "otherwise", "it", "its", "thats", "theres", "this")
)  # fmt: skip
_ACTING = frozenset(
    ("take", "use", "try", "start", "give", "have", "get", "do", "go", "keep", "continue", "stop", "please", "then", "just", "stay",
     "stick", "order", "prescribe", "book")
)  # fmt: skip
_LINKING = frozenset(("with", "for", "because", "when", "if", "while", "since", "as"))
_TO_NEW = frozenset(("with", "for", "by", "to"))
_COMMON = re.compile(
    r"\b(?:instead|rather|opposed|preference|place|lieu|alternative|substitute|not|never|no|without|against|\w+nt|cannot|"
    r"switch\w*|chang\w+|mov\w+|convert\w*|replac\w+|swap\w*|transfer\w*|cross\w*|exchang\w+|isnt|reluctant|hesitant|wary|"
    r"unwilling|"
    r"nervous|cautious|unwise|inadvisable|dangerous|unsafe|risky|wrong|premature|pointless|foolish|mistake|overkill|early|"
    r"soon|declin\w+|refus\w+|reject\w+|turn\w*|sa(?:y|id)|opt\w*|avoid\w*|clear|away|better|best|prefer|hold\w*|"
    r"put\w*|postpon\w+|defer\w*|delay\w*|forget|cancel|scrap|scratch|strike|skip|drop|leave|ditch|omit|shelve|park|"
    r"abandon|disregard|ignore|mind|pass\w*|wait|over|than|prefer|discourag\w+|decided?|opted?|unnecessary|contraindicated|unsuitable|inappropriate|off|out|see|little|"
    r"bother|dispense|minds|bad|much)\b"
)
_FORWARD_RE = tuple((way, re.compile(rf"\b(?:{wording})")) for way, wording in _FORWARD)
_WITHDRAWING_RE = re.compile(rf"\b{_WITHDRAWING}\b")


def declined(tokens: Sequence[Token]) -> list[Declined]:
    """The stretches of a clause in which what is named is not wanted, in their order."""
    spoken = [token.word for token in tokens]
    joined = " ".join(spoken)
    if not _COMMON.search(joined):
        return []
    starts = dict(zip(accumulate((len(word) + 1 for word in spoken[:-1]), initial=0), range(len(spoken)), strict=True))
    found = [
        *_forward(tokens, joined, starts),
        *_withdrawn(tokens, joined, starts),
        *_backward(tokens, joined, starts),
    ]
    return sorted(found, key=lambda stretch: (stretch.start, -stretch.end))


def within(stretches: Sequence[Declined], start: int) -> Declined | None:
    """The stretch that a thing named at a token lies in: of several, one that tells most of what becomes of it."""
    ways: tuple[Way, ...] = ("exchange", "withdrawal", "contrast", "rejection", "delay", "refusal")
    holding = [s for s in stretches if s.start <= start < s.end]
    return min(holding, key=lambda s: ways.index(s.way), default=None)


def words_outside(tokens: Sequence[Token], stretches: Sequence[Declined], end: int) -> list[str]:
    """The words before a token without those of stretches that end before it. The verb of an exchange stays: it orders."""
    gone = {at for s in stretches if s.end <= end for at in range(s.start + (s.way == "exchange"), s.end)}
    return [token.word for at, token in enumerate(tokens[:end]) if at not in gone]


def _forward(tokens: Sequence[Token], joined: str, starts: dict[int, int]) -> Iterator[Declined]:
    for way, wording in _FORWARD_RE:
        for match in wording.finditer(joined):
            start, after = _span(joined, starts, match.start(), match.end())
            if way == "contrast" and tokens[start].word in ("not", "and"):
                yield from _bare_not(tokens, start)
            elif way == "exchange":
                end = next((at for at in range(after, len(tokens)) if tokens[at].word in _TO_NEW), None)
                if end is not None:
                    yield Declined(way, start, end)
            else:
                yield Declined(way, start, _clause_end(tokens, after, short=way == "contrast"))
    for preferring in _PREFERRING:
        preferred = preferring.search(joined)
        if preferred is not None:
            start, after = _span(joined, starts, preferred.start(1), preferred.end(1))
            yield Declined("contrast", start, _clause_end(tokens, after, short=True))


def _bare_not(tokens: Sequence[Token], start: int) -> Iterator[Declined]:
    """ "X, not Y", "not X but Y": the next thing that is named, where no verb stands between."""
    if start and tokens[start - 1].word in (
        "do",
        "did",
        "does",
        "would",
        "could",
        "should",
        "will",
        "can",
        "must",
        "may",
    ):
        return
    at = start + 1
    while at < len(tokens) and tokens[at].word in _DIRECT_NOT:
        at += 1
    if at < len(tokens):
        yield Declined("contrast", start, _clause_end(tokens, at, short=True))


def _withdrawn(tokens: Sequence[Token], joined: str, starts: dict[int, int]) -> Iterator[Declined]:
    for match in _WITHDRAWING_RE.finditer(joined):
        start, after = _span(joined, starts, match.start(), match.end())
        lead = tokens[start - 1] if start else None
        if lead is not None and not lead.comma and lead.word not in _WITHDRAWN_LEADS:
            continue
        if lead is not None and lead.word in _NOT_WITHDRAWN_LEADS and not lead.comma:
            continue
        yield Declined("withdrawal", start, _clause_end(tokens, after, short=False))
    for at in range(len(tokens) - 1):
        if tokens[at].word == "no" and not tokens[at].comma and (at == 0 or tokens[at - 1].comma):
            yield Declined("withdrawal", at, _clause_end(tokens, at + 1, short=False))


def _backward(tokens: Sequence[Token], joined: str, starts: dict[int, int]) -> Iterator[Declined]:
    for match in _BACKWARD.finditer(joined):
        at, end = _span(joined, starts, match.start(), match.end())
        start = at
        while start > 0 and not (tokens[start - 1].comma or tokens[start].word in ("but", "so", "and", "because")):
            start -= 1
        yield Declined("refusal", start, end)
    refused = _REFUSED_AFTER.search(joined)
    if refused is not None and _OFFERED.search(joined[: refused.start()]):
        yield Declined("rejection", 0, len(tokens))


def _span(joined: str, starts: dict[int, int], start: int, end: int) -> tuple[int, int]:
    """The tokens over the characters [start, end) of the joined words."""
    first = starts[
        joined.rfind(" ", 0, start + 1) + 1 if start and joined[start] != " " else start + (joined[start] == " ")
    ]
    last = end if joined[end - 1] != " " else end - 1
    following = joined.find(" ", last)
    return first, len(starts) if following < 0 else starts[following + 1]


def _clause_end(tokens: Sequence[Token], after: int, *, short: bool) -> int:
    """Where what a wording governs ends. `short`: it governs one thing, and not what comes after a comma."""
    for at in range(after + 1, len(tokens)):
        word, comma = tokens[at].word, tokens[at - 1].comma
        if word == "but" or (comma and (short or word in _OPENING | _ACTING or _is_list_end(tokens, at))):
            return at
        if word in _LINKING or (word in _OPENING and word not in ("it", "this", "its")):
            return at
        if short and (word in _ACTING or (word == "you" and not _takes_object(tokens[at - 1]))):
            return at
        if tokens[at - 1].word in ("and", "or", "so") and word in _OPENING | _ACTING | {"you", "well"}:
            return at - 1
    return len(tokens)


def _takes_object(verb: Token) -> bool:
    """ "Rather than start you on a statin"."""
    return verb.word in _ACTING or verb.word.endswith("ing")


def _is_list_end(tokens: Sequence[Token], at: int) -> bool:
    """A comma before what is no part of a list: "no MRI, an ultrasound will do"."""
    rest = [token.word for token in tokens[at : at + 6]]
    return not {"or", "and"} & set(rest) and any(word in rest for word in ("will", "is", "should", "can", "would"))
