"""Reference words that a transcript lacks, and why, from spans and everything that was decoded of them. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import jiwer
import numpy as np

from benchmarks.common.corpus import normalise
from inference.transcript import Segment

SEAM_S = 0.3
"""So near to a border of a span a word may have been cut by it."""

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


def also_offline(found: Sequence[Lost], utterances: Sequence[dict[str, Any]], text: str) -> list[Lost]:
    """Marks the words that the offline transcript lacks as well."""
    gone = deleted(reference(utterances), [(word, 0.0) for word in words_of(text)])
    return [replace(one, offline=one.index in gone) for one in found]
