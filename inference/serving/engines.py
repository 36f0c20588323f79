"""What all streams of a host share."""

from collections.abc import Sequence
from dataclasses import dataclass

from inference.asr.recognition import Recogniser
from inference.audio.decoding import Samples
from inference.audio.vad_state import VadState
from inference.batching.batcher import Batcher
from inference.config import EngineConfig
from inference.extraction import Extractor

VadItem = tuple[Samples, VadState]
"""A chunk and the state before it; or its probabilities and the state after it."""


@dataclass(frozen=True, slots=True)
class Engines:
    """The queue of the detector, the recogniser, and the extractors."""

    vad: Batcher[VadItem, VadItem]
    asr: Recogniser
    extractors: Sequence[Extractor]
    config: EngineConfig
