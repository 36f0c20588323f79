"""Which extractors a benchmark scores."""

import argparse

from benchmarks.extraction.replay import Metered
from inference.extraction import Extractor
from inference.extraction.rules.engine import RulesExtractor


def add_choice(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--extractor", choices=("rules", "vllm", "both"), default="rules")
    parser.add_argument("--vllm-url", help="an OpenAI-compatible root, as in http://127.0.0.1:8000/v1")
    parser.add_argument("--vllm-model")


def chosen(args: argparse.Namespace) -> list[Metered]:
    """The extractors that the options of `add_choice` name. Raises SystemExit where an address lacks."""
    made: list[Extractor] = []
    if args.extractor in ("rules", "both"):
        made.append(RulesExtractor())
    if args.extractor in ("vllm", "both"):
        if not args.vllm_url:
            raise SystemExit("--extractor vllm needs the address of a model server: --vllm-url http://HOST:PORT/v1")
        from inference.extraction.llm.client import VllmExtractor

        made.append(VllmExtractor(args.vllm_url, args.vllm_model))
    return [Metered(extractor) for extractor in made]
