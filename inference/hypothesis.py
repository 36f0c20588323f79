"""What the recogniser is asked and what it answers. Pure."""

from dataclasses import dataclass

from inference.audio import Samples
from inference.transcript import Word


@dataclass(frozen=True, slots=True)
class AsrRequest:
    """One span to decode.

    `prompt` is the text said before it, `language` None asks for detection, `speech_s` is how much of it is speech.
    """

    audio: Samples
    final: bool
    language: str | None = "en"
    prompt: str = ""
    speech_s: float = 1.0


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What was heard. Times of words in seconds from the start of the span; `logprob` is the mean of its tokens'."""

    text: str
    language: str
    logprob: float = 0.0
    no_speech: float = 0.0
    words: tuple[Word, ...] = ()
    retried: bool = False
