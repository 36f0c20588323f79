"""What is over, and what is still there: "has the cough gone?" "yes"; "I had a fever, but it's gone". Pure.

Context within a sentence (context.py) sees "the fever has gone". Here the symptom stands in another sentence than what
became of it, or in the question.
"""

import re
from collections.abc import Iterator, Sequence, Set
from dataclasses import replace

from inference.extraction.rules.concepts.mentions import Mention, mentions
from inference.extraction.rules.cues.answers import answered
from inference.extraction.rules.cues.readings import is_empty
from inference.extraction.rules.cues.scope import returns
from inference.extraction.rules.facts.draft import Draft, draft, with_reply
from inference.extraction.rules.facts.statements import WELL
from inference.extraction.text.dialogue import Turn
from inference.findings import Quote, Status

_ENDED = (
    "gone|stopped|cleared|cleared up|settled|settled down|resolved|disappeared|went away|gone away|worn off|wore off|"
    "passed|subsided|eased off"
)
_END = "go away|stop|clear up|settle|settle down"
_NOT_THIS = (
    r"(?! (?:up|red|worse|to|into|on|off|out|away|in|by|for|through|over|across|down|my|the|a|any|urine|water|wind|"
    r"blood|numb|dead|weak|stiff|cold|hard|quite|really|very|yellow|blue|white|abroad|anywhere|taking|using|smoking|drinking|"
    r"eating|working|going|doing|having)\b)"
)
"""What follows where something else than a symptom ends: "gone numb", "stopped smoking", "passed water"."""
_LEAD = r"(?:(?:and|so|um|uh|okay|ok|right|but|now|well|oh|yeah|yes|no|actually) )*"
_ASKED_OVER = re.compile(
    rf"^{_LEAD}(?:has|have|is|are)\b.*\b(?:{_ENDED})\b{_NOT_THIS}|^{_LEAD}did\b.*\b(?:{_END})\b{_NOT_THIS}|"
    rf"\b(?:has|have|is|are|its|thats|theyve|\w+s) (?:now |all |completely )*(?:{_ENDED})(?: now)?$"
)
_ASKED_STILL = re.compile(
    r"\bstill (?:there|have|got|having|getting|going on|present|a problem)\b|\b(?:is|are) it still\b"
)
_ASKED_WHEN_OVER = re.compile(rf"^{_LEAD}when did\b.*\b(?:{_END}|go|clear|finish)\b")
_NOT_YET = re.compile(rf"^{_LEAD}(?:not (?:yet|quite|completely|entirely|really)|nearly|almost|its fading)\b")
_IS_OVER = re.compile(
    rf"^{_LEAD}(?:(?:it|its|that|thats|they|theyve|theyre|ive|ive all|this) )?"
    r"(?:(?:has|have|had|is|are|all|completely|now|just|mostly|pretty|much|totally|kind|kinda|sort|of) )*"
    rf"(?:{_ENDED})\b{_NOT_THIS}|"
    rf"^{_LEAD}(?:then )?(?:it|that|they|this) (?:soon |quickly |just |all |then )?went"
    r"(?:$| (?:after|within|in a|overnight|yesterday|last|by (?:itself|themselves)|on (?:its|their) own|on \w+day)\b)"
)
_IS_WELL = re.compile(
    rf"^{_LEAD}(?:(?:now|today|since) )?(?:i feel |i )*"
    r"(?:its|it is|it feels|it seems|(?:its|ive|it has|i have) been|"
    r"that is|thats|theyre|im|i am|i feel|everythings|everything is|"
    r"my [a-z]{1,20}(?: is| are|s| feels| feel)?)"
    r"(?: (?:all|completely|totally|absolutely|perfectly|kind|kinda|sort|of|quite|pretty|back|to|now|just|um|uh))*"
    r" (?:fine|ok|okay|all right|alright|normal)(?: (?:now|again|today|since))?$"
)
_NOW = re.compile(r"\b(?:now|today|again|since)\b|\bback to\b")
_WAS = re.compile(r"\b(?:had|did have|was|were|did|used to)\b")
"""What is well now was told of the past: "I had a headache, but now I'm fine"."""
_NONE_SINCE = re.compile(rf"^{_LEAD}i havent had (?:one|any|it|that|them|either)\b(?: \w+)* since\b")
_NOT_NOW = re.compile(rf"^{_LEAD}not (?:now|any ?more|any longer|since|today|at the moment|currently)$")
_PLURAL = frozenset(("they", "theyve", "theyre", "all", "both"))
_LOOK_BACK = 3
"""Sentences within which "it" is looked for."""


def resolutions(conversation: Sequence[Turn], at: int, present: Set[str]) -> Iterator[Draft]:
    """What the sentence `at` says became of symptoms. `present`: symptoms that were told to be there."""
    turn = conversation[at]
    if turn.form == "polar":
        yield from _asked(conversation, at, present)
    elif turn.form == "open" and _ASKED_WHEN_OVER.search(turn.joined):
        reply = _reply(conversation, at)
        if reply is not None and reply.form == "statement":
            yield from _both(conversation, at, reply, "absent", present)
    elif turn.form == "statement" and turn.speaker != "clinician":
        yield from _told(conversation, at, present)


def _asked(conversation: Sequence[Turn], at: int, present: Set[str]) -> Iterator[Draft]:
    """ "Has the cough gone?", "is the rash still there?" """
    turn = conversation[at]
    over = _ASKED_OVER.search(turn.joined)
    if not over and not _ASKED_STILL.search(turn.joined):
        return
    found = answered(conversation, at)
    reply = found[0] if found else _reply(conversation, at)
    if reply is None:
        return
    if _NOT_YET.match(reply.joined):
        status: Status = "present"
    elif found is None or found[1] == "maybe":
        return
    else:
        status = "absent" if (found[1] == "yes") == bool(over) else "present"
    yield from _both(conversation, at, reply, status, present)


def _told(conversation: Sequence[Turn], at: int, present: Set[str]) -> Iterator[Draft]:
    """ "I did on Monday, but it's gone now", "completely cleared up"."""
    turn = conversation[at]
    for start, end in _clauses(turn):
        clause = " ".join(turn.sentence.words[start:end])
        is_well = _is_well_again(turn, start, end)
        ended = _IS_OVER.match(clause) or _NONE_SINCE.match(clause) or (start > 0 and _NOT_NOW.match(clause))
        if not (is_well or ended) or returns(turn.sentence.words[end:]):
            continue
        named = mentions(turn.segment.text, turn.tokens)
        if any(start <= m.start < end and m.concept not in WELL for m in named):
            return
        if is_well:  # "I feel warm, at first I had a fever, but now I feel fine": the fever is over
            named = [m for m in named if _WAS.search(turn.words_before(m.start))]
        plural = not _PLURAL.isdisjoint(turn.sentence.words[start:end])
        for source, mention in _antecedents(conversation, at, plural, present, [m for m in named if m.end <= start]):
            fact = draft(source, "symptom", mention.concept, mention.start, mention.end, status="absent")
            yield (
                with_reply(fact, turn, [(start, end)])
                if source is not turn
                else draft(turn, "symptom", mention.concept, mention.start, end, status="absent")
            )
        return


def _is_well_again(turn: Turn, start: int, end: int) -> bool:
    """Does the clause say that what was told before it is well now? "I had a rash, but now, now it's fine"."""
    if start == 0:
        return False
    opened = next((at for at in range(start, 0, -1) if turn.tokens[at].word in ("but", "and")), start)
    clause = " ".join(turn.sentence.words[opened:end])
    return bool(_IS_WELL.match(clause) and _NOW.search(clause) and _WAS.search(turn.words_before(opened)))


def _both(conversation: Sequence[Turn], at: int, reply: Turn, status: Status, present: Set[str]) -> Iterator[Draft]:
    """The symptoms that a question and its reply speak of."""
    turn = conversation[at]
    named = _symptoms(turn)
    if named:
        for m in named:
            yield with_reply(draft(turn, "symptom", m.concept, m.start, m.end, status=status), reply)
        return
    for source, mention in _antecedents(conversation, at, False, present, []):
        fact = draft(turn, "symptom", mention.concept, 0, len(turn.tokens), status=status)
        told = draft(source, "symptom", mention.concept, mention.start, mention.end).proposal.quotes
        yield _quoting(with_reply(fact, reply), told, source.index)


def _quoting(fact: Draft, quotes: Sequence[Quote], index: int) -> Draft:
    proposal = replace(fact.proposal, quotes=(*quotes, *fact.proposal.quotes))
    return Draft(proposal, (index, *fact.segments))


def _antecedents(
    conversation: Sequence[Turn], at: int, plural: bool, present: Set[str], here: Sequence[Mention]
) -> list[tuple[Turn, Mention]]:
    """What "it" or "they" are: the one symptom of this sentence so far, or of the nearest before that names any."""
    turn = conversation[at]
    places = [(turn, [m for m in here if m.kind == "symptom"])] if here else []
    places += [(earlier, _symptoms(earlier)) for earlier in reversed(conversation[max(0, at - _LOOK_BACK) : at])]
    for source, found in places:
        if not found:
            continue
        distinct = {m.concept: m for m in found}
        if source is not turn and source.form == "statement":
            distinct = {name: m for name, m in distinct.items() if name in present}
        if len(distinct) > 1 and not plural:
            return []
        return [(source, m) for m in distinct.values()]
    return []


def _symptoms(turn: Turn) -> list[Mention]:
    return [m for m in mentions(turn.segment.text, turn.tokens) if m.kind == "symptom" and not m.negated]


def _clauses(turn: Turn) -> Iterator[tuple[int, int]]:
    """Token ranges between commas and "but", "and"."""
    start = 0
    for at, token in enumerate(turn.tokens):
        if at > start and token.word in ("but", "and"):
            yield start, at
            start = at
        if token.comma:
            yield start, at + 1
            start = at + 1
    if start < len(turn.tokens):
        yield start, len(turn.tokens)


def _reply(conversation: Sequence[Turn], at: int) -> Turn | None:
    """The next sentence of somebody else that says something."""
    for turn in conversation[at + 1 : at + 4]:
        if not is_empty(turn) and turn.is_of_another(conversation[at]):
            return turn
    return None
