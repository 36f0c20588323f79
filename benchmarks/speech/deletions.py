"""Where words are lost: what became of each reference word that the streamed transcript lacks.

    python -m benchmarks.speech.deletions --corpus DIR [--files N] [--model base] [--offline] [--examples 8]
        [--output FILE]

Each recording goes through the real Pipeline alone; its finals are aligned with the reference, and each deleted word is
put in the first class that holds:

- suppressed: a decoding of its span has the word, and the final does not (second try, phantom rule, unlooping);
- unopened: it was said further than SEAM_S from every span: the VAD never opened;
- seam: it was said within SEAM_S of a border of a span;
- skipped: it was said inside a span, and no decoding of the span has it.

Times of words: spread evenly over their utterance, and moved between the neighbours that were heard, whose times are
the recogniser's own alignment. Words are normalised one by one, so the counts differ a little from jiwer's over the
whole text. `both`: of these, how many were said while both spoke. `offline`: of these, how many faster-whisper misses
too (with --offline). The last line is JSON.
"""

import argparse
import asyncio
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.common.corpus import Recording, consultations, pcm
from benchmarks.common.machine import card
from benchmarks.common.result import deliver
from benchmarks.common.streaming import Engine, stream
from benchmarks.speech.accuracy import offline
from benchmarks.speech.lost_words import CLASSES, Decoded, Lost, also_offline, lost, reference
from inference.asr.hypothesis import AsrRequest, Hypothesis
from inference.asr.whisper import WhisperAsr
from inference.audio.segmenter import Segmenter, Span
from inference.config import EngineConfig, SegmenterConfig
from inference.transcript import Segment
from inference.weights.models import default_cache, resolve

NEVER_S = 1e6


@contextmanager
def watched(owner: type, method: str, seen: Callable[..., None]) -> Iterator[None]:
    """Tells `seen` the arguments of every call of a method, and what it gave back as `result`."""
    plain = getattr(owner, method)

    def told(self: object, *args: Any, **named: Any) -> Any:
        result = plain(self, *args, **named)
        seen(*args, result=result, **named)
        return result

    setattr(owner, method, told)
    try:
        yield
    finally:
        setattr(owner, method, plain)


class Ear:
    """A Pipeline of real engines, and every try of its recogniser at a final: `async with Ear(model_dir) as ear`.

    The tries are watched from before the engines are made, since the queues keep the engine's bound methods.
    """

    def __init__(self, model_dir: Path) -> None:
        self._stack = AsyncExitStack()
        self._tries: list[tuple[AsrRequest, str]] = []
        self._model_dir = model_dir

    async def __aenter__(self) -> "Ear":
        self._stack.enter_context(watched(WhisperAsr, "transcribe", self._transcribed))
        config = EngineConfig(
            segmenter=SegmenterConfig(partial_every_s=NEVER_S, partial_first_s=NEVER_S, draft_after_s=NEVER_S)
        )
        self._engine = await self._stack.enter_async_context(Engine(self._model_dir, config))
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._stack.aclose()

    async def hear(self, recording: Recording) -> tuple[list[Decoded], list[Segment]]:
        """The spans of a recording with every try at them, and its finals.

        Raises RuntimeError for a span that no try is known of: its losses could not be told apart.
        """
        spans: list[Span] = []
        self._tries.clear()
        with ExitStack() as stack:
            stack.enter_context(watched(Segmenter, "push", lambda *args, result: spans.extend(result)))
            stack.enter_context(watched(Segmenter, "flush", lambda *, result: spans.extend(result)))
            updates = await stream(self._engine.pipeline, pcm(recording.audio))
        finals = [update.segment for update in updates if update.segment.final]
        found = []
        for span in spans:
            # Second tries hear the same samples, or the rest of them: the very same memory.
            texts = tuple(text for r, text in self._tries if np.shares_memory(r.audio, span.audio))
            if not texts and not span.resumed:  # what is left behind a split may have been decoded with it
                raise RuntimeError(f"no decoding of {span.start_s:.1f} s to {span.end_s:.1f} s was seen")
            middle = (span.start_s + span.end_s) / 2
            text = " ".join(segment.text for segment in finals if segment.start <= middle <= segment.end)
            found.append(Decoded(span.start_s, span.end_s, texts, text))
        return found, finals

    def _transcribed(self, requests: Sequence[AsrRequest], *rest: object, result: list[Hypothesis]) -> None:
        self._tries += [(r, h.text) for r, h in zip(requests, result, strict=True) if r.final]


async def measure(args: argparse.Namespace) -> dict[str, Any]:
    torch.set_num_threads(1)
    model_dir = resolve(args.model, default_cache())
    recordings = consultations(args.corpus)[: args.files]
    every: list[Lost] = []
    words, by_file = 0, {}
    async with Ear(model_dir) as ear:
        for recording in recordings:
            utterances = json.loads((args.corpus / f"{recording.name}.json").read_text())["utterances"]
            spans, finals = await ear.hear(recording)
            found = lost(utterances, spans, finals)
            if args.offline:
                whole = await asyncio.to_thread(offline, model_dir, [recording], 2)
                found = also_offline(found, utterances, whole.texts[0])
            words += len(reference(utterances))
            by_file[recording.name] = dict(Counter(one.kind for one in found))
            print(recording.name, by_file[recording.name], flush=True)
            every += found
    told = {kind: _told([one for one in every if one.kind == kind], args.offline) for kind in CLASSES}
    for kind in CLASSES:
        print(f"{kind:10} {told[kind]}")
        chosen = [one for one in every if one.kind == kind]
        for one in chosen[:: max(1, len(chosen) // args.examples)][: args.examples]:
            print(f"    {one.said.at_s:7.2f} s  {one.around}")
    return {
        "benchmark": "deletions",
        "machine": card(),
        "model": args.model,
        "recordings": len(recordings),
        "words": words,
        "deletions": len(every),
        "classes": told,
        "by_file": by_file,
    }


def _told(found: Sequence[Lost], with_offline: bool) -> dict[str, int]:
    told = {"words": len(found), "both": sum(one.said.both for one in found)}
    return told | ({"offline": sum(bool(one.offline) for one in found)} if with_offline else {})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--files", type=int, help="the first so many recordings only")
    parser.add_argument("--model", default="base")
    parser.add_argument("--offline", action="store_true", help="also say which of them offline decoding misses")
    parser.add_argument("--examples", type=int, default=8, help="printed of each class")
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    deliver(asyncio.run(measure(args)), args.output)


if __name__ == "__main__":
    main()
