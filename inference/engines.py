"""What all streams of a host share."""

from collections.abc import Sequence
from dataclasses import dataclass

from inference.audio import Samples
from inference.batching import Batcher
from inference.config import EngineConfig
from inference.extraction import Extractor
from inference.recognition import Recogniser
from inference.vad_state import VadState

VadItem = tuple[Samples, VadState]
"""A chunk and the state before it; or its probabilities and the state after it."""


@dataclass(frozen=True, slots=True)
class Engines:
    """The queue of the detector, the recogniser, and the extractors."""

    vad: Batcher[VadItem, VadItem]
    asr: Recogniser
    extractors: Sequence[Extractor]
    config: EngineConfig
