"""What all sessions of a host share: the engines, their queues, and the warm-up.

The way of one session's chunks through them is in inference/stream/stream.py. Engines are arguments, so that
everything around them is tested with small fakes, and the engines with real small weights.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Protocol

import numpy as np

from inference.asr.hypothesis import AsrRequest
from inference.asr.recognition import AsrEngine, Recogniser
from inference.audio.decoding import Samples
from inference.audio.vad_state import VadState
from inference.batching.batcher import Batcher
from inference.batching.waiting import Lane
from inference.config import SAMPLE_RATE, EngineConfig
from inference.extraction import ExtractionError, Extractor
from inference.extraction.isolation import place_of
from inference.serving.capacity import sessions_in_real_time
from inference.serving.engines import Engines, VadAnswer, VadQuestion
from inference.serving.warm_up import warm_up
from inference.stream import Checkpoint, Resumed, Stream, StreamOptions
from inference.stream.files.transcription import FileTranscription
from inference.terms.vocabulary import Vocabulary
from inference.transcript import Speaker
from inference.updates import Emit

logger = logging.getLogger(__name__)

IMPORTED_LATE = ("soxr", "tenacity")
"""Imported where they are used, because a host for GPU benchmarks lacks them. A server imports them at its start: the
first session that needs one may come when the process has no file descriptor left."""

EXTRACTOR_START_S = 10.0
"""A model server that accepts and never answers must not keep speakers out."""


class VadEngine(Protocol):
    """See `inference.audio.vad.SileroVad`."""

    def speech_probabilities(self, chunks: Sequence[Samples], states: Sequence[VadState]) -> list[VadAnswer]: ...


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
        out_of_memory: Callable[[], None] = lambda: None,
        languages: frozenset[str] | None = None,
        vocabulary: Vocabulary | None = None,
    ) -> None:
        self.config = config or EngineConfig()
        self.extractors = extractors
        self.languages = languages
        """Codes of the languages that the recogniser knows; None where it takes any."""
        self._started = False
        self.models = {"asr": asr_name, "extraction": "+".join(extractor.name for extractor in extractors)}
        self.capacity: int | None = None
        """Sessions that the recogniser can follow in real time, measured by `start`; None where that cannot be."""
        self.vad: Batcher[VadQuestion, VadAnswer] = Batcher(
            lambda items, _: vad.speech_probabilities([chunk for chunk, _ in items], [state for _, state in items]),
            max_batch=self.config.vad.max_batch,
            kind=lambda item: len(item[0]).bit_length(),  # chunks of neighbouring lengths: the shorter ones wait
            name="vad",
        )
        self._recogniser = asr
        self.asr = Recogniser(asr, self.config.asr, observe_batch, out_of_memory)
        self._engines = Engines(self.vad, self.asr, extractors, self.config, vocabulary)

    async def start(self) -> None:
        """Warms every engine up; `ready` turns true. An extractor that is not there yet does not hold it up."""
        for name in IMPORTED_LATE:
            await asyncio.to_thread(import_module, name)
        async with asyncio.TaskGroup() as group:
            for extractor in self.extractors:
                group.create_task(_introduce(extractor))
            await self._warm_up()
        self._started = True

    async def _warm_up(self) -> None:
        rng = np.random.default_rng(0)
        noise = (0.01 * rng.standard_normal(3 * SAMPLE_RATE)).astype(np.float32)
        # In the lane of recordings: nobody is live yet, and a recording sent now has the device to itself.
        await self.vad.run((noise, VadState()), session="warm-up", lane=Lane.FILE)
        if self.config.asr.device == "cuda":
            await asyncio.to_thread(warm_up, self._recogniser, self.config.asr)
        self.capacity = await sessions_in_real_time(self._recogniser, self.config.asr)
        await asyncio.gather(
            self.asr.of_file(AsrRequest(noise, True), session="warm-up", since=time.monotonic()),
            self.asr.queue.run(AsrRequest(noise, False), session="warm-up", lane=Lane.FILE),
        )

    @property
    def ready(self) -> bool:
        """Warm, and the device works."""
        return self._started and self.asr.queue.up

    @property
    def restarting(self) -> bool:
        """The device failed and is being started anew: open sessions go on by themselves when it is back."""
        return self._started and not self.asr.queue.up and self.asr.queue.failed is None

    @property
    def failed(self) -> str | None:
        """Why nothing can be recognised any more, if so; it says what to do."""
        return str(self.asr.queue.failed) if self.asr.queue.failed else None

    async def gone(self) -> None:
        """Returns once `failed` says why: nothing in this process can bring the engine back."""
        await self.asr.queue.gone.wait()

    def open(
        self,
        session: str,
        options: StreamOptions,
        emit: Emit,
        keep: Callable[[Checkpoint], None] | None = None,
        resumed: Resumed | None = None,
    ) -> Stream:
        """A stream of its own state over the shared engines. Raises AudioError if the options do not fit together.

        `keep` and `resumed` let another process take the stream up: see `Stream`.
        """
        return Stream(self._engines, session, options, emit, keep, resumed)

    def open_file(
        self, name: str, speakers: tuple[Speaker, ...], language: str | None, prompt: str = ""
    ) -> FileTranscription:
        """The transcription of one recording, whose requests are behind those of every stream."""
        return FileTranscription(self._engines, name, speakers, language, prompt)

    def prefer(self, sessions: Sequence[str]) -> None:
        """From now on the sessions, by their names, are recognised in this order."""
        self.asr.prefer(sessions)

    async def close(self) -> None:
        self._started = False
        await asyncio.gather(self.vad.close(), self.asr.close())
        for extractor in self.extractors:
            try:
                await extractor.close()
            except Exception as error:  # the others are to be closed too
                logger.error("the %s extractor could not be closed: %s", extractor.name, place_of(error))


async def _introduce(extractor: Extractor) -> None:
    """Starts an extractor beside the warm-up; one that is late or absent is asked again by the first session."""
    try:
        async with asyncio.timeout(EXTRACTOR_START_S):
            await extractor.start()
    except ExtractionError as error:
        logger.warning("%s", error)
    except TimeoutError:
        logger.warning("the %s extractor was not ready within %.0f s", extractor.name, EXTRACTOR_START_S)
