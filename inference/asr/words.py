"""Tokens and their alignment -> words with times. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from inference.transcript import Word

SECONDS_PER_POSITION = 0.02
"""One position of Whisper's encoder output, and one step of its timestamp tokens."""

WORD_START = "Ġ"
"""The byte-level tokenizer's mark of a leading space."""


class Vocabulary(Protocol):
    """The part of tokenizers.Tokenizer that is used here."""

    def decode(self, ids: Sequence[int]) -> str:
        """The text of tokens."""
        ...

    def id_to_token(self, id: int) -> str | None:
        """One token as the vocabulary spells it; None if there is no such id."""
        ...


@dataclass(frozen=True, slots=True)
class Alignment:
    """Cross-attention's path: (index of token, encoder position) in order, and the probability of each token.

    The path has one index more than there are tokens: the end of the text.
    """

    path: Sequence[tuple[int, int]]
    probabilities: Sequence[float]


def timed_words(
    vocabulary: Vocabulary, tokens: Sequence[int], alignment: Alignment, begin: int = 0
) -> tuple[Word, ...]:
    """Words of the tokens from `begin` on, as they stand in the decoded text; times in seconds of what was heard."""
    starts: dict[int, int] = {}
    for token, position in alignment.path:
        starts.setdefault(token, position)
    last = alignment.path[-1][1] if alignment.path else 0
    words = []
    for first, end in _word_ranges(vocabulary, tokens, begin):
        text = vocabulary.decode(tokens[first:end]).strip()
        if text:
            from_s = starts.get(first, last) * SECONDS_PER_POSITION
            to_s = starts.get(end, last) * SECONDS_PER_POSITION
            probabilities = alignment.probabilities[first:end]
            mean = sum(probabilities) / len(probabilities) if probabilities else 0.0
            words.append(Word(text, round(from_s, 2), round(max(from_s, to_s), 2), round(mean, 3)))
    return tuple(words)


def _word_ranges(vocabulary: Vocabulary, tokens: Sequence[int], first: int) -> Iterator[tuple[int, int]]:
    for at in range(first + 1, len(tokens)):
        if (vocabulary.id_to_token(tokens[at]) or "").startswith(WORD_START):
            yield first, at
            first = at
    if first < len(tokens):
        yield first, len(tokens)
