"""The shared engines of one host, and the path of a chunk through them.

    bytes -> PcmDecoder -> SileroVad -> Segmenter -> Batcher -> WhisperAsr -> Transcript -> extractors -> Findings

`Stream` (inference/stream.py) is one session's way along that path; `Pipeline` owns what all sessions share. Engines
are arguments, so everything around them is tested with small fakes, and the engines with real small weights.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from inference.audio import Samples
from inference.batching import Batcher
from inference.config import SAMPLE_RATE, EngineConfig
from inference.engines import Engines, VadItem
from inference.extraction import ExtractionError, Extractor
from inference.hypothesis import AsrRequest, Hypothesis
from inference.stream import Stream, StreamOptions
from inference.updates import Emit
from inference.vad_state import VadState

logger = logging.getLogger(__name__)


class VadEngine(Protocol):
    """See `inference.vad.SileroVad`."""

    def speech_probabilities(self, chunks: Sequence[Samples], states: Sequence[VadState]) -> list[VadItem]: ...


class AsrEngine(Protocol):
    """See `inference.asr.WhisperAsr`."""

    def transcribe(self, requests: Sequence[AsrRequest]) -> list[Hypothesis]: ...

    def encoder_frames(self, samples: int) -> int: ...


class Pipeline:
    """Start it, open streams, close it."""

    def __init__(
        self,
        vad: VadEngine,
        asr: AsrEngine,
        extractors: Sequence[Extractor],
        config: EngineConfig | None = None,
        asr_name: str = "whisper",
        observe_batch: Callable[[int], None] = lambda size: None,
    ) -> None:
        self.config = config or EngineConfig()
        self.extractors = extractors
        self.ready = False
        self.models = {"asr": asr_name, "extraction": "+".join(extractor.name for extractor in extractors)}
        self.vad: Batcher[VadItem, VadItem] = Batcher(
            lambda items: vad.speech_probabilities([chunk for chunk, _ in items], [state for _, state in items]),
            max_batch=self.config.vad.max_batch,
            length=lambda item: max(1, len(item[0])),
            name="vad",
        )
        self.asr: Batcher[AsrRequest, Hypothesis] = Batcher(
            asr.transcribe,
            max_batch=self.config.asr.max_batch,
            workers=self.config.asr.workers,
            # One length a batch: a longer neighbour would lengthen the silence that a span is heard with, and with it,
            # now and then, its text. A session must get what it gets alone.
            kind=lambda request: (request.final, asr.encoder_frames(len(request.audio))),
            name="asr",
            observe=observe_batch,
        )

        self._engines = Engines(self.vad, self.asr, extractors, self.config)

    async def start(self) -> None:
        """Warms every engine up; `ready` turns true. An extractor that is not there yet does not hold it up."""
        rng = np.random.default_rng(0)
        noise = (0.01 * rng.standard_normal(3 * SAMPLE_RATE)).astype(np.float32)
        await self.vad.run((noise, VadState()), session="warm-up")
        for final in (True, False):
            await asyncio.gather(
                *(
                    self.asr.run(AsrRequest(noise, final), session=f"warm-up {worker}")
                    for worker in range(self.config.asr.workers)
                )
            )
        for extractor in self.extractors:
            try:
                await extractor.start()
            except ExtractionError as error:
                logger.warning("%s", error)
        self.ready = True

    def open(self, session: str, options: StreamOptions, emit: Emit) -> Stream:
        """A stream of its own state over the shared engines. Raises AudioError if the options do not fit together."""
        return Stream(self._engines, session, options, emit)

    async def close(self) -> None:
        self.ready = False
        await asyncio.gather(self.vad.close(), self.asr.close())
        for extractor in self.extractors:
            await extractor.close()
