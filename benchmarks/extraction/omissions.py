"""Said and not noted: how much of what a note lacks is offered, and how much of what is offered is lacking?

    python -m benchmarks.extraction.omissions --corpus DIR [--orders FILE] [--rounds 5] [--drop 0.2] [--show]
        [--extractor rules|vllm|both --vllm-url URL] [--output FILE]

- labels: the note is the labelled findings of a corpus (NAME.json, NAME.findings.json), each with the words of its
  label as evidence. A share of them (`--drop`) is taken out at random, again in each round. An offer is right if it
  rests on the words of one that was taken out, or has its kind and name; all others are false.
- own: the note is what the extractors themselves found in the written consultations of `--orders` that have labels
  (data/findings.jsonl), and a share is taken out. The same engine lists the facts, so this shows what the comparison
  loses, and not what the engine does not hear.
- missed: in the same consultations nothing is taken out. Right is an offer that has the kind and the name of a label
  that the extractors missed.
Orders and advice are left out where they are not labelled. The last line is JSON.
"""

import argparse
import asyncio
import json
import random
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.common.machine import card
from benchmarks.common.percentiles import ranks
from benchmarks.common.result import deliver
from benchmarks.extraction.command import FINDINGS, MODES, UNLABELLED, labelled, rows_of, spoken
from benchmarks.extraction.extractors import add_choice, chosen
from benchmarks.extraction.replay import LIMIT_S, Log, replay
from benchmarks.extraction.score import OVERLAP, Label, kind_of, matched, overlap, wordings
from benchmarks.extraction.transcripts import reference
from inference.extraction import Extractor
from inference.extraction.evidence.grounding import FinalTexts
from inference.extraction.evidence.omissions import shares_words
from inference.extraction.live import LiveExtraction
from inference.findings import Finding, Omission, Proposal, Quote
from inference.timing import Timings
from inference.transcript import Segment
from inference.updates import Omissions, Update


@dataclass(slots=True)
class Count:
    """Over all rounds: what was lacking and how much of it was offered, and what was offered and how much was right."""

    lacking: int = 0
    offered_of_lacking: int = 0
    offers: int = 0
    right: int = 0
    notes: int = 0
    ms: list[float] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        return {
            "recall": round(self.offered_of_lacking / self.lacking, 3) if self.lacking else None,
            "precision": round(self.right / self.offers, 3) if self.offers else None,
            "lacking": self.lacking,
            "offered_of_lacking": self.offered_of_lacking,
            "offers": self.offers,
            "right": self.right,
            "false_offers_per_note": round((self.offers - self.right) / max(self.notes, 1), 2),
            "ms": ranks(self.ms, ("median", "max"), 1) if self.ms else None,
        }


async def offered(
    segments: Sequence[Segment], note: Sequence[Finding], extractors: Sequence[Extractor]
) -> list[Omission]:
    """What the server would offer for this note at the end of the consultation."""
    found: list[Omission] = []

    def emit(update: Update) -> None:
        if isinstance(update, Omissions):
            found[:] = update.items

    live = LiveExtraction(extractors, emit)
    for segment in segments:
        await live.add(segment, Timings())
    live.findings._live = {finding.id: finding for finding in note}
    await live.compare(LIMIT_S)
    return found


def judge(count: Count, offers: Sequence[Omission], lacking: Sequence[tuple[Finding, Sequence[str]]]) -> set[str]:
    """Adds one note. `lacking` are findings with their accepted wordings. Returns the ids of the right offers."""
    right: set[str] = set()
    for finding, accepted in lacking:
        hits = {offer.id for offer in offers if _fits(offer, finding, accepted)}
        count.offered_of_lacking += bool(hits)
        right |= hits
    count.lacking += len(lacking)
    count.offers += len(offers)
    count.right += len(right)
    count.notes += 1
    return right


def _fits(offer: Omission, finding: Finding, accepted: Sequence[str]) -> bool:
    if finding.evidence and shares_words(offer.evidence, finding.evidence):
        return True
    return kind_of(offer.kind) == kind_of(finding.kind) and (
        overlap(offer.text, accepted) >= OVERLAP or any(a.casefold() in offer.text.casefold() for a in accepted)
    )


def noted(labels: Iterable[Label], segments: Sequence[Segment]) -> list[tuple[Finding, list[str]]]:
    """The labels as findings, with the words that they quote as evidence, and their accepted wordings."""
    finals = FinalTexts(segments)
    found = []
    for number, label in enumerate(labels, 1):
        quotes = (Quote(f"s{label['utterance'] + 1}", label["quote"]),) if "quote" in label else ()
        evidence = finals.grounded(Proposal(label["kind"], label["text"], quotes, "clinician")).evidence
        finding = Finding(
            f"f{number}",
            label["kind"],
            label["text"],
            label["status"],
            label.get("temporality", "current"),
            label.get("experiencer", "patient"),
            label.get("attributes", {}),
            evidence,
            "clinician",
            1.0,
        )
        found.append((finding, wordings(label)))
    return found


class Bench:
    def __init__(self, args: argparse.Namespace, extractors: Sequence[Extractor]) -> None:
        self.args = args
        self.extractors = extractors

    async def without(
        self,
        count: Count,
        name: str,
        segments: Sequence[Segment],
        note: Sequence[tuple[Finding, Sequence[str]]],
        left_out: Sequence[str] = (),
        lacking: Sequence[tuple[Finding, Sequence[str]]] = (),
    ) -> None:
        """Takes a share out in each round. `lacking` are right as well, and were never in the note."""
        rng = random.Random(name)
        for number in range(self.args.rounds):
            gone = set(rng.sample(range(len(note)), round(self.args.drop * len(note))))
            kept = [finding for at, (finding, _) in enumerate(note) if at not in gone]
            began = time.perf_counter()
            offers = await offered(segments, kept, self.extractors)
            count.ms.append(1000 * (time.perf_counter() - began))
            offers = [offer for offer in offers if offer.kind not in left_out]
            also = {offer.id for offer in offers if any(_fits(offer, *one) for one in lacking)}
            taken = [one for at, one in enumerate(note) if at in gone]
            right = judge(count, offers, taken)
            count.right += len(also - right)
            if self.args.show and number == 0:
                self._show(name, offers, right | also, taken)

    async def missed(
        self,
        count: Count,
        name: str,
        segments: Sequence[Segment],
        note: Sequence[Finding],
        lacking: Sequence[tuple[Finding, Sequence[str]]],
    ) -> None:
        offers = [offer for offer in await offered(segments, note, self.extractors) if offer.kind not in UNLABELLED]
        right = judge(count, offers, lacking)
        if self.args.show:
            self._show(f"{name}, missed", offers, right, lacking)

    @staticmethod
    def _show(
        name: str, offers: Sequence[Omission], right: set[str], lacking: Sequence[tuple[Finding, Sequence[str]]]
    ) -> None:
        for offer in offers:
            print(f"{name}: {'right' if offer.id in right else 'FALSE'} {offer.kind} {offer.status}: {offer.text}")
        for finding, accepted in lacking:
            if not any(_fits(offer, finding, accepted) for offer in offers):
                print(f"{name}: not offered: {finding.kind} {finding.status}: {finding.text}")


async def measure(args: argparse.Namespace) -> dict[str, Any]:
    extractors = chosen(args)
    for extractor in extractors:
        await extractor.start()
    listers = [getattr(extractor, "_extractor", extractor) for extractor in extractors]
    bench, sources = Bench(args, listers), dict[str, Count]()
    for mode in MODES:
        count = sources[f"labels, {mode}"] = Count()
        for name, labels in labelled(args.corpus):
            utterances = json.loads((args.corpus / f"{name}.json").read_text(encoding="utf-8"))["utterances"]
            segments = reference(utterances, mode)
            await bench.without(count, name, segments, noted(labels, segments))
    if args.orders:
        turns: Mapping[str, Any] = {row["id"]: row["turns"] for row in rows_of(args.orders)}
        for row in rows_of(FINDINGS):
            if row["id"] not in turns:
                continue
            segments = spoken(turns[row["id"]])
            found = await replay(segments, listers, Log())
            pairs = matched(found, row["findings"])
            told = noted(row["findings"], segments)
            lacking = [told[at] for at in range(len(told)) if at not in {label for _, label in pairs}]
            own = [(one, [one.text]) for one in found if one.kind not in UNLABELLED]
            part = row["part"]
            await bench.without(
                sources.setdefault(f"own, {part}", Count()), row["id"], segments, own, UNLABELLED, lacking
            )
            await bench.missed(sources.setdefault(f"missed, {part}", Count()), row["id"], segments, found, lacking)
    for extractor in extractors:
        await extractor.close()
    result = {name: count.as_dict() for name, count in sources.items()}
    for name, figures in result.items():
        print(name, json.dumps(figures), flush=True)
    options = {"extractor": args.extractor, "drop": args.drop, "rounds": args.rounds}
    return {"benchmark": "omissions", **options, "machine": card(), "sources": result}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, required=True, help="folder of NAME.json with NAME.findings.json")
    parser.add_argument("--orders", type=Path, help="JSON lines of {id, turns}")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--drop", type=float, default=0.2, help="share of the note that is taken out")
    parser.add_argument("--show", action="store_true", help="print the offers of the first round")
    parser.add_argument("--output", type=Path)
    add_choice(parser)
    args = parser.parse_args()
    deliver(asyncio.run(measure(args)), args.output)


if __name__ == "__main__":
    main()
