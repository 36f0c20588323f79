"""What does a segment cost at a model server? Time to its operations, tokens a second, share of the prefix cache.

    python -m benchmarks.vllm --url http://127.0.0.1:8100/v1 [--streams 1 8] [--transcript FILE] [--output FILE]

Each stream is one consultation that grows by a segment a request, its next one as soon as the answer is there; the
findings so far are those of the rules and of the answers, as live. Any OpenAI-compatible address can be asked; tokens
and cache come from vLLM's own /metrics and are null where there is none. Streams differ in the patient, which stands
before the transcript: as in life they share the rules of the prompt and nothing else. The extractor's start, which
compiles the schema and computes the rules, is not counted. Says nothing about quality: benchmarks.extraction does.
The last line is JSON.
"""

import argparse
import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks.common.machine import card
from benchmarks.common.percentiles import distribution
from benchmarks.common.result import deliver
from benchmarks.vllm import counters as vllm_counters
from benchmarks.vllm.counters import Counters
from inference.extraction import ExtractionError, ExtractionRequest, Patient
from inference.extraction.evidence.grounding import FinalTexts
from inference.extraction.evidence.merging import Findings
from inference.extraction.evidence.support import supported
from inference.extraction.llm.client import VllmExtractor
from inference.extraction.rules.engine import RulesExtractor
from inference.findings import Proposal
from inference.transcript import Segment, Speaker

TRANSCRIPT = Path(__file__).parents[2] / "tests" / "data" / "consultation.json"
SPEAKERS: dict[str, Speaker] = {"doctor": "clinician", "clinician": "clinician", "patient": "patient"}
YOUNGEST = 40


@dataclass(slots=True)
class Answers:
    """What came back from one sweep."""

    operations_ms: list[float] = field(default_factory=list)
    operations: int = 0
    failures: dict[str, int] = field(default_factory=dict)


def said(path: Path, limit: int) -> list[Segment]:
    utterances = json.loads(path.read_text(encoding="utf-8"))["utterances"]
    return [
        Segment(f"s{n}", SPEAKERS.get(u["speaker"], "unknown"), u["start"], u["end"], u["text"], True)
        for n, u in enumerate(sorted(utterances, key=lambda u: u["start"])[:limit], 1)
    ]


async def consultation(extractor: VllmExtractor, segments: list[Segment], patient: Patient, answers: Answers) -> None:
    """One stream; a segment whose answer fails is counted and left behind."""
    rules, findings, finals = RulesExtractor(), Findings(), FinalTexts(segments)
    for at in range(len(segments)):
        merge(findings, rules.propose(ExtractionRequest(segments[: at + 1], at, findings.all(), patient)), finals)
        began = time.perf_counter()
        try:
            proposals = await extractor.extract(ExtractionRequest(segments[: at + 1], at, findings.all(), patient))
        except ExtractionError as error:
            answers.failures[str(error)] = answers.failures.get(str(error), 0) + 1
            continue
        answers.operations_ms.append(1000 * (time.perf_counter() - began))
        answers.operations += len(proposals)
        merge(findings, proposals, finals)


def merge(findings: Findings, proposals: Sequence[Proposal], finals: FinalTexts) -> None:
    for proposal in proposals:
        proved = supported(finals.grounded(proposal), finals.by_id)
        if proved is not None:
            findings.merge(proved)


async def counters(url: str) -> Counters | None:
    try:
        return await vllm_counters.read(url.removesuffix("/").removesuffix("/v1"))
    except (aiohttp.ClientError, KeyError, ValueError, TimeoutError):
        return None


async def sweep(
    extractor: VllmExtractor, url: str, segments: list[Segment], streams: int, first: int
) -> dict[str, Any]:
    answers = Answers()
    before, began = await counters(url), time.perf_counter()
    patients = [Patient(age=first + number) for number in range(streams)]
    await asyncio.gather(*(consultation(extractor, segments, patient, answers) for patient in patients))
    seconds = time.perf_counter() - began
    after = await counters(url)
    spent = after.since(before) if after and before else None
    asked = streams * len(segments)
    return {
        "streams": streams,
        "requests": asked,
        "failures": answers.failures,
        "operations": answers.operations,
        "operations_ms": distribution(answers.operations_ms),
        "requests_per_s": round(asked / seconds, 3),
        "generated_tokens_per_s": round(spent.generated_tokens / seconds, 1) if spent else None,
        "generated_tokens_per_request": round(spent.generated_tokens / asked, 1) if spent else None,
        "prompt_tokens_per_request": round(spent.prompt_tokens / asked, 1) if spent else None,
        "cached_share": round(spent.cached_share, 4) if spent else None,
    }


async def measure(args: argparse.Namespace) -> dict[str, Any]:
    segments = said(args.transcript, args.segments)
    extractor = VllmExtractor(args.url, args.model, timeout_s=args.timeout_s)
    began = time.perf_counter()
    await extractor.start()
    start_s = time.perf_counter() - began
    sweeps, first = [], YOUNGEST
    for streams in args.streams:
        sweeps.append(await sweep(extractor, args.url, segments, streams, first))
        print(json.dumps(sweeps[-1]), flush=True)
        first += streams  # no patient twice: the cache of the sweep before must not answer
    await extractor.close()
    return {
        "benchmark": "vllm",
        "model": args.label,
        "transcript": args.transcript.name,
        "segments": len(segments),
        "start_s": round(start_s, 2),
        "sweeps": sweeps,
        "machine": card(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", required=True, help="an OpenAI-compatible root, as in http://127.0.0.1:8000/v1")
    parser.add_argument("--model", help="that the server shall answer with; its first one, if not given")
    parser.add_argument("--label", help="what the result calls model and server")
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 8], help="consultations at once")
    parser.add_argument("--segments", type=int, default=15, help="of the transcript, the first so many")
    parser.add_argument("--transcript", type=Path, default=TRANSCRIPT, help='JSON with "utterances"')
    parser.add_argument("--timeout-s", type=float, default=300.0)
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    deliver(asyncio.run(measure(args)), args.output)
