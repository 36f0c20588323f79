"""How well and how fast does an extractor find what was said? Precision, recall and F1 by kind, and accuracy of status.

Each utterance of the reference transcript is fed as one final segment, in order of its start, one at a time as live.
The findings come through `Findings.apply`, so only what is grounded counts. A found text matches a labelled one where
one of the accepted wordings equals it (case, punctuation and plural aside) or shares enough words with it:
2 * common / (words + words) of at least a half. Matching is one to one, best overlap first, equal status before
unequal. A chief complaint and a symptom are one kind. Status is judged on the matched pairs. Orders are matched within
their type by a common word of the order, or of its quote, with the labelled description.

    python benchmarks/extraction.py --corpus DIR [--ambient] [--orders FILE] [--show]
"""

import argparse
import asyncio
import json
import re
import statistics
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from inference.extraction import Consultation
from inference.extraction.rules import RulesExtractor
from inference.findings import Finding
from inference.merging import Findings
from inference.transcript import Segment, Speaker

OVERLAP = 0.5
SPEAKERS: Mapping[str, Speaker] = {"doctor": "clinician", "patient": "patient"}


@dataclass(slots=True)
class Score:
    """Counts of one kind over all consultations."""

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


@dataclass(slots=True)
class Tally:
    """Everything counted in one run."""

    by_kind: dict[str, Score] = field(default_factory=lambda: defaultdict(Score))
    by_status: dict[str, Score] = field(default_factory=lambda: defaultdict(Score))
    status_right: int = 0
    status_judged: int = 0
    dropped: int = 0
    milliseconds: list[float] = field(default_factory=list)


def words(text: str) -> frozenset[str]:
    found = re.findall(r"[^\W_]+", text.casefold())
    return frozenset(w[:-1] if len(w) > 3 and w.endswith("s") and not w.endswith("ss") else w for w in found)


def overlap(found: str, accepted: Sequence[str]) -> float:
    mine = words(found)
    return max((2 * len(mine & words(a)) / max(len(mine) + len(words(a)), 1) for a in accepted), default=0.0)


def kind_of(kind: str) -> str:
    return "symptom" if kind == "chief_complaint" else kind


def segments_of(utterances: Sequence[Mapping[str, Any]], *, ambient: bool) -> list[Segment]:
    ordered = sorted(enumerate(utterances), key=lambda pair: pair[1]["start"])
    return [
        Segment(
            id=f"s{number}",
            speaker="unknown" if ambient else SPEAKERS[utterance["speaker"]],
            start=utterance["start"],
            end=utterance["end"],
            text=utterance["text"],
            final=True,
        )
        for number, (_, utterance) in enumerate(ordered, 1)
    ]


def extract(segments: Sequence[Segment], tally: Tally) -> Findings:
    """One consultation, segment by segment."""
    extractor, findings = RulesExtractor(), Findings()
    by_id = {segment.id: segment for segment in segments}
    for at in range(len(segments)):
        began = time.perf_counter()
        proposals = extractor.propose(Consultation(segments[: at + 1], at, findings.all()))
        findings.apply(proposals, by_id)
        tally.milliseconds.append(1000 * (time.perf_counter() - began))
    tally.dropped += findings.dropped
    return findings


def pairs(found: Sequence[Finding], labels: Sequence[Mapping[str, Any]]) -> list[tuple[int, int]]:
    """One-to-one pairs of indices (found, label), best first."""
    candidates = []
    for i, finding in enumerate(found):
        for j, label in enumerate(labels):
            if kind_of(finding.kind) != kind_of(label["kind"]):
                continue
            score = overlap(finding.text, [label["text"], *label["accept"]])
            if score >= OVERLAP:
                candidates.append((-score - (0.25 if finding.status == label["status"] else 0.0), i, j))
    chosen: list[tuple[int, int]] = []
    for _, i, j in sorted(candidates):
        if all(i != a and j != b for a, b in chosen):
            chosen.append((i, j))
    return chosen


def judge(found: Sequence[Finding], labels: Sequence[Mapping[str, Any]], tally: Tally) -> list[tuple[int, int]]:
    chosen = pairs(found, labels)
    for finding in found:
        tally.by_kind[kind_of(finding.kind)].found += 1
        tally.by_status[finding.status].found += 1
    for label in labels:
        tally.by_kind[kind_of(label["kind"])].labelled += 1
        tally.by_status[label["status"]].labelled += 1
    for i, j in chosen:
        tally.by_kind[kind_of(found[i].kind)].matched += 1
        tally.status_judged += 1
        if found[i].status == labels[j]["status"]:
            tally.status_right += 1
            tally.by_status[found[i].status].matched += 1
    return chosen


def show(
    name: str, found: Sequence[Finding], labels: Sequence[Mapping[str, Any]], chosen: list[tuple[int, int]]
) -> None:
    print(f"-- {name}")
    matched = dict(chosen)
    for i, finding in enumerate(found):
        label = labels[matched[i]] if i in matched else None
        verdict = "extra" if label is None else "ok" if label["status"] == finding.status else f"is {label['status']}"
        quotes = " | ".join(e.quote for e in finding.evidence)
        print(
            f"  {verdict:10} {finding.kind:15} {finding.status:8} {finding.text}  [{quotes}] {dict(finding.attributes)}"
        )
    for j, label in enumerate(labels):
        if j not in matched.values():
            print(f"  missed     {label['kind']:15} {label['status']:8} {label['text']}  [{label['quote']}]")


def judge_orders(path: Path) -> dict[str, Score]:
    """Orders against a JSON-lines file of {turns: [{speaker, text}], orders: [{order_type, description}]}."""
    scores: dict[str, Score] = defaultdict(Score)
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        utterances = [{**turn, "start": 10.0 * at, "end": 10.0 * at + 9} for at, turn in enumerate(row["turns"])]
        for utterance in utterances:
            utterance["speaker"] = "patient" if utterance["speaker"] == "patient" else "doctor"
        found = [f for f in extract(segments_of(utterances, ambient=False), Tally()).all() if f.kind == "order"]
        labels = row["orders"]
        for finding in found:
            scores[finding.attributes.get("order_type", "")].found += 1
        taken = set[int]()
        for label in labels:
            scores[label["order_type"]].labelled += 1
        for finding in found:
            for j, label in enumerate(labels):
                same = finding.attributes.get("order_type") == label["order_type"]
                quoted = " ".join(e.quote for e in finding.evidence)
                if j not in taken and same and words(f"{finding.text} {quoted}") & words(label["description"]):
                    taken.add(j)
                    scores[label["order_type"]].matched += 1
                    break
    return scores


def table(title: str, scores: Mapping[str, Score]) -> None:
    print(f"{title:18} precision  recall      F1   found  labelled")
    for name in sorted(scores):
        s = scores[name]
        print(f"{name:18} {s.precision:9.3f} {s.recall:7.3f} {s.f1:7.3f} {s.found:7} {s.labelled:9}")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--corpus", type=Path, required=True, help="folder of NAME.json and NAME.findings.json")
    arguments.add_argument("--orders", type=Path, help="JSON lines of consultations with labelled orders")
    arguments.add_argument("--ambient", action="store_true", help="hide who speaks")
    arguments.add_argument("--show", action="store_true", help="print every finding with its verdict")
    options = arguments.parse_args()

    began = time.perf_counter()
    asyncio.run(RulesExtractor().start())
    start_s = time.perf_counter() - began
    tally = Tally()
    for labelled in sorted(options.corpus.glob("*.findings.json")):
        name = labelled.name.removesuffix(".findings.json")
        utterances = json.loads((options.corpus / f"{name}.json").read_text(encoding="utf-8"))["utterances"]
        labels = json.loads(labelled.read_text(encoding="utf-8"))["findings"]
        found = extract(segments_of(utterances, ambient=options.ambient), tally).all()
        chosen = judge(found, labels, tally)
        if options.show:
            show(name, found, labels, chosen)
    table("kind", tally.by_kind)
    table("status", tally.by_status)
    summary: dict[str, Any] = {
        "benchmark": "extraction",
        "extractor": RulesExtractor.name,
        "ambient": options.ambient,
        "f1": {kind: round(score.f1, 3) for kind, score in sorted(tally.by_kind.items())},
        "status_accuracy": round(tally.status_right / max(tally.status_judged, 1), 3),
        "matched": tally.status_judged,
        "dropped": tally.dropped,
        "segments": len(tally.milliseconds),
        "ms_median": round(statistics.median(tally.milliseconds), 2),
        "ms_p95": round(statistics.quantiles(tally.milliseconds, n=20)[-1], 2),
        "start_s": round(start_s, 3),
    }
    if options.orders:
        orders = judge_orders(options.orders)
        table("order", orders)
        summary["orders_f1"] = {kind: round(score.f1, 3) for kind, score in sorted(orders.items())}
    print(json.dumps(summary))


if __name__ == "__main__":
    main()
