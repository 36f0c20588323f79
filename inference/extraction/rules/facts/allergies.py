"""What somebody is allergic to, as told, or as asked and answered. Pure.

A substance counts where the grammar ties it to the allergy, and nowhere else in the sentence: "I'm allergic to
penicillin, so I take clarithromycin" names one allergy and one medicine.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from inference.extraction.rules.concepts.allergens import (
    ALLERGY,
    UNTAKEN,
    Substance,
    is_allergy,
    speaks_of_allergy,
    substances,
    tied_to,
)
from inference.extraction.rules.concepts.mentions import mentions
from inference.extraction.rules.concepts.relatives import relation_of, with_relative
from inference.extraction.rules.cues.context import Assertion, assertion, triggers, triggers_beside
from inference.extraction.rules.cues.readings import Answer, answer_of
from inference.extraction.rules.facts.draft import MAX_QUOTE_TOKENS, Draft, draft, with_reply
from inference.extraction.tables import words
from inference.extraction.text.dialogue import Turn
from inference.findings import Status

_ASKING = re.compile(rf"\b(?:{ALLERGY.pattern})\b")
_TAKING = words("medicating")
_ANY = frozenset(("any", "anything", "known", "drug", "drugs", "medication", "medications", "medicines", "medicine"))
_SORTS = frozenset(("seasonal", "environmental", "food", "skin", "pet"))
_STATUS: Mapping[Answer, Status] = {"yes": "present", "no": "absent", "maybe": "possible"}
_EXCEPTING = frozenset(("except", "apart", "besides", "than", "aside", "just", "only", "but"))
_REACTING = words("reacting")
_LEAD_TOKENS = 3

_IMAGINED = re.compile(
    r"\b(?:if|unless|whether|case)(?: (?:you|he|she|they|it|its|i|im|ive|we|this|that|youre|youve|hes|shes|theyre|"
    r"were|are|is|was|am|be|been|also|really|actually|had|have|has|got|a|an|any|there|theres|the|known|drug))* $"
)
_UNABLE = re.compile(r"(?:(?:well|um|uh|oh|so|yeah|just) )*i (?:cant|cannot|couldnt|can not)\b")
_DENIED_ALREADY = re.compile(r"\bno (?:\w+ ){0,3}allerg|\bnot allergic\b")
_AGREED = re.compile(r"(?:(?:yes|yeah|yep|uh|um) )*(?:thats (?:right|correct|true)|correct|exactly|none)\b")
_ASKING_OF_MEDICINES = re.compile(
    r"\b(?:medications?|medicines?|meds|tablets|drugs|prescriptions?)(?: \w+)? (?:or|and) (?:\w+ )?allerg"
)
_EFFECT = re.compile(
    r"\b(?:it|they|that) (?:\w+ ){0,2}?(?:gives?|gave|brings?|brought|makes?|made|causes?|caused) (?:me|my)\b|"
    r"\bi (?:\w+ )?(?:come|came|break|broke) (?:out|up) (?:in|with)\b|\b(?:swell|swells|swelled|swollen) up\b"
)
_BRINGING = re.compile(r"\b(?:gives?|gave|brings?|brought|makes?|made|causes?|caused) (?:me|my)\b")
_ALLERGIC = frozenset(
    ("rash", "hives", "itching", "swelling", "facial swelling", "lip swelling", "tongue swelling", "throat swelling")
) | {"throat tightness", "itchy rash", "blisters", "itchy skin"}
"""What an allergy does; a headache is a side effect."""
_ASKING_EFFECT = re.compile(
    r"\b(?:what|which|how)(?: \w+){0,4} (?:happen\w*|reaction|react|affects?|do to you|does to you|did to you)\b"
)
_GENERAL = re.compile(r"\b(?:people|someone|somebody|patients|others|many|most|some|anyone|anybody)(?: \w+){0,2} $")
_DOUBTING = re.compile(r"\b(?:think|reckon|guess|suspect|wonder\w*)(?: \w+){0,2} $")


def allergies(turn: Turn, answer: tuple[Turn, Answer] | None, asked: Turn | None) -> Iterator[Draft]:
    """Allergies told, asked for (`answer` is the answer to this turn), or told in answer to the question `asked`."""
    if turn.form == "open":
        return
    spoken = turn.sentence.words
    answering = turn.form == "statement" and asked is not None and bool(_ASKING.search(asked.joined))
    if not answering and not speaks_of_allergy(spoken):
        if turn.form == "statement" and turn.speaker != "clinician":
            yield from _told_by_its_effect(turn)
        return
    named = substances(turn)
    anchors = [at for at in range(len(spoken)) if is_allergy(spoken, at, named)]
    if turn.form == "polar":
        if answer is not None:
            yield from _answered(turn, answer, anchors, named)
    elif anchors:
        yield from _told(turn, anchors, named)
    elif answering and asked is not None:
        yield from _answering(turn, asked, named)


def _answered(
    turn: Turn, answer: tuple[Turn, Answer], anchors: Sequence[int], named: Sequence[Substance]
) -> Iterator[Draft]:
    reply, status = answer[0], _STATUS[answer[1]]
    for anchor in anchors:
        tied = tied_to(turn.sentence.words, anchor, named)
        agreed = status == "absent" or (_DENIED_ALREADY.search(turn.joined) and _AGREED.match(reply.joined))
        name = _denied_as(turn.sentence.words, anchor)
        if agreed and not tied and name and not _names_some(reply):
            first = anchor if name == "drug allergy" and status == "absent" else max(0, anchor - _LEAD_TOKENS)
            yield with_reply(draft(turn, "allergy", name, first, anchor + 1, status="absent"), reply)
        for substance in tied:
            fact = draft(
                turn,
                "allergy",
                substance.name,
                substance.start,
                substance.end,
                status=status,
                attributes=substance.attributes,
            )
            yield with_reply(fact, reply)


def _denied_as(spoken: Sequence[str], anchor: int) -> str | None:
    """What a "no" denies: "any allergies?", "any food allergies?"; nothing of "could it be an allergy?"."""
    if anchor and spoken[anchor - 1] in _SORTS:
        return f"{spoken[anchor - 1]} allergy"
    near = spoken[max(0, anchor - 3) : anchor + 5]
    return "drug allergy" if spoken[anchor] in ("allergies", "nkda") or _ANY & set(near) else None


def _names_some(reply: Turn) -> bool:
    """ "No, just penicillin." "I can't take codeine." """
    named = substances(reply)
    return bool(named) and (
        bool(_EXCEPTING & set(reply.sentence.words[: named[-1].start])) or bool(_UNABLE.match(reply.joined))
    )


def _told(turn: Turn, anchors: Sequence[int], named: Sequence[Substance]) -> Iterator[Draft]:
    tokens = turn.tokens
    taken = frozenset(i for s in named for i in range(s.start, s.end))
    context = triggers(tokens, taken | frozenset(anchors))
    for anchor in anchors:
        before = "".join(f"{word} " for word in turn.sentence.words[:anchor])
        if _IMAGINED.search(before) or _GENERAL.search(before):
            continue
        said = assertion(tokens, context, anchor, anchor + 1)
        if said.hypothetical:
            continue
        if any(said.from_token < other < anchor and tokens[other].comma for other in anchors):
            # "No drug allergies, allergic to latex": each has its own.
            said = replace(said, status="present", from_token=anchor)
        end = min([len(tokens), *(other for other in anchors if other > anchor)])
        tied = tied_to(turn.sentence.words, anchor, [s for s in named if s.start < end])
        name = _denied_as(turn.sentence.words, anchor)
        if not tied and name and said.status == "absent" and said.experiencer == "patient":
            yield draft(turn, "allergy", name, max(0, anchor - _LEAD_TOKENS), anchor + 1, status="absent")
        doubt = _DOUBTING.search(before)
        if doubt and said.status == "present":
            said = replace(said, status="possible", from_token=before[: doubt.start()].count(" "))
        for substance in tied:
            if said.experiencer != "family" or relation_of(turn, anchor):
                yield _fact(turn, anchor, substance, said)


def _fact(turn: Turn, anchor: int, substance: Substance, said: Assertion) -> Draft:
    first, last = min(anchor, substance.start, said.from_token), max(anchor + 1, substance.end)
    excepted = bool(_EXCEPTING & set(turn.sentence.words[anchor + 1 : substance.start]))
    status: Status = "present" if said.status == "absent" and excepted else said.status
    if said.experiencer == "family":
        attributes = relation_of(turn, anchor) or {"relation": "family"}
        text = f"allergy to {substance.name}"
        first, last = with_relative(turn, first, last)
        return draft(turn, "family_history", text, first, last, status=status, family=True, attributes=attributes)
    reaction = _reaction(turn, first, last) if status != "absent" else None
    if reaction is not None:
        first, last = min(first, reaction[1]), max(last, reaction[2])
    return draft(
        turn,
        "allergy",
        substance.name,
        first,
        last,
        status=status,
        temporality=said.temporality,
        attributes={**({"reaction": reaction[0]} if reaction else {}), **substance.attributes},
    )


def _answering(turn: Turn, asked: Turn, named: Sequence[Substance]) -> Iterator[Draft]:
    """The substances of an answer: "Penicillin, it gives me a rash." "No, just latex." But not "I take cetirizine"."""
    spoken = turn.sentence.words
    of_medicines = bool(_ASKING_OF_MEDICINES.search(asked.joined))
    denied = answer_of(turn) == "no" and not _UNABLE.match(turn.joined)
    for substance in named:
        before, after = spoken[: substance.start], spoken[substance.end : substance.end + 4]
        if denied and not _EXCEPTING & set(before):
            continue
        reaction = _reaction(turn, substance.start, substance.end)
        taken = _TAKING & {*before[-4:], *after} and not UNTAKEN & set(before)
        if not reaction and (taken or "for" in after[:2] or (denied and substance.is_drug and of_medicines)):
            continue
        first, last = substance.start, substance.end
        if reaction is not None:
            first, last = min(first, reaction[1]), max(last, reaction[2])
        attributes = {**({"reaction": reaction[0]} if reaction else {}), **substance.attributes}
        yield draft(turn, "allergy", substance.name, first, last, attributes=attributes)


def _told_by_its_effect(turn: Turn) -> Iterator[Draft]:
    """ "Penicillin brings me out in a rash", "I come up in hives with aspirin"."""
    effect = _EFFECT.search(turn.joined) or _BRINGING.search(turn.joined)
    named = substances(turn) if effect else []
    if len(named) != 1:
        return
    reactions = [m for m in mentions(turn.segment.text, turn.tokens) if m.concept in _ALLERGIC and not m.negated]
    if not reactions:
        return
    context = triggers(turn.tokens, frozenset(range(reactions[0].start, reactions[0].end)))
    said = assertion(turn.tokens, context, reactions[0].start, reactions[0].end)
    if said.status == "absent" or said.hypothetical or said.experiencer == "family":
        return
    substance = named[0]
    first, last = min(substance.start, reactions[0].start), max(substance.end, reactions[0].end)
    attributes = {"reaction": reactions[0].concept, **substance.attributes}
    yield draft(turn, "allergy", substance.name, first, last, attributes=attributes)


def reactions_of(turn: Turn, substance: str, asked: Turn | None) -> Iterator[Draft]:
    """What the allergen named before does: "It gave me a rash." "What happens when you take it?" "I get a rash."

    `turn` is a statement soon after the allergy was told, `asked` the question that it may answer.
    """
    of_it = bool(_EFFECT.search(turn.joined))
    answering = asked is not None and bool(_ASKING_EFFECT.search(asked.joined))
    if turn.speaker == "clinician" or not (of_it or answering):
        return
    found = mentions(turn.segment.text, turn.tokens)
    context = triggers_beside(turn.tokens, found)
    for symptom in found:
        if symptom.kind != "symptom" or symptom.negated:
            continue
        if assertion(turn.tokens, context, symptom.start, symptom.end).status == "absent":
            continue
        first = symptom.start if answering and not of_it else 0
        attributes = {"reaction": symptom.concept}
        yield draft(turn, "allergy", substance, first, symptom.end, attributes=attributes)
        return


def _reaction(turn: Turn, first: int, last: int) -> tuple[str, int, int] | None:
    """What the substance does, where the words say that it does: "it gives me a rash". Symptom and its tokens."""
    for symptom in mentions(turn.segment.text, turn.tokens):
        between = turn.sentence.words[last : symptom.start] if symptom.start >= last else []
        wide = max(last, symptom.end) - min(first, symptom.start)
        if symptom.kind == "symptom" and _REACTING & set(between) and wide <= MAX_QUOTE_TOKENS:
            return symptom.concept, symptom.start, symptom.end
    return None
