"""The lengths that Whisper's encoder hears: one short ladder, so that neighbours in length share a batch. Pure.

A span's length depends on the span alone, never on its neighbours, so it is heard in a batch as it is heard alone.
"""

from inference.config import SAMPLE_RATE

HOP_SAMPLES = 160
FRAMES_PER_SECOND = SAMPLE_RATE // HOP_SAMPLES

FULL_FRAMES = 3000
LADDER = (400, 500, 600, 800, 1000, 1200, 1400, 1600, 2000, 2500, FULL_FRAMES)
"""Mel frames, each at most a third above the one before. None is twice a number of mel bands (160, 256): CTranslate2
takes an encoder output of that many steps for a mel."""

WIDER_FRAMES = 1000
"""Ten seconds more of silence end most loops, at a third of the full window's cost."""


def encoder_frames(samples: int, margin_s: float) -> int:
    """Frames for a span of so many samples and the silence behind it."""
    return _at_least(samples / HOP_SAMPLES + margin_s * FRAMES_PER_SECOND)


def longest_s(samples: int) -> float:
    """Seconds of the longest span that shares a length with this one, where the margin is 3 s."""
    return encoder_frames(samples, 3.0) / FRAMES_PER_SECOND - 3.0


def wider(frames: int) -> int:
    """Frames of the next try; the full window stays what it is."""
    return _at_least(frames + WIDER_FRAMES)


def _at_least(wanted: float) -> int:
    return next((frames for frames in LADDER if frames >= wanted), FULL_FRAMES)
