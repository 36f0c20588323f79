"""What a GPU runs once before it takes sessions, so that no session meets a first time.

A CUDA kernel is compiled when it is first used (seconds, where the wheel has no code for the card), and memory is taken
when a batch first needs it. So every shape of live work is rehearsed: each length in each lane, with and without a
prompt, the detection of a language, and the largest batch at the full window, which takes the most memory of all.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass

from inference.asr.lengths import FRAMES_PER_SECOND
from inference.asr.recognition import AsrEngine
from inference.config import FULL_FRAMES, AsrConfig
from inference.device.faults import OutOfMemory

logger = logging.getLogger(__name__)

TOKENS = 12
SHORTEST_S = 1.0
LONGEST_S = 27.0


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """One batch: see `AsrEngine.rehearse`."""

    final: bool
    frames: int
    batch: int
    prompted: bool = True
    language: str | None = "en"


def rehearsals(config: AsrConfig) -> Iterator[Rehearsal]:
    """Every shape of live work on a device of these settings, the one that needs the most memory first."""
    yield Rehearsal(True, FULL_FRAMES, config.max_batch)
    yield Rehearsal(True, config.ladder[0], 1, language=None)
    for frames in config.ladder:
        for final in (True, False):
            for prompted in (True, False):
                for batch in sorted({1, config.max_batch}):
                    yield Rehearsal(final, frames, batch, prompted)


def warm_up(engine: AsrEngine, config: AsrConfig) -> None:
    """Rehearses all of them. A batch that does not fit is halved, as live batches are. Raises DeviceError."""
    for wanted in rehearsals(config):
        seconds = min(LONGEST_S, max(SHORTEST_S, wanted.frames / FRAMES_PER_SECOND - config.margin_s))
        batch = wanted.batch
        while True:
            try:
                engine.rehearse(
                    wanted.final,
                    seconds,
                    TOKENS,
                    batch,
                    prompted=wanted.prompted,
                    language=wanted.language,
                    frames=wanted.frames,
                )
                break
            except OutOfMemory:
                if batch == 1:
                    raise
                batch //= 2
                logger.warning("%d spans of %d frames do not fit into the GPU's memory", 2 * batch, wanted.frames)
