"""The draft engine: clinical findings by vocabulary and grammar, on a CPU, within milliseconds of each final segment.

It reads a consultation as a conversation: a question with its answer is one fact ("any fever?" "no"), a statement is
another. Assertion follows ConText (context.py); the vocabulary lies in `vocabulary/`. What it proposes is a draft: the
model's findings replace it where a model is there.
"""

import asyncio
import threading
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import replace

from inference.extraction import ExtractionRequest, Listed, tables
from inference.extraction.memo import Memo
from inference.extraction.rules.concepts.relatives import asks_of_family, relation_of
from inference.extraction.rules.corrections.mending import mend
from inference.extraction.rules.corrections.unsaid import settled, touched
from inference.extraction.rules.corrections.withdrawals import with_changes
from inference.extraction.rules.cues.answers import answered, asked_with, first_answer
from inference.extraction.rules.cues.asides import addresses_patient
from inference.extraction.rules.cues.persons import goes_on, other_before
from inference.extraction.rules.cues.readings import Answer, is_bare, is_empty
from inference.extraction.rules.cues.replies import contradiction
from inference.extraction.rules.exchange.agreement import SUMMED_DENIAL, is_only_of
from inference.extraction.rules.exchange.doubted import in_doubt
from inference.extraction.rules.exchange.enquiries import follow_ups
from inference.extraction.rules.exchange.functions import functions, well_parts
from inference.extraction.rules.exchange.questions import answered_facts, denied_facts
from inference.extraction.rules.exchange.resolution import resolutions
from inference.extraction.rules.exchange.topics import BARE, is_known_better, named, under_known_name
from inference.extraction.rules.facts.allergies import allergies, reactions_of
from inference.extraction.rules.facts.circumstances import circumstances
from inference.extraction.rules.facts.draft import Draft, with_reply
from inference.extraction.rules.facts.headings import without_headings
from inference.extraction.rules.facts.naming import one_name_a_drug, without_generic
from inference.extraction.rules.facts.statements import WELL, concepts, imagined, stated
from inference.extraction.rules.facts.treatment import question_before, treatments
from inference.extraction.rules.unnoted import telling_sentences
from inference.extraction.tables import words
from inference.extraction.text.dialogue import Turn, turns
from inference.findings import Evidence, Finding, Proposal, is_more_of_the_answer
from inference.transcript import Segment

_LISTED_AT_ONCE = 64
"""Finals that are read in one step when a whole consultation is listed; it may be stopped between two steps."""
_LOOK_BACK = 12
"""Earlier finals that are read for the questions that new ones answer."""
_RELATIVE_TOKENS = 8
_ALLERGY_TALK = 4
"""Sentences for which an allergen stays what is spoken of."""
_FIRST_PERSON = words("first_person")
_RECALLS = frozenset(("symptoms", "mentioned"))
_SPEAKERS = _FIRST_PERSON | words("second_person")
_WARNING_REACH = 4
_ECHO_TOKENS = 5
_OF_ANOTHER = frozenset(("he", "she", "hes", "shes", "they"))
_WARM_UP = Segment(
    "s0", "unknown", 0.0, 1.0, "Any fever or allergies? No. I take 10 mg of aspirin, it is for my mother.", True
)


class RulesExtractor:
    """Extracts without a model. It holds no state of a session, so that one instance serves all sessions."""

    name = "rules"
    languages = ("en",)

    async def start(self) -> None:
        """Loads the vocabulary and reads one sentence with it."""
        await asyncio.to_thread(tables.load)
        await asyncio.to_thread(self.propose, ExtractionRequest(segments=(_WARM_UP,), new_from=0, findings=()))

    async def extract(self, consultation: ExtractionRequest) -> list[Proposal]:
        """Runs `propose` in a worker thread and returns what it returns."""
        return await asyncio.to_thread(self.propose, consultation)

    async def list_facts(self, consultation: ExtractionRequest) -> Listed:
        """Lists, in a worker thread, what the whole consultation holds, for the comparison with its note."""
        stop = threading.Event()
        try:
            return await asyncio.to_thread(self._listed, consultation, stop)
        finally:
            stop.set()  # a thread cannot be cancelled

    async def close(self) -> None:
        """Does nothing: there is nothing to release."""

    def propose(self, consultation: ExtractionRequest) -> list[Proposal]:
        """Returns proposals that rest on at least one new segment. In a language other than English there are none."""
        if not consultation.language.startswith("en"):
            return []
        with consultation.memo.reading():
            return self._propose(consultation)

    def _listed(self, consultation: ExtractionRequest, stop: threading.Event) -> Listed:
        if not consultation.language.startswith("en"):
            return Listed()
        facts: list[Proposal] = []
        for start in range(0, len(consultation.segments), _LISTED_AT_ONCE):
            if stop.is_set():
                return Listed()
            part = consultation.segments[: start + _LISTED_AT_ONCE]
            facts += self.propose(replace(consultation, segments=part, new_from=start, findings=(), memo=Memo()))
        return Listed(facts, telling_sentences(consultation.segments))

    def _propose(self, consultation: ExtractionRequest) -> list[Proposal]:
        first = max(0, consultation.new_from - _LOOK_BACK)
        mending = mend(turns(consultation.segments[first:], first))
        headed, every = without_headings(mending.turns), consultation.findings
        conversation = headed.turns
        gone = touched(mending, every, consultation.new_from)
        consultation = replace(consultation, findings=[f for f in every if f.id not in gone])
        known = frozenset(f.text for f in consultation.findings if f.status == "present")
        known_patient = {f.text: f for f in consultation.findings if f.experiencer == "patient"}
        drafts = [
            *(
                fact
                for at, turn, read in headed.facts
                if (full := named(read, conversation, at, known)) is not None
                and (fact := under_known_name(full, consultation.findings))
                and not _is_aside(fact, turn, known_patient)
            ),
            *(
                fact
                for at in range(len(conversation))
                for read in _read(conversation, at, consultation, known)
                if (full := named(read, conversation, at, known)) is not None
                and (fact := under_known_name(full, consultation.findings))
                and not _is_aside(fact, conversation[at], known_patient)
                and not is_known_better(fact.proposal, known)
            ),
            *follow_ups(conversation, consultation),
            *treatments(conversation, consultation),
            *(fact for at in range(len(conversation)) for fact in functions(conversation, at)),
            *(fact for at in range(len(conversation)) for fact in well_parts(conversation, at)),
        ]
        drafts = _with_resolved(drafts, list(_resolved(conversation, consultation, drafts, known)))
        drafts = without_generic(drafts, consultation.findings)
        drafts, withdrawn = with_changes(drafts, mending, consultation)
        history = frozenset(f.text for f in consultation.findings if f.kind == "past_history")
        new = [
            replace(d.proposal, kind="past_history")
            if d.proposal.kind == "diagnosis" and d.proposal.text in history
            else d.proposal
            for d in drafts
            if any(index >= consultation.new_from for index in d.segments)
        ]
        new = [*withdrawn, *settled(one_name_a_drug(new, consultation.findings), mending, every, gone)]
        return _with_chief_complaint([mending.real(p, consultation.segments) for p in new], every)


def _resolved(
    conversation: Sequence[Turn], consultation: ExtractionRequest, drafts: Sequence[Draft], known: frozenset[str]
) -> Iterator[Draft]:
    """What is over or still there by the new sentences, after what they told first."""
    told = known | {d.proposal.text for d in drafts if d.proposal.kind == "symptom" and d.proposal.status == "present"}
    for at, turn in enumerate(conversation):
        if turn.form == "statement" and turn.index < consultation.new_from:
            continue  # a question may be answered now, a statement is old
        for fact in resolutions(conversation, at, told):
            if any(index >= consultation.new_from for index in fact.segments):
                full = named(fact, conversation, at, known)
                if full is not None:
                    yield under_known_name(full, consultation.findings)


def _with_resolved(drafts: Sequence[Draft], resolved: Sequence[Draft]) -> list[Draft]:
    """ "I had one, but it's gone" is told once, as gone."""
    gone = {d.proposal.text for d in resolved if d.proposal.status == "absent"}
    kept = [d for d in drafts if not (d.proposal.text in gone and d.proposal.status == "present")]
    return [*kept, *resolved]


def _read(
    conversation: Sequence[Turn], at: int, consultation: ExtractionRequest, known: frozenset[str]
) -> Iterator[Draft]:
    """The facts of one sentence. An old one is read again only where a new one answers or contradicts it."""
    denied = contradiction(conversation, at)
    if denied is not None and denied.index >= consultation.new_from:
        yield from _contradicted(conversation[at], denied)
    elif (following := _passes_over(conversation, at)) is not None:
        if following.index >= consultation.new_from:
            yield from _summed_up(conversation[at], following)
    else:
        yield from _told_or_answered(conversation, at, consultation, known)


def _told_or_answered(
    conversation: Sequence[Turn], at: int, consultation: ExtractionRequest, known: frozenset[str]
) -> Iterator[Draft]:
    turn, new_from = conversation[at], consultation.new_from
    is_new = turn.index >= new_from
    if is_empty(turn) or not (is_new or turn.form == "polar"):
        return
    answer = _to_all(conversation, at, _answer(conversation, at)) if turn.form == "polar" else None
    if not is_new and (answer is None or answer[0].index < new_from):
        return
    asked = question_before(conversation, at)
    other = other_before(conversation, at)
    allergic = [] if goes_on(turn, len(turn.tokens), other) else list(allergies(turn, answer, asked))
    yield from allergic
    told = {fact.proposal.text for fact in allergic}
    if turn.form == "polar":
        if answer is not None and not _is_yes_to_one_of_several(conversation, at, *answer):
            known -= _told_by(consultation.findings, turn, first_answer(conversation, at, answer[0]))
            yield from (fact for fact in answered_facts(turn, *answer, known) if fact.proposal.text not in told)
            if answer[1] == "no" and not allergic:
                yield from denied_facts(turn, answer[0])
        return
    warned = _warned_of(conversation, at)
    if not allergic and turn.form == "statement" and (substance := _allergen_before(conversation, at)) is not None:
        allergic = list(reactions_of(turn, substance, asked))
        yield from allergic
    reacted = any("reaction" in fact.proposal.attributes for fact in allergic)
    echoed = _echoed_of_another(conversation, at)
    for fact in stated(turn, other, asked):
        if fact.proposal.kind == "past_history" and fact.proposal.text in echoed:
            continue
        if not (
            fact.proposal.text in told or _is_warned_of(fact, warned) or (reacted and fact.proposal.kind == "symptom")
        ):
            yield in_doubt(conversation, at, fact)
    if turn.form == "statement":
        yield from circumstances(turn, asked)


def _contradicted(turn: Turn, reply: Turn) -> Iterator[Draft]:
    """The symptoms of a statement that its reply says are not there. What the reply names speaks for itself."""
    if concepts(turn) & concepts(reply):
        return
    for fact in stated(turn):
        if fact.proposal.kind == "symptom" and fact.proposal.status == "present":
            yield with_reply(replace(fact, proposal=replace(fact.proposal, status="absent", attributes={})), reply)


def _passes_over(conversation: Sequence[Turn], at: int) -> Turn | None:
    """The asker's next question, where nobody contradicts his summary: "So no swelling?" "Do you smoke?"."""
    turn = conversation[at]
    if turn.form != "polar" or turn.speaker == "patient" or SUMMED_DENIAL.match(turn.joined) is None:
        return None
    following = next((t for t in conversation[at + 1 : at + 4] if not is_empty(t)), None)
    if following is None or following.form == "statement" or following.index == turn.index or is_bare(following):
        return None
    return following if following.speaker == turn.speaker and answered(conversation, at) is None else None


def _summed_up(turn: Turn, following: Turn) -> Iterator[Draft]:
    """What the asker denies in a summary, proved by his own words."""
    for fact in stated(replace(turn, form="statement")):
        if fact.proposal.status == "absent":
            yield replace(fact, segments=(*fact.segments, following.index))


def _told_by(findings: Sequence[Finding], question: Turn, reply: Turn | None) -> Set[str]:
    """What rests on a question alone, or on it and a reply that is taken back: the answer may deny it."""

    def is_by_these(quote: Evidence) -> bool:
        of_reply = reply is not None and quote.segment == reply.segment.id
        return of_reply or question.holds(quote.segment, quote.start)

    return {f.text for f in findings if all(map(is_by_these, f.evidence))}


def _answer(conversation: Sequence[Turn], at: int) -> tuple[Turn, Answer] | None:
    """How a question for yes or no was answered. A relative who is named answers one about the family."""
    found = answered(conversation, at)
    turn = conversation[at]
    if found is not None or not asks_of_family(turn):
        return found
    for reply in conversation[at + 1 : at + 4]:
        if reply.form != "statement":
            return None
        if not is_empty(reply) and reply.is_of_another(turn):
            short = len(reply.tokens) <= _RELATIVE_TOKENS and not concepts(reply)
            return (reply, "yes") if short and relation_of(reply, len(reply.tokens)) else None
    return None


def _to_all(conversation: Sequence[Turn], at: int, answer: tuple[Turn, Answer] | None) -> tuple[Turn, Answer] | None:
    """The answer, which is a "no" to all questions in a row but the one whose symptom it names alone."""
    if answer is None or answer[1] != "yes":
        return answer
    others = frozenset[str]().union(*map(concepts, asked_with(conversation, at, answer[0])))
    return (answer[0], "no") if is_only_of(answer[0], others, concepts(conversation[at])) else answer


def _is_yes_to_one_of_several(conversation: Sequence[Turn], at: int, reply: Turn, answer: Answer) -> bool:
    """ "Sore throat? Runny nose?" "Yeah.": which? "Yeah, a sore throat." speaks for itself."""
    others = asked_with(conversation, at, reply) if answer == "yes" else []
    if not others or not (is_bare(reply) or concepts(reply)):
        return False
    return bool(frozenset[str]().union(*map(concepts, others)) - concepts(conversation[at]))


def _warned_of(conversation: Sequence[Turn], at: int) -> Set[str]:
    """What a patient only repeats: "if you have back pain or a fever, call" - "back pain, fever, OK".

    Where nobody says who speaks, who warns without a word of himself is the clinician.
    """
    turn = conversation[at]
    if turn.speaker == "clinician" or not _SPEAKERS.isdisjoint(turn.sentence.words):
        return frozenset()
    before = conversation[max(0, at - _WARNING_REACH) : at]
    warnings = (t for t in before if t.index != turn.index and (t.speaker == "clinician" or _may_warn(t)))
    return frozenset().union(*map(imagined, warnings))


def _is_warned_of(fact: Draft, warned: Set[str]) -> bool:
    """ "Blood in your urine, call us" - "blood, OK": a bare word repeats the full name."""
    name = fact.proposal.text
    return name in warned or (name in BARE and any(name in full.split() for full in warned))


def _may_warn(turn: Turn) -> bool:
    said = set(turn.sentence.words)
    return turn.speaker == "unknown" and (_FIRST_PERSON.isdisjoint(said) or addresses_patient(turn) or said >= _RECALLS)


def _echoed_of_another(conversation: Sequence[Turn], at: int) -> Set[str]:
    """ "He died of bowel cancer." "Oh dear. Bowel cancer.": the clinician repeats what is another's."""
    turn = conversation[at]
    if turn.speaker == "patient" or len(turn.tokens) > _ECHO_TOKENS:
        return frozenset()
    told = (t for t in conversation[max(0, at - _WARNING_REACH) : at] if t.speaker != "clinician")
    return frozenset().union(*(concepts(t) for t in told if _OF_ANOTHER & set(t.sentence.words)))


def _is_aside(fact: Draft, turn: Turn, known_patient: Mapping[str, Finding]) -> bool:
    """A clinician who explains or warns does not change what the patient told."""
    before = known_patient.get(fact.proposal.text)
    known = before.status if before is not None else None
    if known == "present" and fact.proposal.status == "possible" and fact.proposal.kind != "diagnosis":
        # "It could just be constipation", of what was told before, and not "I think so. I'm not sure.".
        return before is None or not is_more_of_the_answer(before.evidence, fact.proposal.quotes)
    alone = len({quote.segment for quote in fact.proposal.quotes}) == 1
    explains = turn.speaker == "clinician" or addresses_patient(turn)
    return explains and alone and known not in (None, fact.proposal.status)


def _allergen_before(conversation: Sequence[Turn], at: int) -> str | None:
    """What "it" may mean: "I'm allergic to penicillin. It gave me a rash."."""
    for back in range(at - 1, max(-1, at - _ALLERGY_TALK - 1), -1):
        turn = conversation[back]
        answer = answered(conversation, back) if turn.form == "polar" else None
        for fact in allergies(turn, answer, question_before(conversation, back)):
            if fact.proposal.kind == "allergy":
                return fact.proposal.text if fact.proposal.status != "absent" else None
    return None


def _with_chief_complaint(proposals: list[Proposal], findings: Sequence[Finding]) -> list[Proposal]:
    """The first symptoms that are told, in one segment, are what the patient came for."""
    if any(
        f.kind == "chief_complaint" or (f.kind == "symptom" and f.status == "present" and f.text not in WELL)
        for f in findings
    ):
        return proposals
    told = [p for p in proposals if p.kind == "symptom" and p.status == "present" and p.text not in WELL]
    if not told:
        return proposals
    place = told[0].quotes[-1].segment
    return [replace(p, kind="chief_complaint") if p in told and p.quotes[-1].segment == place else p for p in proposals]
