"""Signs that Whisper invented its text: loops, low probability, more words than can be said. Pure.

The thresholds are those of the reference decoder (Radford et al. 2022, section 4.5) with a check for repeated trigrams.
"""

import re
import zlib
from collections.abc import Sequence

from inference.transcript import Word

MIN_LOGPROB = -1.0
MAX_COMPRESSION = 2.4
MAX_TRIGRAM_REPEATS = 3
MAX_WORDS_PER_SECOND = 7.0
MAX_SAID = 3
NO_TIME_S = 0.02
MAX_CRAMMED = 0.08
"""Of the words of a loop 0.14 to 0.4 take no time, of a person's repetitions none to 0.03 (benchmarks/LOG.md)."""
MAX_LOOP_WORDS = 8
PASSAGE_WORDS = 6
_HYPHENS = re.compile(r"([-\u2010-\u2015])")


def suspicious(text: str, logprob: float, hit_limit: bool, crammed: bool, seconds: float) -> bool:
    """Whether a hypothesis of a span of `seconds` wants a second try; an empty text never does.

    `crammed`: some of its words take no time (see `crammed`). People repeat themselves too, and each repetition takes
    as long as the first; of a loop only the first pass is aligned with audio.
    """
    if not text:
        return False
    words = re.findall(r"[\w']+", text.lower())
    return (
        hit_limit
        or logprob < MIN_LOGPROB
        or compression_ratio(text) > MAX_COMPRESSION
        or len(words) > 3 + MAX_WORDS_PER_SECOND * seconds
        or (crammed and (_says_again(words) or most_repeated_trigram(words) >= MAX_TRIGRAM_REPEATS))
    )


def crammed(words: Sequence[Word]) -> bool:
    """Whether too many words of a hypothesis were aligned with no time at all, as those of a loop are."""
    return sum(word.end - word.start <= NO_TIME_S for word in words) > MAX_CRAMMED * len(words)


def compression_ratio(text: str) -> float:
    """How many times shorter zlib makes the UTF-8 bytes of a text that is not empty; repetitions make it large."""
    raw = text.encode()
    return len(raw) / len(zlib.compress(raw))


def most_repeated_trigram(words: list[str]) -> int:
    """How often the commonest run of three words occurs; 0 if there are fewer than three words."""
    trigrams = list(zip(words, words[1:], words[2:], strict=False))
    return max((trigrams.count(trigram) for trigram in set(trigrams)), default=0)


def repeats_itself(words: list[str]) -> bool:
    """A run of three words or more said twice in a row, or a whole text that is one run twice.

    What a shortened encoder input does most: "Does it go anywhere else? Does it go anywhere else?"
    """
    half, odd = divmod(len(words), 2)
    if half and not odd and words[:half] == words[half:]:
        return True
    return any(
        words[at : at + run] == words[at + run : at + 2 * run]
        for run in range(3, half + 1)
        for at in range(len(words) - 2 * run + 1)
    )


def _says_again(words: list[str]) -> bool:
    """Whether it repeats itself, or says `PASSAGE_WORDS` words once more, with others between the two.

    Whisper says a long passage again with small differences: "Hi. So before we start" and "Hi, um, so before we start".
    """
    passages = list(zip(*(words[at:] for at in range(PASSAGE_WORDS)), strict=False))
    return repeats_itself(words) or len(set(passages)) < len(passages)


def plain(word: str) -> str:
    """A word as it compares with others: without signs and capitals."""
    return re.sub(r"[^\w']", "", word.lower())


def unlooped(words: list[str], most: int = MAX_SAID) -> list[int]:
    """Indexes of the words that are left when nothing is said more than `most` times in a row.

    For what loops however it is decoded: a person may say "no" three times, hardly forty.
    """
    kept = list(range(len(words)))
    for run in range(1, MAX_LOOP_WORDS + 1):
        at = 0
        while at + run <= len(kept):
            said = [words[i] for i in kept[at : at + run]]
            end = at + run
            while [words[i] for i in kept[end : end + run]] == said:
                end += run
            times = (end - at) // run
            if times > most:
                del kept[at + most * run : end]
                at += most * run
            else:
                at += 1
    return kept


def unstuttered(text: str, most: int = MAX_SAID) -> str:
    """A word without the parts that it repeats more than `most` times in a row between hyphens: "try-try-try-try-try".

    Whisper writes what somebody stammers so, and loops in it. No space parts it, so it is one word to `unlooped`.
    """
    parts = _HYPHENS.split(text)
    kept = unlooped([plain(part) for part in parts[::2]], most)
    hyphens = parts[1::2]
    return "".join(parts[2 * at] + (hyphens[at] if at < len(hyphens) and at != kept[-1] else "") for at in kept)
