"""What a question and its answer say together: "any fever?" "no"; "do you smoke?" "not much". Pure."""

import re
from collections.abc import Iterator, Sequence

from inference.extraction.rules.concepts.attributes import Span, timing, tokens_over
from inference.extraction.rules.concepts.medication import Medicine, medicines
from inference.extraction.rules.concepts.mentions import VAGUE, Mention, mentions
from inference.extraction.rules.concepts.relatives import relation_of
from inference.extraction.rules.cues.answers import has_given_up
from inference.extraction.rules.cues.denials import is_given_up
from inference.extraction.rules.cues.presupposed import EXCEPTING, is_at_rest, is_excepted, is_presupposed
from inference.extraction.rules.cues.readings import Answer
from inference.extraction.rules.exchange.agreement import SUMMING_UP, Agreement, agreement, words_from
from inference.extraction.rules.exchange.asked import Asked, asked_after, given
from inference.extraction.rules.exchange.topics import is_known_as
from inference.extraction.rules.facts.draft import Draft, draft, with_reply
from inference.extraction.rules.facts.statements import ABILITIES, symptom_attributes
from inference.extraction.tables import words
from inference.extraction.text.dialogue import Turn
from inference.findings import Kind, Status, Temporality

_MENTIONED = re.compile(r"\b(?:you|youve) (?:mentioned|said|told me) (?:\w+ ){0,3}(?:the|your)$")
"""What a question recalls before it asks for something else."""
_A_LITTLE = re.compile(
    r"(?:(?:no|well|um|uh) )*not (?:very |that |all that |too |so )?(?:much|often|a lot|heavily|regularly)\b"
)
_NOW_AND_THEN = re.compile(
    r"\b(?:maybe|perhaps|apart from|except|except for|just|only) (?:a|an|one|the odd|at|on) "
    r"(?:\w+ ){0,2}(?:glass|pint|beer|drink|wine|cigarette|cigar|joint|"
    r"christmas|weekends?|birthdays?|holidays?|occasions?|part(?:y|ies))\b"
    r"|\b(?:the odd|an occasional) \w+|\bspecial occasions\b"
)
"""What is left of a habit behind a "no": "No, not really. Maybe a glass at Christmas." """
_STILL = re.compile(r"\b(?:still|now|at the moment|currently|today|any more|anymore|gone)\b")
_ANOTHER_DOES = re.compile(r"\bmy (?:\w+ ){0,2}(?:does|did|has|had|is)$")
_OFFERING = re.compile(
    r"\b(?:happy|willing|keen|prepared|okay|ok) (?:to|for|with)\b|\b(?:would|do) you (?:like|want|prefer|mind)\b|"
    r"\b(?:shall|can|could|should) (?:i|we) (?:\w+ )?(?:give|prescribe|send|start|try|offer|get)\b|"
    r"\bif (?:i|we) (?:send|give|prescribe)"
)
"""What is offered is not taken yet."""
_ENDING = re.compile(
    r"\b(?:finish(?:ed)?|stop(?:ped)?|(?:come|came|been|are you|youre) off|quit|give(?:n)? up|gave up|r[au]n out of)"
    r"(?: taking| using)?(?: (?:the|your|that|those|all))*$"
)
"""Before what a question asks the end of: "have you finished the antibiotics?"."""
_NEGATIVE = words("denial") | {"no", "without"}
_OTHER_REACH = 3
_LONG_AGO = re.compile(
    r"\b(?:years?|months) (?:ago|back)\b|\bas a (?:child|kid|baby|teenager)\b|"
    r"\bwhen i was (?:a |younger|little|small|at |in )"
)
_HOW_OFTEN = re.compile(
    r"\b(?:all (?:the time|day|night)|every (?:day|night|time|morning)|constant|constantly|always|daily|continuous|"
    r"continuously|non ?stop|regularly)\b"
)
_NOT_ALWAYS = re.compile(
    r"\bnot (?:every|all|always|constant|constantly|daily|continuous|that often|so often|really every)\b|"
    r"\b(?:just|only) (?:at|in|on|when|if|after|before|with|during|some|sometimes|occasionally|first|now and)\b|"
    r"\bcomes? (?:on|and goes?)\b|"
    r"\b(?:on and off|off and on|some days|sometimes|intermittent|every (?:other|few|so|now))\b"
)
"""What a "no" leaves of something that is asked to be always there."""
_FORMERLY = re.compile(r"\bused to\b")
_STATUS: dict[Answer, Status] = {"yes": "present", "no": "absent", "maybe": "possible"}
# What a "no" denies where the question names no concept.
_DENIED: tuple[tuple[re.Pattern[str], Kind, str], ...] = (
    (re.compile(r"\bfamily history\b|\brun in (?:the|your) family\b"), "family_history", "family history"),
    (
        re.compile(
            r"\b(?:medical|health|other|past) (?:conditions?|problems?|history|issues|illness(?:es)?|diseases?)\b"
        ),
        "past_history",
        "medical conditions",
    ),
    (
        re.compile(r"\b(?:any|regular|taking|on|take) (?:\w+ ){0,3}(?:medications?|medicines?|meds|tablets)\b"),
        "medication",
        "regular medication",
    ),
)


def answered_facts(turn: Turn, reply: Turn, answer: Answer, known: frozenset[str]) -> Iterator[Draft]:
    """The facts of a question for yes or no. `known`: what was told; "no" denies it only where the
    question is whether it is still so."""
    for m in given(turn):  # the answer brings it, and proves nothing of it
        yield Draft(draft(turn, "past_history", m.concept, m.start - 1, m.end).proposal, (turn.index, reply.index))
    yield from _taken_for_granted(turn, reply, answer, known)
    asked = asked_after(turn, answer)
    agreed = agreement(asked, reply, answer)
    if agreed is not None:
        yield from _mentioned(asked, reply, agreed, known)
        yield from _medicines(asked, reply, agreed, known)


def _taken_for_granted(turn: Turn, reply: Turn, answer: Answer, known: frozenset[str]) -> Iterator[Draft]:
    """ "Is the dizziness any better?" "A bit, yeah."; "is the wheeze there all the time?" "Just at night.": it is."""
    limited = answer == "no" and _HOW_OFTEN.search(turn.joined) and _NOT_ALWAYS.search(reply.joined)
    for m in mentions(turn.segment.text, turn.tokens) if answer != "no" or limited else ():
        if m.kind == "symptom" and m.concept not in VAGUE | known and is_presupposed(turn, m):
            yield with_reply(draft(turn, "symptom", m.concept, m.start, m.end), reply)


def _mentioned(asked: Asked, reply: Turn, agreed: Agreement, known: frozenset[str]) -> Iterator[Draft]:
    turn, is_negative = asked.turn, asked.is_negative
    for position, mention in enumerate(asked.mentions):
        said = asked.assertion(mention)
        affirmed = is_negative and agreed.answer == "no" and said.status == "present" and _is_affirmed(turn, mention)
        if affirmed and not agreed.summed_up:
            continue  # "no fever, but a cough?" "No.": to which of them?
        if mention.concept in agreed.told or (said.hypothetical and not is_negative):
            continue
        if agreed.answer == "no" and (
            _is_told_before(turn, mention.concept, known)
            or (is_at_rest(turn, mention) and is_known_as(mention.concept, known))
        ):
            continue
        if agreed.answer == "no" and mention.kind == "symptom" and not is_negative and _A_LITTLE.match(reply.joined):
            continue  # "Are you coughing?" "Not much.": it is neither denied nor told
        if mention.concept in ABILITIES and not is_negative:
            concept = ABILITIES[mention.concept] if agreed.answer == "yes" else mention.concept
            yield with_reply(draft(turn, "symptom", concept, mention.start, mention.end), reply)
            continue
        status = "present" if affirmed else _STATUS[agreed.each.get(mention.concept, agreed.answer)]
        over = _is_habit_over(turn, mention, agreed.answer)
        status = status if over is None else "present"
        fact = _fact(turn, reply, asked.mentions, position, status, family=said.experiencer == "family", over=over)
        if fact is not None:
            yield fact


def _medicines(asked: Asked, reply: Turn, agreed: Agreement, known: frozenset[str]) -> Iterator[Draft]:
    turn = asked.turn
    if _OFFERING.search(turn.joined):
        return
    # "Have you tried any painkillers?" "Yes, paracetamol."
    specified = agreed.answer == "yes" and any(not m.is_class or m.name not in asked.names for m in _taken(reply))
    for drug in asked.drugs:
        outlives_a_no = (
            _is_told_before(turn, drug.name, known)
            or is_excepted(turn, drug.start)
            or _MENTIONED.search(turn.words_before(drug.start))
        )
        answer = agreed.each.get(drug.name, agreed.answer)
        if (specified and drug.is_class) or (answer == "no" and outlives_a_no):
            continue
        over = _is_asked_over(turn, drug.start, answer)
        medicine = draft(
            turn,
            "medication",
            drug.name,
            drug.first,
            drug.last,
            status=_STATUS[answer] if over is None else "absent" if over else "present",
            temporality="past" if over else "current",
            attributes=drug.attributes,
        )
        yield with_reply(medicine, reply)


def _is_asked_over(turn: Turn, start: int, answer: Answer) -> bool | None:
    """ "Have you stopped smoking?": whether it is over; None where the question is not that, or nobody knows."""
    if answer == "maybe" or _ENDING.search(turn.words_before(start)) is None:
        return None
    return answer == "yes"


def _is_habit_over(turn: Turn, mention: Mention, answer: Answer) -> bool | None:
    if mention.kind != "social":
        return None
    if answer != "maybe" and is_given_up(turn, mention):
        return answer == "yes"
    return _is_asked_over(turn, mention.start, answer)


def _is_told_before(turn: Turn, name: str, known: frozenset[str]) -> bool:
    """It was told, and the question is not whether it is still so."""
    return name in known and not _STILL.search(turn.joined)


def _is_affirmed(turn: Turn, mention: Mention) -> bool:
    """ "You've had a cough, but no fever?": the cough is told as there."""
    before = turn.sentence.words[: mention.start]
    return "but" in before or (not _NEGATIVE & set(before) and bool(SUMMING_UP.match(turn.joined)))


def _fact(
    turn: Turn,
    reply: Turn,
    found: Sequence[Mention],
    position: int,
    status: Status,
    *,
    family: bool,
    over: bool | None = None,
) -> Draft | None:
    mention = found[position]
    if family and (mention.kind == "symptom" or not relation_of(turn, len(turn.tokens))):
        return None
    if "they" in turn.sentence.words or "theyve" in turn.sentence.words:
        # "Does migraine run in the family? Have they been diagnosed?"
        return None
    kind: Kind = "past_history"
    attributes: dict[str, str] = {}
    asked: list[Span] = []
    told: list[Span] = []
    if family:
        kind = "family_history"
        if status == "absent" and _ANOTHER_DOES.search(reply.joined) and relation_of(reply, len(reply.tokens)):
            status = "present"
        if status == "present":
            attributes = relation_of(reply, len(reply.tokens)) or {"relation": "family"}
    elif mention.kind == "social":
        kind = "social_history"
        if _A_LITTLE.match(reply.joined) or (status == "absent" and _NOW_AND_THEN.search(words_from(reply))):
            status = "present"
    elif mention.kind == "symptom":
        kind = "symptom"
        if status != "absent":
            when = timing(reply.segment.text, reply.tokens[0].start, reply.tokens[-1].end)
            attributes, asked = symptom_attributes(turn, found, position)
            attributes |= {slot: value for slot, (value, _, _) in when.items()}
            told = [tokens_over(reply.tokens, start, end) for _, start, end in when.values()]
    former = status == "present" and (_FORMERLY.search(reply.joined) or _LONG_AGO.search(reply.joined))
    if mention.kind == "social" and over is None:
        over = has_given_up(reply)
    temporality: Temporality = "past" if former or over or mention.kind == "procedure" else "current"
    fact = draft(
        turn,
        kind,
        mention.concept,
        mention.start,
        mention.end,
        status=status,
        temporality=temporality,
        family=family,
        attributes=attributes,
        proof=asked,
    )
    return with_reply(fact, reply, told)


def denied_facts(turn: Turn, reply: Turn) -> Iterator[Draft]:
    """ "Any allergies?" "No.": what is denied as a whole."""
    if any(not is_excepted(turn, m.start) for m in mentions(turn.segment.text, turn.tokens)):
        return
    for pattern, kind, text in _DENIED:
        match = pattern.search(turn.joined)
        if kind == "medication" and "allerg" in turn.joined:
            continue  # "any allergies to medicines?"
        if match and not (_names_some(reply) if kind == "medication" else mentions(reply.segment.text, reply.tokens)):
            start = turn.joined[: match.start()].count(" ")
            end = start + match.group().count(" ") + 1
            first = max(0, start - _OTHER_REACH)
            others = [at for at in range(first, end) if turn.tokens[at].word == "other"]
            if others:  # what was told before stays
                start, text = min(start, others[0]), f"other {text.removeprefix('regular ')}"
            yield with_reply(draft(turn, kind, text, start, end, status="absent"), reply)
            return


def _names_some(reply: Turn) -> bool:
    """ "No, other than sertraline." """
    taken = _taken(reply)
    return bool(taken) and bool(EXCEPTING & set(reply.sentence.words[: taken[0].start]))


def _taken(reply: Turn) -> Sequence[Medicine]:
    return medicines(reply.segment.text, reply.tokens, asked=True)
