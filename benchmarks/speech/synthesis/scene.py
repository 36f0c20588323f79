"""When who speaks: gaps between turns, pauses inside them, one voice on top of another. Pure.

Gaps and overlaps have the sizes of telephone conversations (Heldner and Edlund 2010: most gaps last 0 to 0.6 s, two
changes of speaker in five overlap a little); pauses inside a turn are of the same kind, with a long one now and then.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.speech.synthesis.texts import Speaker, Turn
from inference.audio.decoding import Samples
from inference.config import SAMPLE_RATE

LEAD_S = 0.8
GAP_S, GAP_MOST_S = 0.45, 2.5
PAUSE_S, PAUSE_MOST_S = 0.35, 1.5
THINKING, THINKING_S = 0.08, (0.8, 2.2)
"""How often a pause is one in which somebody thinks, and how long that lasts."""

SPREAD = 0.6
"""Of the logarithm of gaps and pauses."""

OVERLAP, OVERLAP_MOST_S = 0.12, 1.2
"""How often a turn begins before the one before it has ended, and by how much at most."""

SHORT_WORDS, SHORT_OVERLAP = 2, 0.35
"""A backchannel is a turn of so few words; it comes early more often."""

INTERJECTION, INTERJECTED_S = 0.05, 2.5
"""How often the other one says a word in the middle of a phrase, and how long the phrase is at least."""

INTERJECTIONS = ("Okay.", "Right.", "Yeah.", "I see.", "Sure.")
LATEST = 0.5
"""Of a phrase or a turn that another may cover."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """A phrase, who says it, and where in the recording: samples from `start` on."""

    start: int
    speaker: Speaker
    text: str
    audio: Samples

    @property
    def end(self) -> int:
        return self.start + len(self.audio)


Say = Callable[[Speaker, str], Samples]


def played(turns: Sequence[Turn], say: Say, seconds: float, random: np.random.Generator) -> list[Utterance]:
    """The consultation up to the first turn that ends after `seconds`, in the order in which the phrases begin."""
    placed: list[Utterance] = []
    for turn in turns:
        parts = [(text, audio) for text in turn.phrases if len(audio := say(turn.speaker, text))]
        if not parts:
            continue
        at = _start(placed, turn, sum(len(audio) for _, audio in parts), random)
        for text, audio in parts:
            phrase = Utterance(at, turn.speaker, text, audio)
            placed.append(phrase)
            if len(audio) > INTERJECTED_S * SAMPLE_RATE and random.random() < INTERJECTION:
                word = _interjected(phrase, say, random)
                if all(one.end <= word.start for one in placed if one.speaker == word.speaker):
                    placed.append(word)
            at = phrase.end + _pause(random)
        if placed[-1].end > seconds * SAMPLE_RATE:
            break
    return sorted(placed, key=lambda utterance: utterance.start)


def overlap_s(utterances: Sequence[Utterance]) -> float:
    """Seconds in which both speak."""
    return sum(_shared(one, other) for one, other in _pairs(utterances)) / SAMPLE_RATE


def channel(utterances: Sequence[Utterance], speaker: Speaker, samples: int) -> Samples:
    """What one person says, in a recording of so many samples."""
    audio = np.zeros(samples, np.float32)
    for one in utterances:
        if one.speaker == speaker:
            audio[one.start : one.end] += one.audio
    return audio


def _start(placed: list[Utterance], turn: Turn, length: int, random: np.random.Generator) -> int:
    if not placed:
        return round(LEAD_S * SAMPLE_RATE)
    end = max(one.end for one in placed)
    last = max(placed, key=lambda one: one.end)
    own = max((one.end for one in placed if one.speaker == turn.speaker), default=0)
    short = len(" ".join(turn.phrases).split()) <= SHORT_WORDS
    if last.speaker != turn.speaker and random.random() < (SHORT_OVERLAP if short else OVERLAP):
        most = min(OVERLAP_MOST_S * SAMPLE_RATE, LATEST * len(last.audio), LATEST * length)
        return max(own, end - round(most * random.uniform(0.2, 1)))
    return max(own, end) + _drawn(GAP_S, GAP_MOST_S, random)


def _interjected(phrase: Utterance, say: Say, random: np.random.Generator) -> Utterance:
    text = INTERJECTIONS[int(random.integers(len(INTERJECTIONS)))]
    other: Speaker = "patient" if phrase.speaker == "doctor" else "doctor"
    at = phrase.start + round(len(phrase.audio) * random.uniform(0.2, LATEST))
    return Utterance(at, other, text, say(other, text))


def _pause(random: np.random.Generator) -> int:
    if random.random() < THINKING:
        return round(random.uniform(*THINKING_S) * SAMPLE_RATE)
    return _drawn(PAUSE_S, PAUSE_MOST_S, random)


def _drawn(median_s: float, most_s: float, random: np.random.Generator) -> int:
    return round(min(most_s, median_s * float(np.exp(SPREAD * random.standard_normal()))) * SAMPLE_RATE)


def _pairs(utterances: Sequence[Utterance]) -> Iterator[tuple[Utterance, Utterance]]:
    for one in utterances:
        if one.speaker == "doctor":
            yield from ((one, other) for other in utterances if other.speaker == "patient")


def _shared(one: Utterance, other: Utterance) -> int:
    return max(0, min(one.end, other.end) - max(one.start, other.start))
