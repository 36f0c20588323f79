"""`drtranscribe serve` around engines without models, with faults on demand: all else is the command itself.

    python -m benchmarks.attack.server [--fault NAME] [--hostile-talk] [--slow SECONDS] serve --port N ...

--fault names what raises at every second call: extractor, merging or codes. --hostile-talk: what is said is made to
break records and rules. --slow: the seconds that the recogniser takes for a second of audio.
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

from benchmarks.attack.aim import MARK
from benchmarks.attack.attacks.talk import HOSTILE_TALK
from benchmarks.common.fake_server import LoudnessVad, ReadyAsr
from inference.asr.hypothesis import AsrRequest, Hypothesis
from inference.config import SAMPLE_RATE
from inference.extraction.evidence import merging
from inference.extraction.evidence.merging import Findings
from inference.extraction.rules.engine import RulesExtractor
from inference.pipeline import Pipeline
from server import runtime as engines
from server.cli import main as cli
from server.settings import Settings


class SpeakingAsr(ReadyAsr):
    """Says the words that it was given, and takes its time."""

    languages = ("en",)

    def __init__(self, text: str | None, slow: float) -> None:
        super().__init__()
        self._slow = slow
        if text:
            self._text = text.split()

    def transcribe(self, requests: Sequence[AsrRequest], mels: Sequence[Any] | None = None) -> list[Hypothesis]:
        time.sleep(self._slow * sum(len(request.audio) for request in requests) / SAMPLE_RATE)
        return super().transcribe(requests, mels)


def failing(call: Callable[..., Any]) -> Callable[..., Any]:
    """Raises at every second call, with a patient's word in the message as a real exception may have it."""
    calls = count()

    def failing_call(*args: Any, **kwargs: Any) -> Any:
        if next(calls) % 2:
            raise ValueError(f"cannot read {MARK}")
        return call(*args, **kwargs)

    return failing_call


def break_(fault: str | None) -> None:
    """Puts the fault in its place."""
    match fault:
        case "extractor":
            RulesExtractor.propose = failing(RulesExtractor.propose)  # type: ignore[method-assign]
        case "merging":
            Findings.merge = failing(Findings.merge)  # type: ignore[method-assign]
        case "codes":
            # Replaced in merging, which has imported it by name. To mypy, merging does not export that name.
            merging.codes_of = failing(merging.codes_of)  # type: ignore[attr-defined]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fault", choices=("extractor", "merging", "codes"))
    parser.add_argument("--hostile-talk", action="store_true")
    parser.add_argument("--slow", type=float, default=0.0)
    args, rest = parser.parse_known_args()
    break_(args.fault)

    def build(
        settings: Settings,
        observe_batch: Callable[[int], None] = lambda size: None,
        out_of_memory: Callable[[], None] = lambda: None,
    ) -> Pipeline:
        """As server.runtime.build_pipeline, without weights."""
        extractors = engines._extractors(settings)
        pipeline = Pipeline(
            LoudnessVad(),
            SpeakingAsr(HOSTILE_TALK if args.hostile_talk else None, args.slow),
            extractors,
            None,
            "fake",
            observe_batch,
            out_of_memory,
        )
        pipeline.languages = frozenset(SpeakingAsr.languages)
        return pipeline

    engines.build_pipeline = build
    sys.argv = ["drtranscribe", *rest]
    cli.main()


if __name__ == "__main__":
    main()
