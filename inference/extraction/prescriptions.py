"""Facts about medicines: taken, stopped, prescribed, and what the patient is allergic to. Pure."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from inference.extraction.answers import Answer, answer_of
from inference.extraction.context import assertion, triggers
from inference.extraction.dialogue import Turn
from inference.extraction.draft import Draft, draft, with_reply
from inference.extraction.lexicon import allergens_trie, find
from inference.extraction.medication import loose_dose, medicines
from inference.extraction.mentions import mentions
from inference.extraction.plans import prescribes
from inference.extraction.tables import words
from inference.findings import Quote, Status, Temporality

_SECOND_PERSON = words("second_person")
_ECHO_TOKENS = 8
_NEAR_TOKENS = 14
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
    r"\b(?:i (?:\w+ )?(?:take|took|use|used|have|had|was|am|tried|get)|ive|im (?:on|taking|using)|my|me)\b"
)
_TAKING_ALREADY = re.compile(
    r"\b(?:are you|do you|have you|did you|you take|you took|youre taking|youre on|youve|you were|been taking|"
    r"you use)\b"
)


def taken(conversation: Sequence[Turn], at: int, asked: Turn | None) -> Iterator[Draft]:
    """The medicines of a statement: what the patient takes, or what the clinician prescribes. `asked`: its question."""
    turn = conversation[at]
    text, tokens = turn.segment.text, turn.tokens
    about_medicines = len(tokens) <= 4 or (asked is not None and bool(_MEDICINE_QUESTION.search(asked.joined)))
    found = medicines(text, tokens, asked=about_medicines)
    if not found:
        yield from _dose_alone(conversation, at, asked)
        return
    context = triggers(tokens, frozenset(i for m in found for i in range(m.start, m.end)))
    of_self = turn.speaker == "patient" or (turn.speaker == "unknown" and bool(_TAKING_MYSELF.search(turn.joined)))
    explaining = turn.speaker == "clinician" and len(tokens) > _ECHO_TOKENS
    for medicine in found:
        near = turn.sentence.words[max(0, medicine.first - _NEAR_TOKENS) : medicine.last]
        ordering = not of_self and not _TAKING_ALREADY.search(" ".join(near)) and prescribes(near)
        if not ordering and explaining and not (_SECOND_PERSON & set(near)):
            continue
        said = assertion(tokens, context, medicine.start, medicine.end)
        if said.experiencer == "family" or (said.hypothetical and not ordering):
            continue
        if said.status == "absent" and turn.speaker == "clinician" and _CONSIDERING & set(near):
            # "I don't think you need antibiotics" says nothing of what is taken.
            continue
        start, end = min(medicine.first, said.from_token), max(medicine.last, said.to_token)
        if ordering:
            attributes = {**medicine.attributes, "order_type": "medication"}
            yield draft(turn, "order", medicine.name, start, end, temporality="planned", attributes=attributes)
            continue
        stopped = said.status == "absent" and any(t.category == "resolved" for t in context)
        temporality: Temporality = "past" if stopped else said.temporality
        yield draft(
            turn,
            "medication",
            medicine.name,
            start,
            end,
            status=said.status,
            temporality=temporality,
            attributes=medicine.attributes,
        )


def _dose_alone(conversation: Sequence[Turn], at: int, asked: Turn | None) -> Iterator[Draft]:
    """ "How much do you take?" "Ten milligrams, twice a day.": the dose of the medicine named last."""
    turn = conversation[at]
    dose = loose_dose(turn.segment.text, turn.tokens)
    if dose is None or turn.speaker == "clinician":
        return
    if "dose" not in dose.attributes and (asked is None or not _TAKING_QUESTION.search(asked.joined)):
        return
    for earlier in reversed(conversation[max(0, at - 5) : at]):
        named = medicines(earlier.segment.text, earlier.tokens, asked=True)
        if named:
            medicine = named[-1]
            fact = draft(turn, "medication", medicine.name, dose.first, dose.last, attributes=dose.attributes)
            quote = Quote(earlier.segment.id, earlier.text(medicine.start, medicine.end))
            proposal = replace(fact.proposal, quotes=(quote, *fact.proposal.quotes))
            yield Draft(proposal, (earlier.index, turn.index))
            return


def allergies(turn: Turn, answer: tuple[Turn, Answer] | None, asked: Turn | None) -> Iterator[Draft]:
    """Allergies told, asked for (`answer` is the answer to this turn), or told in answer to the question `asked`."""
    here = _ALLERGY.search(turn.joined)
    answering = not here and turn.form == "statement" and asked is not None and bool(_ALLERGY.search(asked.joined))
    if turn.form == "open" or not (here or answering):
        return
    text, tokens = turn.segment.text, turn.tokens
    substances = [(m.name, m.start, m.end) for m in medicines(text, tokens, asked=True)]
    substances += [(m.entry.concept, m.start, m.end) for m in find(allergens_trie(), tokens)]
    if turn.form == "polar":
        if answer is not None and answer[1] != "maybe":
            status: Status = "present" if answer[1] == "yes" else "absent"
            for name, start, end in substances:
                yield with_reply(draft(turn, "allergy", name, start, end, status=status), answer[0])
        return
    if answering and answer_of(turn) == "no":
        return
    first = turn.joined[: here.start()].count(" ") if here else None
    denied = here is not None and bool(_DENIAL.search(turn.joined[: here.start()]))
    if not substances:
        if denied and first is not None:
            yield draft(turn, "allergy", "drug allergy", max(0, first - 3), first + 1, status="absent")
        return
    reactions = sorted({m.concept for m in mentions(text, tokens) if m.kind == "symptom"})
    attributes = {"reaction": reactions[0]} if reactions and not denied else {}
    for name, start, end in substances:
        yield draft(
            turn,
            "allergy",
            name,
            start if first is None else min(start, first),
            end if first is None else max(end, first + 1),
            status="absent" if denied else "present",
            attributes=attributes,
        )
