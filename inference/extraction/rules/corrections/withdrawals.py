"""Orders that a later sentence takes back or replaces: "forget the statin", "let's do ultrasound instead". Pure.

The last word stands. An order of this reading is left out, one that was told before is retracted with the words that
said it and those that took it back. Only orders are met: what somebody has or takes is no plan.
"""

from collections.abc import Iterator, Sequence

from inference.extraction import ExtractionRequest
from inference.extraction.rules.corrections.changes import (
    agrees,
    is_bare_change,
    is_change,
    is_earlier,
    is_firm,
    is_taken_back,
    keeps,
    objects,
    plans_something_else,
    proposes,
    restricts,
)
from inference.extraction.rules.corrections.mending import Mending
from inference.extraction.rules.corrections.ordered import (
    Named,
    is_meant,
    is_same_drug,
    is_stop,
    named_in,
    sort_of,
    type_of,
)
from inference.extraction.rules.corrections.standing import (
    Standing,
    last_before,
    meant_by,
    place_of_draft,
    place_of_finding,
)
from inference.extraction.rules.corrections.unsaid import taken_back
from inference.extraction.rules.cues.declining import Declined, declined, within
from inference.extraction.rules.cues.readings import is_empty
from inference.extraction.rules.facts.draft import Draft, draft, with_reply
from inference.extraction.text.clauses import clauses, is_conditional
from inference.extraction.text.dialogue import Turn
from inference.findings import Finding, Proposal

_TALK = 5
"""Sentences from an objection to the answer to it."""
_OBJECTION, _CHANGE = 20, 30
"""Words that an objection, or a change of plan, has at most. A longer turn without a full stop holds several matters,
and what it says of one of them takes back no order of another."""
_DEFINITE = frozenset(("the", "that", "this", "these", "those"))
_LATER = frozenset(
    ("as", "at", "alone", "where", "unchanged", "until", "unless", "today", "tomorrow", "tonight", "yet", "if", "when",
     "before", "every", "long", "forever", "straight", "immediately", "right", "more", "again", "first",
     "on", "with", "while", "during")
)  # fmt: skip
"""Words behind a name that say when or how, and not that there shall be none: "you won't need the X-ray today"."""
_AVOIDING = ("avoid", "steer", "stay")
_REPLACING = ("contrast", "exchange")


def with_changes(
    drafts: Sequence[Draft], mending: Mending, consultation: ExtractionRequest
) -> tuple[list[Draft], list[Proposal]]:
    """The drafts without orders that were taken back, with those that were agreed on instead; and the retractions."""
    conversation = mending.turns
    standing = [
        *(
            Standing(f, place_of_finding(f, mending))
            for f in consultation.findings
            if f.kind == "order" and f.source == "rules"
        ),
        *(Standing(d.proposal, place_of_draft(d, conversation), d) for d in drafts if d.proposal.kind == "order"),
    ]
    taking = [
        *((f.text, -1) for f in consultation.findings if _is_taken(f)),
        *((d.proposal.text, place_of_draft(d, conversation)) for d in drafts if _is_taken(d.proposal)),
    ]
    added: list[Draft] = []
    asked = set[tuple[str, int] | None]()
    for at, turn in enumerate(conversation):
        if turn.index < consultation.new_from:
            continue
        if turn.speaker != "patient" and turn.form == "statement" and not is_conditional(turn):
            added += _stops(turn, at, taking, standing)
        for order, by in _changed(conversation, at, standing):
            order.by = order.by or by
        added += (agreed := list(_agreed(conversation, at, standing)))
        asked |= {d.place for d in agreed}
    gone = [s for s in standing if s.by]
    withdrawn = [s.fact for s in gone if s.fact is not None]
    kept = [d for d in drafts if not any(d is fact for fact in withdrawn)]
    # Who asks for a medicine does not take it: "could I have paracetamol instead?"
    kept = [d for d in kept if d.proposal.kind != "medication" or d.place is None or d.place not in asked]
    return [*kept, *added], [
        taken_back(s.order, (conversation[at].quote() for at in s.by)) for s in gone if isinstance(s.order, Finding)
    ]


def _changed(
    conversation: Sequence[Turn], at: int, standing: Sequence[Standing]
) -> Iterator[tuple[Standing, tuple[int, ...]]]:
    """The orders before a sentence that it takes back, and the sentences by which it does."""
    turn = conversation[at]
    before = [s for s in standing if s.at < at and not s.by]
    if not before or is_conditional(turn) or len(turn.tokens) > _CHANGE:
        return
    objection = _objection(conversation, at) if agrees(turn) or is_taken_back(turn) else None
    if objection is not None:
        met = _objected_to(conversation[objection], before, objection)
        yield from ((order, (objection, at)) for order in met)
        return
    if turn.speaker == "patient" or turn.sentence.mark == "?":
        return
    previous = next((t for t in reversed(conversation[:at]) if not is_empty(t)), None)
    made = max(s.at for s in before)
    answering = any(t.speaker != turn.speaker and not is_empty(t) for t in conversation[max(0, made) : at])
    changing = is_change(turn, previous, answering=answering)
    yield from ((order, (at,)) for order in _named_back(turn, before, changing=changing))
    if is_taken_back(turn):
        yield from ((order, (at,)) for order in last_before(before, at, ""))
    elif changing:
        new = [s for s in standing if s.at == at and not s.by and not is_stop(s.order)]
        by = (at,) if previous is None or not is_bare_change(previous) else (conversation.index(previous), at)
        if restricts(turn) and (rest := _unnamed(turn, before, at)):
            yield from ((order, by) for order in rest)
        elif new and not is_earlier(turn):
            yield from ((order, by) for order in _replaced(new, before, at, is_firm(turn) or len(by) > 1))
        elif not new and plans_something_else(turn) and not named_in(turn.tokens):
            yield from ((order, by) for order in last_before(before, at, ""))
        elif keeps(turn):
            yield from ((order, by) for order in _kept(turn, before, at))


def _named_back(turn: Turn, before: Sequence[Standing], *, changing: bool) -> Iterator[Standing]:
    for clause in clauses(turn):
        stretches = declined(clause.tokens)
        if not stretches or is_conditional(clause):
            continue
        for named in named_in(clause.tokens):
            stretch = within(stretches, named.start)
            if named.is_general and not _is_definite(clause, named):
                continue  # "no medications" is an answer
            if stretch is None or not _withdraws(clause, stretch, named, changing=changing):
                continue
            if stretch.way != "contrast" or changing or _names_another(clause, stretch):
                yield from meant_by([named], [s for s in before if not is_stop(s.order)])


def _names_another(turn: Turn, stretch: Declined) -> bool:
    """ "Ultrasound, not MRI"; "he is not seen by cardiology" has nothing in its place."""
    return any(not stretch.start <= named.start < stretch.end for named in named_in(turn.tokens))


def _is_definite(turn: Turn, named: Named) -> bool:
    """ "The scan" means one that was spoken of."""
    return named.start > 0 and turn.sentence.words[named.start - 1] in _DEFINITE


def _withdraws(clause: Turn, stretch: Declined, named: Named, *, changing: bool) -> bool:
    """Whether it takes an order back that was placed before. "I don't recommend X" alone places none."""
    spoken = clause.sentence.words
    behind = spoken[named.end : named.end + 2]
    if not _LATER.isdisjoint(behind[:1]) or (behind[:1] == ["after"] and behind[1:] != ["all"]):
        return False
    if any(
        spoken[at].startswith(("stop", "chang", "reduc", "increas", "forget"))
        for at in range(stretch.start + 1, named.start)
    ):
        return False
    return stretch.way != "refusal" or changing or spoken[stretch.start].startswith(_AVOIDING)


def _unnamed(turn: Turn, before: Sequence[Standing], at: int) -> list[Standing]:
    """The other orders of a sentence of which only some are left: "actually, just the ECG"."""
    last = last_before(before, at, "")
    left = meant_by(named_in(turn.tokens), last)
    return [s for s in last if s not in left] if left else []


def _replaced(new: Sequence[Standing], before: Sequence[Standing], at: int, any_type: bool) -> Iterator[Standing]:
    """The last orders in whose place the new ones stand: of the same type, else of the same sort."""
    for order in new:
        if type_of(order.order) == "followup" and not any_type:
            continue  # "then we can see you in June" comes after the visit in May
        others = [s for s in before if not is_stop(s.order) and s.order.text != order.order.text]
        alike = [s for s in others if type_of(s.order) == type_of(order.order)]
        yield from last_before(alike, at, "") or (last_before(others, at, sort_of(order.order)) if any_type else ())


def _kept(turn: Turn, before: Sequence[Standing], at: int) -> Iterator[Standing]:
    """ "Actually, keep taking it." after "stop the ramipril"."""
    stops = [s for s in before if is_stop(s.order)]
    things = [named for named in named_in(turn.tokens) if not named.is_general]
    for order in stops if things else last_before(stops, at, ""):
        drug = order.order.text.removeprefix("stop ")
        if not things or any(is_meant(named, drug, "medication") for named in things):
            yield order


def _objection(conversation: Sequence[Turn], at: int) -> int | None:
    """The patient's objection or proposal that a sentence answers."""
    turn = conversation[at]
    for back in range(at - 1, max(-1, at - 1 - _TALK), -1):
        earlier = conversation[back]
        asked = earlier.speaker != "clinician" or earlier.sentence.mark == "?"
        if earlier.is_of_another(turn) and asked and len(earlier.tokens) <= _OBJECTION:
            if objects(earlier) or proposes(earlier) or _is_refusal(earlier):
                return back
        elif not is_empty(earlier) and not agrees(earlier):
            return None
    return None


def _objected_to(turn: Turn, before: Sequence[Standing], at: int) -> list[Standing]:
    """The orders that an objection, or a proposal of something else, is about."""
    things = named_in(turn.tokens)
    meant = meant_by(things, before)
    if proposes(turn) and not objects(turn):
        return [] if meant else last_before(before, at, _proposed_sort(turn))
    if meant or any(not named.is_general for named in things):
        return meant  # a name that nobody ordered takes nothing back
    return last_before(before, at, "")


def _is_refusal(turn: Turn) -> bool:
    stretches = [s for s in declined(turn.tokens) if s.way in ("withdrawal", "refusal", "rejection")]
    return any(
        within(stretches, named.start)
        for named in named_in(turn.tokens)
        if not named.is_general or _is_definite(turn, named)
    )


def _proposed_sort(turn: Turn) -> str:
    """The sort of what somebody proposes instead; empty where it has no name, so that any order may be meant."""
    things = [named for named in named_in(turn.tokens) if not named.is_general]
    return "" if not things else "drug" if things[0].types == ("medication",) else "test"


def _agreed(conversation: Sequence[Turn], at: int, standing: Sequence[Standing]) -> Iterator[Draft]:
    """ "Could we do an MRI instead?" "Sure.": the order that both agree on."""
    turn = conversation[at]
    back = _objection(conversation, at) if agrees(turn) else None
    if back is None or not proposes(conversation[back]) or not any(s.by and s.by[-1] == at for s in standing):
        return
    asked = conversation[back]
    stretches = declined(asked.tokens)
    for named in named_in(asked.tokens):
        if named.is_general or named.is_class or within(stretches, named.start):
            continue
        name = f"{named.name} referral" if named.types == ("referral",) else named.name
        fact = draft(
            asked, "order", name, 0, len(asked.tokens), temporality="planned", attributes={"order_type": named.types[0]}
        )
        yield with_reply(fact, turn, [(0, len(turn.tokens))])


def _stops(turn: Turn, at: int, taking: Sequence[tuple[str, int]], standing: Sequence[Standing]) -> Iterator[Draft]:
    """A medicine that is taken and gives way to another, or is held off, is to be stopped."""
    ordering = any(s.at == at for s in standing)
    for clause in clauses(turn):
        stretches = declined(clause.tokens)
        if not stretches:
            continue
        for named in named_in(clause.tokens):
            stretch = within(stretches, named.start)
            if stretch is None or named.types != ("medication",) or named.is_general:
                continue
            if not (stretch.way == "delay" or (stretch.way in _REPLACING and ordering)):
                continue
            known = [name for name, told in taking if told <= at and is_same_drug(named.name, name)]
            if known:
                yield draft(
                    clause, "order", f"stop {known[-1]}", stretch.start, named.end, temporality="planned",
                    attributes={"order_type": "medication"},
                )  # fmt: skip


def _is_taken(fact: Finding | Proposal) -> bool:
    return (fact.kind, fact.status, fact.temporality, fact.experiencer) == (
        "medication",
        "present",
        "current",
        "patient",
    )
