"""How the patient sleeps, eats and feels, which is asked after by its healthy name: "how's your appetite?". Pure."""

import re
from collections.abc import Iterator, Sequence

from inference.extraction.rules.concepts.mentions import mentions
from inference.extraction.rules.cues.answers import answered
from inference.extraction.rules.cues.readings import is_empty
from inference.extraction.rules.facts.draft import Draft, draft, with_reply
from inference.extraction.rules.facts.statements import WELL
from inference.extraction.text.dialogue import Turn
from inference.extraction.text.tokens import stem
from inference.findings import Status

_FUNCTIONS: tuple[tuple[str, str], ...] = (
    ("mood", "low mood"),
    ("sleep|sleeping", "difficulty sleeping"),
    ("appetite|eating", "loss of appetite"),
    ("energy|energy levels?", "fatigue"),
    ("breathing", "difficulty breathing"),
    ("hearing", "hearing loss"),
)
_NAMES = "|".join(names for names, _ in _FUNCTIONS)
_ASKED_HOW = re.compile(
    rf"\bhow(?:s| is| are| has| have| was|ve)? (?:(?:your|you|the|been) )*(?P<what>{_NAMES})\b"
    r"(?: been| at the moment| now| lately| generally)*$"
)
_ASKED_WELL = re.compile(
    rf"\b(?:are|is|have|has) (?:you|your) (?:been )?(?P<what>{_NAMES}) (?:been )?"
    r"(?:ok|okay|all right|alright|well|good|normal|normally|fine)(?: at the moment| now| and drinking.*)?$"
)
_ASKED_WHETHER = re.compile(r"^(?:(?:and|so|okay|ok) )*are you (?P<what>sleeping|eating)(?: at the moment| now)?$")
_LEAD = r"^(?:(?:um|uh|oh|well|so|yeah|yes|no|its|it is|been|im|ive been|to be honest|honestly|i|sleep|eat) )*"
_BADLY = re.compile(
    rf"{_LEAD}(?:(?:a bit|pretty|quite|very|really|so|maybe|not too|a little|rather|fairly) )*"
    r"(?:low|bad|badly|terrible|terribly|awful|poor|poorly|rubbish|dreadful|worse|getting worse|laboured|down|less|"
    r"reduced|gone|non existent|"
    r"not (?:great|good|very good|so good|too good|very well|really|well|brilliant|brilliantly|the best|much))\b"
)
_WELL = re.compile(
    rf"{_LEAD}(?:(?:pretty|quite|very|really|absolutely|not) )*"
    r"(?:fine|ok|okay|good|well|normal|great|all right|alright|too bad|bad)\b"
)
_PART_WELL = re.compile(
    r"(?:(?:um|uh|oh|well|no|yeah|yes|but|and|my|the|your) ){0,8}"
    r"(?P<part>(?!(?:ok|okay|all|fine|good|normal|its|thats|im)\b)[a-z]{1,24})"
    r"(?: (?:is|are|has been|have been|feels?|seems?))?"
    r"(?: (?:absolutely|totally|completely|perfectly|all|pretty|quite)){0,3}"
    r" (?:fine|ok|okay|normal|good|all right|alright|clear)(?: (?:though|actually|at the moment|now|i think))?$"
)
_PART_REACH = 4
"""Sentences from a question about a part of the body to the words that say that the part is well."""


def well_parts(conversation: Sequence[Turn], at: int) -> Iterator[Draft]:
    """ "Any headache or any neck stiffness?" "Headache, yeah. Neck's fine.": what is asked of a part that is well."""
    turn = conversation[at]
    if turn.form != "statement" or turn.speaker == "clinician":
        return
    spoken = turn.sentence.words
    clauses = (" ".join(spoken[start:]) for start in _clause_starts(turn))
    found = next((match for clause in clauses if (match := _PART_WELL.fullmatch(clause))), None)
    if found is None:
        return
    part = stem(found["part"])
    for asked in reversed(conversation[max(0, at - _PART_REACH) : at]):
        if asked.form != "polar" or not asked.is_of_another(turn):
            continue
        for mention in mentions(asked.segment.text, asked.tokens):
            if (
                mention.kind == "symptom"
                and mention.concept not in WELL
                and part in asked.stems(mention.start, mention.end)
            ):
                said = draft(asked, "symptom", mention.concept, mention.start, mention.end, status="absent")
                yield with_reply(said, turn)
        return


def _clause_starts(turn: Turn) -> Iterator[int]:
    yield 0
    yield from (at + 1 for at, token in enumerate(turn.tokens[:-1]) if token.comma or turn.tokens[at + 1].word == "but")


def functions(conversation: Sequence[Turn], at: int) -> Iterator[Draft]:
    """What the question `conversation[at]` after sleep, appetite, mood … and its answer say."""
    turn = conversation[at]
    if turn.speaker == "patient" or turn.form == "statement":
        return
    asked = _ASKED_HOW.search(turn.joined) or _ASKED_WELL.search(turn.joined) or _ASKED_WHETHER.search(turn.joined)
    if asked is None:
        return
    reply = _reply(conversation, at)
    if reply is None or mentions(reply.segment.text, reply.tokens):
        return
    status = _status(conversation, at, reply)
    if status is None:
        return
    symptom = next(name for names, name in _FUNCTIONS if re.fullmatch(names, asked["what"]))
    start = turn.joined[: asked.start("what")].count(" ")
    yield with_reply(draft(turn, "symptom", symptom, max(0, start - 2), len(turn.tokens), status=status), reply)


def _status(conversation: Sequence[Turn], at: int, reply: Turn) -> Status | None:
    if _BADLY.match(reply.joined):
        return "present"
    if _WELL.match(reply.joined):
        return "absent"
    answer = answered(conversation, at) if conversation[at].form == "polar" else None
    if answer is None or answer[1] == "maybe":
        return None
    return "absent" if answer[1] == "yes" else "present"


def _reply(conversation: Sequence[Turn], at: int) -> Turn | None:
    for turn in conversation[at + 1 : at + 4]:
        if turn.form != "statement":
            return None
        if turn.is_of_another(conversation[at]) and not _is_filler(turn):
            return turn
    return None


def _is_filler(turn: Turn) -> bool:
    """Acknowledgements say nothing here either, but "good", "fine" and "okay" do."""
    return is_empty(turn) and not _WELL.match(turn.joined)
