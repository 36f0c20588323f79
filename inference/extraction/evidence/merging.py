"""The findings of one consultation: checked proposals are merged into the operations that clients see. Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from inference.extraction.evidence.codes import codes_of
from inference.extraction.evidence.proof import joined, still_proved, united
from inference.findings import Evidence, Finding, Grounded, Kind, Operation, Proposal, is_more_of_the_answer


@dataclass(slots=True)
class Findings:
    """The store of one session's findings. Ids are f1, f2, ... in order of first proposal and are never given twice.

    `revision` is the number of the newest update that was emitted. `_overruled` is what the clinician changed or
    took away, as it was before: nobody proposes it again.
    """

    revision: int = 0
    _live: dict[str, Finding] = field(default_factory=dict)
    _overruled: dict[tuple[str, ...], list[Finding]] = field(default_factory=dict)  # by what they are about
    _unsaid: list[Finding] = field(default_factory=list)  # what somebody took back, in words
    _issued: int = 0

    def all(self) -> list[Finding]:
        """The findings that stand, in the order of their ids."""
        return list(self._live.values())

    def overtaken(self) -> list[Finding]:
        """What stood once and was taken back or changed, in words or by hand, as it was before."""
        return [*self._unsaid, *(finding for same in self._overruled.values() for finding in same)]

    @classmethod
    def folded(cls, changes: Iterable[tuple[int, bool, Sequence[Operation]]]) -> "Findings":
        """The store as earlier changes left it: each has a revision, whether the clinician made it, and operations."""
        findings = cls()
        for revision, judged, operations in changes:
            findings.revision = revision
            for operation in operations:
                findings._repeat(operation, judged)
        return findings

    def _repeat(self, operation: Operation, judged: bool) -> None:
        finding = operation.finding
        before = self._live.pop(finding.id, None) if operation.op == "retract" else self._live.get(finding.id)
        if judged and before is not None:
            self._overrule(before)
        elif operation.op == "retract":
            self._unsaid.append(finding)
        if operation.op == "add":
            self._issued += 1
        if operation.op != "retract":
            self._live[finding.id] = finding

    def merge(self, proved: Grounded) -> Operation | None:
        """Merges a proposal that its evidence supports. None if it changes nothing, or would change what it must not.

        Callers check proposals with `FinalTexts.grounded`, `is_justified` and `supported` first.
        """
        proposal, evidence = proved.proposal, proved.evidence
        named = self._live.get(proposal.finding_id) if proposal.finding_id else None
        if proposal.op == "retract":
            return self._retract(named, evidence)
        if named is not None and proposal.op == "update":
            return self._replaced(named, proposal, evidence)
        if any(_same_fact(finding, proposal) for finding in self._overruled.get(_subject(proposal), ())):
            return None
        for finding in self._live.values():
            if _same_fact(finding, proposal):
                return self._merged(finding, proposal, evidence)
        if proposal.source == "model":
            draft = self._draft_of(proposal)
            if draft is not None:
                return self._replaced(draft, proposal, evidence)
        elif any(_is_draft_of(proposal, finding) for finding in self._live.values() if finding.source != "rules"):
            return None
        return self._added(proposal, evidence)

    def edit(self, finding_id: str, fields: Mapping[str, str | Mapping[str, str]]) -> Operation:
        """Writes the clinician's fields: no later proposal changes this finding.

        Raises KeyError for an unknown id or field.
        """
        finding = self._live[finding_id]
        unknown = set(fields) - {"kind", "text", "status", "temporality", "experiencer", "attributes"}
        if unknown:
            raise KeyError(f"a finding has no field {sorted(unknown)[0]!r} to edit")
        edited = replace(finding, source="clinician", confidence=1.0, **fields)  # type: ignore[arg-type]
        operation = Operation("update", self._store(edited))
        self._overrule(finding)
        return operation

    def note(self, fields: Mapping[str, Any], evidence: tuple[Evidence, ...]) -> Operation:
        """Adds a finding of the clinician's own, with the words that prove it."""
        self._issued += 1
        defaults = {"status": "present", "temporality": "current", "experiencer": "patient", "attributes": {}}
        finding = Finding(
            id=f"f{self._issued}", evidence=evidence, source="clinician", confidence=1.0, **(defaults | dict(fields))
        )
        return Operation("add", self._store(finding))

    def confirm(self, finding_id: str) -> Operation:
        """Holds the finding as it is against later proposals. Raises KeyError for an unknown id."""
        return self.edit(finding_id, {})

    def dismiss(self, finding_id: str) -> Operation:
        """Takes the finding away for good: the same fact does not come back. Raises KeyError for an unknown id."""
        finding = self._live.pop(finding_id)
        self._overrule(finding)
        return Operation("retract", finding)

    def _overrule(self, finding: Finding) -> None:
        """Looked up by its subject and kept once, so that no number of edits makes the next proposals slow."""
        same = self._overruled.setdefault(_subject(finding), [])
        if finding not in same:
            same.append(finding)

    def _store(self, finding: Finding) -> Finding:
        codes = codes_of(finding.kind, finding.text, finding.temporality, finding.experiencer)
        self._live[finding.id] = coded = replace(finding, codes=codes)
        return coded

    def _added(self, proposal: Proposal, evidence: tuple[Evidence, ...]) -> Operation:
        self._issued += 1
        return Operation("add", self._store(Finding.of(f"f{self._issued}", proposal, evidence)))

    def _retract(self, finding: Finding | None, evidence: tuple[Evidence, ...]) -> Operation | None:
        """The finding goes, with the words that said it and those that took it back."""
        if finding is None or finding.source == "clinician":
            return None
        del self._live[finding.id]
        gone = replace(finding, evidence=joined(finding.evidence, evidence, finding.attributes))
        self._unsaid.append(gone)
        return Operation("retract", gone)

    def _merged(self, finding: Finding, proposal: Proposal, evidence: tuple[Evidence, ...]) -> Operation | None:
        """The same fact once more: more evidence and attributes, or another status, which old words do not prove."""
        # A guess does not unsettle what somebody said they have; "maybe a bit" does unsettle a "no".
        settled = proposal.status == "possible" and finding.status == "present" and proposal.source == "rules"
        if settled and is_more_of_the_answer(finding.evidence, evidence):
            settled = False  # "any blood?" "I think so." "I'm not sure, it was pink."
        known = finding.evidence if settled or finding.status == proposal.status else ()
        kept = finding.attributes if known else still_proved(finding, evidence)
        if finding.source == "model" and proposal.source == "rules":
            # The draft engine adds proof to what the model said, and news, but never its own wording of old facts.
            attributes = united(kept, {})
        elif proposal.source == "model" or not known:
            attributes = united(kept, proposal.attributes)
        else:
            attributes = united(proposal.attributes, kept)
        changed = replace(
            finding,
            kind="chief_complaint" if finding.kind == "chief_complaint" else proposal.kind,
            status=finding.status if settled else proposal.status,
            temporality=finding.temporality if settled else proposal.temporality,
            attributes=attributes,
            evidence=joined(known, evidence, attributes),
            source="model" if proposal.source == "model" else finding.source,
            confidence=max(finding.confidence, proposal.confidence),
        )
        return self._updated(finding, changed)

    def _replaced(self, finding: Finding, proposal: Proposal, evidence: tuple[Evidence, ...]) -> Operation | None:
        """The proposal's own words in place of the finding's, under the finding's id."""
        kept = finding.evidence if finding.status == proposal.status else ()
        earlier = finding.attributes if kept else still_proved(finding, evidence)
        attributes = united(earlier, proposal.attributes, renamed=finding.text != proposal.text)
        changed = replace(
            finding,
            kind=proposal.kind,
            text=proposal.text,
            status=proposal.status,
            temporality=proposal.temporality,
            experiencer=proposal.experiencer,
            attributes=attributes,
            evidence=joined(evidence, kept, attributes),
            source=proposal.source,
            confidence=proposal.confidence,
        )
        return self._updated(finding, changed)

    def _updated(self, finding: Finding, changed: Finding) -> Operation | None:
        if finding.source == "clinician":
            return None
        if replace(changed, confidence=finding.confidence) == finding:
            return None
        return Operation("update", self._store(changed))

    def _draft_of(self, proposal: Proposal) -> Finding | None:
        """The rules draft that a model's proposal says better: the less specific one, or the one more specific one."""
        drafts = [f for f in self._live.values() if f.source == "rules" and _is_draft_of(proposal, f)]
        words = _words(proposal.text)
        wider = [draft for draft in drafts if _words(draft.text) <= words]
        if wider:
            return max(wider, key=lambda draft: len(_words(draft.text)))
        return drafts[0] if len(drafts) == 1 else None


def _family(kind: Kind) -> str:
    return "symptom" if kind == "chief_complaint" else kind


def _words(text: str) -> frozenset[str]:
    return frozenset(_normalised(text).split())


def _normalised(text: str) -> str:
    words = re.findall(r"[^\W_]+", text.casefold())
    return " ".join(
        w[:-1] if len(w) > 3 and w.endswith("s") and not w.endswith(("ss", "us", "is")) else w for w in words
    )


def _subject(fact: Finding | Proposal) -> tuple[str, ...]:
    """What a fact is about, whatever is said of it."""
    return _family(fact.kind), fact.experiencer, _normalised(fact.text)


def _same_fact(finding: Finding, proposal: Proposal) -> bool:
    """One fact unless a past state differs from the current one: vomited then, not now."""
    return (
        _subject(finding) == _subject(proposal)
        and (finding.status == proposal.status or (finding.temporality == "past") == (proposal.temporality == "past"))
        and not _measured_anew(finding, proposal)
    )


def _measured_anew(finding: Finding, proposal: Proposal) -> bool:
    """170/90 at home and 150/85 here are two measurements."""
    values = (fact.attributes.get("value") for fact in (finding, proposal))
    return finding.kind == "vital" and len({_normalised(value) for value in values if value}) > 1


def _is_draft_of(proposal: Proposal, finding: Finding) -> bool:
    mine, theirs = _words(proposal.text), _words(finding.text)
    return (
        _family(finding.kind) == _family(proposal.kind)
        and finding.experiencer == proposal.experiencer
        and not _measured_anew(finding, proposal)
        and (proposal.source == "model" or finding.status == proposal.status)
        and bool(mine and theirs)
        and (mine <= theirs or theirs <= mine)
    )
