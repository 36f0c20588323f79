"""How right findings are: against labels, against the words that prove them, and over time. Pure.

A found text matches a labelled one of the same kind where an accepted wording equals it (case, punctuation and plural
aside) or shares enough words with it: 2 * common / (words + words) of at least a half. A chief complaint and a symptom
are one kind. Matching is one to one, the assignment with the greatest sum of overlaps; among equal overlaps a pair of
equal status comes first. A kind counts a matched pair whatever its status, a status only where it is the label's.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.extraction.pairs import Pair, best_pairs
from inference.findings import Finding, Operation
from inference.transcript import Segment

Label = Mapping[str, Any]
"""Of NAME.findings.json: kind, text, status, accept."""

OVERLAP = 0.5
STATUS_WEIGHT = 0.25


@dataclass(slots=True)
class Score:
    """Counts of one class."""

    matched: int = 0
    found: int = 0
    labelled: int = 0

    @property
    def precision(self) -> float:
        return self.matched / self.found if self.found else 0.0

    @property
    def recall(self) -> float:
        return self.matched / self.labelled if self.labelled else 0.0

    @property
    def f1(self) -> float:
        both = self.found + self.labelled
        return 2 * self.matched / both if both else 0.0

    def as_dict(self) -> dict[str, float]:
        return {
            "precision": round(self.precision, 3),
            "recall": round(self.recall, 3),
            "f1": round(self.f1, 3),
            "matched": self.matched,
            "found": self.found,
            "labelled": self.labelled,
        }


@dataclass(slots=True)
class Tally:
    """What was counted over all consultations. `statuses` counts (labelled, found) of the matched pairs."""

    by_kind: dict[str, Score] = field(default_factory=lambda: defaultdict(Score))
    by_status: dict[str, Score] = field(default_factory=lambda: defaultdict(Score))
    by_kind_and_status: dict[str, Score] = field(default_factory=lambda: defaultdict(Score))
    exact: dict[str, Score] = field(default_factory=lambda: defaultdict(Score))  # an accepted wording, not one like it
    statuses: Counter[tuple[str, str]] = field(default_factory=Counter)

    def judge(self, found: Sequence[Finding], labels: Sequence[Label]) -> list[Pair]:
        """Adds one consultation; its pairs of indices (found, label)."""
        for finding in found:
            for score in self._scores(finding.kind, finding.status):
                score.found += 1
        for label in labels:
            for score in self._scores(label["kind"], label["status"]):
                score.labelled += 1
        pairs = matched(found, labels)
        for i, j in pairs:
            status = labels[j]["status"]
            self.statuses[status, found[i].status] += 1
            by_kind, *with_status = self._scores(found[i].kind, status)
            for score in (by_kind, *(with_status if found[i].status == status else ())):
                score.matched += 1
        for kind, score in self.by_kind.items():
            self.exact[kind] = Score(self.exact[kind].matched, score.found, score.labelled)
        for i, j in pairs:
            self.exact[kind_of(found[i].kind)].matched += overlap(found[i].text, wordings(labels[j])) == 1.0
        return pairs

    def _scores(self, kind: str, status: str) -> tuple[Score, Score, Score]:
        family = kind_of(kind)
        return self.by_kind[family], self.by_status[status], self.by_kind_and_status[f"{family}/{status}"]

    @property
    def every_kind(self) -> Score:
        return summed(self.by_kind.values())

    def status_right(self, label: str | None = None) -> float | None:
        """The share of matched findings with the label's status: of all of them, or of one status of the labels."""
        judged = {pair: n for pair, n in self.statuses.items() if label in (None, pair[0])}
        total = sum(judged.values())
        return round(sum(n for (a, b), n in judged.items() if a == b) / total, 3) if total else None

    def as_dict(self) -> dict[str, Any]:
        return {
            "all": self.every_kind.as_dict(),
            "exact_f1": {"all": round(summed(self.exact.values()).f1, 3)}
            | {kind: round(score.f1, 3) for kind, score in sorted(self.exact.items())},
            "by_kind": _dicts(self.by_kind),
            "by_status": _dicts(self.by_status),
            "by_kind_and_status": _dicts(self.by_kind_and_status),
            "status_right": self.status_right(),
            "negation": {
                **self.by_status["absent"].as_dict(),
                "right_of_matched_absent": self.status_right("absent"),
                "right_of_matched_present": self.status_right("present"),
            },
        }


def matched(found: Sequence[Finding], labels: Sequence[Label]) -> list[Pair]:
    """One-to-one pairs of indices (found, label)."""
    weights: dict[Pair, float] = {}
    for i, finding in enumerate(found):
        for j, label in enumerate(labels):
            if kind_of(finding.kind) == kind_of(label["kind"]):
                shared = overlap(finding.text, wordings(label))
                if shared >= OVERLAP:
                    weights[i, j] = shared + STATUS_WEIGHT * (finding.status == label["status"])
    return best_pairs(weights)


def wordings(label: Label) -> list[str]:
    return [label["text"], *label.get("accept", ())]


def words(text: str) -> frozenset[str]:
    """Case, punctuation and plural aside."""
    found = re.findall(r"[^\W_]+", text.casefold())
    return frozenset(w[:-1] if len(w) > 3 and w.endswith("s") and not w.endswith("ss") else w for w in found)


def overlap(found: str, accepted: Iterable[str]) -> float:
    """2 * common words / (words + words), of the accepted wording that fits best."""
    mine = words(found)
    return max((2 * len(mine & words(a)) / max(len(mine) + len(words(a)), 1) for a in accepted), default=0.0)


def kind_of(kind: str) -> str:
    return "symptom" if kind == "chief_complaint" else kind


def summed(scores: Iterable[Score]) -> Score:
    total = Score()
    for score in scores:
        total.matched += score.matched
        total.found += score.found
        total.labelled += score.labelled
    return total


def valid_quotes(finding: Finding, segments: Mapping[str, Segment]) -> int:
    """How many pieces of evidence stand letter for letter in a final segment."""
    count = 0
    for evidence in finding.evidence:
        segment = segments.get(evidence.segment)
        if segment is not None and segment.final and evidence.quote:
            count += segment.text[evidence.start : evidence.end] == evidence.quote
    return count


def flips(operations: Iterable[Operation]) -> int:
    """How often a finding on the screen turned out to be another: its status changed, or it was taken back."""
    status: dict[str, str] = {}
    count = 0
    for operation in operations:
        finding = operation.finding
        known = status.get(finding.id, finding.status)
        count += operation.op == "retract" or known != finding.status
        status[finding.id] = finding.status
    return count


def _dicts(scores: Mapping[str, Score]) -> dict[str, dict[str, float]]:
    # The statuses of one kind make classes that nobody found and nobody labelled: `_scores` creates them in passing.
    return {name: score.as_dict() for name, score in sorted(scores.items()) if score.found or score.labelled}
