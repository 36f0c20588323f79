"""What a GPU runs once before it takes sessions, so that no session meets a first time.

A CUDA kernel is compiled when it is first used (seconds, where the wheel has no code for the card), and memory is taken
when a batch first needs it. So every shape of live work is rehearsed: each length in each lane, with and without a
prompt, the detection of a language, and the largest batch at the full window, which takes the most memory of all.
"""

import logging
from collections.abc import Iterator
from dataclasses import replace

from inference.asr.encoding.lengths import FRAMES_PER_SECOND
from inference.asr.hypothesis import Rehearsal
from inference.asr.recognition import AsrEngine
from inference.config import FULL_FRAMES, AsrConfig
from inference.device.faults import OutOfMemory

logger = logging.getLogger(__name__)

TOKENS = 12
SHORTEST_S = 1.0
LONGEST_S = 27.0


def rehearsals(config: AsrConfig) -> Iterator[Rehearsal]:
    """Every shape of live work on a device of these settings, the one that needs the most memory first."""

    def shape(final: bool, frames: int, batch: int, prompted: bool = True, language: str | None = "en") -> Rehearsal:
        seconds = min(LONGEST_S, max(SHORTEST_S, frames / FRAMES_PER_SECOND - config.margin_s))
        return Rehearsal(final, seconds, TOKENS, batch, prompted, language, frames)

    yield shape(True, FULL_FRAMES, config.max_batch)
    yield shape(True, config.ladder[0], 1, language=None)
    for frames in config.ladder:
        for final in (True, False):
            for prompted in (True, False):
                for batch in sorted({1, config.max_batch}):
                    yield shape(final, frames, batch, prompted)


def warm_up(engine: AsrEngine, config: AsrConfig) -> None:
    """Rehearses all of them. A batch that does not fit is halved, as live batches are.

    Raises DeviceError; OutOfMemory if not even one span fits.
    """
    for wanted in rehearsals(config):
        while True:
            try:
                engine.rehearse(wanted)
                break
            except OutOfMemory:
                if wanted.batch == 1:
                    raise
                logger.warning("%d spans of %d frames do not fit into the GPU's memory", wanted.batch, wanted.frames)
                wanted = replace(wanted, batch=wanted.batch // 2)
