"""Frozen settings of the engines, checked once when they are made."""

from dataclasses import dataclass, field
from typing import Literal

SAMPLE_RATE = 16_000
"""Rate of every model in samples a second."""

FRAME_SAMPLES = 512
"""Samples of one frame of the voice activity detector: 32 ms."""

Device = Literal["cpu", "cuda"]


@dataclass(frozen=True, slots=True)
class VadConfig:
    """Speech opens above `threshold` and closes below `threshold - 0.15`, as in Silero's own iterator."""

    threshold: float = 0.5
    device: Device = "cpu"
    device_index: int = 0
    max_batch: int = 64


@dataclass(frozen=True, slots=True)
class SegmenterConfig:
    """When a final is cut. All values in seconds of audio; benchmarks/LOG.md has the sweeps behind them."""

    pause_s: float = 0.7
    max_segment_s: float = 13.0
    lead_in_s: float = 0.25
    tail_s: float = 0.25
    min_speech_s: float = 0.2
    partial_every_s: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.tail_s <= self.pause_s < self.max_segment_s <= 28:
            raise ValueError(
                "segmenter: needs 0 < tail_s <= pause_s < max_segment_s <= 28 (Whisper hears 30 s at once)"
            )


@dataclass(frozen=True, slots=True)
class AsrConfig:
    """How Whisper decodes. `margin_s` of silence follows the audio in a shortened encoder input.

    A hypothesis that reaches `tokens_per_second`, above any speaker's rate, is a loop; `guard` looks for such signs.
    """

    device: Device = "cpu"
    device_index: int = 0
    compute_type: str = "int8"
    workers: int = 2
    threads: int = 1
    max_batch: int = 8
    final_beam: int = 5
    margin_s: float = 3.0
    prompt_tokens: int = 32
    timestamps: bool = True
    suppress_symbols: bool = True
    tokens_per_second: float = 7.0
    guard: bool = True


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """All engines of one host."""

    vad: VadConfig = field(default_factory=VadConfig)
    segmenter: SegmenterConfig = field(default_factory=SegmenterConfig)
    asr: AsrConfig = field(default_factory=AsrConfig)
