"""The lengths that Whisper's encoder hears: one short ladder, so that neighbours in length share a batch. Pure.

A span's length depends on the span and the device's ladder (inference/config.py) alone, never on its neighbours, so it
is heard in a batch as it is heard alone. No ladder has a rung of twice a number of mel bands (160, 256): CTranslate2
takes an encoder output of that many steps for a mel.
"""

from inference.config import CPU_LADDER, FULL_FRAMES, SAMPLE_RATE, Ladder

HOP_SAMPLES = 160
FRAMES_PER_SECOND = SAMPLE_RATE // HOP_SAMPLES

WIDER_FRAMES = 400
"""Four seconds more of silence, and no prompt, end as many loops as ten do at 0.6 of the cost (benchmarks/LOG.md)."""


def encoder_frames(samples: int, margin_s: float, ladder: Ladder = CPU_LADDER) -> int:
    """Frames for a span of so many samples and the silence behind it."""
    return _at_least(samples / HOP_SAMPLES + margin_s * FRAMES_PER_SECOND, ladder)


def longest_s(samples: int, margin_s: float, ladder: Ladder = CPU_LADDER) -> float:
    """Seconds of the longest span that shares a length with this one; of this one, where the window cuts its margin."""
    return max(samples / SAMPLE_RATE, encoder_frames(samples, margin_s, ladder) / FRAMES_PER_SECOND - margin_s)


def wider(frames: int, ladder: Ladder = CPU_LADDER) -> int:
    """Frames of the next try; the full window stays what it is."""
    return _at_least(frames + WIDER_FRAMES, ladder)


def _at_least(wanted: float, ladder: Ladder) -> int:
    return next((frames for frames in ladder if frames >= wanted), FULL_FRAMES)
