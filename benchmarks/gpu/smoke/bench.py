"""What the steps of one process share: the device, the weights, the audio, and a stopwatch."""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np

from benchmarks.common.random_whisper import TOY, TURBO, Shape, write
from benchmarks.gpu.session import recording
from benchmarks.gpu.sweep import measured, windows
from inference.asr.encoding.mel import LogMel
from inference.audio.decoding import Samples
from inference.config import SAMPLE_RATE

WORKERS = 4


class Bench:
    """Loads what a step asks for, once."""

    def __init__(self, folder: Path, short: bool, tiny_en: Path | None, cublas: str | None) -> None:
        self.folder = folder
        self.short = short
        self.tiny_en = tiny_en
        self.cublas = cublas
        self.device = "cpu" if short else "cuda"
        self.compute_type = "float32" if short else "float16"
        self.shape: Shape = TOY if short else TURBO
        self.batches = (1, 2) if short else (1, 16, 32)
        self.frames = (800, 1000, 1600)

    @cached_property
    def audio(self) -> Samples:
        if self.short:
            return np.random.default_rng(0).standard_normal(30 * SAMPLE_RATE).astype(np.float32) * 0.05
        return recording(None, None)

    def weights(self, shape: Shape) -> Path:
        """The folder of random weights, which all processes share."""
        folder = self.folder / shape.name
        if not (folder / "whole").exists():
            write(shape, folder)
            (folder / "whole").touch()
        return folder

    def load(self, folder: Path, device: str, compute_type: str, workers: int = 1) -> Any:
        return ctranslate2.models.Whisper(
            str(folder), device=device, compute_type=compute_type, inter_threads=workers, intra_threads=1
        )

    @cached_property
    def model(self) -> Any:
        """Random weights of the shape, with workers enough for every step."""
        return self.load(self.weights(self.shape), self.device, self.compute_type, WORKERS)

    @cached_property
    def mel(self) -> LogMel:
        return LogMel(self.shape.mels, self.device)

    def spans(self, frames: int, batch: int) -> list[Samples]:
        """Speech that fills the frames up to the margin of 3 s."""
        return windows(self.audio, frames / 100 - 3.0, batch)

    def features(self, frames: int, batch: int) -> Any:
        """Log-mel of `batch` spans on the device, in the form in which CTranslate2 takes it."""
        mels = self.mel(self.spans(frames, batch), frames)
        self.mel.synchronize()
        return view(mels)

    def milliseconds(self, work: Callable[[], object], least_s: float = 0.25, most: int = 10) -> float:
        """Of one call, see `measured`."""
        return round(1000 * measured(work, None, least_s, most)[0], 3)


def view(mels: Any) -> Any:
    return ctranslate2.StorageView.from_array(mels if mels.is_cuda else mels.numpy())
