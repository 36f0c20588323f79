"""Frozen settings of the engines, checked once when they are made."""

from dataclasses import dataclass, field
from typing import Literal

SAMPLE_RATE = 16_000
"""Rate of every model in samples a second."""

FRAME_SAMPLES = 512
"""Samples of one frame of the voice activity detector: 32 ms."""

Device = Literal["cpu", "cuda"]

Ladder = tuple[int, ...]
"""Lengths that Whisper's encoder may hear, in mel frames, from short to long; see inference/asr/lengths.py."""

FULL_FRAMES = 3000

CPU_LADDER: Ladder = (400, 500, 600, 800, 1000, 1200, 1400, 1600, 2000, 2500, FULL_FRAMES)
"""Each at most a third above the one before: a CPU pays for every frame, and fills its small batches all the same."""

CUDA_LADDER: Ladder = (700, 1000, 1300, 1700, FULL_FRAMES)
"""A GPU pays for every launch, so that fewer lengths and fuller batches win over 3 % more of the encoder's work, which
is what these cost in consultations (benchmarks/LOG.md). Partials are 4 s at most: the first rung holds them all."""


@dataclass(frozen=True, slots=True)
class VadConfig:
    """Speech opens above `threshold` and closes below `threshold - 0.15`, as in Silero's own iterator.

    `device` is the CPU on a GPU host too: a third of a core follows 600 sessions. On the GPU, each call would wait for
    a batch of the recogniser, and an error of the GPU would not count as a device fault.
    """

    threshold: float = 0.5
    device: Device = "cpu"
    device_index: int = 0
    max_batch: int = 64


@dataclass(frozen=True, slots=True)
class SegmenterConfig:
    """When a final is cut. All values in seconds of audio; benchmarks/LOG.md has the sweeps behind them.

    A segment that lasts up to `short_s` ends after a pause of `short_pause_s`, one of `long_s` or more after `pause_s`,
    with a line between them: few words without context are heard badly, and many words are waited for. A pause of
    `draft_after_s` shows what an open segment says so far. After `max_segment_s` without a pause a final takes the
    words that are settled, and the next one begins with the others, at most `held_s` before the end of that segment.
    """

    pause_s: float = 0.4
    short_pause_s: float = 1.2
    short_s: float = 1.0
    long_s: float = 3.0
    draft_after_s: float = 0.6
    max_segment_s: float = 10.0
    held_s: float = 3.0
    lead_in_s: float = 0.25
    tail_s: float = 0.25
    min_speech_s: float = 0.2
    partial_every_s: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.tail_s <= self.pause_s < self.max_segment_s <= 28:
            raise ValueError(
                "segmenter: needs 0 < tail_s <= pause_s < max_segment_s <= 28 (Whisper hears 30 s at once)"
            )
        if not (self.pause_s <= self.short_pause_s < self.max_segment_s and self.short_s < self.long_s):
            raise ValueError("segmenter: needs pause_s <= short_pause_s < max_segment_s and short_s < long_s")
        if not 0 < self.held_s < self.max_segment_s:
            raise ValueError("segmenter: needs 0 < held_s < max_segment_s, or the next segment begins before this one")
        if self.draft_after_s < self.tail_s:
            raise ValueError("segmenter: needs tail_s <= draft_after_s, or a draft has less audio than its final")

    def pause_after(self, seconds: float) -> float:
        """Silence that ends a segment whose speech ended `seconds` after its start."""
        share = (seconds - self.short_s) / (self.long_s - self.short_s)
        return self.short_pause_s + (self.pause_s - self.short_pause_s) * min(1.0, max(0.0, share))


@dataclass(frozen=True, slots=True)
class AsrConfig:
    """How Whisper decodes. A shortened encoder input ends in `margin_s` of silence, of a final in `final_margin_s`.

    A hypothesis that reaches `tokens_per_second`, above any speaker's rate, is a loop; `guard` looks for such signs.
    `ladder` holds the lengths that the encoder may hear. On CUDA, `keep_memory` keeps freed memory for the next batch,
    where the driver would take it back at each synchronisation, and `mel_stream` computes log-mel on a stream of its
    own, where torch's default stream would make every worker wait for it, and it for them.

    `timestamps` gives finals timestamp tokens, and `suppress_symbols` forbids the 88 ids of Whisper's own list in place
    of the 27 that stand for what nobody said. CTranslate2 applies both on the host, id by id and row by row:
    32 finals with timestamps would wait 1.4 s for a GPU's host before their first token (benchmarks/LOG.md).
    """

    device: Device = "cpu"
    device_index: int = 0
    compute_type: str = "int8"
    workers: int = 2
    threads: int = 1
    max_batch: int = 8
    final_beam: int = 5
    margin_s: float = 3.0
    final_margin_s: float = 4.0
    prompt_tokens: int = 32
    timestamps: bool = True
    suppress_symbols: bool = True
    tokens_per_second: float = 7.0
    guard: bool = True
    ladder: Ladder = CPU_LADDER
    keep_memory: bool = True
    mel_stream: bool = True


ASR_DEFAULTS: dict[Device, AsrConfig] = {
    # A CPU gains little beyond four spans and makes their speakers wait. Its workers are measured at start.
    "cpu": AsrConfig(max_batch=4),
    # A GPU fills up. Three workers share one copy of the weights: while one waits for the host in its decoder's steps,
    # another one encodes.
    "cuda": AsrConfig(
        device="cuda",
        compute_type="float16",
        workers=3,
        max_batch=32,
        final_margin_s=3.0,  # its ladder is made for this margin: no other has been heard there yet
        ladder=CUDA_LADDER,
        timestamps=False,
        suppress_symbols=False,
    ),
}


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """All engines of one host."""

    vad: VadConfig = field(default_factory=VadConfig)
    segmenter: SegmenterConfig = field(default_factory=SegmenterConfig)
    asr: AsrConfig = field(default_factory=AsrConfig)
