"""What a question and its answer say together: "any fever?" "no"; "how long?" "three weeks". Pure."""

import re
from collections.abc import Iterator, Sequence, Set

from inference.extraction.rules.concepts.attributes import Span, timing, tokens_over
from inference.extraction.rules.concepts.medication import Medicine, medicines
from inference.extraction.rules.concepts.mentions import Mention, mentions
from inference.extraction.rules.concepts.relatives import relation_of
from inference.extraction.rules.cues.answers import Answer, answers_in_turn, is_bare, is_plain_yes
from inference.extraction.rules.cues.asides import is_safety_net
from inference.extraction.rules.cues.context import assertion, triggers
from inference.extraction.rules.cues.presupposed import (
    EXCEPTING,
    is_circumstance,
    is_compared,
    is_excepted,
    is_given,
    is_presupposed,
    names_an_owner,
)
from inference.extraction.rules.facts.draft import Draft, draft, with_reply
from inference.extraction.rules.facts.statements import ABILITIES, symptom_attributes
from inference.extraction.tables import words
from inference.extraction.text.dialogue import Turn
from inference.extraction.text.tokens import Token, sentences
from inference.findings import Kind, Status, Temporality

_ASKING_AGREEMENT = re.compile(r"\b(?:is that|thats) (?:right|correct)$")
_RECALLING = re.compile(
    r"\b(?:is that|thats) (?:right|correct)\b|"
    r"\b(?:you mentioned|youve mentioned|you said|it says|(?:my|our|your) notes?)\b"
)
_MENTIONED = re.compile(r"\b(?:you|youve) (?:mentioned|said|told me) (?:\w+ ){0,3}(?:the|your)$")
"""What a question recalls before it asks for something else."""
_CONTRADICTING = re.compile(r"(?:(?:um|uh|well|oh|yes|yeah|no) )*i (?:am|do|have|did|was)\b(?! not)")
_CONFIRMING = re.compile(
    r"(?:(?:um|uh|yes|yeah) )*(?:correct|exactly|thats (?:right|correct|true)|thats it|none|absolutely|right)\b"
)
_SO_NO = re.compile(r"(?:(?:so|and|okay|ok|right|um|uh|then) )*(?:no|not|theres no|there is no|none of)\b")
_ADMITTING = re.compile(r"\b(?:bit|little|some|sometimes|i do|i have|occasionally)\b")
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
_SUMMING_UP = re.compile(
    r"(?:(?:and|okay|ok|right|um|uh|just|to|let|me|recap) )*so (?:\w+ )?(?:you|youve|youre|he|she|its)\b"
)
_STILL = re.compile(r"\b(?:still|now|at the moment|currently|today|any more|anymore|gone)\b")
_ALL = re.compile(
    r"(?:(?:yes|yeah|yep|um|uh|oh|well) )*(?:all (?:of|three|four|that)\b|all the above|both\b|the lot\b)"
)
_ONLY = re.compile(r"(?:(?:yes|yeah|um|uh|oh|well|no) )*(?:just|only) (?:the |a |some |my )?\w+")
_ONLY_THERE = re.compile(
    r"(?:(?:yes|yeah|um|uh|oh|well|no) )*(?:just|only) "
    r"(?:in|on|at|when|if|about|before|after|with|during|around|over|under|near|occasionally|sometimes|once|twice|"
    r"here|there)\b"
)
"""Where or when there is what was asked for: "just in my back"."""
_ANOTHER_DOES = re.compile(r"\bmy (?:\w+ ){0,2}(?:does|did|has|had|is)$")
_OFFERING = re.compile(
    r"\b(?:happy|willing|keen|prepared|okay|ok) (?:to|for|with)\b|\b(?:would|do) you (?:like|want|prefer|mind)\b|"
    r"\b(?:shall|can|could|should) (?:i|we) (?:\w+ )?(?:give|prescribe|send|start|try|offer|get)\b|"
    r"\bif (?:i|we) (?:send|give|prescribe)"
)
"""What is offered is not taken yet."""
_NEGATIVE = words("denial") | {"no", "without"}
_OTHER_REACH = 3
_LONG_AGO = re.compile(
    r"\b(?:years?|months) (?:ago|back)\b|\bas a (?:child|kid|baby|teenager)\b|"
    r"\bwhen i was (?:a |younger|little|small|at |in )"
)
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
    tokens = turn.tokens
    named = [m for m in mentions(turn.segment.text, tokens) if not names_an_owner(turn, m)]
    given = [m for m in named if is_given(turn, m)]
    for m in given:  # the answer brings it, and proves nothing of it
        yield Draft(draft(turn, "past_history", m.concept, m.start - 1, m.end).proposal, (turn.index, reply.index))
    found = [
        m
        for m in named
        if not (
            m in given
            or is_presupposed(turn, m)
            or is_excepted(turn, m.start)
            or is_safety_net(turn, m.end)
            or is_compared(turn, m, answer)
            or is_circumstance(turn, m, answer)
        )
    ]
    drugs = medicines(turn.segment.text, tokens, asked=True)
    if not found and not drugs:
        return
    context = triggers(tokens, frozenset(i for m in found for i in range(m.start, m.end)))
    places = [(m.start, m.end) for m in found] + [(d.start, d.end) for d in drugs]
    negative = any(assertion(tokens, context, *place).status == "absent" for place in places)
    negative |= any(t.category == "negated" and t.end == len(tokens) for t in context)
    agreed: Answer | None = answer
    if negative and (answer == "yes" or _CONTRADICTING.match(reply.joined)):
        agreed = _agreed(turn, reply, answer)
    sums_up = len(found) > 1 and bool(_SUMMING_UP.match(turn.joined))
    summed_up = negative and answer == "yes" and (agreed == "no" or sums_up)
    if summed_up:
        agreed = "no"
    if agreed is None:
        return
    told = {m.concept for m in mentions(reply.segment.text, reply.tokens)}
    names = {m.concept for m in found} | {d.name for d in drugs}
    if agreed == "yes" and told and not is_plain_yes(reply) and not (_ONLY.match(reply.joined) and told < names):
        # "Any blood in the stool?" "There was some in the urine": it speaks for itself.
        return
    # "Any sore throat, any ear pain?" "Yes": which? Only what the answer names, and that speaks for itself.
    confirmed = agreed == "yes" and _RECALLING.search(turn.joined)
    confirmed = confirmed or _ALL.match(reply.joined)
    in_turn = answers_in_turn(reply)
    each = (
        dict(zip(dict.fromkeys(m.concept for m in found), in_turn, strict=True)) if len(in_turn) == len(names) else {}
    )
    if agreed == "yes" and _ONLY.match(reply.joined) and told < names and not _ONLY_THERE.match(reply.joined):
        agreed = "no"  # "just the nausea": not the others
    elif agreed == "no":
        if told & names and _goes_on_to_admit(reply, names):
            return
    elif not each and ((len(names) > 1 and not confirmed) or told & names):
        return
    for position, mention in enumerate(found):
        status = _STATUS[each.get(mention.concept, agreed)]
        said = assertion(tokens, context, mention.start, mention.end)
        affirmed = negative and agreed == "no" and said.status == "present" and _is_affirmed(turn, mention)
        if affirmed and not summed_up:
            continue  # "no fever, but a cough?" "No.": to which of them?
        if affirmed:
            status = "present"
        if mention.concept in told or (said.hypothetical and not negative):
            continue
        if agreed == "no" and mention.concept in known and not _STILL.search(turn.joined):
            continue
        if mention.concept in ABILITIES and not negative:
            concept = ABILITIES[mention.concept] if agreed == "yes" else mention.concept
            yield with_reply(draft(turn, "symptom", concept, mention.start, mention.end), reply)
            continue
        fact = _fact(turn, reply, found, position, status, family=said.experiencer == "family")
        if fact is not None:
            yield fact
    specified = agreed == "yes" and any(not m.is_class or m.name not in names for m in _taken(reply))
    for drug in () if _OFFERING.search(turn.joined) else drugs:
        if specified and drug.is_class:
            # "Have you tried any painkillers?" "Yes, paracetamol."
            continue
        if agreed == "no" and (
            (drug.name in known and not _STILL.search(turn.joined))
            or is_excepted(turn, drug.start)
            or _MENTIONED.search(turn.words_before(drug.start))
        ):
            continue
        medicine = draft(
            turn, "medication", drug.name, drug.first, drug.last, status=_STATUS[agreed], attributes=drug.attributes
        )
        yield with_reply(medicine, reply)


def _is_affirmed(turn: Turn, mention: Mention) -> bool:
    """ "You've had a cough, but no fever?": the cough is told as there."""
    before = turn.sentence.words[: mention.start]
    return "but" in before or (not _NEGATIVE & set(before) and bool(_SUMMING_UP.match(turn.joined)))


def _agreed(turn: Turn, reply: Turn, answer: Answer) -> Answer | None:
    """ "You're not bringing up any phlegm?" "Yes": a denial only where it agrees or says so; otherwise nobody knows."""
    rest = " ".join(t.word for t in _words_from(reply))
    if _CONTRADICTING.match(rest):
        return "yes"
    if (
        _ASKING_AGREEMENT.search(turn.joined)
        or "no" in rest.split()
        or _CONFIRMING.match(rest)
        or (_SO_NO.match(turn.joined) and is_bare(reply))
    ):
        return "no"
    return answer if _ADMITTING.search(rest) else None


def _words_from(reply: Turn) -> Sequence[Token]:
    """The words of the answer to the end of its segment."""
    first = reply.tokens[0].start
    return [token for sentence in sentences(reply.segment.text) for token in sentence.tokens if token.start >= first]


def _goes_on_to_admit(reply: Turn, names: Set[str]) -> bool:
    """ "Any fevers, chills, nausea?" "No fevers. I've had chills.": nobody denied the nausea."""
    said = reply.sentence.words
    at = next((i for i, word in enumerate(said) if word in ("no", "not")), len(said))
    if at == len(said) or reply.tokens[at].comma or said[at + 1 : at + 2] in (["really"], ["particularly"], ["at"]):
        return False  # "Not really, just the chills" denies the others
    admitted = set[str]()
    for sentence in sentences(reply.segment.text):
        found = mentions(reply.segment.text, sentence.tokens)
        context = triggers(sentence.tokens, frozenset(i for m in found for i in range(m.start, m.end)))
        admitted |= {
            m.concept for m in found if assertion(sentence.tokens, context, m.start, m.end).status == "present"
        }
    return bool(admitted & names)


def _fact(
    turn: Turn, reply: Turn, found: Sequence[Mention], position: int, status: Status, *, family: bool
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
        rest = " ".join(token.word for token in _words_from(reply))
        if _A_LITTLE.match(reply.joined) or (status == "absent" and _NOW_AND_THEN.search(rest)):
            status = "present"
    elif mention.kind == "symptom":
        kind = "symptom"
        if status != "absent":
            when = timing(reply.segment.text, reply.tokens[0].start, reply.tokens[-1].end)
            attributes, asked = symptom_attributes(turn, found, position)
            attributes |= {slot: value for slot, (value, _, _) in when.items()}
            told = [tokens_over(reply.tokens, start, end) for _, start, end in when.values()]
    former = status == "present" and (_FORMERLY.search(reply.joined) or _LONG_AGO.search(reply.joined))
    temporality: Temporality = "past" if former or mention.kind == "procedure" else "current"
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
