"""What the sessions of the load benchmark say, and the words that were in it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.load.client import SAMPLE_RATE, Plan, Run

SAMPLE = Path(__file__).parents[2] / "tests" / "data" / "consultation.flac"
STEP = 0.6180339887
"""Fraction of a recording between the beginnings of one session and the next: any number of them spreads evenly."""

QUIET_S = 0.3
"""The shortest rest between utterances in which a stretch may begin or end: word times are not exact."""


Pairs = dict[int, tuple[str, str]]
"""Reference and transcript of sessions, by their number."""


@dataclass(frozen=True, slots=True)
class Utterance:
    start: float
    end: float
    text: str


@dataclass(frozen=True, slots=True)
class Track:
    """A recording as a file of s16le mono at 16 kHz; `utterances` in the order in which they begin."""

    name: str
    pcm: Path
    samples: int
    utterances: tuple[Utterance, ...] = ()

    @property
    def seconds(self) -> float:
        return self.samples / SAMPLE_RATE


def tracks(corpus: Path | None, folder: Path) -> list[Track]:
    """The recordings of a corpus, decoded into files of `folder`; the sample consultation where none is named."""
    from benchmarks.common.corpus import load, pcm

    if corpus is None and not SAMPLE.exists():
        raise SystemExit("the sample recording is not installed with the package: pass --corpus FOLDER")
    found = []
    for path in [SAMPLE] if corpus is None else sorted(corpus.glob("*.flac")):
        reference = path.with_suffix(".json")
        if not reference.exists():
            continue
        said = [Utterance(u["start"], u["end"], u["text"]) for u in json.loads(reference.read_text())["utterances"]]
        data = pcm(load(path))
        file = folder / f"{path.stem}.pcm"
        file.write_bytes(data)
        found.append(Track(path.stem, file, len(data) // 2, tuple(sorted(said, key=lambda u: u.start))))
    if not found:
        raise SystemExit(f"{corpus} holds no NAME.flac with NAME.json: pass a corpus folder")
    return found


def quiet_moments(track: Track) -> list[float]:
    """The middle of each rest of a recording, its beginning and its end included where nobody speaks there."""
    moments, spoken = [], 0.0
    for start, end in [(u.start, u.end) for u in track.utterances] + [(track.seconds, track.seconds)]:
        if start - spoken >= QUIET_S:
            moments.append((spoken + start) / 2)
        spoken = max(spoken, end)
    return moments


def plan(number: int, among: Sequence[Track], seconds: float, after_s: float = 0.0, whole: bool = False) -> Plan:
    """What session `number` says; it does not depend on how many others there are.

    Sessions take the recordings in turn. Each begins elsewhere, in a rest, so that they do not speak in step; `whole`
    plays the recording once from its beginning in place of `seconds` of it.
    """
    track = among[number % len(among)]
    if whole:
        return Plan(number, track.pcm, 0, track.samples, after_s)
    wanted = (number * STEP) % 1.0 * track.seconds
    begin = min([0.0, *quiet_moments(track)], key=lambda moment: abs(moment - wanted))
    return Plan(number, track.pcm, round(begin * SAMPLE_RATE), round(seconds * SAMPLE_RATE), after_s)


def said_and_heard(run: Run, of: Plan, track: Track) -> tuple[str, str] | None:
    """Reference and transcript of the same stretch of a session, or None if no stretch of it can be told apart.

    The stretch lies between the first and the last moment of the session at which nobody speaks, so no utterance is
    half inside; the whole session where it plays a recording from its beginning to its end.
    """
    words = [word for heard in run.heard for word in heard.words]
    if of.first == 0 and of.samples == track.samples:
        return " ".join(u.text for u in track.utterances), " ".join(text for text, _ in words)
    begin_s = of.first / SAMPLE_RATE
    laps = range(int((begin_s + of.seconds) // track.seconds) + 1)
    starts = [lap * track.seconds - begin_s for lap in laps]  # of each lap, in the session's time
    rests = [start + moment for start in starts for moment in quiet_moments(track)]
    rests = [moment for moment in rests if -0.01 <= moment <= of.seconds]
    if len(rests) < 2:
        return None
    first, last = rests[0], rests[-1]
    said = [u.text for start in starts for u in track.utterances if first <= start + u.start < last]
    return " ".join(said), " ".join(text for text, middle in words if first <= middle < last)


def pairs_of(runs: Sequence[Run], plans: Sequence[Plan], among: Sequence[Track]) -> Pairs:
    found = {}
    for run in runs:
        pair = said_and_heard(run, plans[run.number], among[run.number % len(among)]) if run.stopped else None
        if pair is not None:
            found[run.number] = pair
    return found


def word_error_rate(pairs: Pairs) -> float | None:
    from benchmarks.common.corpus import word_errors

    spoken = [pair for pair in pairs.values() if pair[0]]
    return word_errors([said for said, _ in spoken], [heard for _, heard in spoken]).wer if spoken else None
