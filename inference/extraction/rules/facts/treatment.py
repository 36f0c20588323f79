"""Medicines, orders, advice and measured values, clause by clause. Pure."""

import re
from collections.abc import Iterator, Sequence, Set
from dataclasses import replace

from inference.extraction import ExtractionRequest
from inference.extraction.rules.concepts.followups import SOME_TIME, is_same_time
from inference.extraction.rules.concepts.vitals import asked_for, vitals
from inference.extraction.rules.cues.persons import goes_on, is_of_other, other_before
from inference.extraction.rules.facts.allergies import allergies
from inference.extraction.rules.facts.draft import Draft, draft, with_reply
from inference.extraction.rules.facts.plans import plans, uncertain_tests
from inference.extraction.rules.facts.prescriptions import taken
from inference.extraction.rules.facts.reasons import Placed, Talk, reasons_of_known, with_reasons
from inference.extraction.text.clauses import clauses, is_conditional
from inference.extraction.text.dialogue import Turn, form
from inference.extraction.text.tokens import Sentence
from inference.extraction.words.lexicon import drug_classes, generic_of
from inference.findings import Finding, Proposal

_LOOK_BACK = 3
"""Earlier segments whose medicine a dose may belong to."""
_GIVING_AWAY = re.compile(r"\b(?:gave|give|given|giving|bought|got) (?:her|him|them|it)\b")
_NODS = frozenset(("okay", "ok", "alright", "right"))


def treatments(conversation: Sequence[Turn], consultation: ExtractionRequest) -> list[Draft]:
    """What new sentences say of medicines, orders, advice and vital signs."""
    first_index, known = consultation.new_from, consultation.findings
    pieces: list[Turn] = []
    sentences: list[int] = []
    found: list[Placed] = []
    for at, turn in enumerate(conversation):
        if turn.index < first_index - _LOOK_BACK:
            continue
        begin = len(pieces)
        pieces += clauses(turn)
        sentences += [at] * (len(pieces) - begin)
        if turn.index < first_index:
            continue
        whole = len(pieces) == begin + 1
        if not whole or turn.form == "statement":
            found += [Placed(fact, begin, at) for fact in _measured(turn, other_before(conversation, at))]
        asked = question_before(conversation, at)
        if turn.form == "statement" and asked is not None and asked is conversation[at - 1]:
            found += [Placed(fact, begin, at) for fact in _measured_as_asked(asked, turn)]
        allergic = {a.proposal.text for a in allergies(turn, None, asked)} if turn.form == "statement" else set[str]()
        for place in range(begin, len(pieces)):
            pieces[place] = _without_tag(pieces[place])
            if pieces[place].form == "statement":
                taking = _taken(pieces, place, asked, other_before(conversation, at), allergic)
                facts = [*taking, *_planned(pieces[place])]
                facts += () if facts else reasons_of_known(place, pieces, known)
                found += [Placed(fact, place, at) for fact in facts]
    return _settled(with_reasons(found, Talk(pieces, sentences, conversation), known), known)


def question_before(conversation: Sequence[Turn], at: int) -> Turn | None:
    """The question that this turn may answer."""
    turn = conversation[at]
    for earlier in reversed(conversation[max(0, at - 6) : at]):
        if earlier.form != "statement" and earlier.is_of_another(turn):
            return earlier
    return None


def _taken(
    pieces: Sequence[Turn], place: int, asked: Turn | None, other: str | None, allergic: Set[str]
) -> Iterator[Draft]:
    """The medicines of a clause that are the patient's, and no allergens. `other`: the person named before."""
    clause = pieces[place]
    if goes_on(clause, len(clause.tokens), other) or _is_given_to_another(clause):
        return
    yield from (fact for fact in taken(pieces, place, asked) if not _is_named(fact, allergic))


def _is_given_to_another(clause: Turn) -> bool:
    """ "I gave her some ibuprofen", says the patient."""
    return clause.speaker == "patient" and _GIVING_AWAY.search(clause.joined) is not None


def _is_named(fact: Draft, allergic: Set[str]) -> bool:
    """ "Penicillin gives me a rash" tells of an allergy to a drug that is not taken."""
    return fact.proposal.text in allergic


def _without_tag(turn: Turn) -> Turn:
    """ "I'll order a lipid panel, okay?" tells, and asks for no more than a nod."""
    if turn.sentence.mark != "?" or turn.sentence.words[-1] not in _NODS or turn.speaker == "patient":
        return turn
    sentence = Sentence(turn.tokens, ".")
    return replace(turn, sentence=sentence, form=form(sentence, turn.speaker))


def _measured(turn: Turn, other: str | None) -> Iterator[Draft]:
    for vital in vitals(turn.tokens):
        if is_of_other(turn, vital.start, vital.end, other):
            continue
        attributes = {"value": vital.value} | ({"unit": vital.unit} if vital.unit else {})
        yield draft(turn, "vital", vital.name, vital.start, vital.end, attributes=attributes)


def _measured_as_asked(asked: Turn, reply: Turn) -> Iterator[Draft]:
    if reply.speaker != "clinician" and (measured := asked_for(asked.tokens, reply.tokens)) is not None:
        vital, start, end = measured
        attributes = {"value": vital.value} | ({"unit": vital.unit} if vital.unit else {})
        yield with_reply(draft(asked, "vital", vital.name, start, end, attributes=attributes), reply, [(0, vital.end)])


def _planned(turn: Turn) -> Iterator[Draft]:
    if turn.speaker == "patient" or is_conditional(turn):
        return
    for plan in plans(turn.segment.text, turn.tokens, certain_speaker=turn.speaker == "clinician"):
        yield draft(turn, plan.kind, plan.text, plan.start, plan.end, temporality="planned", attributes=plan.attributes)


def _settled(found: list[Draft], findings: Sequence[Finding]) -> list[Draft]:
    """Without "an antibiotic" or "some blood work" where the same segment names which, and each order once."""
    named = {(d.segments[-1], _order_type(d.proposal)) for d in found if not _is_vague(d.proposal)}
    named |= {(d.segments[-1], _order_type(f)) for d in found for f in findings if _is_named_test(f)}
    kept = [d for d in found if not (_is_vague(d.proposal) and (d.segments[-1], _order_type(d.proposal)) in named)]
    settled: list[Draft] = []
    for fact in kept:
        known: list[Finding | Proposal] = [*findings]
        known += [d.proposal for d in settled if d.proposal.op == "add"]
        settled.append(_as_known(known, fact) if fact.proposal.kind == "order" else fact)
    return settled


def _as_known(known: Sequence[Finding | Proposal], fact: Draft) -> Draft:
    """An order that was placed before, under its first name: "the x-ray" after "an x-ray of the right knee"."""
    proposal = fact.proposal
    same_type = [k for k in known if k.source == "rules" and _order_type(k) == _order_type(proposal)]
    for earlier in same_type:
        if earlier.text != proposal.text and _is_same_order(earlier.text, proposal.text, _order_type(proposal)):
            if isinstance(earlier, Finding) and _says_more(proposal.text, earlier.text):
                return replace(fact, proposal=replace(proposal, op="update", finding_id=earlier.id))
            return replace(fact, proposal=replace(proposal, text=earlier.text))
    return fact


def _is_same_order(known: str, new: str, order_type: str) -> bool:
    if order_type == "followup":
        return SOME_TIME in (known, new) or is_same_time(known, new)
    if order_type == "imaging":
        # Of two parts of the body there are two pictures.
        return set(known.split()) <= set(new.split()) or set(new.split()) <= set(known.split())
    return order_type == "medication" and generic_of(known) == generic_of(new) is not None


def _says_more(new: str, known: str) -> bool:
    return known == SOME_TIME or set(known.split()) < set(new.split())


def _order_type(fact: Finding | Proposal) -> str:
    return fact.attributes.get("order_type", "") if fact.kind == "order" else ""


def _is_named_test(fact: Finding) -> bool:
    return _order_type(fact) in ("lab", "imaging", "followup") and not _is_vague(fact)


def _is_vague(fact: Finding | Proposal) -> bool:
    return fact.kind == "order" and (fact.text in drug_classes() | uncertain_tests() or fact.text == SOME_TIME)
