"""What the recogniser is asked and what it answers. Pure."""

from dataclasses import dataclass

from inference.asr.language import HeardLanguage
from inference.asr.lengths import encoder_frames
from inference.audio.decoding import Samples
from inference.audio.spoken import Spoken
from inference.config import SAMPLE_RATE, AsrConfig
from inference.transcript import Word


@dataclass(frozen=True, slots=True)
class AsrRequest:
    """One span to decode.

    `prompt` is the text said before it, `language` None asks for detection, `spoken` tells where it holds speech (None:
    everywhere), `frames` how many mel frames the encoder hears (0: the span and its margin, see lengths.py).
    """

    audio: Samples
    final: bool
    language: str | None = "en"
    prompt: str = ""
    spoken: Spoken | None = None
    frames: int = 0

    @property
    def seconds(self) -> float:
        return len(self.audio) / SAMPLE_RATE

    @property
    def speech(self) -> Spoken:
        return self.spoken if self.spoken is not None else Spoken(((0.0, self.seconds),))

    def encoder_frames(self, config: AsrConfig) -> int:
        """Mel frames that the encoder hears, with the margin of silence behind the span where none are asked for."""
        margin_s = config.final_margin_s if self.final else config.margin_s
        return self.frames or encoder_frames(len(self.audio), margin_s, config.ladder)


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What was heard. Times of words in seconds from the start of the span; `logprob` is the mean of its tokens'.

    `doubtful`: it looks invented and wants a second try (inference/asr/guard.py). `retried`: it had a second try.
    `heard`: the language that was detected, None where the model knows one language or it was not looked for.
    """

    text: str
    language: str
    logprob: float = 0.0
    no_speech: float = 0.0
    words: tuple[Word, ...] = ()
    doubtful: bool = False
    retried: bool = False
    heard: HeardLanguage | None = None
