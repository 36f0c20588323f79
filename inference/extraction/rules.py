"""The draft engine: clinical findings by vocabulary and grammar, on a CPU, within milliseconds of each final segment.

It reads a consultation as a conversation: a question with its answer is one fact ("any fever?" "no"), a statement is
another. Assertion follows ConText (context.py); the vocabulary lies in `vocabulary/`. What it proposes is a draft: the
model's findings replace it where a model is there.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace

from inference.extraction import Consultation
from inference.extraction.answers import answered, is_empty
from inference.extraction.dialogue import Turn, turns
from inference.extraction.draft import Draft, draft
from inference.extraction.plans import plans
from inference.extraction.prescriptions import allergies, taken
from inference.extraction.questions import answered_facts, denied_facts, follow_ups
from inference.extraction.statements import relation_of, stated
from inference.extraction.vitals import vitals
from inference.findings import Finding, Proposal
from inference.transcript import Segment

_LOOK_BACK = 12
"""Earlier finals that are read for the questions that new ones answer."""
_WARM_UP = Segment(
    "s0", "unknown", 0.0, 1.0, "Any fever or allergies? No. I take 10 mg of aspirin, it is for my mother.", True
)


class RulesExtractor:
    """Extraction without a model. Holds no state of a session: one serves them all."""

    name = "rules"

    async def start(self) -> None:
        """Load the vocabulary."""
        await asyncio.to_thread(self.propose, Consultation(segments=(_WARM_UP,), new_from=0, findings=()))

    async def extract(self, consultation: Consultation) -> list[Proposal]:
        return await asyncio.to_thread(self.propose, consultation)

    async def close(self) -> None:
        return None

    def propose(self, consultation: Consultation) -> list[Proposal]:
        """Findings that rest on at least one new segment. The vocabulary is English: another language has none."""
        if not consultation.language.startswith("en"):
            return []
        first = max(0, consultation.new_from - _LOOK_BACK)
        conversation = turns(consultation.segments[first:], first)
        known = frozenset(f.text for f in consultation.findings if f.status == "present")
        drafts = [
            *(
                fact
                for at in range(len(conversation))
                for fact in _read(conversation, at, consultation.new_from, known)
            ),
            *follow_ups(conversation, consultation),
        ]
        history = frozenset(f.text for f in consultation.findings if f.kind == "past_history")
        new = [
            replace(d.proposal, kind="past_history")
            if d.proposal.kind == "diagnosis" and d.proposal.text in history
            else d.proposal
            for d in drafts
            if any(index >= consultation.new_from for index in d.segments)
        ]
        return _with_chief_complaint(new, consultation.findings)


def _read(conversation: Sequence[Turn], at: int, new_from: int, known: frozenset[str]) -> Iterator[Draft]:
    """The facts of one sentence. An old one is read again only where a new one answers it."""
    turn = conversation[at]
    is_new = turn.index >= new_from
    if is_empty(turn) or not (is_new or turn.form == "polar"):
        return
    answer = answered(conversation, at) if turn.form == "polar" else None
    if not is_new and (answer is None or answer[0].index < new_from):
        return
    asked = _question_before(conversation, at)
    allergic = list(allergies(turn, answer, asked))
    yield from allergic
    if turn.form == "polar":
        if answer is not None and not allergic:
            yield from answered_facts(turn, *answer, known)
            if answer[1] == "no":
                yield from denied_facts(turn, answer[0])
        return
    if not allergic:
        yield from stated(turn, _relative_before(conversation, at))
        yield from taken(conversation, at, asked) if turn.form == "statement" else ()
    if turn.form == "statement":
        yield from _measured(turn)
        yield from _planned(turn)


def _measured(turn: Turn) -> Iterator[Draft]:
    for vital in vitals(turn.tokens):
        attributes = {"value": vital.value} | ({"unit": vital.unit} if vital.unit else {})
        yield draft(turn, "vital", vital.name, vital.start, vital.end, attributes=attributes)


def _planned(turn: Turn) -> Iterator[Draft]:
    if turn.speaker == "patient":
        return
    for plan in plans(turn.segment.text, turn.tokens, certain_speaker=turn.speaker == "clinician"):
        yield draft(turn, plan.kind, plan.text, plan.start, plan.end, temporality="planned", attributes=plan.attributes)


def _question_before(conversation: Sequence[Turn], at: int) -> Turn | None:
    """The question that this turn may answer."""
    turn = conversation[at]
    for earlier in reversed(conversation[max(0, at - 6) : at]):
        if earlier.form != "statement" and (earlier.speaker != turn.speaker or earlier.speaker == "unknown"):
            return earlier
    return None


def _relative_before(conversation: Sequence[Turn], at: int) -> str | None:
    """The relative named last: "What about your mother?" "She has diabetes."."""
    for earlier in reversed(conversation[max(0, at - 4) : at]):
        relation = relation_of(earlier, len(earlier.tokens))
        if relation:
            return relation["relation"]
    return None


def _with_chief_complaint(proposals: list[Proposal], findings: Sequence[Finding]) -> list[Proposal]:
    """The first symptoms that are told, in one segment, are what the patient came for."""
    if any(f.kind == "chief_complaint" or (f.kind == "symptom" and f.status == "present") for f in findings):
        return proposals
    told = [p for p in proposals if p.kind == "symptom" and p.status == "present"]
    if not told:
        return proposals
    place = told[0].quotes[-1].segment
    return [replace(p, kind="chief_complaint") if p in told and p.quotes[-1].segment == place else p for p in proposals]
