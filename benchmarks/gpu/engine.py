"""The engines with a stopwatch on each stage, and random weights that say as much as people do."""

import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from inference.asr.hypothesis import AsrRequest, Hypothesis
from inference.asr.whisper import WhisperAsr
from inference.audio.decoding import Samples
from inference.audio.vad import SileroVad
from inference.audio.vad_state import VadState
from inference.config import AsrConfig, VadConfig
from inference.serving.engines import VadAnswer

TOKENS_PER_SECOND = 4.6
"""Text and timestamp tokens in a second of real speech, counted over consultations."""


class Stopwatch:
    """Seconds, items and calls of each stage, over all threads."""

    def __init__(self) -> None:
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._items: defaultdict[str, int] = defaultdict(int)
        self._calls: defaultdict[str, int] = defaultdict(int)
        self._lock = threading.Lock()

    @contextmanager
    def __call__(self, stage: str, items: int) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            self.add(stage, time.perf_counter() - began, items)

    def add(self, stage: str, seconds: float, items: int) -> None:
        with self._lock:
            self._seconds[stage] += seconds
            self._items[stage] += items
            self._calls[stage] += 1

    def lap(self) -> dict[str, tuple[float, int, int]]:
        """(seconds, items, calls) of each stage since the last lap."""
        with self._lock:
            taken = {
                stage: (seconds, self._items[stage], self._calls[stage]) for stage, seconds in self._seconds.items()
            }
            for counted in (self._seconds, self._items, self._calls):
                counted.clear()
        return taken


class MeasuredAsr(WhisperAsr):
    """The real recogniser; stages "mel", "encode", "decode", "align", and "tokens" as items without seconds.

    `random`: the weights never end a text, so it ends where speech of that length would.
    """

    def __init__(self, model_dir: Path, config: AsrConfig, *, random: bool) -> None:
        super().__init__(model_dir, config)
        self.watch = Stopwatch()
        self.random = random
        self._said = threading.local()  # .seconds of speech in the longest span of this thread's call
        self.model = _TimedModel(self.model, self)

    def prepare(self, requests: Sequence[AsrRequest]) -> list[Any]:
        with self.watch("mel", len(requests)):
            return super().prepare(requests)

    def _decode(self, requests: list[AsrRequest], *arguments: Any) -> list[Hypothesis]:
        self._said.seconds = max(request.seconds for request in requests)
        return super()._decode(requests, *arguments)

    @property
    def tokens(self) -> int:
        """What people say in the longest span of the call: the others of a batch end before it in life."""
        seconds: float = self._said.seconds
        return max(1, round(TOKENS_PER_SECOND * seconds))

    def encode(self, mels: Sequence[Any]) -> Any:
        with self.watch("encode", len(mels)):
            return super().encode(mels)

    def transcribe(self, requests: Sequence[AsrRequest], mels: Sequence[Any] | None = None) -> list[Hypothesis]:
        hypotheses = super().transcribe(requests, mels)
        if not self.random:
            return hypotheses
        # Times of random weights are noise, by which stretches would be decoded again without a reason.
        return [replace(said, words=()) for said in hypotheses]


class _TimedModel:
    """CTranslate2's Whisper, timed; what is not named here is its own."""

    def __init__(self, model: Any, asr: MeasuredAsr) -> None:
        self._model = model
        self._asr = asr

    def generate(self, encoded: Any, starts: list[list[int]], **options: Any) -> Any:
        if self._asr.random:
            options["max_length"] = exact_length(self._asr.tokens, len(starts[0]))
        with self._asr.watch("decode", len(starts)):
            results = self._model.generate(encoded, starts, **options)
        self._asr.watch.add("tokens", 0.0, sum(len(result.sequences_ids[0]) for result in results))
        return results

    def align(self, encoded: Any, *arguments: Any, **options: Any) -> Any:
        with self._asr.watch("align", encoded.shape[0]):
            return self._model.align(encoded, *arguments, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)


def exact_length(tokens: int, start: int) -> int:
    """The `max_length` with which CTranslate2 decodes exactly `tokens` behind a start sequence of `start` tokens.

    It stops at max_length / 2, and at max_length less all but the last of the start, whichever is less.
    """
    return tokens + max(tokens, start - 1)


class MeasuredVad(SileroVad):
    """The real detector; stage "vad"."""

    def __init__(self, config: VadConfig) -> None:
        super().__init__(config)
        self.watch = Stopwatch()

    def speech_probabilities(self, chunks: Sequence[Samples], states: Sequence[VadState]) -> list[VadAnswer]:
        with self.watch("vad", len(chunks)):
            return super().speech_probabilities(chunks, states)
