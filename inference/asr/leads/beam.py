"""What the decoder has found for one span, when it was made to begin with the text of a lead. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Found:
    """The tokens `ids` behind the lead, and the mean log-probability of a token of these."""

    ids: Sequence[int]
    logprob: float


def behind_lead(sequences: Sequence[Sequence[int]], scores: Sequence[float], lead: int) -> list[Found]:
    """The hypotheses of a beam without the first `lead` tokens of each, the likeliest first.

    CTranslate2 gives a forced token the log-probability 0 and counts it in the length that the sum is divided by: so a
    text that ends early would come before a longer one that is likelier.
    """
    found = [
        Found(ids[lead:], score * len(ids) / max(1, len(ids) - lead))
        for ids, score in zip(sequences, scores, strict=True)
    ]
    return sorted(found, key=lambda one: -one.logprob)
