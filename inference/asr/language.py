"""Which language is spoken, judged final by final from what the recogniser hears in each span. Pure.

Whisper writes in the language that it is told, whatever it hears: told English, it makes fluent English of Spanish that
nobody said. Its decoder also says which language it hears (Radford et al. 2022, section 2.3), from the encoder output
that is there already. A span is written in the language that is heard in it where that is clear, and the language of
the track follows when the evidence lasts.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from inference.asr.language_names import name

MIN_SPEECH_S = 1.0
"""Speech that a language is judged from at least: in a "mm-hm" Whisper hears Welsh."""

SEVERAL = "mul"
"""Language of a text that holds more than one (ISO 639-2)."""

UNSPOKEN = frozenset({"la", "nn", "sa"})
"""Latin, Nynorsk (a way of writing Norwegian, which is "no") and Sanskrit: what Whisper hears in noise and mumbling."""

POSSIBLE = 0.4
LIKELY = 0.5
SURE = 0.85
"""Probabilities of another language: from the first a span is decoded in it too where its text is weak, from the second
where it is not. One that is sure changes the language of its track alone, where the span is long."""

PRIOR = 3.0
"""Natural logarithm of how much likelier the language asked for is before a span is heard: twenty times. English that
sounded like another language had 1.4 at most by what was heard, most foreign sentences 4 to 30 (benchmarks/LOG.md)."""

UNLIKELY = 0.2
"""Probability of the language asked for above which a span stays with it."""

LEAST = 1e-6
"""Probability below which one is as good as none."""

WEAK_LOGPROB = -0.6
"""Mean log-probability below which a text may be in a language that nobody spoke: English that base makes of Spanish,
German or French has -0.65 to -1.2, of English mostly above -0.5 (benchmarks/LOG.md)."""

LONG_SPEECH_S = 2.5
"""Speech in which a language that is sure needs a text that is merely likelier by the token, and changes its track."""

AGREEING = 2
"""Spans in a row that change the language of their track together."""


@dataclass(frozen=True, slots=True)
class HeardLanguage:
    """The likeliest language of a span and its probability; `asked` is that of the language it was to be written in."""

    code: str
    probability: float
    asked: float = 0.0


def likeliest(probabilities: Mapping[str, float], asked: str | None) -> HeardLanguage:
    """The likeliest of the languages that people speak, with its probability among all."""
    spoken = {code: p for code, p in probabilities.items() if code not in UNSPOKEN}
    code = max(spoken, key=spoken.__getitem__)
    return HeardLanguage(code, spoken[code], probabilities.get(asked or code, 0.0))


def another(heard: HeardLanguage | None, asked: str | None, speech_s: float, weak: bool) -> str | None:
    """The language in which to decode a span a second time, if it is likely another one than the one asked for.

    `weak`: the text in the language asked for is not likely, or looks invented.
    """
    if heard is None or asked is None or heard.code == asked or speech_s < MIN_SPEECH_S:
        return None
    return heard.code if heard.probability >= (POSSIBLE if weak else LIKELY) and heard.asked <= UNLIKELY else None


def is_written_in(
    heard: HeardLanguage, speech_s: float, gain: float, whole_gain: float, doubtful: bool, doubtful_there: bool
) -> bool:
    """Whether a span is written in the language that was heard in it, once it was decoded in both.

    `gain` is what its text has there in mean log-probability of a token above that in the language asked for,
    `whole_gain` the same of the whole text. `doubtful`: the text in the language asked for looks invented;
    `doubtful_there`: the other one does. It replaces only a text that looks invented too and is less likely by the
    token: a loop is all the less likely as a whole the longer it is.

    Whisper begins a text with its language, so the probabilities of a language and of its text make one: that of all
    that was heard. It can be compared between languages, as the mean of a token cannot: a word of another script may
    have a token for each of its letters, which are likely one by one. It has to overcome the `PRIOR`, as a few words
    that are heard badly hardly do. Where much was said, many tokens that are less likely each may outweigh a language
    that is sure; the mean decides there.
    """
    if doubtful_there and (not doubtful or gain <= 0.0):
        return False
    if not doubtful_there and heard.probability >= SURE and speech_s >= LONG_SPEECH_S and gain > 0.0:
        return True
    return whole_gain + math.log(heard.probability / max(heard.asked, LEAST)) > PRIOR


@dataclass(slots=True)
class TrackLanguage:
    """The language of one track. `code` is None until one is heard clearly, where none was declared."""

    code: str | None
    rival: str | None = None
    votes: int = 0

    def hear(self, written: str, heard: HeardLanguage | None, speech_s: float) -> bool:
        """Takes the next final: the language it was written in, and what was heard. Returns whether `code` changed.

        A short span says nothing, nor does one that was written in another language than was heard. A model of one
        language hears none: that one is taken.
        """
        if heard is None and self.code is None:
            self.code = written
            return True
        if heard is None or speech_s < MIN_SPEECH_S or heard.code != written:
            return False
        if written == self.code:
            self.rival, self.votes = None, 0
            return False
        self.votes = self.votes + 1 if written == self.rival else 1
        self.rival = written
        enough = LIKELY if self.code is None else SURE
        needed_s = MIN_SPEECH_S if self.code is None else LONG_SPEECH_S
        alone = heard.probability >= enough and speech_s >= needed_s
        if not alone and self.votes < AGREEING:
            return False
        self.code, self.rival, self.votes = written, None, 0
        return True


def changed(before: str, after: str, start_s: float) -> str:
    """The notice to the people in the room that the language changes at `start_s` seconds of the session."""
    return (
        f"{name(after)} is spoken from {start_s:.0f} s on, no longer {name(before)}: the transcript goes on in "
        f"{name(after)}; check the text around the change"
    )
