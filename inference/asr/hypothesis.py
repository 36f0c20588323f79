"""What the recogniser is asked and what it answers. Pure."""

from dataclasses import dataclass, replace

import numpy as np

from inference.asr.encoding.lengths import encoder_frames
from inference.asr.language import HeardLanguage
from inference.asr.leads.lead import Lead
from inference.audio.decoding import Samples
from inference.audio.spoken import Spoken
from inference.config import SAMPLE_RATE, AsrConfig
from inference.terms.vocabulary import Vocabulary
from inference.transcript import Word


@dataclass(frozen=True, slots=True)
class AsrRequest:
    """One span to decode: `audio` [samples] at 16 kHz, at most 30 s.

    `final` chooses the beam, the margin and the lane of a final instead of those of a partial. `language` is a code of
    Whisper such as "en"; None asks for detection. `prompt` is the text said before the span. `spoken` tells where the
    span holds speech; None means everywhere. `frames` is how many mel frames of 10 ms the encoder hears; 0 means the
    span and its margin (see lengths.py). `vocabulary` holds the names that may be said. `hint` is given to the model
    in place of the prompt, whatever its length. `lead` is what was said right before the span, behind the prompt.
    """

    audio: Samples
    final: bool
    language: str | None = "en"
    prompt: str = ""
    spoken: Spoken | None = None
    frames: int = 0
    vocabulary: Vocabulary | None = None
    hint: str = ""
    lead: Lead | None = None

    @property
    def heard(self) -> Samples:
        """What the encoder hears: the span, behind its lead where it has one."""
        return self.audio if self.lead is None else np.concatenate((self.lead.audio, self.audio))

    @property
    def seconds(self) -> float:
        """Length of the span."""
        return len(self.audio) / SAMPLE_RATE

    @property
    def samples(self) -> int:
        """Samples that the encoder hears before the silence."""
        return len(self.audio) + (0 if self.lead is None else len(self.lead.audio))

    @property
    def speech(self) -> Spoken:
        """Where the span holds speech: all of it if nobody has said."""
        return self.spoken if self.spoken is not None else Spoken(((0.0, self.seconds),))

    def own(self, words: tuple[Word, ...]) -> tuple[Word, ...]:
        """Words with times of what was heard, with times of the span."""
        if self.lead is None:
            return words
        lead_s = self.lead.seconds
        return tuple(
            replace(word, start=max(0.0, round(word.start - lead_s, 2)), end=max(0.0, round(word.end - lead_s, 2)))
            for word in words
        )

    def encoder_frames(self, config: AsrConfig) -> int:
        """Mel frames that the encoder hears, with the margin of silence behind the span where none are asked for."""
        margin_s = config.final_margin_s if self.final else config.margin_s
        return self.frames or encoder_frames(self.samples, margin_s, config.ladder)


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """A batch of noise of a known cost, by which a device is warmed up and measured.

    It has `batch` spans of up to `seconds`. The decoder is made to say `tokens` tokens for each, whatever it hears.
    `prompted` gives each span the longest prompt. `final`, `language` and `frames` are those of `AsrRequest`.
    """

    final: bool
    seconds: float
    tokens: int
    batch: int
    prompted: bool = True
    language: str | None = "en"
    frames: int = 0


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What was heard in a span.

    `language` is the code of the language that the text is written in. `logprob` is the mean natural log-probability
    of its `tokens`, and `no_speech` the probability that nobody speaks. The times of `words` are seconds from the start
    of the span. `doubtful` means that the text looks invented and should be decoded again (inference/asr/guard.py),
    `retried` that it was decoded again. `heard` is the language that was detected, and None if the model knows only
    one or it was not looked for.
    """

    text: str
    language: str
    logprob: float = 0.0
    no_speech: float = 0.0
    words: tuple[Word, ...] = ()
    doubtful: bool = False
    retried: bool = False
    heard: HeardLanguage | None = None
    tokens: int = 0

    @property
    def whole_logprob(self) -> float:
        """Natural log-probability of the whole text."""
        return self.logprob * self.tokens
