"""Orders and medicines in labelled consultations without audio. Pure.

`match` is by type and description: one-to-one pairs of one type whose descriptions share a word that is no stop word,
the assignment with the greatest overlap. `mediqa` follows the evaluation of the MEDIQA-OE 2025 shared task (written
anew from github.com/jpcorb20/mediqa-oe): pairs by the share of the label's words that the found description has, types
and stop words regardless; a pair for `pair_f1`, an equal type for `type_f1`; ROUGE-1 of descriptions and reasons as
means over orders, zero for those without a partner. Its fourth score, provenance, needs turn numbers that these labels
lack. Types that the labels do not know (referral) are left out on both sides, as there.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.extraction.pairs import Pair, best_pairs
from benchmarks.extraction.score import OVERLAP, Score, overlap, summed, words
from inference.findings import Finding

TYPES = ("medication", "lab", "imaging", "followup")
DESCRIBING = ("dose", "form", "route", "frequency", "duration", "onset", "location")
STOP_WORDS = words(
    """a about again also an and any are as at back be but by can do for from get go going have i if in is it its just
    like me more my of on one or out see so some take than that the then there these this to today up us use want we
    will with you your"""
)


@dataclass(frozen=True, slots=True)
class Order:
    """One order, found or labelled."""

    type: str
    description: str
    reason: str = ""


def found_orders(findings: Iterable[Finding], *, quoted: bool = False) -> list[Order]:
    """The orders of a type that the labels know, by text and what tells them apart; `quoted`: and by their proof."""
    orders = []
    for finding in findings:
        order_type = finding.attributes.get("order_type", "")
        if finding.kind == "order" and order_type in TYPES:
            parts = [finding.text, *(finding.attributes[name] for name in DESCRIBING if name in finding.attributes)]
            if quoted:
                parts += [evidence.quote for evidence in finding.evidence]
            orders.append(Order(order_type, _once(parts), finding.attributes.get("reason", "")))
    return orders


def labelled_orders(labels: Iterable[Mapping[str, Any]]) -> list[Order]:
    return [Order(label["order_type"], label["description"], label["reason"] or "") for label in labels]


@dataclass(slots=True)
class Rouge:
    """ROUGE-1 as MEDIQA-OE counts it: sums of each order's share, over the orders that have the field."""

    precision_sum: float = 0.0
    recall_sum: float = 0.0
    found: int = 0
    labelled: int = 0

    def add(self, found: str, labelled: str) -> None:
        mine, theirs = mediqa_words(found), mediqa_words(labelled)
        if mine:
            self.found += 1
            self.precision_sum += sum(word in theirs for word in mine) / len(mine)
        if theirs:
            self.labelled += 1
            self.recall_sum += sum(word in mine for word in theirs) / len(theirs)

    @property
    def f1(self) -> float:
        precision = self.precision_sum / max(self.found, 1)
        recall = self.recall_sum / max(self.labelled, 1)
        return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


@dataclass(slots=True)
class OrderTally:
    """Orders of all consultations."""

    by_type: dict[str, Score] = field(default_factory=lambda: defaultdict(Score))
    quoted: Score = field(default_factory=Score)  # match where a found order's proof counts as its description too
    pairs: Score = field(default_factory=Score)
    types: Score = field(default_factory=Score)
    description: Rouge = field(default_factory=Rouge)
    reason: Rouge = field(default_factory=Rouge)

    def judge(self, findings: Sequence[Finding], labels: Iterable[Mapping[str, Any]]) -> list[Pair]:
        """Adds one consultation; the pairs of `match`, as indices (found, label)."""
        found, labelled = found_orders(findings), labelled_orders(labels)
        for order in found:
            self.by_type[order.type].found += 1
        for order in labelled:
            self.by_type[order.type].labelled += 1
        pairs = order_pairs(found, labelled)
        for i, _ in pairs:
            self.by_type[found[i].type].matched += 1
        self.quoted.found += len(found)
        self.quoted.labelled += len(labelled)
        self.quoted.matched += len(order_pairs(found_orders(findings, quoted=True), labelled))
        self._judge_as_mediqa(found, labelled)
        return pairs

    def _judge_as_mediqa(self, found: Sequence[Order], labelled: Sequence[Order]) -> None:
        pairs = mediqa_pairs(found, labelled)
        for score in (self.pairs, self.types):
            score.found += len(found)
            score.labelled += len(labelled)
        self.pairs.matched += len(pairs)
        self.types.matched += sum(found[i].type == labelled[j].type for i, j in pairs)
        nothing = Order("", "")
        alone = [(found[i], nothing) for i in range(len(found)) if i not in dict(pairs)]
        missed = [(nothing, labelled[j]) for j in range(len(labelled)) if j not in dict(pairs).values()]
        for mine, theirs in [*((found[i], labelled[j]) for i, j in pairs), *alone, *missed]:
            self.description.add(mine.description, theirs.description)
            self.reason.add(mine.reason, theirs.reason)

    @property
    def every_type(self) -> Score:
        return summed(self.by_type.values())

    def as_dict(self) -> dict[str, Any]:
        return {
            "match": self.every_type.as_dict(),
            "by_type": {name: score.as_dict() for name, score in sorted(self.by_type.items())},
            "match_f1_with_quotes": round(self.quoted.f1, 3),
            "mediqa": {
                "pair_f1": round(self.pairs.f1, 3),
                "type_f1": round(self.types.f1, 3),
                "description_rouge1_f1": round(self.description.f1, 3),
                "reason_rouge1_f1": round(self.reason.f1, 3),
            },
        }


def order_pairs(found: Sequence[Order], labelled: Sequence[Order]) -> list[Pair]:
    """Pairs of one type whose descriptions share a content word."""
    weights: dict[Pair, float] = {}
    for i, mine in enumerate(found):
        for j, theirs in enumerate(labelled):
            ours, said = words(mine.description) - STOP_WORDS, words(theirs.description) - STOP_WORDS
            if mine.type == theirs.type and ours & said:
                weights[i, j] = 2 * len(ours & said) / (len(ours) + len(said))
    return best_pairs(weights)


def mediqa_pairs(found: Sequence[Order], labelled: Sequence[Order]) -> list[Pair]:
    weights: dict[Pair, float] = {}
    for i, mine in enumerate(found):
        ours = mediqa_words(mine.description)
        for j, theirs in enumerate(labelled):
            said = mediqa_words(theirs.description)
            share = sum(word in ours for word in said) / max(len(said), 1)
            if share > 0:
                weights[i, j] = share
    return best_pairs(weights)


def mediqa_words(text: str) -> list[str]:
    """Lower case, without . , ? and !; a dash behind a digit parts words."""
    return re.sub(r"(?<=\d)-", " ", re.sub(r"[.,?!]", "", text.lower())).split()


@dataclass(slots=True)
class MedicationTally:
    """Medicines of all consultations of one part of the labels."""

    score: Score = field(default_factory=Score)
    status_right: int = 0
    temporality_right: int = 0

    def judge(self, findings: Iterable[Finding], labels: Sequence[Mapping[str, Any]]) -> list[tuple[str, str | None]]:
        """Adds one consultation; each name found with the label that it matched. An optional label asks for nothing.

        A medicine and an order of it are one; of several findings of one name any that agrees with the label counts.
        """
        named: dict[str, list[Finding]] = defaultdict(list)
        for finding in findings:
            if finding.kind == "medication" or finding.attributes.get("order_type") == "medication":
                named[finding.text.casefold()].append(finding)
        names = sorted(named)
        weights = {
            (i, j): shared - 0.01 * bool(label.get("optional"))  # a label that is asked for comes first
            for i, name in enumerate(names)
            for j, label in enumerate(labels)
            if (shared := overlap(name, [label["name"], *label["accept"]])) >= OVERLAP
        }
        pairs = dict(best_pairs(weights))
        asked = {i: labels[j] for i, j in pairs.items() if not labels[j].get("optional")}
        self.score.matched += len(asked)
        self.score.found += len(names) - (len(pairs) - len(asked))
        self.score.labelled += sum(not label.get("optional") for label in labels)
        for i, label in asked.items():
            self.status_right += any(f.status == label["status"] for f in named[names[i]])
            self.temporality_right += any(f.temporality == label["temporality"] for f in named[names[i]])
        return [(name, labels[pairs[i]]["name"] if i in pairs else None) for i, name in enumerate(names)]

    def as_dict(self) -> dict[str, Any]:
        judged = max(self.score.matched, 1)
        return {
            **self.score.as_dict(),
            "status_right": round(self.status_right / judged, 3),
            "temporality_right": round(self.temporality_right / judged, 3),
        }


def _once(parts: Iterable[str]) -> str:
    """Joined, without a part whose words all stand before it."""
    joined: list[str] = []
    for part in parts:
        if not words(part) <= words(" ".join(joined)):
            joined.append(part)
    return " ".join(joined)
