"""The audio of one session: part of a recording, cut where nobody speaks, with its words and its times of speech."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.common.corpus import Recording, consultations
from benchmarks.peers.lag import merged
from inference.audio.decoding import Samples
from inference.config import SAMPLE_RATE

BREATH_S = 0.1
"""Shortest pause of everybody in which a recording may be cut."""


@dataclass(frozen=True, slots=True)
class Excerpt:
    name: str
    audio: Samples  # [samples] at 16 kHz
    text: str
    speech: tuple[tuple[float, float], ...]  # seconds of the excerpt

    @property
    def seconds(self) -> float:
        return len(self.audio) / SAMPLE_RATE


def excerpts(corpus: Path, count: int, seconds: float) -> list[Excerpt]:
    """`count` different excerpts of about `seconds`: the beginnings of all recordings, then what follows them."""
    recordings = consultations(corpus)
    utterances = [json.loads((corpus / f"{r.name}.json").read_text())["utterances"] for r in recordings]
    found: list[Excerpt] = []
    ends = [0.0] * len(recordings)
    for i in range(count):
        which = i % len(recordings)
        cut, ends[which] = _cut(recordings[which], utterances[which], ends[which], seconds)
        found.append(cut)
    return found


def _cut(
    recording: Recording, utterances: list[dict[str, Any]], after_s: float, seconds: float
) -> tuple[Excerpt, float]:
    """The excerpt that begins after `after_s`, and where it ends in the recording."""
    turns = merged([(u["start"], u["end"]) for u in utterances], BREATH_S)
    left = [turn for turn in turns if turn[0] >= after_s]
    if not left or left[-1][1] - left[0][0] < seconds / 2:
        raise SystemExit(f"{recording.name} is too short for so many excerpts: ask for fewer --sessions or --seconds")
    begin = max(after_s, left[0][0] - 1.0)
    last = min(left, key=lambda turn: abs(turn[1] - begin - seconds))
    following = [turn[0] for turn in turns if turn[0] > last[1]]
    end = min([last[1] + 1.0, recording.seconds, *((last[1] + start) / 2 for start in following[:1])])
    said = sorted((u for u in utterances if begin <= u["start"] and u["end"] <= end), key=lambda u: u["start"])
    return (
        Excerpt(
            recording.name,
            recording.audio[int(begin * SAMPLE_RATE) : int(end * SAMPLE_RATE)],
            " ".join(u["text"] for u in said),
            tuple(merged([(u["start"] - begin, u["end"] - begin) for u in said])),
        ),
        end,
    )
