"""What the clinician orders and advises. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Literal

from inference.extraction.attributes import timing
from inference.extraction.lexicon import Entry, Trie, exact, find, stems_of, wordings
from inference.extraction.tables import rows
from inference.extraction.tokens import Token

_PLANNING = re.compile(
    r"\b(?:id like|i would like|i want|im going|i am going|were going|we are going|going to|gonna|ill|"
    r"well|we will|i will|lets|let us|order|ordering|send|sending|arrange|arranging|book|schedule|refer|"
    r"referring|referral|need|needs|recommend|suggest|organise|organize|set up|request|requesting|get you|have you|"
    r"repeat|should|could do|can do|put in|advise|want you|like you|plan is|worth)\b"
)
_DONE = re.compile(
    r"\b(?:showed|shows|came back|was normal|were normal|results?|looked|last time|ago|had an?|did an?|already)\b"
)
_FOLLOW_UP = re.compile(
    r"\b(?:follow up|followup|come back|see you (?:again|back|in)|see you|review you|review|return|check in|check back|"
    r"recheck|call you|give you a call|ring you|speak again|catch up|see me|another appointment|follow you)\b"
)
_IN_TIME = re.compile(r"\b(?:in|after|within|for|next)\b")
_NEGATED = re.compile(r"\b(?:no need|dont need|not going|wont|dont think|not need|didnt|havent|not have to)\b")
_PRESCRIBING = re.compile(
    r"\b(?:to start|you can get|get some|pick up|over the counter|prescribe|prescribing|prescription|start you|put you|"
    r"give you|giving you|try|recommend|suggest|you can take|"
    r"you could take|you can use|take some|take the|take a|use some|use the|continue|keep taking|carry on|increase|"
    r"decrease|reduce|refill|stop taking|stop the|switch|change you|id like you to|want you|going to|gonna|lets|"
    r"ill|ill|well|send in|send you|write you|order|add|you should|advise|take|need)\b"
)
_URGING = frozenset(("keep", "start", "try", "recommend", "suggest", "advise", "by", "continue", "worth"))
_CONDITIONAL = re.compile(r"\b(?:if|i (?:came|come|went))\b")
_SOON = re.compile(r"\b(?:next week|next month|tomorrow|weeks?|days?|months?)\b")
_FOLLOW_UP_TOKENS = 14
_MAX_ADVICE_WORDS = 12
_NEAR_TOKENS = 14


@dataclass(frozen=True, slots=True)
class Plan:
    """An order or advice over the tokens [start, end)."""

    kind: Literal["order", "advice"]
    text: str
    start: int
    end: int
    attributes: Mapping[str, str] = field(default_factory=dict)


@cache
def _tests_trie() -> Trie:
    trie = Trie()
    for name, order_type, column in rows("tests.tsv"):
        for text, _ in [(name, False), *wordings(column)]:
            trie.add(stems_of(text), Entry(name, "order", order_type))
    return trie


@cache
def _advice_trie() -> Trie:
    trie = Trie()
    for columns in rows("advice.tsv"):
        trie.add(exact(columns[0]), Entry(columns[0], "advice"))
    return trie


def prescribes(words: Sequence[str]) -> bool:
    """The clinician gives a medicine, or changes one."""
    return bool(_PRESCRIBING.search(" ".join(words))) and not _NEGATED.search(" ".join(words))


def plans(text: str, tokens: Sequence[Token], *, certain_speaker: bool) -> list[Plan]:
    """Orders and advice in a sentence of the clinician. A speaker who is not known must not speak of himself."""
    words = [t.word for t in tokens]
    joined = " ".join(words)
    return [*_orders(text, tokens, joined), *_advice(text, tokens, words, certain_speaker)]


def _orders(text: str, tokens: Sequence[Token], joined: str) -> list[Plan]:
    found: list[Plan] = []
    planning = _PLANNING.search(joined)
    if planning and not re.search(r"\bif\b", joined[: planning.start()]):
        for match in find(_tests_trie(), tokens):
            near = " ".join(t.word for t in tokens[max(0, match.start - _NEAR_TOKENS) : match.start])
            after = " ".join(t.word for t in tokens[match.end : match.end + 6])
            if not _PLANNING.search(near) or _NEGATED.search(near) or _DONE.search(f"{near} {after}"):
                continue
            if match.entry.detail == "referral" and not re.search(
                r"\b(?:refer|referral|referring|send|see|book|arrange|appointment|get you|go to|need|follow up)\b", near
            ):
                continue
            concept = match.entry.concept
            name = f"{concept} referral" if match.entry.detail == "referral" else concept
            found.append(Plan("order", name, match.start, match.end, {"order_type": match.entry.detail}))
    found += _follow_ups(text, tokens, joined)
    return found


def _follow_ups(text: str, tokens: Sequence[Token], joined: str) -> list[Plan]:
    """ "Come back and see me in two weeks": the words from the verb to the time."""
    verb = _FOLLOW_UP.search(joined)
    if verb is None or _CONDITIONAL.search(joined):
        return []
    start = joined[: verb.start()].count(" ")
    near = tokens[start : start + _FOLLOW_UP_TOKENS]
    words = " ".join(t.word for t in near)
    when = timing(text, near[0].start, near[-1].end)
    time = next(iter(when.values()), None)
    if not _IN_TIME.search(words) or not (time or _SOON.search(words)):
        return []
    last = start + len(near)
    if time:
        last = next((i for i in range(start, last) if tokens[i].end >= time[2]), last - 1) + 1
    attributes = {"order_type": "followup"} | ({"onset": "in " + when["duration"][0]} if "duration" in when else {})
    return [Plan("order", " ".join(t.word for t in tokens[start:last]), start, last, attributes)]


def _advice(text: str, tokens: Sequence[Token], words: Sequence[str], certain_speaker: bool) -> list[Plan]:
    found: list[Plan] = []
    for match in find(_advice_trie(), tokens):
        before = words[: match.start]
        if {"i", "ive", "im", "my"} & set(before[-6:]) and not {"id", "you", "recommend", "suggest", "want"} & set(
            before
        ):
            continue
        if not certain_speaker and {"my", "me"} & set(words[match.start : match.end + 3]):
            continue
        if {"did", "have", "do", "didnt", "havent"} & set(before[-3:]) and "you" in before[-2:]:
            continue
        if found and match.start < found[-1].end:
            continue
        if match.start and words[match.start - 1].endswith("ing") and not _URGING & set(before):
            # "You're drinking lots of water": they do so already.
            continue
        end = match.end
        while end < len(tokens) and end - match.start < _MAX_ADVICE_WORDS:
            if tokens[end].word in ("because", "but", "so", "which", "okay", "ok") or (
                tokens[end - 1].comma and end > match.end + 1
            ):
                break
            end += 1
        found.append(Plan("advice", " ".join(words[match.start : end]), match.start, end))
    return found
