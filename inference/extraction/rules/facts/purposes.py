"""Purposes, problems and causes in the words of a sentence: "to rule out a fracture", "because of the cough". Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from inference.extraction.rules.facts.problems import Span, clinical, is_numbered, leads, problem, spans
from inference.extraction.tables import words
from inference.extraction.text.dialogue import Turn
from inference.findings import Quote

_AIM = (
    r"(?:rule (?:that )?out|ruling out|exclude|check(?:ing)?(?: for| on| out)?|look(?:ing)? (?:at|for|into)|"
    r"evaluat(?:e|ing)|assess(?:ing)?|determin(?:e|ing)|confirm(?:ing)?|find out|see (?:if|whether|what|how|why)|"
    r"make sure|monitor|screen(?:ing)? for|test(?:ing)? for|detect|investigate|figure out|prevent|protect|recheck|"
    r"identify|get (?:a|another) (?:better |closer |good )?look at)"
)
_TO_AIM = re.compile(
    r"\b(?P<lead>(?<!you )to|for|so (?:that )?(?:we|i) (?:can|could)|(?:we|i) can|wanna|(?:will|thatll|itll) help|"
    r"and just|by|which (?:will|would|can)|helps?) (?:(?:help|helps|try|just|further|better|also|maybe|really|kind|of|"
    rf"hopefully|basically|to|us|me|you) )*(?P<aim>{_AIM})\b"
)
_BODY = words("site") | words("measured")
_WEAK = re.compile(r"(?:see|make sure|find out|figure out|monitor|look|check(?:ing)?(?: on| out)?|recheck)\b")
_WHETHER_IT_WORKS = re.compile(r"(?:see|find out) \w+ (?:it|that|this|those|they|things|you|youre)\b")
_FOR = re.compile(
    r"\b(?:(?P<cause>because of|due to|given|in view of|on account of|owing to)|for|treat(?:s|ing)?|reliev\w+|"
    r"help(?:s|ing)?(?: (?:you|to|with|out|reduce|relieve|ease|control|alleviate|calm|down|bring|get|rid|of|some|take|"
    r"care|manage|treat|decrease|your|the|that))*|reduc(?:e|es|ing)|eas(?:e|es|ing)|alleviate|get(?:ting)? rid of|"
    r"take care of|clear up|decrease)\b"
)
_BECAUSE = re.compile(r"\b(?:because|since)(?= (?:you|youve|youre|your|the|he|she|his|her|its|theres|there)\b)")
_NOT_FOR = words("not_for")
_POINTING = re.compile(
    r"(?:(?:and|so|then|okay|um|uh|now) )*(?:it|that|this|these|those|they|thats|its|thatll|itll|theyll|which) "
    r"(?:(?:is|will|would|should|can|could|may|might|are|gonna|going|just|also|really|definitely|to|be|hopefully) )*"
)
_WORRIED = re.compile(r"\b(?:worried|concerned) (?:about|that you (?:might |may |could )?have)\b")
_REFERRING = words("referring")
_WANTING = re.compile(r"\b(?:want(?: you)?|like|need|needs|have|got|going|trying|you|has) $")
_DENIALS = words("cause_denial")
_AIM_END = words("aim_end")
_CAUSAL = frozenset(("because", "since"))
_SAYS_NOTHING = words("says_nothing")
_DENIED = 3
"""Words in front of a purpose in which it is denied: "it won't get rid of the cough"."""
_LONGEST = 12
_MAX_QUOTE_TOKENS = 16


@dataclass(frozen=True, slots=True)
class Reason:
    """The tokens of a sentence that say it, and those that prove it. `weak`: it says less than the problem would."""

    turn: Turn
    said: Span
    proof: Span
    weak: bool = False

    @property
    def text(self) -> str:
        """The words that say the reason, one space between."""
        return " ".join(self.turn.text(*self.said).split())

    @property
    def quote(self) -> Quote:
        """The words that prove it, the last ones where there are many."""
        start, end = self.proof
        return self.turn.quote(max(start, end - _MAX_QUOTE_TOKENS), end)


@dataclass(frozen=True, slots=True)
class Clause:
    """The tokens [start, end) of a sentence."""

    sentence: Turn
    start: int
    end: int

    @property
    def spoken(self) -> list[str]:
        """The plain words of the whole sentence."""
        return self.sentence.sentence.words


def pointing(clause: Clause) -> Iterator[Reason]:
    """ "That will help with the swelling", and the end of a sentence that a pause cut off: "to rule out a tear"."""
    joined = " ".join(clause.spoken[clause.start : clause.end]) + " "
    pointed = _POINTING.match(joined)
    start = clause.start + (pointed.group().count(" ") if pointed else 0)
    if _DENIALS & set(clause.spoken[clause.start : start + 2]):
        return
    for reason in behind(clause, max(clause.start, start - 1), min(clause.end, start + 2)):
        if not reason.weak and (pointed or (reason.said[1] >= clause.end and reason.proof[0] == clause.start)):
            yield reason


def behind(clause: Clause, start: int, end: int) -> Iterator[Reason]:
    """A purpose, a problem or a cause that begins in the tokens [start, end)."""
    turn, spoken = clause.sentence, clause.spoken
    found = list(causes(clause, start, end))
    aims_until = next((i + 1 for i in range(start + 1, end) if spoken[i] in _AIM_END - _CAUSAL), end)
    for match, first, after in spans(_TO_AIM, turn.joined):
        if start <= first < aims_until:
            reason = _aim(turn, first, after, match["aim"], len(spoken))
            found += [reason] if reason is not None else []
    for match, first, after in spans(_FOR, turn.joined):
        if start <= first < end and not match["cause"] and not (first and spoken[first - 1] in _NOT_FOR):
            named = problem(turn.tokens, after)
            if named is not None and not is_numbered(turn, first) and not _opens_next(turn, first, named[1]):
                found.append(Reason(turn, named, (first, named[1])))
    found = [r for r in found if not _DENIALS & set(spoken[max(start, r.proof[0] - _DENIED) : r.proof[0]])]
    yield from sorted(found, key=lambda reason: (reason.weak, reason.proof))


def _opens_next(turn: Turn, first: int, end: int) -> bool:
    return turn.sentence.words[first] == "for" and leads(turn, first, end)


def causes(clause: Clause, start: int, end: int) -> Iterator[Reason]:
    """ "Because of the palpitations", "because you've been coughing up blood"."""
    turn = clause.sentence
    for match, first, after in spans(_FOR, turn.joined):
        if start <= first < end and match["cause"]:
            named = problem(turn.tokens, after)
            if named is not None:
                yield Reason(turn, named, (first, named[1]))
    for _, first, after in spans(_BECAUSE, turn.joined):
        if start <= first < end:
            stop = _end(turn, after + 1, min(len(turn.tokens), after + _LONGEST))
            said = clinical(turn.tokens[after:stop])
            if said and not _DENIALS & set(turn.sentence.words[after:stop]):
                yield Reason(turn, (after, stop), (first, stop))


def before(clause: Clause, end: int) -> Iterator[Reason]:
    """A cause or a purpose at the head of the order's clause: "to rule out a fracture, I'd like an x-ray"."""
    turn = clause.sentence
    yield from (reason for reason in causes(clause, clause.start, end) if reason.said[1] <= end)
    for match, first, after in spans(_TO_AIM, turn.joined):
        if clause.start <= first < min(end, clause.start + 4) and match["lead"] == "to":
            reason = _aim(turn, first, after, match["aim"], end)
            if not _WANTING.search(turn.joined[: match.start()]) and reason is not None and not reason.weak:
                yield reason


def wanted(clause: Clause) -> Iterator[Reason]:
    """ "I want to rule out a fracture", before "so let's get an x-ray"."""
    turn = clause.sentence
    for _, first, after in spans(_WORRIED, turn.joined):
        named = problem(turn.tokens[: clause.end], after) if clause.start <= first < clause.end else None
        if named is not None and not _DENIALS & set(clause.spoken[clause.start : first]):
            yield Reason(turn, (first, named[1]), (first, named[1]))
    for match, first, after in spans(_TO_AIM, turn.joined):
        if clause.start <= first < clause.end and match["lead"] in ("to", "wanna") and not _WEAK.match(match["aim"]):
            reason = _aim(turn, first, after, match["aim"], clause.end)
            if reason is not None and clinical(turn.tokens[slice(*reason.said)]):
                yield reason


def _aim(turn: Turn, first: int, after: int, aim: str, until: int) -> Reason | None:
    """The words of a purpose, up to where the sentence goes on to something else."""
    spoken = turn.sentence.words
    start = after - aim.count(" ") - 1
    end = _end(turn, after, min(until, start + _LONGEST))
    if all(word in _SAYS_NOTHING for word in spoken[after:end]) or turn.tokens[after - 1].comma:
        return None
    is_clinical = bool(clinical(turn.tokens[after:end]))
    weak = bool(_WEAK.match(aim)) and not is_clinical
    if weak and not _BODY & set(spoken[after:end]):
        return None
    vague = spoken[after] in _REFERRING or _WHETHER_IT_WORKS.match(" ".join(spoken[start:end]))
    if vague and not is_clinical:
        return None
    return Reason(turn, (start, end), (first, end), weak)


def _end(turn: Turn, start: int, limit: int) -> int:
    """Where a run of words ends that began before `start`: at a comma, or before what opens another clause."""
    spoken, end = turn.sentence.words, start
    while end < limit and (end == start or spoken[end] not in _AIM_END):
        end += 1
        if turn.tokens[end - 1].comma:
            break
    while end > start and spoken[end - 1] in _SAYS_NOTHING | _AIM_END:
        end -= 1
    return end
