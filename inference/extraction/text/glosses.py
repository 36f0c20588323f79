"""Who does not understand a word, and what explains it: "What do you mean?" "Like your heart racing.". Pure."""

import re

from inference.extraction.text.tokens import Sentence

_ASKING = re.compile(
    r"(?:(?:um|uh|oh|er|sorry|no|so|and) )*(?:(?:sorry )?what(?:s| is| are|re)(?: an?)? (?:that|those|\w+)|"
    r"(?:what|how) (?:do|did) (?:you|ya) mean(?: by)?(?: (?:that|\w+))?|what does (?:that|it|\w+) mean|"
    r"(?:in|like|as in) what(?: way)?|like what|meaning what|you mean|(?:im )?not sure what "
    r"(?:that is|you mean|that means))"
    r"(?: (?:sorry|exactly|um|uh|please))*"
)
_GLOSSING = re.compile(
    r"(?:(?:um|uh|oh|er|so|yeah|well|just|basically|sorry|i mean|you know) )*"
    r"(?:(?:it|that)(?:s| is| would be| means| looks| feels)?"
    r"(?: (?:basically|just|kind of|sort of|where|when|a bit))* )?"
    r"(?:like|as in|such as|meaning|basically|where|when|if|the)\b"
)
_OWN = frozenset(("i", "ive", "im", "my", "me"))


def asks_meaning(sentence: Sentence) -> bool:
    """ "What do you mean?", "What's that, sorry?": the speaker does not understand what he is asked."""
    return _ASKING.fullmatch(" ".join(sentence.words)) is not None


def glosses(sentence: Sentence) -> bool:
    """ "It's like the snotty stuff": behind such a question the words explain, and tell of nobody."""
    return _OWN.isdisjoint(sentence.words) and _GLOSSING.match(" ".join(sentence.words)) is not None
