"""Audio with reference transcripts, and the normaliser that every word error rate here is stated with.

A corpus is a folder: NAME.flac (16 kHz; two channels are mixed to one, as a room microphone would) with NAME.json
{"utterances": [{"start", "speaker", "text"}]}; or clips with an index.json [{"file", "text"}], where an empty text
means that nobody speaks and null that nobody wrote it down.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import av
import jiwer
import numpy as np
from whisper_normalizer.english import EnglishTextNormalizer

from inference.audio.decoding import Samples
from inference.config import SAMPLE_RATE

normalise = EnglishTextNormalizer()

REST_S = 0.3
"""Left behind the last word of a recording that is cut short."""


@dataclass(frozen=True, slots=True)
class Recording:
    name: str
    audio: Samples  # [samples] at 16 kHz
    text: str

    @property
    def seconds(self) -> float:
        return len(self.audio) / SAMPLE_RATE


@dataclass(frozen=True, slots=True)
class Errors:
    """Word errors of several recordings together."""

    wer: float
    substitutions: int
    insertions: int
    deletions: int


def consultations(folder: Path, seconds: float | None = None) -> list[Recording]:
    """Every NAME.flac with a NAME.json of utterances, in the order in which they begin.

    With `seconds`, of each the utterances that end by then, and the audio up to the last of these ends.
    """
    found = []
    for path in sorted(folder.glob("*.flac")):
        reference = path.with_suffix(".json")
        if reference.exists():
            utterances = json.loads(reference.read_text())["utterances"]
            audio = load(path)
            if seconds is not None:
                utterances = [u for u in utterances if u["end"] <= seconds]
                audio = audio[: int((max((u["end"] for u in utterances), default=0.0) + REST_S) * SAMPLE_RATE)]
            text = " ".join(u["text"] for u in sorted(utterances, key=lambda u: u["start"]))
            found.append(Recording(path.stem, audio, text))
    if not found:
        raise SystemExit(f"{folder} holds no NAME.flac with NAME.json: pass a corpus folder")
    return found


def clips(folder: Path) -> list[Recording]:
    """The clips of an index.json that have a text; those without speech have an empty one."""
    index = json.loads((folder / "index.json").read_text())
    return [Recording(c["file"], load(folder / c["file"]), c["text"]) for c in index if c["text"] is not None]


def load(path: Path) -> Samples:
    with av.open(str(path)) as container:
        layout = "mono" if container.streams.audio[0].channels == 1 else "stereo"
        resampler = av.AudioResampler("fltp", layout, SAMPLE_RATE)
        blocks = [out.to_ndarray() for frame in container.decode(audio=0) for out in resampler.resample(frame)]
    mixed: Samples = np.concatenate(blocks, axis=1).mean(axis=0, dtype=np.float32)
    return mixed


def aligned(references: list[str], hypotheses: list[str]) -> jiwer.WordOutput:
    """The normalised words of both sides and which of them stand for one another, recording by recording."""
    return jiwer.process_words([normalise(r) for r in references], [normalise(h) for h in hypotheses])


def word_errors(references: list[str], hypotheses: list[str]) -> Errors:
    result = aligned(references, hypotheses)
    return Errors(round(result.wer, 4), result.substitutions, result.insertions, result.deletions)


def pcm(audio: Samples) -> bytes:
    return (np.clip(audio, -1, 1) * 32767).astype("<i2").tobytes()
