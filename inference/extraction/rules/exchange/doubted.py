"""Diagnoses that the sentence before leaves open: "there are two possibilities. One is gout." Pure."""

import re
from collections.abc import Sequence
from dataclasses import replace

from inference.extraction.rules.cues.readings import is_empty
from inference.extraction.rules.facts.draft import Draft
from inference.extraction.text.dialogue import Turn

_SEVERAL = (
    r"(?:few|couple|several|two|three|four|number|range|different|many|multiple|some|other)(?: of)?"
    r"(?: (?:different|possible|other|main|likely))*"
)
_MAY_BE = r"(?:could|might|may) be"
_DIAGNOSING = re.compile(
    rf"\b{_SEVERAL} (?:possibilities|explanations)\b|\b{_SEVERAL} (?:\w+ ){{1,4}}{_MAY_BE}\b|"
    rf"\b{_MAY_BE} (?:due to |caused by )?(?:any? )?(?:one of )?{_SEVERAL} (?:things|causes|reasons|conditions)\b|"
    rf"\b{_MAY_BE} (?:one|any) of\b|\bwhat (?:this|it|that) {_MAY_BE}\b|"
    r"\bwhat (?:could|might|may) (?:this|it|that|be)\b|\b(?:possibilities|things) (?:that )?come to mind\b|"
    r"\b(?:i wonder|im wondering|i am wondering) (?:what|if|whether|about)\b|"
    r"\b(?:my|our|the) (?:best|first|main|working|initial) (?:guess|thoughts?|suspicion|diagnosis|impression)\b|"
    r"\bdifferential\b|\bwe (?:dont|do not) (?:really |actually )?know (?:yet|for sure|for certain|exactly)\b|"
    r"\b(?:cant|cannot|can not) rule (?:\w+ )?out\b"
)
"""What only somebody says who looks for a diagnosis."""
_UNSURE = re.compile(
    r"\b(?:not|cant be|cannot be|can not be|hard to be)"
    r" (?:(?:really|quite|completely|entirely|totally|absolutely|yet|a|one|hundred|100|percent) )*(?:sure|certain)\b"
    r"(?! (?:why|when|where|how|about)\b)|"
    r"\b(?:hard|difficult|impossible|too early|too soon) to (?:say|tell|know)\b|"
    r"\b(?:cant|cannot|can not) (?:really )?(?:say|tell)(?: yet| for (?:sure|certain))?\b|"
    r"\bdont know (?:yet|for sure|for certain)\b"
)
_OPTIONS = re.compile(rf"\b{_SEVERAL} (?:options|causes|reasons|conditions)\b")
_ONE_OF = re.compile(r"(?:(?:so|um|uh|well|and) )*(?:one|the first|first|either|the other|another)\b")
_SOUNDING = re.compile(r"\b(?:sounds?|looks?|seems?) (?:\w+ ){0,2}(?:like|as if|as though)\b|\bseems to be\b")
_CALLED = re.compile(r"\b(?:called|known as|we call|the (?:word|name|term) for)\b")
_SURE = re.compile(
    r"\b(?:definitely|certainly|clearly|undoubtedly|obviously|no doubt|without a doubt|confirm\w*|shows?|showed|"
    r"shown|proves?|positive|diagnosed|history|known|already|before|previous\w*|ago|years?|"
    r"i(?:m| am) (?:sure|certain|confident)|i (?:have|had|get|got|take)|ive|"
    r"my (?!(?:best|first|main|initial|working|list|guess|view|mind|opinion|money)\b)\w+|"
    r"you (?:have|had|get|suffer)|youve)\b"
)
"""What needs no doubt, or is no news."""
_BACK = 2
"""Sentences before a diagnosis that may leave it open."""


def in_doubt(conversation: Sequence[Turn], at: int, fact: Draft) -> Draft:
    """The fact as possible, with the words that leave it open, where it names a diagnosis that they speak of."""
    turn, proposal = conversation[at], fact.proposal
    if (
        proposal.kind not in ("diagnosis", "past_history")
        or (proposal.status, proposal.temporality, proposal.experiencer) != ("present", "current", "patient")
        or turn.speaker == "patient"
        or turn.form != "statement"
        or _SURE.search(turn.joined)
    ):
        return fact
    for before in [t for t in reversed(conversation[max(0, at - _BACK) : at]) if not is_empty(t)]:
        if before.speaker != turn.speaker or _SURE.search(before.joined):
            break
        said = _leaving_open(before, turn, named=proposal.kind == "diagnosis")
        if said is not None:
            start = before.joined[: said.start()].count(" ")
            quote = before.quote(start, start + said.group().count(" ") + 1)
            told = replace(proposal, kind="diagnosis", status="possible", quotes=(quote, *proposal.quotes))
            return replace(fact, proposal=told, segments=(before.index, *fact.segments))
        if turn.speaker == "unknown":
            break  # who spoke before that?
    return fact


def _leaving_open(before: Turn, turn: Turn, *, named: bool) -> re.Match[str] | None:
    """The words that leave open what the next sentence says. `named`: that sentence says it as a diagnosis."""
    said = _DIAGNOSING.search(before.joined)
    if said is None and _ONE_OF.match(turn.joined):
        said = _OPTIONS.search(before.joined)
    if said is None and named:
        said = _UNSURE.search(before.joined)
    if said is None and named and _CALLED.search(turn.joined):
        said = _SOUNDING.search(before.joined)
    return said
