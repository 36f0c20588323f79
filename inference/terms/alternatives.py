"""Which of the beam's hypotheses a final takes: the first, or one that is nearly as likely and makes more sense. Pure.

A small model hears "my vomiting" and "my body" as equally likely. The beam has both, and the clinical vocabulary tells
which of them people say to a doctor. Nothing is written that the model has not heard.
"""

from collections.abc import Callable, Sequence

Names = Callable[[str], int]
"""How many clinical names a text holds."""

NEAR = 0.05
"""How much less likely, in log-probability a token, a text may be for each name that it holds more than the first."""


def preferred(scores: Sequence[float], texts: Sequence[str], names: Names) -> int:
    """Index of the text to take; `scores` are log-probabilities a token, the highest first. Ties go to the first."""
    if len(texts) < 2:
        return 0
    counts = [names(text) for text in texts]
    worth = [score + NEAR * count for score, count in zip(scores, counts, strict=True)]
    return max(range(len(worth)), key=lambda at: (worth[at], -at))
