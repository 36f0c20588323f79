"""Settings of the engines: frozen dataclasses that check their values when they are created."""

from dataclasses import dataclass, field
from typing import Literal

SAMPLE_RATE = 16_000
"""Sample rate that every model expects, in samples a second."""

FRAME_SAMPLES = 512
"""Samples in one frame of the voice activity detector, which is 32 ms."""

Device = Literal["cpu", "cuda"]

SWITCH_INTERVAL_S: dict[Device, float] = {"cpu": 0.005, "cuda": 0.0005}
"""Seconds for which a thread that computes in Python may keep the event loop and other threads from running.

The workers of a GPU need the interpreter often and briefly; on a CPU a shorter interval has shown no gain
(benchmarks/LOG.md).
"""

Ladder = tuple[int, ...]
"""Lengths of encoder input for Whisper, in mel frames, ascending; see inference/asr/encoding/lengths.py."""

FULL_FRAMES = 3000

CPU_LADDER: Ladder = (400, 500, 600, 800, 1000, 1200, 1400, 1600, 2000, 2500, FULL_FRAMES)
"""Each length is at most a third above the one before: a CPU pays for each frame, and its small batches fill anyway."""

CUDA_LADDER: Ladder = (700, 1000, 1300, 1900, FULL_FRAMES)
"""A GPU pays for every kernel launch, so fewer lengths with fuller batches are worth the 3 % of additional encoder work
that they cost in consultations (benchmarks/LOG.md). The longest but one holds the longest segment, what is heard again
before it at a split, and 3 s of silence."""


@dataclass(frozen=True, slots=True)
class VadConfig:
    """Speech begins above the probability `threshold` and ends below `threshold - 0.15`, as in Silero's own iterator.

    `device` is the CPU even on a GPU host, where a third of a core is enough for 600 sessions. On the GPU each call
    would wait for a batch of the recogniser, and a GPU error in it would not be handled as a device fault.
    """

    threshold: float = 0.5
    device: Device = "cpu"
    device_index: int = 0
    max_batch: int = 64


@dataclass(frozen=True, slots=True)
class SegmenterConfig:
    """When a segment ends. All values are seconds of audio; benchmarks/LOG.md has the measurements behind them.

    A segment of up to `short_s` ends after a pause of `short_pause_s`, and one of `long_s` or more after a pause of
    `pause_s`; in between, the pause is interpolated linearly. Short segments wait longer because Whisper recognises few
    words without context badly; long ones wait less because findings wait for their words. After a pause of
    `draft_after_s`, the text of an open segment is shown. After `max_segment_s` without a pause, the final takes the
    words that are settled, and the next segment begins with the others, at most `held_s` before the end of this one.
    Up to `lead_s` of what was said before them are heard again with it. All of that and a margin of 3 s fit the 19 s of
    CUDA's ladder.

    The first partial of a segment needs `partial_first_s` of its speech, and each later one needs `partial_every_s` of
    new audio: somebody who begins to speak waits for the first words, and not for a few more of them.

    Raises ValueError if the values do not fit together.
    """

    pause_s: float = 0.45
    short_pause_s: float = 1.6
    short_s: float = 1.0
    long_s: float = 3.0
    draft_after_s: float = 0.6
    max_segment_s: float = 11.0
    held_s: float = 3.0
    lead_s: float = 4.0
    lead_in_s: float = 0.4
    tail_s: float = 0.4
    min_speech_s: float = 0.2
    partial_every_s: float = 1.0
    partial_first_s: float = 0.7

    def __post_init__(self) -> None:
        if not 0 < self.tail_s <= self.pause_s < self.max_segment_s <= 28:
            raise ValueError(
                "segmenter: needs 0 < tail_s <= pause_s < max_segment_s <= 28 (Whisper hears 30 s at once)"
            )
        if not (self.pause_s <= self.short_pause_s < self.max_segment_s and self.short_s < self.long_s):
            raise ValueError("segmenter: needs pause_s <= short_pause_s < max_segment_s and short_s < long_s")
        if not 0 < self.held_s < self.max_segment_s:
            raise ValueError("segmenter: needs 0 < held_s < max_segment_s, or the next segment begins before this one")
        if not 0 <= self.lead_s <= 28 - self.max_segment_s:
            raise ValueError("segmenter: needs 0 <= lead_s <= 28 - max_segment_s (both are heard at once)")
        if self.draft_after_s < self.tail_s:
            raise ValueError("segmenter: needs tail_s <= draft_after_s, or a draft has less audio than its final")

    def pause_after(self, seconds: float) -> float:
        """Seconds of silence that end a segment whose speech ended `seconds` after its start."""
        share = (seconds - self.short_s) / (self.long_s - self.short_s)
        return self.short_pause_s + (self.pause_s - self.short_pause_s) * min(1.0, max(0.0, share))


@dataclass(frozen=True, slots=True)
class AsrConfig:
    """How Whisper decodes.

    The encoder input is shortened to the span followed by silence: `final_margin_s` for a final, `margin_s` for a
    partial. `ladder` holds the lengths that this input may have. A hypothesis with more than `tokens_per_second`, which
    is above the rate of any speaker, is a loop; `guard` turns the search for such signs on. The text before a span is
    given as a prompt of `prompt_tokens`, of half as many to a partial and where there are fewer, and of none before
    that.

    On CUDA, `keep_memory` keeps freed memory for the next batch, which the driver would otherwise take back at each
    synchronisation. `mel_stream` computes log-mel on its own CUDA stream; on torch's default stream, it and the workers
    would wait for each other. `torch_encoder` computes the encoder with torch (inference/asr/encoding/encoder.py).

    `timestamps` adds timestamp tokens to finals. `suppress_symbols` suppresses the 88 ids of Whisper's own list instead
    of the 27 that begin text which nobody said. CTranslate2 applies both on the host, for each id and each row: with
    timestamps, 32 finals would wait 1.4 s for the host of a GPU before their first token (benchmarks/LOG.md).
    `weigh_names` lets the clinical names in a text decide between finals that are almost equally likely.
    """

    device: Device = "cpu"
    device_index: int = 0
    compute_type: str = "int8"
    workers: int = 2
    threads: int = 1
    max_batch: int = 8
    final_beam: int = 5
    margin_s: float = 3.0
    final_margin_s: float = 4.5
    prompt_tokens: int = 64
    timestamps: bool = True
    suppress_symbols: bool = True
    tokens_per_second: float = 7.0
    guard: bool = True
    weigh_names: bool = True
    ladder: Ladder = CPU_LADDER
    keep_memory: bool = True
    mel_stream: bool = True
    torch_encoder: bool = False


ASR_DEFAULTS: dict[Device, AsrConfig] = {
    # Batches of more than four spans gain little on a CPU, and their speakers wait. Workers are measured at start.
    "cpu": AsrConfig(max_batch=4),
    # A GPU needs large batches. Three workers share one copy of the weights: while one of them waits for the host
    # between the steps of its decoder, another one encodes.
    "cuda": AsrConfig(
        device="cuda",
        compute_type="float16",
        workers=3,
        max_batch=32,
        final_margin_s=3.0,  # CUDA_LADDER is made for this margin; no other margin has been tried on CUDA
        ladder=CUDA_LADDER,
        timestamps=False,
        suppress_symbols=False,
        weigh_names=False,  # not measured on CUDA yet
        torch_encoder=True,
    ),
}


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """Settings of all engines of one host."""

    vad: VadConfig = field(default_factory=VadConfig)
    segmenter: SegmenterConfig = field(default_factory=SegmenterConfig)
    asr: AsrConfig = field(default_factory=AsrConfig)
