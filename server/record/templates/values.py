"""What a template is given: the record in the words of a note, in which every word of a finding can be traced. Pure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from inference.findings import ATTRIBUTES, Finding
from server.record.record import Record
from server.record.soap import KINDS, LAYOUT, UNSAID, heading, judged, notice, place, retracted, soap
from server.record.templates.plain_words import told_plainly
from server.record.templates.tracing import Traced, headed, unmarked
from server.record.wording import clock, described, phrase, plain, said, stated

PARTS = tuple(name for _, _, parts in LAYOUT for name, _ in parts)


@dataclass(frozen=True, slots=True)
class Words:
    """Words that prove a finding, and when (seconds, and as a clock) and by whom they were said."""

    quote: Traced
    speaker: str
    clock: str
    from_s: float
    segment: str


@dataclass(frozen=True, slots=True)
class Said:
    """A finding in a template; written out, it is its whole phrase: "denies fever", "lisinopril 10 mg once a day".

    `attributes` has every attribute's name, "" where the finding has none of it. `name` is the phrase without the
    attributes that stand in brackets, `plainly` the finding in plain words, `said` when and by whom it was said, `part`
    the title under which the SOAP note has it. `original` is how it was heard where somebody edited it, else "".
    """

    id: str
    kind: str
    text: Traced
    status: str
    temporality: str
    experiencer: str
    attributes: Mapping[str, Traced]
    evidence: tuple[Words, ...]
    source: str
    confidence: float
    codes: tuple[str, ...]
    part: str
    phrase: Traced
    name: Traced
    plainly: Traced
    said: Traced
    edited: bool
    original: Traced

    def __str__(self) -> str:
        return str(self.phrase)


@dataclass(frozen=True, slots=True)
class Group:
    """A part of the SOAP note with its findings, or a section with its parts."""

    title: str
    lines: tuple[Said, ...] = ()
    parts: "tuple[Group, ...]" = ()


@dataclass(frozen=True, slots=True)
class Problem:
    """A diagnosis or the complaint that somebody came with, and what is planned because of it."""

    finding: Said
    plan: tuple[Said, ...]


@dataclass(frozen=True, slots=True)
class Given:
    """What a template is given, and the findings by the numbers that its words carry."""

    values: Mapping[str, Any]
    findings: tuple[Finding, ...]


@dataclass(slots=True)
class _Numbered:
    record: Record
    findings: list[Finding] = field(default_factory=list)

    def said(self, finding: Finding) -> Said:
        self.findings.append(finding)
        number = len(self.findings) - 1
        original = self.record.originals.get(finding.id)
        part = place(finding)

        def traced(words: str) -> Traced:
            return Traced(words, number)

        return Said(
            id=finding.id,
            kind=finding.kind,
            text=traced(plain(finding.text)),
            status=finding.status,
            temporality=finding.temporality,
            experiencer=finding.experiencer,
            attributes={name: traced(plain(finding.attributes.get(name, ""))) for name in ATTRIBUTES},
            evidence=tuple(
                Words(traced(plain(e.quote)), e.speaker, clock(e.from_s), e.from_s, e.segment) for e in finding.evidence
            ),
            source=finding.source,
            confidence=finding.confidence,
            codes=tuple(f"{code.system} {code.code}" for code in finding.codes),
            part=part,
            phrase=traced(phrase(finding, UNSAID.get(part, ()))),
            name=traced(stated(finding)),
            plainly=traced(told_plainly(finding)),
            said=traced(said(finding) + judged(finding, self.record)),
            edited=original is not None,
            original=traced(phrase(original) if original is not None else ""),
        )


def given(record: Record) -> Given:
    """The values of a record for a template."""
    numbered = _Numbered(record)
    views = {finding.id: numbered.said(finding) for finding in record.findings}
    sections = tuple(
        Group(
            section.title,
            parts=tuple(
                Group(part.title, tuple(views[line.finding.id] for line in part.lines)) for part in section.parts
            ),
        )
        for section in soap(record)
    )
    parts = {part.title: part.lines for section in sections for part in section.parts}
    back = [Traced(line, number) for number, line in enumerate(retracted(record), start=len(numbered.findings))]
    numbered.findings.extend(record.retracted)
    problems, other = _problems(parts)
    patient = record.declared.patient
    values = {
        "notice": notice(record),
        "state": record.state,
        "started": record.declared.started_at.strftime("%Y-%m-%d %H:%M %Z"),
        "day": record.declared.started_at.strftime("%Y-%m-%d"),
        "length": clock(record.audio_s),
        "about": [(name, unmarked(value)) for name, value in heading(record)],
        "patient": _patient(patient),
        "who": unmarked(described(patient)) if patient else "",
        "findings": tuple(views.values()),
        "sections": sections,
        "problems": problems,
        "other_plan": other,
        "retracted": back,
        "part": lambda title: _part(parts, title),
        "kind": lambda name: _kind(views.values(), name),
        "heading": lambda title: headed(str(title)),
    }
    return Given(values, tuple(numbered.findings))


def _part(parts: Mapping[str, tuple[Said, ...]], title: str) -> tuple[Said, ...]:
    if title not in PARTS:
        raise ValueError(f"there is no part {title!r}: use one of {', '.join(PARTS)}")
    return parts.get(title, ())


def _kind(findings: Iterable[Said], name: str) -> tuple[Said, ...]:
    if name not in (*KINDS, "order"):
        raise ValueError(f"there is no kind {name!r}: use one of {', '.join((*KINDS, 'order'))}")
    return tuple(finding for finding in findings if finding.kind == name)


def _patient(patient: Any) -> dict[str, str]:
    names = ("name", "age", "gender", "history")
    return {name: unmarked(plain(str(getattr(patient, name, None) or ""))) for name in names}


def _problems(parts: Mapping[str, tuple[Said, ...]]) -> tuple[tuple[Problem, ...], tuple[Said, ...]]:
    """The problems, each with what its words name as the reason of a plan, and the rest of the plan."""
    named = (*parts.get("Diagnoses", ()), *parts.get("Chief complaint", ()))
    heads = [finding for finding in named if finding.status != "absent"]
    titles = [name for name, _ in LAYOUT[3][2]]
    plan = [finding for title in titles for finding in parts.get(title, ())]
    taken: dict[str, list[Said]] = {finding.id: [] for finding in heads}
    other: list[Said] = []
    for finding in plan:
        reason = finding.attributes["reason"].words
        problem = next((head for head in heads if _names(reason, head.text.words)), None) if reason else None
        (other if problem is None else taken[problem.id]).append(finding)
    return tuple(Problem(head, tuple(taken[head.id])) for head in heads), tuple(other)


def _names(reason: str, problem: str) -> bool:
    """Whether the one names the other, as whole words: "the angina" names "angina"."""
    longer, shorter = sorted((reason.casefold(), problem.casefold()), key=len, reverse=True)
    return re.search(rf"(?<!\w){re.escape(shorter)}(?!\w)", longer) is not None
