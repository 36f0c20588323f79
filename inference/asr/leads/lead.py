"""What was said right before a span that begins in mid-speech, heard and written again as its context. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from inference.audio.decoding import Samples
from inference.config import SAMPLE_RATE
from inference.transcript import Word


@dataclass(frozen=True, slots=True)
class Lead:
    """The `audio` [samples] up to the beginning of a span, and the `text` that the final before it has of this audio.

    Unclear sounds are heard by the sentence around them. The decoder is made to begin with this text, so that it says
    none of it again.
    """

    audio: Samples
    text: str

    @classmethod
    def of(cls, words: Sequence[Word], audio: Samples) -> "Lead | None":
        """The words that lie in `audio` as a whole, and their audio; None if there are none.

        The times of the words are seconds from the end of the audio on, so that they are negative.
        """
        first = next((i for i, word in enumerate(words) if -word.start * SAMPLE_RATE <= len(audio)), len(words))
        if first == len(words):
            return None
        begins = len(audio) - int(max(0.0, -words[first].start) * SAMPLE_RATE)
        return cls(audio[begins:], " ".join(word.text for word in words[first:]))

    @property
    def seconds(self) -> float:
        """Length of the audio."""
        return len(self.audio) / SAMPLE_RATE
