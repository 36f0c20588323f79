"""Sessions over the real WebSocket server: a voice that is only loudness, and a recogniser that knows the lines."""

from collections.abc import Sequence

import numpy as np

from inference.asr.hypothesis import AsrRequest, Hypothesis
from inference.extraction.rules.engine import RulesExtractor
from inference.pipeline import Pipeline
from tests.support.fakes import LevelAsr, LoudnessVad, speech
from tests.vllm.watched import Watched

QUIETEST = 12  # hundredths of full scale: LoudnessVad hears from 0.1

WAITING = {"idle_timeout_s": 3600, "send_timeout_s": 3600}
"""Settings for clients that are silent, and read nothing, while a slow model writes or vLLM comes back."""


class LineAsr(LevelAsr):
    """Hears the line that stands for a loudness."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__()
        self.lines = dict(enumerate(lines, QUIETEST))
        assert QUIETEST + len(lines) < 100

    def transcribe(self, requests: Sequence[AsrRequest], mels: object = None) -> list[Hypothesis]:
        levels = [round(100 * float(np.abs(request.audio).max())) for request in requests]
        return [Hypothesis(self.lines.get(level, ""), "en") for level in levels]

    def spoken(self, line: str) -> bytes:
        """s16le of 16 kHz: the line, and a pause that ends its segment."""
        level = next(level for level, known in self.lines.items() if known == line)
        return speech((1.5, level / 100), (1.5, 0))


def pipeline(asr: LineAsr, model: Watched) -> Pipeline:
    return Pipeline(LoudnessVad(), asr, [RulesExtractor(), model])
