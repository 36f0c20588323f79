"""What a question and its answer say together: "any fever?" "no"; "how long?" "three weeks". Pure."""

import re
from collections.abc import Iterator, Sequence, Set

from inference.extraction import Consultation
from inference.extraction.answers import Answer, answers_in_turn, is_bare, is_empty, is_plain_yes
from inference.extraction.attributes import SYMPTOM_SLOTS, Span, expressions, is_character_of, timing, tokens_over
from inference.extraction.context import assertion, triggers
from inference.extraction.dialogue import Turn
from inference.extraction.draft import Draft, draft, with_reply
from inference.extraction.medication import Medicine, medicines
from inference.extraction.mentions import Mention, mentions
from inference.extraction.statements import ABILITIES, is_safety_net, relation_of, stated, symptom_attributes
from inference.extraction.tables import words
from inference.extraction.tokens import Token, sentences
from inference.findings import Kind, Status, Temporality

_HOW_LONG = re.compile(r"\b(?:how long|when did|since when|how many days|how many weeks|when was|start)\b")
_HOW_BAD = re.compile(r"\b(?:how bad|how severe|scale|out of ten|out of 10|rate)\b")
_HOW_OFTEN = re.compile(r"\b(?:how often|how many times|how frequent\w*|all the time)\b")
_WHAT_LIKE = re.compile(
    r"\b(?:describe|what kind|what sort|what does it feel|feel like|what type|watery or|sharp or|dull or)\b"
)
_ASKED = ((_HOW_BAD, "severity"), (_HOW_OFTEN, "frequency"), (_WHAT_LIKE, "character"))
_AGREEING = re.compile(r"\b(?:is that|thats) (?:right|correct)$")
_RECAPPING = re.compile(
    r"\b(?:is that|thats) (?:right|correct)\b|"
    r"\b(?:you mentioned|youve mentioned|you said|it says|(?:my|our|your) notes?)\b"
)
_CONTRADICTING = re.compile(r"(?:(?:um|uh|well|oh|yes|yeah|no) )*i (?:am|do|have|did|was)\b(?! not)")
_CONFIRMING = re.compile(
    r"(?:(?:um|uh|yes|yeah) )*(?:correct|exactly|thats (?:right|correct|true)|thats it|none|absolutely|right)\b"
)
_SO_NO = re.compile(r"(?:(?:so|and|okay|ok|right|um|uh|then) )*(?:no|not|theres no|there is no|none of)\b")
_ADMITTING = re.compile(r"\b(?:bit|little|some|sometimes|i do|i have|occasionally)\b")
_A_LITTLE = re.compile(
    r"(?:(?:no|well|um|uh) )*not (?:very |that |all that |too |so )?(?:much|often|a lot|heavily|regularly)\b"
)
_STILL = re.compile(r"\b(?:still|now|at the moment|currently|today|any more|anymore|gone)\b")
_OTHER_MATTERS = re.compile(
    r"\b(?:periods?|bowel motion|smok\w+|drink\w*|tak(?:e|ing|en)|tablets?|medic\w+|live|living|"
    r"work\w*|job|born|test|scan)\b"
)
_ALL = re.compile(
    r"(?:(?:yes|yeah|yep|um|uh|oh|well) )*(?:all (?:of|three|four|that)\b|all the above|both\b|the lot\b)"
)
_ONLY = re.compile(r"(?:(?:yes|yeah|um|uh|oh|well|no) )*(?:just|only) (?:the |a |some |my )?\w+")
_ANOTHER_DOES = re.compile(r"\bmy (?:\w+ ){0,2}(?:does|did|has|had|is)$")
_THINKING = frozenset(("feel", "felt", "feeling", "feelings", "think", "thought", "thoughts"))
_OFFERING = re.compile(
    r"\b(?:happy|willing|keen|prepared|okay|ok) (?:to|for|with)\b|\b(?:would|do) you (?:like|want|prefer|mind)\b|"
    r"\b(?:shall|can|could|should) (?:i|we) (?:\w+ )?(?:give|prescribe|send|start|try|offer|get)\b|"
    r"\bif (?:i|we) (?:send|give|prescribe)"
)
"""What is offered is not taken yet."""
_IS_IT_SO = frozenset(("is", "are", "was", "were"))
_COMPARED = re.compile(r"^(?:like (?:this|that|these|it)|(?:(?!or\b|anything\b)\w+ ){0,2}before)\b")
_OF_A_CONDITION = words("condition_owner") | {"test", "tests", "jab", "vaccine", "leaflet", "nurse"}
_EXCEPTING = frozenset(("apart", "besides", "than", "except", "aside"))
_OTHER_REACH = 3
_RESUMING = frozenset(("have", "has", "do", "are", "is", "did", "any", "you", "youve", "there"))
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
    named = [m for m in mentions(turn.segment.text, tokens) if not _names_an_owner(turn, m)]
    given = [m for m in named if _is_given(turn, m)]
    for m in given:  # the answer brings it, and proves nothing of it
        yield Draft(draft(turn, "past_history", m.concept, m.start - 1, m.end).proposal, (turn.index, reply.index))
    found = [
        m
        for m in named
        if not (
            m in given
            or _is_presupposed(turn, m)
            or _is_excepted(turn, m.start)
            or is_safety_net(turn, m.end)
            or _is_compared(turn, m, answer)
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
    if agreed is None:
        return
    told = {m.concept for m in mentions(reply.segment.text, reply.tokens)}
    names = {m.concept for m in found} | {d.name for d in drugs}
    if agreed == "yes" and told and not is_plain_yes(reply) and not (_ONLY.match(reply.joined) and told < names):
        # "Any blood in the stool?" "There was some in the urine": it speaks for itself.
        return
    # "Any sore throat, any ear pain?" "Yes": which? Only what the answer names, and that speaks for itself.
    confirmed = agreed == "yes" and _RECAPPING.search(turn.joined)
    confirmed = confirmed or _ALL.match(reply.joined)
    in_turn = answers_in_turn(reply)
    each = (
        dict(zip(dict.fromkeys(m.concept for m in found), in_turn, strict=True)) if len(in_turn) == len(names) else {}
    )
    if agreed == "yes" and _ONLY.match(reply.joined) and told < names:
        agreed = "no"  # "just the nausea": not the others
    elif agreed == "no":
        if told & names and _goes_on_to_admit(reply, names):
            return
    elif not each and ((len(names) > 1 and not confirmed) or told & names):
        return
    for position, mention in enumerate(found):
        status = _STATUS[each.get(mention.concept, agreed)]
        said = assertion(tokens, context, mention.start, mention.end)
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
            (drug.name in known and not _STILL.search(turn.joined)) or _is_excepted(turn, drug.start)
        ):
            continue
        medicine = draft(
            turn, "medication", drug.name, drug.first, drug.last, status=_STATUS[agreed], attributes=drug.attributes
        )
        yield with_reply(medicine, reply)


def _is_excepted(turn: Turn, start: int) -> bool:
    """ "Apart from the cough and the inhaler, do you take any medicines?" """
    words = turn.sentence.words
    opened = [at for at in range(max(0, start - 10), start) if words[at] in _EXCEPTING]
    if not opened:
        return False
    between = words[opened[-1] + 1 : start]
    return not _RESUMING & set(between) and not any(t.comma for t in turn.tokens[opened[-1] + 1 : start])


def _agreed(turn: Turn, reply: Turn, answer: Answer) -> Answer | None:
    """ "You're not bringing up any phlegm?" "Yes": a denial only where it agrees or says so; otherwise nobody knows."""
    rest = " ".join(t.word for t in _words_from(reply))
    if _CONTRADICTING.match(rest):
        return "yes"
    if (
        _AGREEING.search(turn.joined)
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
    if next((t.comma for t in reply.tokens if t.word == "no"), True):
        return False
    admitted = set[str]()
    for sentence in sentences(reply.segment.text):
        found = mentions(reply.segment.text, sentence.tokens)
        context = triggers(sentence.tokens, frozenset(i for m in found for i in range(m.start, m.end)))
        admitted |= {
            m.concept for m in found if assertion(sentence.tokens, context, m.start, m.end).status == "present"
        }
    return bool(admitted & names)


def _is_given(turn: Turn, mention: Mention) -> bool:
    """ "Do you take anything for your asthma?": "no" does not deny the asthma."""
    before = turn.sentence.words[max(0, mention.start - 1) : mention.start]
    return mention.kind == "condition" and before == ["your"]


def _names_an_owner(turn: Turn, mention: Mention) -> bool:
    """ "Your diabetes check" asks after the check."""
    return mention.kind == "condition" and not _OF_A_CONDITION.isdisjoint(
        turn.sentence.words[mention.end : mention.end + 1]
    )


def _is_compared(turn: Turn, mention: Mention, answer: Answer) -> bool:
    """ "Have you ever had a rash like this before?" "No.": it is there all the same."""
    return answer == "no" and bool(_COMPARED.search(" ".join(turn.sentence.words[mention.end :])))


def _is_presupposed(turn: Turn, mention: Mention) -> bool:
    """ "Is the cough worse at night?" asks of a cough that is known; "no" does not deny it."""
    before = {t.word for t in turn.tokens[max(0, mention.start - 2) : mention.start]}
    if mention.end - mention.start > 1 and _IS_IT_SO & before and mention.end + 1 >= len(turn.tokens):
        return False  # "are the stools loose?"
    if _THINKING & set(turn.sentence.words[: mention.start][-3:]):
        before -= {"that"}  # "do you feel that life isn't worth living?"
    return bool({"the", "this", "that", "these", "those"} & before)


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
        if _A_LITTLE.match(reply.joined):
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
    if any(not _is_excepted(turn, m.start) for m in mentions(turn.segment.text, turn.tokens)):
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
    return bool(taken) and bool(_EXCEPTING & set(reply.sentence.words[: taken[0].start]))


def _taken(reply: Turn) -> Sequence[Medicine]:
    return medicines(reply.segment.text, reply.tokens, asked=True)


def follow_ups(conversation: Sequence[Turn], consultation: Consultation) -> Iterator[Draft]:
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
        other = reply.speaker != conversation[at].speaker or reply.speaker == "unknown"
        if other and not is_empty(reply) and not is_bare(reply):
            return reply
    return None


def _topic(conversation: Sequence[Turn], at: int, consultation: Consultation) -> str | None:
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
