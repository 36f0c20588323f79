"""What all streams of a host share."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from inference.asr.recognition import Recogniser
from inference.audio.decoding import Samples
from inference.audio.vad_state import VadState
from inference.batching.batcher import Batcher
from inference.config import EngineConfig
from inference.extraction import Extractor
from inference.terms.vocabularies import Vocabularies
from inference.terms.vocabulary import Vocabulary

VadQuestion = tuple[Samples, VadState]
"""A chunk's samples, and the state of its track before it."""

VadAnswer = tuple[Samples, VadState]
"""The speech probability of each whole frame of a chunk, and the state of its track after it."""


@dataclass(frozen=True, slots=True)
class Engines:
    """The queue of the detector, the recogniser, the extractors, and the names that a site has for all sessions."""

    vad: Batcher[VadQuestion, VadAnswer]
    asr: Recogniser
    extractors: Sequence[Extractor]
    config: EngineConfig
    vocabulary: Vocabulary | None = None
    _vocabularies: Vocabularies = field(default_factory=Vocabularies)

    async def vocabulary_with(self, terms: Sequence[str]) -> Vocabulary | None:
        """The names of the site and of a session; None where there are none."""
        return await self._vocabularies.make(terms, self.vocabulary) if terms else self.vocabulary
