"""One name for one medicine and one diagnosis, however often it is named. Pure."""

import re
from collections.abc import Sequence
from dataclasses import replace

from inference.extraction.rules.facts.draft import Draft
from inference.extraction.words.lexicon import generic_of
from inference.findings import Finding, Proposal

_GENERIC = "infection"
_INFECTION = re.compile(r"infection|itis\b|pneumonia|flu\b|cold\b|cellulitis|abscess|virus|thrush|shingles|sepsis")


def without_generic(drafts: list[Draft], findings: Sequence[Finding]) -> list[Draft]:
    """ "It's gastroenteritis, an infection of the tummy" is one diagnosis."""
    told = (
        *(f.text for f in findings if f.kind == "diagnosis"),
        *(d.proposal.text for d in drafts if _is_diagnosis(d)),
    )
    if not any(_INFECTION.search(name) for name in told if name != _GENERIC):
        return drafts
    return [d for d in drafts if not (_is_diagnosis(d) and d.proposal.text == _GENERIC)]


def _is_diagnosis(fact: Draft) -> bool:
    return fact.proposal.kind == "diagnosis"


def one_name_a_drug(proposals: Sequence[Proposal], findings: Sequence[Finding]) -> list[Proposal]:
    """ "Nurofen, ibuprofen": one medicine that is taken, under the name by which it was told first. "An inhaler", and
    later "the blue inhaler": one too, under the name that says more."""
    names = {generic: f.text for f in findings if f.kind == "medication" and (generic := generic_of(f.text))}
    drafts = [f for f in findings if f.kind == "medication" and f.source == "rules"]
    named = []
    for proposal in proposals:
        if proposal.kind == "medication":
            generic = generic_of(proposal.text)
            name = names.setdefault(generic, proposal.text) if generic else proposal.text
            proposal = _under_fuller_name(replace(proposal, text=name), drafts)
            # A blue and a brown inhaler are two, and only one of them is the one told before.
            drafts = [f for f in drafts if f.id != proposal.finding_id]
        named.append(proposal)
    return named


def _under_fuller_name(proposal: Proposal, drafts: Sequence[Finding]) -> Proposal:
    mine = proposal.text.removeprefix("the ")
    for f in drafts:
        if f.status != proposal.status or f.text == proposal.text:
            continue
        if f.text.endswith(f" {mine}") or f.attributes.get("form") == mine:
            return replace(proposal, text=f.text)
        if mine.endswith(f" {f.text.removeprefix('the ')}"):
            return replace(proposal, op="update", finding_id=f.id)
    return proposal
