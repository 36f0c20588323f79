"""What the voice activity detector carries from chunk to chunk of one stream. Pure."""

from dataclasses import dataclass, field

import numpy as np

from inference.audio.decoding import Samples

CONTEXT_SAMPLES = 64
HIDDEN = 128


def zeros(*shape: int) -> Samples:
    """Zeros of this shape, as float32."""
    return np.zeros(shape, dtype=np.float32)


@dataclass(frozen=True, slots=True)
class VadState:
    """What one stream carries from chunk to chunk: LSTM state, 64 samples of context, samples short of a frame."""

    hidden: Samples = field(default_factory=lambda: zeros(2, HIDDEN))  # [h and c, 128]
    context: Samples = field(default_factory=lambda: zeros(CONTEXT_SAMPLES))
    remainder: Samples = field(default_factory=lambda: zeros(0))

    def erase(self) -> None:
        """Overwrites the audio in it."""
        for kept in (self.hidden, self.context, self.remainder):
            if kept.flags.writeable:
                kept.fill(0)
