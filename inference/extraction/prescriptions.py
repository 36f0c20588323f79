"""Facts about medicines: taken, stopped, prescribed, and what the patient is allergic to. Pure."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Literal

from inference.extraction.answers import Answer, answer_of
from inference.extraction.clauses import is_conditional
from inference.extraction.context import assertion, triggers
from inference.extraction.dialogue import Turn
from inference.extraction.draft import Draft, draft, with_reply
from inference.extraction.lexicon import allergens_trie, find
from inference.extraction.medication import Medicine, loose_dose, medicines
from inference.extraction.mentions import mentions
from inference.extraction.prescribing import Act, act_on
from inference.extraction.tables import words
from inference.findings import Quote, Status, Temporality

_SECOND_PERSON = words("second_person")
_ECHO_TOKENS = 8
_NEAR_TOKENS = 16
_CONSIDERING = frozenset(("need", "give", "prescribe", "recommend", "prescribing", "giving"))
_ALLERGY = re.compile(r"\b(?:allerg\w+|intoleran\w+|nkda|anaphyla\w+)\b")
_DENIAL = re.compile(r"\b(?:no|not|nt|dont|doesnt|havent|without|nkda|never|isnt|arent)\b")
_MEDICINE_QUESTION = re.compile(
    r"\b(?:medication|medications|medicine|medicines|meds|tablets|pills|painkillers|drugs|prescription|taken|taking|"
    r"tried|take)\b"
)
_TAKING_QUESTION = re.compile(
    r"\b(?:(?:how|what) (?:often|much|many|dose|strength)|dosage|dose)\b.*|\btake (?:it|them|that)\b"
)
_TAKING_MYSELF = re.compile(
    r"\b(?:i (?:(?!you\b)\w+ ){0,2}(?:take|took|use|used|have|had|was|am|tried|get)|ive|im (?:on|taking|using)|my|me)\b"
)
_REFERRING = re.compile(r"\b(?:it|that|this|them|those|one|ones|take|taking|use|give|dose|tablets?|pills?)\b")
_THIRD_PERSON = frozenset(("she", "he", "shes", "hes", "her", "his", "patient"))
_SUBJECTS = frozenset(("i", "you", "we", "they", "it", "that", "for"))
_LIST_GAP = 5


def taken(pieces: Sequence[Turn], at: int, asked: Turn | None) -> Iterator[Draft]:
    """The medicines of a clause: what the patient takes, or what the clinician prescribes. `asked`: its question."""
    turn = pieces[at]
    text, tokens = turn.segment.text, turn.tokens
    about_medicines = len(tokens) <= 4 or (asked is not None and bool(_MEDICINE_QUESTION.search(asked.joined)))
    found = medicines(text, tokens, asked=about_medicines)
    if not found:
        yield from _dose_alone(pieces, at, asked)
        return
    context = triggers(tokens, frozenset(i for m in found for i in range(m.start, m.end)))
    of_self = turn.speaker == "patient" or (turn.speaker == "unknown" and bool(_TAKING_MYSELF.search(turn.joined)))
    explaining = turn.speaker == "clinician" and len(tokens) > _ECHO_TOKENS
    acts = [None] * len(found) if of_self else clinicians_acts(pieces, at, found)
    for medicine, act in zip(found, acts, strict=True):
        near = turn.sentence.words[max(0, medicine.first - _NEAR_TOKENS) : medicine.last]
        said = assertion(tokens, context, medicine.start, medicine.end)
        if act in ("prescribe", "stop") and not is_conditional(turn):
            yield _order(turn, medicine, stopped=act == "stop")
            continue
        if explaining and act is None and not (_SECOND_PERSON | _THIRD_PERSON) & set(near):
            continue
        if said.experiencer == "family" or said.hypothetical:
            continue
        if said.status == "absent" and turn.speaker == "clinician" and _CONSIDERING & set(near):
            # "I don't think you need antibiotics" says nothing of what is taken.
            continue
        stopped = said.status == "absent" and any(t.category == "resolved" for t in context)
        temporality: Temporality = "past" if stopped else said.temporality
        yield draft(
            turn,
            "medication",
            medicine.name,
            min(medicine.first, said.from_token),
            max(medicine.last, said.to_token),
            status=said.status,
            temporality=temporality,
            attributes=medicine.attributes,
        )


def clinicians_acts(pieces: Sequence[Turn], at: int, found: Sequence[Medicine]) -> list[Act | None]:
    """What is done with each medicine of a clause. A list shares its verb: "give you naproxen and some codeine"."""
    turn = pieces[at]
    spoken = turn.sentence.words
    ordering = any(_prescribes_something(earlier, turn) for earlier in pieces[max(0, at - 2) : at])
    acts: list[Act | None] = []
    for index, medicine in enumerate(found):
        # A bare name that opens a sentence goes on with the order only where it has a dose.
        goes_on = ordering and (medicine.first > 0 or "dose" in medicine.attributes)
        act = act_on(spoken[: medicine.first], is_class=medicine.is_class, ordered_before=goes_on)
        if act is None and index and acts[-1] is not None:
            between = spoken[found[index - 1].last : medicine.first]
            act = acts[-1] if len(between) <= _LIST_GAP and not _SUBJECTS & set(between) else None
        acts.append(act)
    return acts


def _prescribes_something(earlier: Turn, turn: Turn) -> bool:
    same = earlier.speaker == turn.speaker and earlier.form == "statement" and not is_conditional(earlier)
    return same and act_on(earlier.sentence.words, is_class=False, ordered_before=False) == "prescribe"


def _order(turn: Turn, medicine: Medicine, *, stopped: bool) -> Draft:
    name = f"stop {medicine.name}" if stopped else medicine.name
    attributes = {**({} if stopped else medicine.attributes), "order_type": "medication"}
    first, last = medicine.first, medicine.last
    return draft(turn, "order", name, first, last, temporality="planned", attributes=attributes)


def _dose_alone(pieces: Sequence[Turn], at: int, asked: Turn | None) -> Iterator[Draft]:
    """The dose of the medicine named last: "How much do you take?" "Ten milligrams.", or "Take it twice a day."."""
    turn = pieces[at]
    dose = loose_dose(turn.segment.text, turn.tokens)
    if dose is None:
        return
    if turn.speaker == "clinician":
        if turn.form == "statement" and _REFERRING.search(turn.joined) and not is_conditional(turn):
            yield from _dose_of_order(pieces, at, dose)
        return
    if "dose" not in dose.attributes and (asked is None or not _TAKING_QUESTION.search(asked.joined)):
        return
    for earlier in reversed(pieces[max(0, at - 5) : at]):
        named = medicines(earlier.segment.text, earlier.tokens, asked=True)
        if named:
            yield _with_dose(turn, dose, earlier, named[-1], "medication")
            return


def _dose_of_order(pieces: Sequence[Turn], at: int, dose: Medicine) -> Iterator[Draft]:
    for place in range(at - 1, max(-1, at - 4), -1):
        earlier = pieces[place]
        if earlier.speaker != pieces[at].speaker or earlier.form != "statement":
            continue
        named = medicines(earlier.segment.text, earlier.tokens)
        if named:
            act = clinicians_acts(pieces, place, named)[-1]
            if act == "prescribe" and not is_conditional(earlier) and not dose.attributes.keys() & named[-1].attributes:
                yield _with_dose(pieces[at], dose, earlier, named[-1], "order")
            return


def _with_dose(
    turn: Turn, dose: Medicine, earlier: Turn, medicine: Medicine, kind: Literal["medication", "order"]
) -> Draft:
    attributes = {**dose.attributes, **({"order_type": "medication"} if kind == "order" else {})}
    planned: Temporality = "planned" if kind == "order" else "current"
    fact = draft(turn, kind, medicine.name, dose.first, dose.last, temporality=planned, attributes=attributes)
    quote = Quote(earlier.segment.id, earlier.text(medicine.start, medicine.end))
    return Draft(replace(fact.proposal, quotes=(quote, *fact.proposal.quotes)), (earlier.index, turn.index))


def allergies(turn: Turn, answer: tuple[Turn, Answer] | None, asked: Turn | None) -> Iterator[Draft]:
    """Allergies told, asked for (`answer` is the answer to this turn), or told in answer to the question `asked`."""
    here = _ALLERGY.search(turn.joined)
    answering = not here and turn.form == "statement" and asked is not None and bool(_ALLERGY.search(asked.joined))
    if turn.form == "open" or not (here or answering):
        return
    text, tokens = turn.segment.text, turn.tokens
    substances = [(m.name, m.start, m.end, _heard(m)) for m in medicines(text, tokens, asked=True)]
    substances += [(m.entry.concept, m.start, m.end, {}) for m in find(allergens_trie(), tokens)]
    if turn.form == "polar":
        if answer is not None and answer[1] != "maybe":
            status: Status = "present" if answer[1] == "yes" else "absent"
            for name, start, end, heard in substances:
                yield with_reply(draft(turn, "allergy", name, start, end, status=status, attributes=heard), answer[0])
        return
    if answering and answer_of(turn) == "no":
        return
    first = turn.joined[: here.start()].count(" ") if here else None
    denied = here is not None and bool(_DENIAL.search(turn.joined[: here.start()].rpartition(" but ")[2]))
    if not substances:
        if denied and first is not None:
            yield draft(turn, "allergy", "drug allergy", max(0, first - 3), first + 1, status="absent")
        return
    reactions = sorted({m.concept for m in mentions(text, tokens) if m.kind == "symptom"})
    attributes = {"reaction": reactions[0]} if reactions and not denied else {}
    for name, start, end, heard in substances:
        yield draft(
            turn,
            "allergy",
            name,
            start if first is None else min(start, first),
            end if first is None else max(end, first + 1),
            status="absent" if denied else "present",
            attributes={**attributes, **heard},
        )


def _heard(medicine: Medicine) -> dict[str, str]:
    """The words that a recogniser wrote for the name, where it is inferred from them."""
    return {name: value for name, value in medicine.attributes.items() if name == "heard"}
