"""What is asked of a symptom that was told: "how long have you had it?" "about three weeks". Pure."""

import re
from collections.abc import Iterator, Sequence

from inference.extraction import ExtractionRequest
from inference.extraction.rules.concepts.attributes import (
    SYMPTOM_SLOTS,
    Span,
    expressions,
    is_character_of,
    timing,
    tokens_over,
)
from inference.extraction.rules.concepts.mentions import mentions
from inference.extraction.rules.cues.readings import is_bare, is_empty
from inference.extraction.rules.facts.draft import Draft, draft
from inference.extraction.rules.facts.statements import stated
from inference.extraction.text.dialogue import Turn
from inference.findings import Kind

_HOW_LONG = re.compile(r"\b(?:how long|when did|since when|how many days|how many weeks|when was|start)\b")
_HOW_BAD = re.compile(r"\b(?:how bad|how severe|scale|out of ten|out of 10|rate)\b")
_HOW_OFTEN = re.compile(r"\b(?:how often|how many times|how frequent\w*|all the time)\b")
_WHAT_LIKE = re.compile(
    r"\b(?:describe|what kind|what sort|what does it feel|feel like|what type|watery or|sharp or|dull or)\b"
)
_ASKED = ((_HOW_BAD, "severity"), (_HOW_OFTEN, "frequency"), (_WHAT_LIKE, "character"))
_OTHER_MATTERS = re.compile(
    r"\b(?:periods?|bowel motion|smok\w+|drink\w*|tak(?:e|ing|en)|tablets?|medic\w+|live|living|"
    r"work\w*|job|born|test|scan)\b"
)


def follow_ups(conversation: Sequence[Turn], consultation: ExtractionRequest) -> Iterator[Draft]:
    """ "How long have you had it?" "About three weeks.": attributes of the symptom that was spoken of last."""
    for at, question in enumerate(conversation):
        if question.speaker == "patient" or question.form == "statement" or _OTHER_MATTERS.search(question.joined):
            continue
        reply = _told_after(conversation, at)
        if reply is None or reply.index < consultation.new_from:
            continue
        topic = _topic(conversation, at, consultation) if _asks_more(question.joined) else None
        attributes, proof = _asked_for(question.joined, reply, topic) if topic is not None else ({}, [])
        if topic is not None and attributes:
            yield draft(reply, "symptom", topic, *proof[0], attributes=attributes, proof=proof[1:])


def _told_after(conversation: Sequence[Turn], at: int) -> Turn | None:
    """The first statement with something in it that another speaker makes after a question."""
    for reply in conversation[at + 1 : at + 5]:
        if reply.form != "statement":
            return None
        if reply.is_of_another(conversation[at]) and not is_empty(reply) and not is_bare(reply):
            return reply
    return None


def _topic(conversation: Sequence[Turn], at: int, consultation: ExtractionRequest) -> str | None:
    """The symptom that the question names, or the one told last before it."""
    present = [f.text for f in consultation.findings if _is_symptom(f.kind) and f.status == "present"]
    question = conversation[at]
    named = [m.concept for m in mentions(question.segment.text, question.tokens) if m.concept in present]
    if named:
        return named[0]
    for turn in reversed(conversation[max(0, at - 8) : at]):
        if turn.form == "polar":
            # A symptom that was asked about since: the question may mean that one, so it is left alone.
            if any(m.concept not in present and m.kind == "symptom" for m in mentions(turn.segment.text, turn.tokens)):
                return None
            continue
        for fact in stated(turn):
            if fact.proposal.kind == "symptom" and fact.proposal.status == "present":
                return fact.proposal.text
    return present[-1] if present else None


def _is_symptom(kind: Kind) -> bool:
    return kind in ("symptom", "chief_complaint")


def _asks_more(question: str) -> bool:
    return _HOW_LONG.search(question) is not None or any(pattern.search(question) for pattern, _ in _ASKED)


def _asked_for(question: str, reply: Turn, topic: str) -> tuple[dict[str, str], list[Span]]:
    """The attributes of a symptom that the question asks for, and the tokens of the reply that hold them."""
    text, tokens = reply.segment.text, reply.tokens
    slots = frozenset(slot for pattern, slot in _ASKED if pattern.search(question))
    found: dict[str, str] = {}
    spans: list[Span] = []
    for expression in expressions(tokens, SYMPTOM_SLOTS & slots) if slots else []:
        start, end = expression.start, expression.end
        if expression.slot in found or (
            expression.slot == "character" and not is_character_of(topic, tokens, start, end)
        ):
            continue
        found[expression.slot] = text[tokens[start].start : tokens[end - 1].end]
        spans.append((start, end))
    if _HOW_LONG.search(question):
        for slot, (value, start, end) in timing(text, tokens[0].start, tokens[-1].end).items():
            found[slot] = value
            spans.append(tokens_over(tokens, start, end))
    return found, spans
