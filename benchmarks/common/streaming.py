"""Recordings through the real Pipeline without sockets, as fast as it takes them, and what that cost this process."""

import asyncio
import time
from collections.abc import Awaitable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import cycle, islice
from pathlib import Path
from types import TracebackType
from typing import Protocol

from benchmarks.common.corpus import Recording, pcm
from benchmarks.common.pacing import cut, paced
from inference.asr.encoding.mel import LogMel
from inference.asr.hypothesis import AsrRequest, Hypothesis
from inference.asr.recognition import Recogniser
from inference.asr.whisper import WhisperAsr
from inference.audio.vad import SileroVad
from inference.batching.waiting import Served
from inference.config import FULL_FRAMES, SAMPLE_RATE, EngineConfig
from inference.extraction.words.named import clinical_names
from inference.pipeline import Pipeline
from inference.stream import Control, StreamOptions
from inference.timing import Timings
from inference.updates import Emit, Fault, TranscriptUpdate, Update

BYTES_PER_S = 2 * SAMPLE_RATE
CHUNK_BYTES = 3 * BYTES_PER_S


class Ask(Protocol):
    """`Recogniser.final` and `Recogniser.partial`."""

    def __call__(self, request: AsrRequest, *, session: str) -> Awaitable[Served[Hypothesis]]: ...


@dataclass(frozen=True, slots=True)
class Cost:
    """What streaming took. CPU seconds are of the whole process; `vad_s` and `mel_s` are those inside these stages."""

    audio_s: float
    wall_s: float
    cpu_s: float
    vad_s: float
    mel_s: float
    batches: tuple[int, ...]  # spans in each call of the recogniser, second tries included
    partials: int  # that were shown

    @property
    def cpu_s_per_audio_s(self) -> float:
        return self.cpu_s / self.audio_s

    def as_dict(self) -> dict[str, float]:
        return {
            "cpu_s_per_audio_s": round(self.cpu_s_per_audio_s, 4),
            "vad_share": round(self.vad_s / self.cpu_s, 4),
            "mel_share": round(self.mel_s / self.cpu_s, 4),
            "audio_s": round(self.audio_s, 1),
            "wall_s": round(self.wall_s, 1),
            "decoded": sum(self.batches),
            "mean_batch": round(sum(self.batches) / max(1, len(self.batches)), 2),
            "partials": self.partials,
        }


class Engine:
    """A Pipeline with real engines and no extractors: `async with Engine(...) as engine`.

    `padded`: every span is asked for with the full window of 30 s.
    """

    def __init__(self, model_dir: Path, config: EngineConfig, padded: bool = False) -> None:
        self._batches: list[int] = []
        asr = WhisperAsr(model_dir, config.asr, clinical_names)
        self.pipeline = Pipeline(SileroVad(config.vad), asr, [], config, observe_batch=self._batches.append)
        if padded:
            _ask_for_full_windows(self.pipeline.asr)

    async def __aenter__(self) -> "Engine":
        await self.pipeline.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.pipeline.close()

    async def hear(
        self, recordings: Sequence[Recording], sessions: int, speed: float | None = None
    ) -> tuple[list[str], Cost]:
        """The finals of each recording, `sessions` of them streamed at once.

        `speed` 1 is the pace of life, with the chunks of the sessions spread over time; None as fast as they are taken.
        """
        gate, partials = asyncio.Semaphore(sessions), 0
        data = [pcm(recording.audio) for recording in recordings]
        self._batches.clear()

        async def one(number: int) -> str:
            nonlocal partials
            async with gate:
                if speed:
                    await asyncio.sleep(number % sessions / sessions * CHUNK_BYTES / BYTES_PER_S / speed)
                updates = await stream(self.pipeline, data[number], session=f"benchmark {number}", speed=speed)
            partials += sum(not update.segment.final for update in updates)
            return finals(updates)

        with metered(SileroVad, "speech_probabilities") as vad, metered(LogMel, "__call__") as mel:
            wall, cpu = time.monotonic(), time.process_time()
            texts = await asyncio.gather(*(one(number) for number in range(len(data))))
            wall, cpu = time.monotonic() - wall, time.process_time() - cpu
        audio_s = sum(recording.seconds for recording in recordings)
        return texts, Cost(audio_s, wall, cpu, sum(vad), sum(mel), tuple(self._batches), partials)


def _ask_for_full_windows(recogniser: Recogniser) -> None:
    def padded(ask: Ask) -> Ask:
        return lambda request, *, session: ask(replace(request, frames=FULL_FRAMES), session=session)

    # One object at the door of the queue: batches, second tries and limits of tokens are the engine's own.
    for lane in ("final", "partial"):
        setattr(recogniser, lane, padded(getattr(recogniser, lane)))


async def play(
    pipeline: Pipeline,
    data: bytes,
    emit: Emit,
    options: StreamOptions | None = None,
    sizes: Sequence[int] = (CHUNK_BYTES,),
    session: str = "benchmark",
    speed: float | None = None,
) -> float:
    """Streams a recording to its end, in chunks of `sizes` as `cut` makes them; the monotonic time of its first sample.

    Raises RuntimeError where the recogniser failed: words that were lost would be counted as words not heard.
    """
    faults: list[Fault] = []

    def checked(update: Update) -> None:
        if isinstance(update, Fault) and not update.code.startswith("extraction"):
            faults.append(update)
        emit(update)

    options = options or StreamOptions()
    opened = pipeline.open(session, options, checked)
    began = time.monotonic()
    async with asyncio.TaskGroup() as group:
        group.create_task(opened.run())
        async for _, chunk in paced(cut(data, *sizes), BYTES_PER_S * options.audio.channels, began, speed):
            await opened.feed(chunk, Timings())
        await opened.control(Control("stop"))
    if faults:
        raise RuntimeError(f"{faults[0].code}: {faults[0].message}")
    return began


async def stream(
    pipeline: Pipeline,
    data: bytes,
    sizes: Sequence[int] = (CHUNK_BYTES,),
    session: str = "benchmark",
    speed: float | None = None,
) -> list[TranscriptUpdate]:
    """What one stream says of the transcript. See `play`."""
    updates: list[Update] = []
    await play(pipeline, data, updates.append, sizes=sizes, session=session, speed=speed)
    return [update for update in updates if isinstance(update, TranscriptUpdate)]


def finals(updates: Sequence[TranscriptUpdate]) -> str:
    return " ".join(update.segment.text for update in updates if update.segment.final)


def repeated(recordings: Sequence[Recording], sessions: int) -> list[Recording]:
    """Whole rounds of the recordings, enough to keep `sessions` streams busy; so each weighs the same in a mean."""
    rounds = max(1, -(-sessions // len(recordings)))
    return list(islice(cycle(recordings), rounds * len(recordings)))


@contextmanager
def metered(owner: type, method: str) -> Iterator[list[float]]:
    """CPU seconds of each call of a method, of all objects of a class, on the thread that makes it.

    They are all of the stage's where torch computes on its caller's thread: `torch.set_num_threads(1)`.
    """
    plain = getattr(owner, method)
    seconds: list[float] = []

    def timed(*args: object, **named: object) -> object:
        began = time.thread_time()
        try:
            return plain(*args, **named)
        finally:
            seconds.append(time.thread_time() - began)

    setattr(owner, method, timed)
    try:
        yield seconds
    finally:
        setattr(owner, method, plain)
