"""Are the findings of single sentences right where a wrong one would do harm?

    python -m benchmarks.extraction.safety [--cases FILE_OR_FOLDER ...] [--kind NAME] [--ambient] [--counts]
        [--output FILE] [--extractor rules|vllm|both --vllm-url URL [--vllm-model NAME]]

The project's own sentences (`data/safety_*.jsonl`) are always scored, and those of each `--cases` path apart. A line is
one case: {"kind_of_case", "say": [{"speaker", "text"}], "want": [...], "never": [...]}. How a case is judged stands in
safety_judge.py. Each failure is printed with what was found, unless `--counts` is given. The last line is JSON.
"""

import argparse
import asyncio
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.common.result import deliver
from benchmarks.extraction.extractors import add_choice, chosen
from benchmarks.extraction.replay import Log, replay
from benchmarks.extraction.safety_judge import Case, faults
from inference.extraction import Extractor
from inference.findings import Finding
from inference.transcript import Segment

OWN = Path(__file__).parents[1] / "data"
SEGMENT_S = 5.0


@dataclass(slots=True)
class Table:
    """How many cases of each kind are right, and what is wrong with the others."""

    cases: Counter[str] = field(default_factory=Counter)
    right: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def add(self, case: Case, found: Sequence[Finding]) -> None:
        kind = case["kind_of_case"]
        wrong = faults(case, found)
        self.cases[kind] += 1
        self.right[kind] += not wrong
        if wrong:
            said = " / ".join(turn["text"] for turn in case["say"])
            self.failures.append(f"{kind}: {said}\n    {'; '.join(wrong)}\n    found: {'; '.join(map(_shown, found))}")

    def as_dict(self) -> dict[str, Any]:
        return {
            "cases": self.cases.total(),
            "right": self.right.total(),
            "by_kind": {kind: [self.right[kind], cases] for kind, cases in sorted(self.cases.items())},
        }

    def counts(self) -> str:
        lines = [f"{kind:24} {self.right[kind]:4} of {cases}" for kind, cases in sorted(self.cases.items())]
        return "\n".join([*lines, f"{'all':24} {self.right.total():4} of {self.cases.total()}"])

    def __str__(self) -> str:
        return "\n".join([*self.failures, self.counts()])


def own_cases() -> list[Case]:
    """The sentences that the project keeps."""
    return [case for path in sorted(OWN.glob("safety_*.jsonl")) for case in read_cases(path)]


def read_cases(path: Path) -> list[Case]:
    """The cases of a file, or of all *.jsonl files of a folder. Exits where there are none."""
    files = sorted(path.glob("*.jsonl")) if path.is_dir() else [path]
    lines = [line for file in files for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    if not lines:
        raise SystemExit(f"{path} holds no cases: pass a file of JSON lines, or a folder of such files")
    return [json.loads(line) for line in lines]


def segments(case: Case, *, ambient: bool = False) -> list[Segment]:
    """What was said, each turn as one final. `ambient`: nobody knows who speaks."""
    return [
        Segment(
            f"s{number}",
            "unknown" if ambient else turn["speaker"],
            SEGMENT_S * (number - 1),
            SEGMENT_S * number - 0.5,
            turn["text"],
            True,
        )
        for number, turn in enumerate(case["say"], 1)
    ]


async def table(cases: Iterable[Case], extractors: Sequence[Extractor], *, ambient: bool = False) -> Table:
    scored = Table()
    for case in cases:
        scored.add(case, await replay(segments(case, ambient=ambient), extractors, Log()))
    return scored


def _shown(finding: Finding) -> str:
    attributes = ", ".join(f"{name}: {value}" for name, value in finding.attributes.items())
    state = " ".join((finding.kind, finding.status, finding.temporality, finding.experiencer))
    return f"{state} {finding.text} ({attributes})"


async def measure(args: argparse.Namespace) -> dict[str, Any]:
    extractors = chosen(args)
    for extractor in extractors:
        await extractor.start()
    result: dict[str, Any] = {"benchmark": "safety", "extractor": args.extractor}
    sources = {"own": own_cases(), **{str(path): read_cases(path) for path in args.cases}}
    for name, cases in sources.items():
        chosen_cases = [case for case in cases if args.kind in (None, case["kind_of_case"])]
        scored = await table(chosen_cases, extractors, ambient=args.ambient)
        print(f"-- {name}\n{scored.counts() if args.counts else scored}\n", flush=True)
        result[name] = scored.as_dict()
    for extractor in extractors:
        await extractor.close()
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=Path, nargs="*", default=[], help="more cases: a file, or a folder of files")
    parser.add_argument("--kind", help="only cases of this kind")
    parser.add_argument("--ambient", action="store_true", help="leave out who speaks, as in an ambient session")
    parser.add_argument("--counts", action="store_true", help="print no failures: for cases that nobody is to read")
    add_choice(parser)
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    deliver(asyncio.run(measure(args)), args.output)


if __name__ == "__main__":
    main()
