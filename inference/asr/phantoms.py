"""Phrases that Whisper writes where nobody spoke, cut out where they stand. Pure.

To noise and silence Whisper says the closing words of the videos that it was trained on, also beside a sentence that
was said. People say some of these words too. So a phrase goes only if the evidence says that nobody said it, and
whatever stands beside it stays.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from inference.asr.guard import MIN_LOGPROB
from inference.asr.hypothesis import Hypothesis
from inference.audio.spoken import Spoken
from inference.transcript import Word

MAX_NO_SPEECH = 0.6
SHORT_SPEECH_S = 0.6

WORD_S = 0.1
"""Seconds of detected speech under each word of a phrase that somebody said, at least: voices took 0.25 and more."""

UNLIKELY = 0.5
"""Mean probability of the words of an invented phrase at an end of the text, at most. Invented ones had 0.3 to 0.5 over
noise, phrases that voices said 0.68 and more (benchmarks/LOG.md)."""

_PHRASES = (
    r"(?:and |so )?(?:thanks?|thank you)(?: all| guys| everyone)?(?: so much| very much)?"
    r" for (?:watching|listening|viewing|your attention|joining (?:me|us))(?: this video| the video| today)?",
    r"(?:please |and |don't forget to |like |comment )*subscribe(?: to (?:my|our|the|this) channel| for more videos)?",
    r"(?:and |so )?(?:(?:i'll|i will|we'll) )?see (?:you|ya)(?: all| guys)? (?:in the |in my )?next"
    r" (?:video|one|time|episode)",
    r"(?:subtitles|captions|subtitled|captioned|transcribed|transcription|translated|translation) by(?: the)?"
    r"(?: amara org)?(?: community)?",
    r"(?:the )?amara org(?: community)?",
    r"gracias por ver(?: el v[ií]deo)?",
    r"subt[ií]tulos (?:realizados )?por(?: la comunidad de)?(?: amara org)?",
    r"(?:vielen dank|danke) f[uü]rs zuschauen",
    r"untertitel(?:ung)?(?: der| des| im| von)+(?: amara org community)?",
    r"merci d'avoir regard[eé](?: cette vid[eé]o)?",
    r"sous titr(?:es|age)(?: r[eé]alis[eé]s)?(?: par)?(?: la communaut[eé] d'amara org)?",
)  # fmt: skip
CREDITS = re.compile("|".join(rf"(?<!\S)(?:{phrase})(?!\S)" for phrase in _PHRASES))
"""Over the plain words of a sentence, parted by single spaces."""

SOUNDS = re.compile(r"^[\s.]*[\[(*♪][^\])]*[\])*♪\s.]*$")
"""A whole text in brackets or notes: nobody can say these."""

SOUND_NAMES = frozenset(
    {"music", "applause", "laughter", "silence", "blank audio", "inaudible", "beep", "beeping", "static", "noise"}
)
FILLERS = frozenset(
    {"thank you", "thanks", "you", "bye", "bye bye", "the end", "so", "oh", "hmm", "i", "the", "and", "a"}
)
"""Said in earnest all the time, but also Whisper's favourites over a click or a breath: gone only as a whole text."""

SURE = 0.6
"""Mean probability of the words of a short answer that is kept though its tokens together are unlikely."""


@dataclass(frozen=True, slots=True)
class _Phrase:
    """Words [first, end) of a hypothesis, in a sentence that ends before word `limit`."""

    first: int
    end: int
    limit: int


def without_phantoms(said: Hypothesis, spoken: Spoken) -> Hypothesis:
    """The hypothesis without what nobody said; `spoken` tells where its audio holds speech."""
    if is_phantom(said, spoken.seconds()):
        return replace(said, text="", words=())
    words = said.words
    gone: set[int] = set()
    for phrase in _phrases(words):
        if _unsaid(words, phrase, spoken):
            end = phrase.end
            while end < phrase.limit and not _spoken(words[end : end + 1], spoken):
                end += 1  # the name behind "subtitles by"
            gone.update(range(phrase.first, end))
    if not gone:
        return said
    left = tuple(word for index, word in enumerate(words) if index not in gone)
    return replace(said, text=" ".join(word.text for word in left), words=left)


def is_phantom(said: Hypothesis, speech_s: float) -> bool:
    """Whether a text as a whole was more likely invented than said, given `speech_s` seconds of detected speech."""
    if said.no_speech > MAX_NO_SPEECH and said.logprob < MIN_LOGPROB:
        return True
    plain = _plain(said.text)
    if not plain or SOUNDS.match(said.text):
        return True
    if plain not in FILLERS | SOUND_NAMES:
        return False
    sure = bool(said.words) and _probability(said.words) >= SURE
    short = speech_s < SHORT_SPEECH_S and said.logprob < MIN_LOGPROB / 2
    return said.no_speech > MAX_NO_SPEECH or (short and not sure)


def _phrases(words: Sequence[Word]) -> Iterator[_Phrase]:
    """Closing phrases, each within one sentence."""
    first = 0
    for index, word in enumerate(words):
        if word.text.rstrip("\"')»”")[-1:] not in (".", "!", "?", "…") and index < len(words) - 1:
            continue
        pieces = [_plain(word.text) for word in words[first : index + 1]]
        # A word such as "Amara.org" is two in the pattern: `owner` tells for each of these which word it belongs to.
        owner = [first + at for at, piece in enumerate(pieces) for _ in piece.split()]
        sentence = " ".join(piece for piece in pieces if piece)
        for match in CREDITS.finditer(sentence):
            at = sentence[: match.start()].count(" ")
            yield _Phrase(owner[at], owner[at + match.group().count(" ")] + 1, index + 1)
        first = index + 1


def _unsaid(words: Sequence[Word], phrase: _Phrase, spoken: Spoken) -> bool:
    within = words[phrase.first : phrase.end]
    at_an_end = phrase.first == 0 or phrase.end == len(words)
    return not _spoken(within, spoken) or (at_an_end and _probability(within) < UNLIKELY)


def _spoken(words: Sequence[Word], spoken: Spoken) -> bool:
    return spoken.seconds(words[0].start, words[-1].end) >= WORD_S * len(words)


def _probability(words: Sequence[Word]) -> float:
    return sum(word.probability for word in words) / len(words)


def _plain(text: str) -> str:
    """Letters, digits and apostrophes; what else stands inside a word parts it in two ("Amara.org")."""
    return " ".join(re.findall(r"[\w']+", text.lower()))
