"""Where words are lost: what became of each reference word that the streamed transcript lacks.

    python -m benchmarks.deletions --corpus DIR [--files N] [--model base] [--offline] [--examples 8] [--output FILE]

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
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jiwer
import numpy as np
import torch

from benchmarks.accuracy import Pass, offline
from benchmarks.corpus import Recording, consultations, normalise, pcm
from benchmarks.machine import card
from benchmarks.result import deliver
from benchmarks.streaming import Engine, stream
from inference.asr import WhisperAsr
from inference.config import EngineConfig, SegmenterConfig
from inference.hypothesis import AsrRequest, Hypothesis
from inference.models import default_cache, resolve
from inference.segmenter import Segmenter, Span
from inference.transcript import Segment

SEAM_S = 0.3
NEVER_S = 1e6
CLASSES = ("suppressed", "unopened", "seam", "skipped")


@dataclass(frozen=True, slots=True)
class Said:
    """A reference word, when it was said, and whether somebody else spoke then."""

    word: str
    at_s: float
    both: bool = False


@dataclass(frozen=True, slots=True)
class Decoded:
    """A final's span in seconds, all that was made of it on the way, and the text that came out."""

    start_s: float
    end_s: float
    tries: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Lost:
    """A deleted word: its place in the reference, its class, and the words about it."""

    index: int
    said: Said
    kind: str
    around: str
    offline: bool | None = None  # whether the offline transcript lacks it as well


def reference(utterances: Sequence[dict[str, Any]]) -> list[Said]:
    """The words of the utterances in the order in which these begin, spread evenly over their time."""
    found = []
    for one in sorted(utterances, key=lambda u: u["start"]):
        words = words_of(one["text"])
        step = (one["end"] - one["start"]) / max(1, len(words))
        others = [u for u in utterances if u["speaker"] != one["speaker"]]
        for number, word in enumerate(words):
            at_s = one["start"] + (number + 0.5) * step
            found.append(Said(word, at_s, any(u["start"] <= at_s <= u["end"] for u in others)))
    return found


def words_of(text: str) -> list[str]:
    return [word for raw in text.split() for word in normalise(raw).split()]


def deleted(said: Sequence[Said], heard: Sequence[tuple[str, float]]) -> dict[int, float]:
    """Index of every reference word that nobody heard, and when it was said; `heard` are words and their times."""
    output = jiwer.process_words([" ".join(s.word for s in said)], [" ".join(word for word, _ in heard)])
    times: dict[int, float] = {}
    gone: list[int] = []
    for chunk in output.alignments[0]:
        if chunk.type == "delete":
            gone += range(chunk.ref_start_idx, chunk.ref_end_idx)
        elif chunk.type == "equal":
            matched = range(chunk.ref_start_idx, chunk.ref_end_idx)
            times.update({i: heard[chunk.hyp_start_idx + i - chunk.ref_start_idx][1] for i in matched})
    found = {}
    for i in gone:
        before = max((times[j] for j in range(max(0, i - 8), i) if j in times), default=-np.inf)
        after = min((times[j] for j in range(i + 1, min(len(said), i + 9)) if j in times), default=np.inf)
        at_s = said[i].at_s
        found[i] = min(max(at_s, before), after) if before <= after else at_s
    return found


def kind_of(word: str, at_s: float, spans: Sequence[Decoded]) -> str:
    """The class of a deleted word."""
    near = [span for span in spans if span.start_s - SEAM_S <= at_s <= span.end_s + SEAM_S]
    if not near:
        return "unopened"
    if any(words_of(text).count(word) > words_of(span.text).count(word) for span in near for text in span.tries):
        return "suppressed"
    if any(min(abs(at_s - span.start_s), abs(at_s - span.end_s)) <= SEAM_S for span in near):
        return "seam"
    return "skipped"


def lost(utterances: Sequence[dict[str, Any]], spans: Sequence[Decoded], finals: Sequence[Segment]) -> list[Lost]:
    """What became of every reference word that the finals lack."""
    said = reference(utterances)
    heard = [(w, (word.start + word.end) / 2) for s in finals for word in s.words for w in words_of(word.text)]
    found = []
    for i, at_s in deleted(said, heard).items():
        around = " ".join([*(s.word for s in said[max(0, i - 4) : i]), said[i].word.upper()])
        around += " " + " ".join(s.word for s in said[i + 1 : i + 5])
        word = replace(said[i], at_s=round(at_s, 2))
        found.append(Lost(i, word, kind_of(word.word, at_s, spans), around.strip()))
    return found


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


async def decoded(engine: Engine, recording: Recording) -> tuple[list[Decoded], list[Segment]]:
    """The spans of a recording with every try at them, and its finals."""
    spans: list[Span] = []
    tries: list[tuple[AsrRequest, str]] = []

    def transcribed(requests: Sequence[AsrRequest], *rest: Any, result: list[Hypothesis], **named: Any) -> None:
        tries.extend((r, h.text) for r, h in zip(requests, result, strict=True) if r.final)

    with ExitStack() as stack:
        stack.enter_context(watched(Segmenter, "push", lambda *args, result: spans.extend(result)))
        stack.enter_context(watched(Segmenter, "flush", lambda *, result: spans.extend(result)))
        stack.enter_context(watched(WhisperAsr, "transcribe", transcribed))
        updates = await stream(engine.pipeline, pcm(recording.audio))
    finals = [update.segment for update in updates if update.segment.final]
    found = []
    for span in spans:
        # Second tries hear the same samples, or the rest of them: the very same memory.
        texts = tuple(text for r, text in tries if np.shares_memory(r.audio, span.audio))
        middle = (span.start_s + span.end_s) / 2
        text = " ".join(segment.text for segment in finals if segment.start <= middle <= segment.end)
        found.append(Decoded(span.start_s, span.end_s, texts, text))
    return found, finals


async def measure(args: argparse.Namespace) -> dict[str, Any]:
    torch.set_num_threads(1)
    model_dir = resolve(args.model, default_cache()).directory
    recordings = consultations(args.corpus)[: args.files]
    every: list[Lost] = []
    words, by_file = 0, {}
    async with Engine(model_dir, EngineConfig(segmenter=SegmenterConfig(partial_every_s=NEVER_S))) as engine:
        for recording in recordings:
            utterances = json.loads((args.corpus / f"{recording.name}.json").read_text())["utterances"]
            spans, finals = await decoded(engine, recording)
            found = lost(utterances, spans, finals)
            if args.offline:
                found = also_offline(found, utterances, await asyncio.to_thread(offline, model_dir, [recording], 2))
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


def also_offline(found: Sequence[Lost], utterances: Sequence[dict[str, Any]], whole: Pass) -> list[Lost]:
    """Marks the words that the offline transcript lacks as well: those that its own alignment deletes."""
    said = reference(utterances)
    gone = deleted(said, [(word, 0.0) for word in words_of(whole.texts[0])])
    return [replace(one, offline=one.index in gone) for one in found]


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
