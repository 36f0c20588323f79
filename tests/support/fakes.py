"""Engines of a few lines, for tests that step concurrency or need no words."""

import threading
from collections.abc import Sequence

import numpy as np

from inference.asr.hypothesis import AsrRequest, Hypothesis, Rehearsal
from inference.audio.vad_state import VadState
from inference.config import FRAME_SAMPLES, SAMPLE_RATE, EngineConfig, SegmenterConfig
from inference.extraction import ExtractionError, ExtractionRequest
from inference.findings import Proposal, Quote
from inference.transcript import Word

ONE_PAUSE = EngineConfig(segmenter=SegmenterConfig(pause_s=0.7, short_pause_s=0.7))
"""A second of silence ends every segment: for tests of what comes after the segmenter."""


class LoudnessVad:
    """Loud is speech. Carries the samples short of a frame, as the real one does."""

    def speech_probabilities(self, chunks, states):
        answers = []
        for chunk, state in zip(chunks, states, strict=True):
            stream = np.concatenate((state.remainder, chunk))
            frames = stream[: len(stream) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
            rest = stream[frames.size :]
            answers.append(((np.abs(frames).max(axis=1) > 0.1).astype(np.float32), VadState(remainder=rest)))
        return answers


class LevelAsr:
    """Says the length and the loudness of a span: text that depends on nothing but the audio.

    `hold` makes every call wait; `fail` counts the calls that raise.
    """

    def __init__(self) -> None:
        self.requests: list[AsrRequest] = []
        self.go = threading.Event()
        self.go.set()
        self.called = threading.Semaphore(0)
        self.fail = 0

    def transcribe(self, requests: Sequence[AsrRequest], mels: object = None) -> list[Hypothesis]:
        self.requests += requests
        self.called.release()
        assert self.go.wait(timeout=20)
        if self.fail:
            self.fail -= 1
            raise RuntimeError("the device is gone")
        return [
            Hypothesis(f"{len(r.audio) / SAMPLE_RATE:.2f} s of {np.abs(r.audio).max():.2f}", r.language or "en")
            for r in requests
        ]

    def prepare(self, requests: Sequence[AsrRequest]) -> list[None]:
        return [None] * len(requests)

    def rehearse(self, rehearsal: Rehearsal) -> None:
        return None

    def restart(self) -> None:
        return None


class EchoExtractor:
    """One symptom for each new segment, with the whole of it as evidence."""

    def __init__(self, name: str = "rules") -> None:
        self.name = name
        self.down = False
        self.calls: list[ExtractionRequest] = []

    async def start(self) -> None:
        return None

    async def close(self) -> None:
        return None

    async def extract(self, consultation: ExtractionRequest) -> list[Proposal]:
        self.calls.append(consultation)
        if self.down:
            raise ExtractionError("the extraction server does not answer: start it")
        return [
            Proposal("symptom", segment.text, (Quote(segment.id, segment.text),), "rules")
            for segment in consultation.segments[consultation.new_from :]
        ]


def speech(*parts: tuple[float, float]) -> bytes:
    """s16le of (seconds, loudness) parts at 16 kHz; loudness 0 is silence."""
    samples = np.concatenate([np.full(round(seconds * SAMPLE_RATE), level) for seconds, level in parts])
    return (samples * 32767).astype("<i2").tobytes()


WORD_S = 0.3
"""How long each word of `counted` lasts; its last tenth of a second is a little quieter."""

QUIET = 0.15


def counted(numbers: Sequence[int], *parts: tuple[float, float]) -> bytes:
    """s16le of words that CountingAsr tells apart, through parts of (seconds, 1 where somebody speaks)."""
    left = iter(numbers)
    pieces = []
    for seconds, spoken in parts:
        samples = round(seconds * SAMPLE_RATE)
        if not spoken:
            pieces.append(np.zeros(samples))
            continue
        word = round(WORD_S * SAMPLE_RATE)
        levels = [np.full(word, 0.2 + 0.003 * next(left)) for _ in range(samples // word)]
        for level in levels:
            level[-SAMPLE_RATE // 20 :] = QUIET
        pieces += [*levels, np.zeros(samples % word)]
    return (np.concatenate(pieces) * 32767).round().astype("<i2").tobytes()


class CountingAsr(LevelAsr):
    """Hears the words of `counted` with their times, as "w7" or "w9."; one that is cut in two, as nothing at all."""

    def transcribe(self, requests: Sequence[AsrRequest], mels: object = None) -> list[Hypothesis]:
        super().transcribe(requests, mels)
        return [self._heard(request) for request in requests]

    def _heard(self, request: AsrRequest) -> Hypothesis:
        level = np.rint((np.asarray(request.audio) - 0.2) / 0.003)
        level[np.asarray(request.audio) < 0.199] = -1
        edges = np.flatnonzero(np.diff(level)) + 1
        words = []
        for start, end in zip([0, *edges], [*edges, len(level)], strict=True):
            if level[start] >= 0 and end - start > 0.2 * SAMPLE_RATE:
                number = int(level[start])
                text = f"w{number}." if number % 10 == 9 else f"w{number}"
                words.append(Word(text, start / SAMPLE_RATE, end / SAMPLE_RATE + 0.05, 0.9))
        text = " ".join(word.text for word in words)
        return Hypothesis(text, request.language or "en", words=tuple(words))
