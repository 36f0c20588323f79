"""One track from two channels, without losing what the channels cancel of each other. Pure.

The mean of two channels is silent where one is the inverse of the other: a balanced microphone on a stereo input, or a
cable with crossed wires, gives exactly that. So the strongest of mean, half difference and single channel is taken.
"""

from dataclasses import dataclass

import numpy as np

from inference.audio.resampling import Samples

BLOCK_S = 0.02
"""Length of the blocks, counted from the start of the stream, at whose ends the choice is made. The weights move from
one choice to the next over the whole of the next block, so that a switch makes no click."""

MEMORY_S = 0.3
"""Time constant of the powers that are compared. Speech is far above the noise before it: its first block decides."""

MUCH_STRONGER = 4.0
"""A power ratio, 6 dB. Two microphones that hear different things have a mean and a difference of equal power, within
about 3 dB; the mean stays unless much of the sound cancels in it, and the choice does not waver."""

NOTHING = 1e-5
"""A channel at -50 dB of the other one carries nothing: the other one is then taken alone, at its full level. Above
that the mean stays, in which a second person can be heard at once who speaks into the weaker channel only."""

Weights = tuple[float, float]
"""Of the left and of the right channel."""

MEAN: Weights = (0.5, 0.5)
DIFFERENCE: Weights = (0.5, -0.5)
LEFT: Weights = (1.0, 0.0)
RIGHT: Weights = (0.0, 1.0)


@dataclass(frozen=True, slots=True)
class MixState:
    """What a mix carries from block to block, at the beginning of a block: the powers, and two pairs of weights."""

    powers: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0)
    was: Weights = MEAN
    weights: Weights = MEAN


class Downmix:
    """Mixes one stream of two channels. Each sample depends on those before it only, however they were cut.

    A mix that begins in the middle of a stream, with the first sample of a block, is given the `state` there.
    """

    def __init__(self, sample_rate: int, state: MixState | None = None) -> None:
        self._block = round(sample_rate * BLOCK_S)
        self._ramp = (np.arange(1, self._block + 1, dtype=np.float32) / self._block)[:, None]
        self._kept = np.exp(-BLOCK_S / MEMORY_S)
        state = state or MixState()
        self._powers = np.asarray(state.powers)  # left, right, mean, difference
        self._begun: Samples = np.zeros((0, 2), dtype=np.float32)  # the block that is not whole yet
        self._was, self._weights = state.was, state.weights

    @property
    def state(self) -> MixState:
        """At the beginning of the block that is not whole yet."""
        return MixState(tuple(self._powers.tolist()), self._was, self._weights)

    @property
    def begun(self) -> int:
        """Samples of the block that is not whole yet."""
        return len(self._begun)

    def mix(self, pcm: Samples) -> Samples:
        """[samples, 2] -> [samples, 1]."""
        heard = np.concatenate((self._begun, pcm))
        mixed: list[Samples] = []
        for at in range(0, len(heard), self._block):
            block = heard[at : at + self._block]
            mixed.append(self._weighted(block))
            if len(block) == self._block:
                self._listen(block)
        begun = len(self._begun)
        self._begun = heard[len(heard) - len(heard) % self._block :].copy()
        return np.concatenate(mixed)[begun:, None] if mixed else np.zeros((0, 1), dtype=np.float32)

    def erase(self) -> None:
        """Overwrites the audio that is kept."""
        self._begun.fill(0)

    def _weighted(self, block: Samples) -> Samples:
        weights = np.asarray(self._weights, dtype=np.float32)
        if self._was != self._weights:
            was = np.asarray(self._was, dtype=np.float32)
            weights = (was + (weights - was) * self._ramp[: len(block)]).astype(np.float32)  # [samples, 2]
        weighted: Samples = (block * weights).sum(axis=1, dtype=np.float32)
        return weighted

    def _listen(self, block: Samples) -> None:
        """Chooses the weights of the next block."""
        sound = block - block.mean(axis=0)  # an offset of the converter is no sound
        left, right = sound[:, 0], sound[:, 1]
        now = [float(np.mean(x * x, dtype=np.float64)) for x in (left, right, (left + right) / 2, (left - right) / 2)]
        self._powers = self._kept * self._powers + (1 - self._kept) * np.asarray(now)
        self._was, self._weights = self._weights, self._choice()

    def _choice(self) -> Weights:
        left, right, mean, difference = self._powers.tolist()
        if right <= NOTHING * left or left <= NOTHING * right:
            return self._weights if left == right else (LEFT if left > right else RIGHT)
        if difference > MUCH_STRONGER * mean:
            return DIFFERENCE
        if mean > MUCH_STRONGER * difference or self._weights != DIFFERENCE:
            return MEAN
        return DIFFERENCE
