"""How right, how proven and how soon are the findings of an extractor?

    python -m benchmarks.extraction --corpus DIR [--transcripts FOLDER] [--orders FILE] [--clips DIR] [--live NAME ...]
        [--cases PATH ...] [--extractor rules|vllm|both --vllm-url URL [--vllm-model NAME]] [--show] [--output FILE]

Final segments are fed through `LiveExtraction` one at a time, so only what is grounded and merged counts. Scored (how:
extraction_score.py, extraction_orders.py):
- every NAME.json of the corpus with NAME.findings.json, who speaks told ("dual") and hidden ("ambient"); with
  --transcripts also what this server's recogniser hears in NAME.flac, as fast as it is taken, kept in FOLDER;
- --orders: orders of labelled consultations, of some of them the medicines (--medications), and of others every finding
  (--findings: part "dev" was read while the rules were written, "heldout" was scored);
- --clips: recordings without a consultation (index.json of {"file", "text"}), where nothing may be found;
- the safety sentences (safety.py): the project's own and those of --cases, how many are right of each kind;
- --live: recordings of the corpus at once, at the pace of life, from the end of the words to their finding.
Any OpenAI-compatible address can be scored. The last line is JSON.
"""

import argparse
import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from benchmarks.common.machine import card
from benchmarks.common.result import deliver
from benchmarks.extraction import live as extraction_live
from benchmarks.extraction.extractors import add_choice, chosen
from benchmarks.extraction.orders import MedicationTally, OrderTally
from benchmarks.extraction.replay import Log, Metered, replay
from benchmarks.extraction.report import orders_table, show, show_orders, source_table
from benchmarks.extraction.safety import own_cases, read_cases, table
from benchmarks.extraction.score import Label, Tally
from benchmarks.extraction.transcripts import SPEAKERS, OwnTranscripts, reference
from inference.extraction import ExtractionError
from inference.findings import Finding
from inference.stream import Mode
from inference.transcript import Segment
from server.sessions import garbage

MEDICATIONS = Path(__file__).parents[1] / "data" / "medications.jsonl"
FINDINGS = Path(__file__).parents[1] / "data" / "findings.jsonl"
TURN_S = 10.0
UNLABELLED = ("order", "advice")
"""Kinds that `data/findings.jsonl` leaves out."""
UNTIMED = ("minutes", "flips_per_minute")
"""Means nothing where nobody wrote down when a turn was spoken."""

MODES: tuple[Mode, ...] = get_args(Mode)

Listen = Callable[[str], Awaitable[list[Segment]]]


def labelled(corpus: Path) -> list[tuple[str, list[Label]]]:
    """Names and labels. Exits where there are none."""
    found = []
    for path in sorted(corpus.glob("*.findings.json")):
        labels = json.loads(path.read_text(encoding="utf-8"))["findings"]
        found.append((path.name.removesuffix(".findings.json"), labels))
    if not found:
        raise SystemExit(f"{corpus} holds no NAME.findings.json: pass a labelled corpus")
    return found


@dataclass(frozen=True, slots=True)
class Scorer:
    """Scores the same extractors on one kind of text after another."""

    args: argparse.Namespace
    extractors: Sequence[Metered]

    async def find(self, segments: Sequence[Segment], log: Log) -> list[Finding]:
        return await replay(segments, self.extractors, log, self.args.step)

    async def consultations(self, listen: Listen) -> dict[str, Any]:
        """Every labelled consultation of the corpus, heard by `listen`."""
        tally, log = Tally(), Log()
        for name, labels in labelled(self.args.corpus):
            found = await self.find(await listen(name), log)
            pairs = tally.judge(found, labels)
            if self.args.show:
                show(name, found, labels, pairs)
        return tally.as_dict() | log.as_dict()

    async def orders(self) -> dict[str, Any]:
        """Orders, and medicines where they are labelled, of consultations that are text alone."""
        rows = rows_of(self.args.orders)[: self.args.limit]
        medicines = {row["id"]: row for row in rows_of(self.args.medications)} if self.args.medications.exists() else {}
        orders, log, parts = OrderTally(), Log(), dict[str, MedicationTally]()
        for row in rows:
            found = await self.find(spoken(row["turns"]), log)
            pairs = orders.judge(found, row["orders"])
            if self.args.show:
                show_orders(row["id"], found, row["orders"], pairs)
            if labels := medicines.get(row["id"]):
                named = parts.setdefault(labels["part"], MedicationTally()).judge(found, labels["medications"])
                if self.args.show:
                    asked = [label["name"] for label in labels["medications"]]
                    print(f"  medicines ({labels['part']}): {named}; labelled {asked}")
        happened = {name: value for name, value in log.as_dict().items() if name not in UNTIMED}
        result: dict[str, Any] = {"orders": {"consultations": len(rows), **orders.as_dict(), **happened}}
        if parts:
            result["medications"] = {part: tally.as_dict() for part, tally in sorted(parts.items())}
        return result

    async def texts(self) -> dict[str, dict[str, Any]]:
        """Every finding of consultations that are text alone, by part and mode."""
        turns = {row["id"]: row["turns"] for row in rows_of(self.args.orders)}
        labels = [row for row in rows_of(self.args.findings) if row["id"] in turns]
        scored: dict[str, dict[str, Any]] = {}
        for part in sorted({row["part"] for row in labels}):
            for mode in MODES:
                tally, log = Tally(), Log()
                for row in (row for row in labels if row["part"] == part):
                    found = await self.find(spoken(turns[row["id"]], mode), log)
                    found = [finding for finding in found if finding.kind not in UNLABELLED]
                    pairs = tally.judge(found, row["findings"])
                    if self.args.show:
                        show(f"{row['id']}, {mode}", found, row["findings"], pairs)
                scored.setdefault(part, {})[mode] = tally.as_dict() | log.as_dict()
                print(source_table(f"{part}, {mode}", scored[part][mode]), flush=True)
        return scored

    async def safety(self) -> dict[str, Any]:
        """Sentences in which a wrong finding would do harm, by kind."""
        sources = {"own": own_cases(), **{str(path): read_cases(path) for path in self.args.cases}}
        scored = {}
        for name, cases in sources.items():
            rows = await table(cases, self.extractors)
            print(f"safety sentences, {name}\n{rows}\n", flush=True)
            scored[name] = rows.as_dict()
        return scored

    async def clips(self, heard: OwnTranscripts | None) -> dict[str, Any]:
        """Clips in which nobody consults anybody: every finding is one too many."""
        log, extra, scored, folder = Log(), list[dict[str, str]](), 0, self.args.clips
        for clip in json.loads((folder / "index.json").read_text(encoding="utf-8")):
            transcripts = [await heard.segments(folder / clip["file"], "ambient")] if heard else []
            if clip["text"]:
                for speaker in ("unknown", *dict.fromkeys(SPEAKERS.values())):
                    transcripts.append([Segment("s1", speaker, 0.0, clip["seconds"], clip["text"], True)])
            scored += len(transcripts)
            for segments in transcripts:
                found = await self.find(segments, log)
                extra += [{"clip": clip["file"], "kind": finding.kind, "text": finding.text} for finding in found]
        return {"transcripts": scored, "findings": len(extra), "found": extra}


async def measure(args: argparse.Namespace) -> dict[str, Any]:
    extractors = chosen(args)
    labelled(args.corpus)
    for extractor in extractors:
        await extractor.start()
    garbage.settle()  # as the server does: what is loaded for good is not searched for garbage while somebody waits
    scorer = Scorer(args, extractors)
    sources: dict[str, Any] = {}
    result: dict[str, Any] = {"benchmark": "extraction", "extractor": args.extractor, "machine": card()}
    async with OwnTranscripts(args.transcripts, args.model) if args.transcripts else nullcontext() as heard:
        for mode in MODES:
            sources[f"reference_{mode}"] = await scorer.consultations(_written(args.corpus, mode))
            print(source_table(f"reference, {mode}", sources[f"reference_{mode}"]), flush=True)
        if heard:
            for mode in MODES:
                sources[f"streamed_{mode}"] = await scorer.consultations(_heard(args.corpus, heard, mode))
                print(source_table(f"streamed, {mode}", sources[f"streamed_{mode}"]), flush=True)
        symptoms = {name: source["by_kind"].get("symptom", {}).get("f1") for name, source in sources.items()}
        result |= {"model": args.model if heard else None, "symptom_f1": symptoms, "sources": sources}
        if args.clips:
            result["clips"] = await scorer.clips(heard)
            print(f"clips: {result['clips']['findings']} findings in {result['clips']['transcripts']} transcripts\n")
    if args.orders:
        result |= await scorer.orders()
        print(orders_table(result), flush=True)
        if args.findings.exists():
            result["texts"] = await scorer.texts()
    result["safety"] = await scorer.safety()
    result["extractors"] = {extractor.name: extractor.as_dict() for extractor in extractors}
    print(json.dumps(result["extractors"]))
    if args.live:  # last: a Pipeline closes the extractors that it was given
        recordings = [args.corpus / f"{name}.flac" for name in args.live]
        result["live"] = await extraction_live.measure(recordings, args.mode, args.model, extractors, args.chunk_s)
        print(f"live: {json.dumps(result['live'])}", flush=True)
    else:
        for extractor in extractors:
            await extractor.close()
    return result


def _written(corpus: Path, mode: Mode) -> Listen:
    async def listen(name: str) -> list[Segment]:
        return reference(json.loads((corpus / f"{name}.json").read_text(encoding="utf-8"))["utterances"], mode)

    return listen


def _heard(corpus: Path, heard: OwnTranscripts, mode: Mode) -> Listen:
    return lambda name: heard.segments(corpus / f"{name}.flac", mode)


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def spoken(turns: Iterable[Mapping[str, str]], mode: Mode = "dual") -> list[Segment]:
    timed = [{**turn, "start": at * TURN_S, "end": (at + 0.9) * TURN_S} for at, turn in enumerate(turns)]
    return reference(timed, mode)


def parsed(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, required=True, help="folder of NAME.json with NAME.findings.json")
    parser.add_argument("--transcripts", type=Path, help="folder for the transcripts of the corpus's NAME.flac")
    parser.add_argument("--model", default="base", help="Whisper weights for --transcripts and --live")
    parser.add_argument("--orders", type=Path, help="JSON lines of {id, turns, orders}")
    parser.add_argument("--limit", type=int, help="of --orders the first so many")
    parser.add_argument("--medications", type=Path, default=MEDICATIONS, help="JSON lines of {id, part, medications}")
    parser.add_argument("--findings", type=Path, default=FINDINGS, help="JSON lines of {id, part, findings}")
    parser.add_argument("--cases", type=Path, nargs="*", default=[], help="more safety sentences: files or folders")
    parser.add_argument("--clips", type=Path, help="folder of index.json with clips")
    parser.add_argument("--live", nargs="+", metavar="NAME", help="recordings of the corpus, at once and in real time")
    parser.add_argument("--mode", choices=MODES, default="ambient", help="of --live")
    parser.add_argument("--chunk-s", type=float, default=3.0, help="of --live")
    add_choice(parser)
    parser.add_argument("--step", type=int, default=1, help="segments after which the extractors are waited for")
    parser.add_argument("--show", action="store_true", help="print every finding with its verdict")
    parser.add_argument("--output", type=Path)
    return parser.parse_args(argv)


def main() -> None:
    args = parsed()
    try:
        result = asyncio.run(measure(args))
    except ExtractionError as error:
        raise SystemExit(str(error)) from None
    deliver(result, args.output)
