"""What somebody is allergic to, as told, or as asked and answered. Pure.

A substance counts where the grammar ties it to the allergy, and nowhere else in the sentence: "I'm allergic to
penicillin, so I take clarithromycin" names one allergy and one medicine.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from inference.extraction.answers import Answer, answer_of
from inference.extraction.context import Assertion, assertion, triggers
from inference.extraction.dialogue import Turn
from inference.extraction.draft import MAX_QUOTE_TOKENS, Draft, draft, with_reply
from inference.extraction.lexicon import allergens_trie, find
from inference.extraction.medication import medicines
from inference.extraction.mentions import mentions
from inference.extraction.statements import relation_of, with_relative
from inference.extraction.tables import words
from inference.findings import Status

_ALLERGY = re.compile(r"allerg(?:y|ies|ic)|intoleran(?:t|ce|ces)|nkda|anaphyla\w+")
_ASKING = re.compile(rf"\b(?:{_ALLERGY.pattern})\b")
_REACTION = frozenset(("reaction", "reactions", "reacted", "react", "reacts"))
"""To a drug, an allergy; to anything else, perhaps not."""

_OTHER_MATTERS = words("after_allergy")
_TYING = words("allergy_to")
_PARTING = words("no_allergy_between")
_PARTING_BEFORE = words("no_allergy_after")
_GIVING_REASON = frozenset(("because", "as", "since", "cause", "cos"))
_TAKING = words("medicating")
_DENIALS = words("denial") | {"cant", "couldnt", "cannot", "avoid", "when", "if"}
_ANY = frozenset(("any", "anything", "known", "drug", "drugs", "medication", "medications", "medicines", "medicine"))
_SORTS = frozenset(("seasonal", "environmental", "food", "skin", "pet"))
_STATUS: Mapping[Answer, Status] = {"yes": "present", "no": "absent", "maybe": "possible"}
_EXCEPTING = frozenset(("except", "apart", "besides", "than", "aside", "just", "only", "but"))
_COMPOUNDING = frozenset(("and", "or", "protein", "proteins", "products"))
_REACTING = words("reacting")
_NEAR = 8
"""Words between an allergy and its substance, or between two substances, at most."""
_LEAD_TOKENS = 3

_IMAGINED = re.compile(
    r"\b(?:if|unless|whether|case)(?: (?:you|he|she|they|it|its|i|im|ive|we|this|that|youre|youve|hes|shes|theyre|"
    r"were|are|is|was|am|be|been|also|really|actually|had|have|has|got|a|an|any|there|theres|the|known|drug))* $"
)
_EXPOSED = re.compile(
    r"^(?:reactions? )?(?:when|whenever|if|after|once|every time|each time)(?: (?:i|ive))?"
    r"(?: (?:eat|ate|eating|take|took|taking|taken|have|had|having|get|touch|touched|drink|drank|use|used|using))?"
    r"(?: (?:any|some|the|a))?$"
)
_UNABLE = re.compile(r"(?:(?:well|um|uh|oh|so|yeah|just) )*i (?:cant|cannot|couldnt|can not)\b")
_DENIED_ALREADY = re.compile(r"\bno (?:\w+ ){0,3}allerg|\bnot allergic\b")
_AGREEING = re.compile(r"(?:(?:yes|yeah|yep|uh|um) )*(?:thats (?:right|correct|true)|correct|exactly|none)\b")
_ASKING_OF_MEDICINES = re.compile(
    r"\b(?:medications?|medicines?|meds|tablets|drugs|prescriptions?)(?: \w+)? (?:or|and) (?:\w+ )?allerg"
)
_GENERAL = re.compile(r"\b(?:people|someone|somebody|patients|others|many|most|some|anyone|anybody)(?: \w+){0,2} $")
_DOUBTING = re.compile(r"\b(?:think|reckon|guess|suspect|wonder\w*)(?: \w+){0,2} $")


@dataclass(frozen=True, slots=True)
class _Substance:
    name: str
    start: int
    end: int
    is_drug: bool
    attributes: Mapping[str, str] = field(default_factory=dict)


def allergies(turn: Turn, answer: tuple[Turn, Answer] | None, asked: Turn | None) -> Iterator[Draft]:
    """Allergies told, asked for (`answer` is the answer to this turn), or told in answer to the question `asked`."""
    if turn.form == "open":
        return
    spoken = turn.sentence.words
    here = any(word in _REACTION or _ALLERGY.fullmatch(word) for word in spoken)
    answering = turn.form == "statement" and asked is not None and bool(_ASKING.search(asked.joined))
    if not here and not answering:
        return
    named = _substances(turn)
    anchors = [at for at in range(len(spoken)) if _is_allergy(spoken, at, named)]
    if turn.form == "polar":
        if answer is not None:
            yield from _answered(turn, answer, anchors, named)
    elif anchors:
        yield from _told(turn, anchors, named)
    elif answering and asked is not None:
        yield from _answering(turn, asked, named)


def _substances(turn: Turn) -> list[_Substance]:
    text, tokens = turn.segment.text, turn.tokens
    others = [_Substance(m.entry.concept, m.start, m.end, False) for m in find(allergens_trie(), tokens)]
    drugs = [
        _Substance(m.name, m.start, m.end, True, {k: v for k, v in m.attributes.items() if k == "heard"})
        for m in medicines(text, tokens, asked=True)
    ]
    return sorted([*drugs, *others], key=lambda s: s.start)


def _is_allergy(spoken: Sequence[str], at: int, named: Sequence[_Substance]) -> bool:
    following = spoken[at + 1] if at + 1 < len(spoken) else ""
    if spoken[at] in _REACTION:
        return (
            following == "to"
            and not _ALLERGY.fullmatch(spoken[max(0, at - 1)])
            and any(s.is_drug and 0 <= s.start - at - 2 <= 2 for s in named)
        )
    return bool(_ALLERGY.fullmatch(spoken[at])) and following not in _OTHER_MATTERS


def _answered(
    turn: Turn, answer: tuple[Turn, Answer], anchors: Sequence[int], named: Sequence[_Substance]
) -> Iterator[Draft]:
    reply, status = answer[0], _STATUS[answer[1]]
    for anchor in anchors:
        tied = _tied(turn.sentence.words, anchor, named)
        agreed = status == "absent" or (_DENIED_ALREADY.search(turn.joined) and _AGREEING.match(reply.joined))
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
    named = _substances(reply)
    return bool(named) and (
        bool(_EXCEPTING & set(reply.sentence.words[: named[-1].start])) or bool(_UNABLE.match(reply.joined))
    )


def _told(turn: Turn, anchors: Sequence[int], named: Sequence[_Substance]) -> Iterator[Draft]:
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
        tied = _tied(turn.sentence.words, anchor, [s for s in named if s.start < end])
        name = _denied_as(turn.sentence.words, anchor)
        if not tied and name and said.status == "absent" and said.experiencer == "patient":
            yield draft(turn, "allergy", name, max(0, anchor - _LEAD_TOKENS), anchor + 1, status="absent")
        doubt = _DOUBTING.search(before)
        if doubt and said.status == "present":
            said = replace(said, status="possible", from_token=before[: doubt.start()].count(" "))
        for substance in tied:
            yield _fact(turn, anchor, substance, said)


def _fact(turn: Turn, anchor: int, substance: _Substance, said: Assertion) -> Draft:
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


def _answering(turn: Turn, asked: Turn, named: Sequence[_Substance]) -> Iterator[Draft]:
    """The substances of an answer: "Penicillin, it gives me a rash." "No, just latex." But not "I take cetirizine"."""
    spoken = turn.sentence.words
    of_medicines = bool(_ASKING_OF_MEDICINES.search(asked.joined))
    denied = answer_of(turn) == "no" and not _UNABLE.match(turn.joined)
    for substance in named:
        before, after = spoken[: substance.start], spoken[substance.end : substance.end + 4]
        if denied and not _EXCEPTING & set(before):
            continue
        reaction = _reaction(turn, substance.start, substance.end)
        taken = _TAKING & {*before[-4:], *after} and not _DENIALS & set(before)
        if not reaction and (taken or "for" in after[:2] or (denied and substance.is_drug and of_medicines)):
            continue
        first, last = substance.start, substance.end
        if reaction is not None:
            first, last = min(first, reaction[1]), max(last, reaction[2])
        attributes = {**({"reaction": reaction[0]} if reaction else {}), **substance.attributes}
        yield draft(turn, "allergy", substance.name, first, last, attributes=attributes)


def _tied(spoken: Sequence[str], anchor: int, named: Sequence[_Substance]) -> list[_Substance]:
    """The substances of the allergy word `anchor`."""
    after = _tied_after(spoken, anchor, [s for s in named if s.start > anchor])
    if after:
        return after
    before = [s for s in named if s.end <= anchor]
    if spoken[anchor].startswith("intoleran"):
        return []  # "lactose intolerant" is a condition, and its name stands in the vocabulary of these
    compound: list[_Substance] = []
    end = anchor
    for substance in reversed(before):
        if any(word not in _COMPOUNDING for word in spoken[substance.end : end]):
            break
        compound.insert(0, substance)
        end = substance.start
    if compound or not before or spoken[anchor] in ("allergy", "allergies"):
        return compound
    between = spoken[before[-1].end : anchor]
    if len(between) > _NEAR or _PARTING_BEFORE & set(between):
        return []
    if _GIVING_REASON & set(between) and not _DENIALS & set(spoken[: before[-1].start]):
        # "No penicillin, because I'm allergic", and not "I take cetirizine because I'm allergic".
        return []
    return before[-1:]


def _tied_after(spoken: Sequence[str], anchor: int, following: Sequence[_Substance]) -> list[_Substance]:
    """ "Allergic to latex and nuts", "allergies: penicillin", "an allergic reaction when I eat nuts"."""
    found: list[_Substance] = []
    at = anchor + 1
    for substance in following:
        between = spoken[at : substance.start]
        if not found and _EXPOSED.match(" ".join(between)):
            pass
        elif len(between) > _NEAR or _PARTING & set(between) or not (found or not between or _TYING & set(between)):
            break
        found.append(substance)
        at = substance.end
    return found


def _reaction(turn: Turn, first: int, last: int) -> tuple[str, int, int] | None:
    """What the substance does, where the words say that it does: "it gives me a rash". Symptom and its tokens."""
    for symptom in mentions(turn.segment.text, turn.tokens):
        between = turn.sentence.words[last : symptom.start] if symptom.start >= last else []
        wide = max(last, symptom.end) - min(first, symptom.start)
        if symptom.kind == "symptom" and _REACTING & set(between) and wide <= MAX_QUOTE_TOKENS:
            return symptom.concept, symptom.start, symptom.end
    return None
