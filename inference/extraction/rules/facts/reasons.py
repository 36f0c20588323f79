"""Why something is ordered: the words that say so, beside the order or where its problem was named. Pure.

Nearest first: a purpose, a problem or a cause behind the order ("an x-ray to rule out a fracture", "ibuprofen for the
pain"), one before it ("because of the palpitations I'll refer you"), one in the clause after or before, and then the
problem that a plan is at ("for your second problem of hypertension ..."). What is doubtful is left out: a wrong reason
is worse than none. A reason is quoted like everything else.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from inference.extraction.rules.facts.draft import Draft
from inference.extraction.rules.facts.problems import Span, clinical, topic
from inference.extraction.rules.facts.purposes import Clause, Reason, before, behind, causes, pointing, wanted
from inference.extraction.tables import words
from inference.extraction.text.dialogue import Turn
from inference.findings import Finding, Proposal, Quote

_PLANNING_SUBJECTS = words("first_person") | words("planning_subject") | {"then"}
_BEHIND = 20
"""Words behind an order in which its reason may begin."""
_LIST_GAP = 8
"""Words between two orders that share the reason behind them."""
_NEXT = 2
"""Clauses behind an order in which "that will help with the pain" may speak of it."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A fact found in the clause `place`, of which the sentence is `at` in the conversation."""

    fact: Draft
    place: int
    at: int


@dataclass(frozen=True, slots=True)
class Talk:
    """The clauses of the latest sentences, for each the index of its sentence, and the sentences."""

    pieces: Sequence[Turn]
    sentences: Sequence[int]
    conversation: Sequence[Turn]

    def clause(self, place: int) -> Clause:
        """The clause with this index, as tokens of its sentence."""
        sentence, piece = self.conversation[self.sentences[place]], self.pieces[place]
        start = bisect_left(sentence.tokens, piece.tokens[0].start, key=lambda token: token.start)
        return Clause(sentence, start, start + len(piece.tokens))


@dataclass(frozen=True, slots=True)
class _Order:
    """An order over the tokens `span` of its clause, the places of all facts there, and the clauses around it."""

    fact: Draft
    at: int
    span: Span
    facts: tuple[Span, ...]
    here: Clause
    after: tuple[Clause, ...]
    earlier: Clause | None

    @property
    def type(self) -> str:
        proposal = self.fact.proposal
        return "stop" if proposal.text.startswith("stop ") else proposal.attributes.get("order_type", "")


def with_reasons(found: Sequence[Placed], talk: Talk, findings: Sequence[Finding]) -> list[Draft]:
    """The facts in their order, each order with its reason where one is said.

    An order that has its reason keeps it: another one's words would be proof of nothing that is shown.
    """
    explained = {f.text for f in findings if f.kind == "order" and "reason" in f.attributes}
    explained |= {p.fact.proposal.text for p in found if "reason" in p.fact.proposal.attributes}
    orders = {index: order for index, placed in enumerate(found) if (order := _order(placed, found, talk)) is not None}
    reasons: dict[int, Reason] = {}
    for find in (_beside, _around):  # what is said of the order itself goes first, wherever the order is named
        for index, order in orders.items():
            text = order.fact.proposal.text
            reason = find(order, talk.conversation) if text not in explained else None
            if reason is not None:
                reasons[index] = reason
                explained.add(text)
    return [_reasoned(p.fact, reasons[i]) if i in reasons else p.fact for i, p in enumerate(found)]


def reasons_of_known(place: int, pieces: Sequence[Turn], findings: Sequence[Finding]) -> Iterator[Draft]:
    """ "That's to rule out a tear": the new clause `place` tells why something was ordered in a segment before."""
    turn = pieces[place]
    for earlier in reversed(pieces[max(0, place - _NEXT) : place]):
        if not _is_same_talk(earlier, turn):
            return
        orders = [
            f for f in findings if f.kind == "order" and any(earlier.holds(e.segment, e.start) for e in f.evidence)
        ]
        unexplained = [f for f in orders if f.source == "rules" and "reason" not in f.attributes]
        if not orders:
            continue
        if earlier.index < turn.index and unexplained:
            for reason in list(pointing(Clause(turn, 0, len(turn.tokens))))[:1]:
                yield from (_reasoned(Draft(_again(order), (earlier.index,)), reason) for order in unexplained)
        return


def _again(order: Finding) -> Proposal:
    known = order.evidence[-1]
    return Proposal(
        kind="order",
        text=order.text,
        quotes=(Quote(known.segment, known.quote, known.start),),
        source="rules",
        status=order.status,
        temporality=order.temporality,
        attributes={"order_type": order.attributes["order_type"]},
        confidence=order.confidence,
    )


def _reasoned(fact: Draft, reason: Reason) -> Draft:
    proposal = fact.proposal
    attributes = {**proposal.attributes, "reason": reason.text}
    segments = tuple(sorted({*fact.segments, reason.turn.index}))
    return Draft(
        replace(proposal, attributes=attributes, quotes=(*proposal.quotes, reason.quote)), segments, fact.place
    )


def _order(placed: Placed, found: Sequence[Placed], talk: Talk) -> _Order | None:
    """An order that has no reason, and what stands around it."""
    fact, first = placed.fact, placed.place
    if fact.proposal.kind != "order" or "reason" in fact.proposal.attributes:
        return None
    here = talk.clause(first)
    span = _span(fact, here)
    if span is None:
        return None
    ordering = {other.place for other in found if other.fact.proposal.kind == "order"}
    facts = {s for other in found if other.place == first and (s := _span(other.fact, here)) is not None}
    turn, after = talk.pieces[first], list[Clause]()
    for place in range(first + 1, min(len(talk.pieces), first + 1 + _NEXT)):
        if place in ordering or not _is_same_talk(turn, talk.pieces[place]):
            break
        after.append(talk.clause(place))
    is_near = first > 0 and first - 1 not in ordering and _is_same_talk(talk.pieces[first - 1], turn)
    earlier = talk.clause(first - 1) if is_near else None
    return _Order(fact, placed.at, span, tuple(sorted(facts)), here, tuple(after), earlier)


def _span(fact: Draft, clause: Clause) -> Span | None:
    """The tokens of a clause that prove the fact."""
    quote, tokens = fact.proposal.quotes[-1], clause.sentence.tokens
    if quote.segment != clause.sentence.segment.id or quote.start is None:
        return None
    end = quote.start + len(quote.text)
    inside = [i for i in range(clause.start, clause.end) if quote.start <= tokens[i].start < end]
    return (inside[0], inside[-1] + 1) if inside else None


def _is_same_talk(first: Turn, second: Turn) -> bool:
    same = first.speaker == second.speaker and second.index - first.index <= 1
    return same and first.form == "statement" == second.form


def _beside(order: _Order, conversation: Sequence[Turn]) -> Reason | None:
    """What is said of the order itself. A medicine is stopped for a cause alone, a visit made for a problem alone."""
    del conversation
    if order.type == "stop":
        here, (start, end) = order.here, order.span
        return next(iter((*causes(here, end, here.end), *causes(here, here.start, start))), None)
    reason = next(_said(order), None)
    if reason is None or reason.weak:
        return None
    names_problem = clinical(reason.turn.tokens[slice(*reason.said)])
    return reason if names_problem or order.type != "followup" else None


def _around(order: _Order, conversation: Sequence[Turn]) -> Reason | None:
    """The problem that the talk is at, or else a purpose that says little."""
    if order.type in ("stop", "followup"):
        return None
    named = topic(conversation, order.at, order.span[0])
    return Reason(*named) if named is not None else next(_said(order), None)


def _said(order: _Order) -> Iterator[Reason]:
    """Reasons beside an order, the best first."""
    here, last = order.here, order.span
    following = [span for span in order.facts if span[0] >= last[1]]
    for other in [*following, (here.end, here.end)]:  # a list shares the reason behind it
        # A quote holds what is said between a medicine and how it is taken: "ibuprofen for the pain, as needed".
        yield from behind(here, last[0], min(other[0], last[1] + _BEHIND))
        if other[0] - last[1] > _LIST_GAP or _PLANNING_SUBJECTS & set(here.spoken[last[1] : other[0]]):
            break
        last = other
    yield from before(here, order.facts[0][0])
    for clause in order.after if not following else ():
        yield from pointing(clause)
    if order.earlier is not None and order.span == order.facts[0]:
        yield from wanted(order.earlier)
