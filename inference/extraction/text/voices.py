"""Who seems to speak where nobody says so. Pure."""

import re
from collections.abc import Sequence

from inference.extraction.text.tokens import Sentence

_TO_YOU = re.compile(r"\b(?<!thank )(?<!when )(?:you|your|youre|youve|youll|youd)\b(?! (?:know|see|too)\b)")
_OWN = re.compile(
    r"\b(?:my(?! (?:name|mind|notes?|impression|thoughts?|concerns?|suspicion|colleagues?|advice|plan|guess|opinion)"
    r"\b)|ive(?! got your\b)|i (?:have|had|get|take|feel|did|usually|went|got|started|work|smoke|drink|live)|"
    r"i was(?! (?:going|gonna|just)\b)|i (?:do|dont)(?! (?:not )?think\b)|i cant(?! see\b)|"
    r"me(?! (?:know|just|ask|see)\b)|myself|doctor)\b"
)
"""What patients say of themselves, and clinicians hardly ever."""
_TWICE = 2


def seems_clinicians(sentences: Sequence[Sentence]) -> bool:
    """Does a segment explain or advise: does it ask nothing, speak to "you" again and again, and not of its speaker?"""
    said = " ".join(word for sentence in sentences for word in sentence.words)
    asks = any(sentence.mark == "?" for sentence in sentences)
    return not asks and len(_TO_YOU.findall(said)) >= _TWICE and _OWN.search(said) is None
