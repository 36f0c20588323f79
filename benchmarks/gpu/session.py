"""One live session of the GPU benchmark: the speech that it loops, its pace, and when each chunk's text was shown."""

import math
import time
import wave
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.common.pacing import paced
from benchmarks.gpu import bundle
from inference.audio.attention import Attention
from inference.audio.decoding import Samples
from inference.audio.formats import SETTLED_S
from inference.audio.vad import SileroVad
from inference.audio.vad_state import VadState
from inference.config import FRAME_SAMPLES, SAMPLE_RATE, SegmenterConfig, VadConfig
from inference.stream import StreamOptions
from inference.stream.checkpoint import Checkpoint, Place
from inference.stream.resumed import Resumed
from inference.timing import Timings
from inference.updates import Fault, Progress, TranscriptUpdate, Update

SAMPLE = Path(__file__).parents[2] / "tests" / "data" / "consultation.flac"
CHUNK_S = 3.0
CHUNK_SAMPLES = round(CHUNK_S * SAMPLE_RATE)


@dataclass(frozen=True, slots=True)
class Speech:
    """A recording that sessions loop: s16le bytes, and the seconds of speech before each VAD frame."""

    pcm: bytes
    spoken_s: NDArray[np.float64]  # [frames + 1]

    @staticmethod
    def of(audio: Samples, vad: SileroVad) -> "Speech":
        frames = len(audio) // FRAME_SAMPLES
        audio = audio[: frames * FRAME_SAMPLES]
        ((probabilities, _),) = vad.speech_probabilities([audio], [VadState()])
        spoken = np.concatenate(([0.0], np.cumsum(probabilities >= 0.5) * FRAME_SAMPLES / SAMPLE_RATE))
        return Speech((np.clip(audio, -1, 1) * 32767).astype("<i2").tobytes(), spoken)

    @property
    def samples(self) -> int:
        return len(self.pcm) // 2

    def chunk(self, first: int) -> bytes:
        """The 3 s from a sample on, around the end of the recording."""
        at, size = 2 * first % len(self.pcm), 2 * CHUNK_SAMPLES
        return (self.pcm[at : at + size] + self.pcm[: max(0, at + size - len(self.pcm))])[:size]

    def speech_in(self, first: int) -> float:
        """Seconds of speech in that chunk."""
        frames = len(self.spoken_s) - 1
        begin = first // FRAME_SAMPLES % frames
        end = begin + CHUNK_SAMPLES // FRAME_SAMPLES
        around = self.spoken_s[end - frames] if end > frames else 0.0
        return float(self.spoken_s[min(end, frames)] - self.spoken_s[begin] + around)


def unshown_s(config: SegmenterConfig) -> float:
    """What a chunk may leave to the next one by design: speech too short for a partial, the pause after it, lead-in."""
    return config.partial_every_s + config.pause_s + config.lead_in_s


def past_the_start(speech: Speech, options: StreamOptions) -> Resumed:
    """A session whose format has been found right, as that of every session is after some seconds of speech.

    The search for a wrong format costs 4 ms for each of those seconds, which a trial of 20 s would count in full.
    """
    attention = Attention(options.audio, options.speakers, VadConfig().threshold, lambda update: None)
    for chunk in range(math.ceil(2 * SETTLED_S / CHUNK_S)):
        attention.received(speech.chunk(chunk * CHUNK_SAMPLES))
    return Resumed(Checkpoint(place=Place(attention=attention.state)))


@dataclass(slots=True)
class Session:
    """Timestamps of one session in monotonic seconds: chunk i was due at due[i] and its text shown at shown[i].

    Shown: at the first progress that covers it up to `slack_s`; a progress follows the transcripts that it tells of.
    """

    first: int  # sample of the recording at which it begins
    slack_s: float
    due: list[float] = field(default_factory=list)
    shown: list[float] = field(default_factory=list)
    done: list[float] = field(default_factory=list)  # its own progress
    covered_s: list[float] = field(default_factory=list)  # at that progress
    heard: list[tuple[float, TranscriptUpdate]] = field(default_factory=list)
    faults: int = 0

    def emit(self, update: Update) -> None:
        now = time.monotonic()
        if isinstance(update, Progress):
            self.done.append(now)
            self.covered_s.append(update.transcribed_s)
            while len(self.shown) < len(self.due) and update.transcribed_s >= self._end_s(len(self.shown)):
                self.shown.append(now)
        elif isinstance(update, TranscriptUpdate):
            self.heard.append((now, update))
        elif isinstance(update, Fault):
            self.faults += 1

    async def speak(
        self, feed: Callable[[bytes, Timings], Awaitable[None]], speech: Speech, first_due: float, ends: float
    ) -> None:
        """Sends each chunk when it is due; a feed that is held back makes the next chunks late, and they count so."""
        count = max(0, math.ceil((ends - first_due) / CHUNK_S))
        chunks = (speech.chunk(self.start_of(number)) for number in range(count))
        async for due, chunk in paced(chunks, 2 * SAMPLE_RATE, first_due - CHUNK_S):
            self.due.append(due)
            await feed(chunk, Timings(received_at=due))  # by this stamp a transcript is known to come from this chunk

    def start_of(self, chunk: int) -> int:
        """The sample of the recording, looped, at which a chunk begins."""
        return self.first + chunk * CHUNK_SAMPLES

    def late(self, before: float) -> int:
        """Chunks due before a moment whose text is not shown."""
        return sum(due < before for due in self.due[len(self.shown) :])

    def _end_s(self, chunk: int) -> float:
        return (chunk + 1) * CHUNK_S - self.slack_s


def recording(audio: Path | None, corpus: Path | None) -> Samples:
    """Mono samples at 16 kHz of a recording, of all recordings of a corpus, or of the sample."""
    if audio is None and corpus is None:
        audio = bundle.sample()
    if audio is not None and audio.suffix == ".wav":
        with wave.open(str(audio)) as file:
            if file.getframerate() != 16_000 or file.getsampwidth() != 2:
                raise SystemExit(f"{audio}: a .wav must have 16 kHz and 16 bits")
            data = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").reshape(-1, file.getnchannels())
        mixed: Samples = (data.astype(np.float32) / 32768.0).mean(axis=1, dtype=np.float32)
        return mixed
    from benchmarks.common.corpus import load  # its decoder is not needed for a .wav

    paths = sorted(corpus.glob("*.flac")) if corpus is not None else [audio or SAMPLE]
    if not paths:
        raise SystemExit(f"{corpus} holds no .flac")
    return np.concatenate([load(path) for path in paths])
