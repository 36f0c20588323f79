"""The transcripts that findings are scored on: what was written down, and what this server's recogniser hears.

A corpus is a folder of NAME.json {"utterances": [{"start", "end", "speaker", "text"}]}, with NAME.findings.json and
NAME.flac (left clinician, right patient). Streaming takes as long as decoding does, so its transcripts are kept in a
folder, one file a recording, mode and model, and read from there the next time.
"""

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av

from benchmarks.common.streaming import play
from inference.audio.decoding import AudioFormat
from inference.config import SAMPLE_RATE, EngineConfig, SegmenterConfig
from inference.extraction import Extractor
from inference.pipeline import Pipeline
from inference.stream import Mode, StreamOptions
from inference.transcript import Segment, Speaker, Transcript, Word
from inference.updates import Emit, TranscriptUpdate, Update
from inference.weights.models import default_cache, resolve

SPEAKERS: Mapping[str, Speaker] = {"doctor": "clinician", "patient": "patient", "patient_guest": "patient"}
FINALS_ONLY = SegmenterConfig(partial_every_s=1e6, partial_first_s=1e6, draft_after_s=1e6)
"""Finals are what they are with partials between them, at half the compute."""

CHANNELS: Mapping[Mode, int] = {"ambient": 1, "dual": 2}


def reference(utterances: Sequence[Mapping[str, Any]], mode: Mode) -> list[Segment]:
    """Each utterance as one final, in the order in which they begin; ambient hides who speaks."""
    return [
        Segment(
            id=f"s{number}",
            speaker="unknown" if mode == "ambient" else SPEAKERS[said["speaker"]],
            start=said["start"],
            end=said["end"],
            text=said["text"],
            final=True,
        )
        for number, said in enumerate(sorted(utterances, key=lambda said: said["start"]), 1)
    ]


def pcm(path: Path, mode: Mode) -> bytes:
    """16 kHz, 16 bit, as a client sends it: both channels for dual, their mean for ambient."""
    with av.open(str(path)) as container:
        layout = "stereo" if mode == "dual" else "mono"
        resampler = av.AudioResampler("s16", layout, SAMPLE_RATE)
        frames = [*container.decode(audio=0), None]  # None: what the resampler still holds
        return b"".join(out.to_ndarray().tobytes() for frame in frames for out in resampler.resample(frame))


@asynccontextmanager
async def engines(
    model: str, extractors: Sequence[Extractor] = (), segmenter: SegmenterConfig | None = None
) -> AsyncIterator[Pipeline]:
    """A started Pipeline with real engines on the CPU."""
    import torch

    from inference.asr.whisper import WhisperAsr
    from inference.audio.vad import SileroVad
    from inference.extraction.words.named import clinical_names

    torch.set_num_threads(1)
    config = EngineConfig(segmenter=segmenter or SegmenterConfig())
    folder = resolve(model, default_cache())
    pipeline = Pipeline(
        SileroVad(config.vad), WhisperAsr(folder, config.asr, clinical_names), extractors, config, model
    )
    try:
        await pipeline.start()
        yield pipeline
    finally:
        await pipeline.close()


async def hear(
    pipeline: Pipeline, data: bytes, mode: Mode, emit: Emit, chunk_s: float = 3.0, speed: float | None = None
) -> float:
    """Streams a recording in a mode. See `play`."""
    options = StreamOptions(AudioFormat(SAMPLE_RATE, CHANNELS[mode]), mode)
    return await play(pipeline, data, emit, options, (int(chunk_s * SAMPLE_RATE) * 2 * CHANNELS[mode],), speed=speed)


@dataclass(slots=True)
class OwnTranscripts:
    """Our own transcripts: from `folder`, or streamed now and kept there. Weights are loaded when first needed."""

    folder: Path
    model: str = "base"
    _pipeline: Pipeline | None = None
    _engines: AbstractAsyncContextManager[Pipeline] | None = field(default=None)

    async def __aenter__(self) -> "OwnTranscripts":
        self.folder.mkdir(parents=True, exist_ok=True)
        return self

    async def __aexit__(self, *error: Any) -> None:
        if self._engines is not None:
            await self._engines.__aexit__(*error)

    async def segments(self, audio: Path, mode: Mode) -> list[Segment]:
        """The finals of one recording, in the order in which they were committed."""
        kept = self.folder / f"{audio.stem}.{mode}.{self.model}.json"
        if not kept.exists():
            transcript = Transcript()
            await hear(await self._started(), pcm(audio, mode), mode, _into(transcript))
            kept.write_text(json.dumps([_as_dict(segment) for segment in transcript.finals if segment.text]))
        return [_segment(row) for row in json.loads(kept.read_text())]

    async def _started(self) -> Pipeline:
        if self._pipeline is None:
            self._engines = engines(self.model, segmenter=FINALS_ONLY)
            self._pipeline = await self._engines.__aenter__()
        return self._pipeline


def _into(transcript: Transcript) -> Callable[[Update], None]:
    def emit(update: Update) -> None:
        if isinstance(update, TranscriptUpdate):
            transcript.add(update.segment)

    return emit


def _as_dict(segment: Segment) -> dict[str, Any]:
    words = [[word.text, word.start, word.end, word.probability] for word in segment.words]
    return {
        "id": segment.id,
        "speaker": segment.speaker,
        "start": segment.start,
        "end": segment.end,
        "text": segment.text,
        "words": words,
    }


def _segment(row: Mapping[str, Any]) -> Segment:
    words = tuple(Word(*word) for word in row["words"])
    return Segment(row["id"], row["speaker"], row["start"], row["end"], row["text"], True, words)
