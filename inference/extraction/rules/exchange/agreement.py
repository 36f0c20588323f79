"""What a reply agrees to of all that a question for yes or no asks after. Pure."""

import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace

from inference.extraction.rules.concepts.mentions import Mention, mentions
from inference.extraction.rules.cues.context import assertion, triggers_beside
from inference.extraction.rules.cues.readings import Answer, answers_in_turn, is_bare, is_plain_maybe, is_plain_yes
from inference.extraction.rules.cues.replies import names_another
from inference.extraction.rules.exchange.asked import Asked
from inference.extraction.text.denied import affirms
from inference.extraction.text.dialogue import Turn
from inference.extraction.text.tokens import SOFT, normalise, sentences, stem

_LEAD = r"(?:(?:um|uh|oh|well|yes|yeah|no) )*"
_SEVERAL = 2
_ASKING_AGREEMENT = re.compile(r"\b(?:is that|thats) (?:right|correct)$")
_RECALLING = re.compile(
    r"\b(?:is that|thats) (?:right|correct)\b|"
    r"\b(?:you mentioned|youve mentioned|you said|it says|(?:my|our|your) notes?)\b"
)
_CONFIRMING = re.compile(
    r"(?:(?:um|uh|yes|yeah) )*(?:correct|exactly|thats (?:right|correct|true)|thats it|none|absolutely|right)\b"
)
_SO_NO = re.compile(r"(?:(?:so|and|okay|ok|right|um|uh|then) )*(?:no|not|theres no|there is no|none of)\b")
_ADMITTING = re.compile(r"\b(?:bit|little|some|sometimes|i do|i have|occasionally)\b")
SUMMING_UP = re.compile(
    r"(?:(?:and|okay|ok|right|um|uh|just|to|let|me|recap) )*so (?:\w+ )?(?:you|youve|youre|he|she|its)\b"
)
SUMMED_DENIAL = re.compile(
    r"(?:(?:and|okay|ok|right|alright|um|uh|just|fine|good) )*so (?:just )?(?:to confirm |to recap )?"
    r"(?:(?:theres|there is|there are|youve|you have|youve had|youve got|its) )?(?:no|not any)\b"
)
_ALL = re.compile(
    r"(?:(?:yes|yeah|yep|um|uh|oh|well) )*(?:all (?:of|three|four|that)\b|all the above|both\b|the lot\b|everything\b)"
)
_ONLY = re.compile(
    rf"{_LEAD}(?:just|only) (?!(?:the |a |some |my )?(?:(?:\w+ )?ones?|usual|same|normal|odd)\b)"
    r"(?:the |a |some |my )?\w+"
)
_ONLY_THERE = re.compile(
    rf"{_LEAD}(?:just|only)(?: really| ever| very)? "
    r"(?:in|on|at|when|if|about|before|after|with|during|around|over|under|near|since|from|for|by|while|"
    r"occasionally|sometimes|(?:the |that )?(?:once|twice|one time)|"
    r"(?:a |the |about )?(?:couple|few|one|two|three|four|five|\d+)(?: of)? "
    r"(?:times?|days?|nights?|hours?|weeks?)|"
    r"rarely|recently|lately|today|yesterday|last|mildly|slightly|every|some|first|"
    r"a (?:bit|little|touch|tad)|now and|the odd|here|there|(?:sitting|standing|lying|walking|running|going|getting|"
    r"bending|climbing|lifting|breathing|swallowing|eating|moving|exercising|exerting|turning|sleeping)(?! sick))\b"
)
"""Where, when or how much there is of what was asked for: "just in my back", "only lying flat"."""
_ONLY_WHEN = re.compile(r"\b(?:only|just) (?:when|if) i\b")
_APART = re.compile(
    r"\b(?:apart from|aside from|other than|except(?: for)?|besides|"
    r"(?:all|everything|all of (?:them|those|it)|the lot|any of (?:them|those)) (?:but|bar)) (?P<what>.*)"
)
NO_OTHERS = re.compile(
    r"\bno to the (?:others?|rest)\b|\b(?:not|none of|but not) the (?:others?|rest)\b|\bnothing else\b|"
    r"\b(?:thats|that is|thats about) (?:all|it|the only one)$|\bthe (?:rest|others) no$|\bno others$"
)
"""What denies all that a reply does not name: "a bit wheezy, but no to the others"."""
_ADMITTING_VAGUELY = re.compile(
    r"\b(?:it|they) (?:(?:just|only|really|does|do|still) )*"
    r"(?:hurts?|aches?|itch(?:es)?|burns?|stings?|throbs?|tingles?)\b"
)
"""Behind what is denied by name: "no swelling, it just hurts" denies no pain."""
_ENDING_DENIAL = frozenset(("but", "though", "although", "i", "its", "theres", "just", "only"))
_OPPOSITE: Mapping[Answer, Answer] = {"yes": "no", "no": "yes", "maybe": "maybe"}


@dataclass(frozen=True, slots=True)
class Agreement:
    """How a reply answers a question.

    `each` holds the answers that are given in turn, by name; `answer` holds for all others. `told` are the concepts
    that the reply names, which speak for themselves. `summed_up`: it agrees to a summary of several things, one of them
    denied.
    """

    answer: Answer
    each: Mapping[str, Answer]
    told: Set[str]
    summed_up: bool


def agreement(asked: Asked, reply: Turn, answer: Answer) -> Agreement | None:
    """What the reply agrees to; None where it leaves open what it answers, or only speaks for itself."""
    if not asked.names:
        return None
    agreed, summed_up = _to_denial(asked, reply, answer) if asked.is_negative else (answer, False)
    if agreed is None:
        return None
    named = mentions(reply.segment.text, reply.tokens)
    told = {m.concept for m in named} | _told_closer(asked, reply, named)
    apart = _apart(asked, reply, agreed)
    if apart:
        return Agreement(agreed, apart, told - apart.keys(), summed_up)
    if len(asked.names) >= _SEVERAL and (said := _by_name(asked, reply, agreed, told)) is not None:
        return replace(said, summed_up=summed_up) if said.told < asked.names else None
    only_there = _ONLY_THERE.match(reply.joined) or _ONLY_WHEN.search(reply.joined)
    only_some = _ONLY.match(reply.joined) and told < asked.names
    if agreed == "maybe" and told and told.isdisjoint(asked.names) and not is_plain_maybe(reply):
        # "Any weakness?" "I suppose some general aching": it speaks for itself.
        return None
    if agreed == "yes" and told and not is_plain_yes(reply) and not (only_some or only_there):
        # "Any blood in the stool?" "There was some in the urine": it speaks for itself.
        return None
    each = _in_turn(asked, reply)
    if agreed == "yes" and only_some and not _ONLY_THERE.match(reply.joined):
        agreed = "no"  # "just the nausea", "only my back": not the others
        each = {} if told else dict.fromkeys(_shared(asked, reply.stems()), "yes")
    elif _leaves_open(asked, reply, agreed, told, in_turn=bool(each)):
        meant = _denied_alone(asked, reply) if agreed == "no" else set[str]()
        if agreed == "yes" and not told and not asked.is_negative:
            meant = _meant(asked, reply)
        if not meant:
            return None
        told = asked.names - meant
    return Agreement(agreed, each, told, summed_up)


def _by_name(asked: Asked, reply: Turn, agreed: Answer, told: Set[str]) -> Agreement | None:
    """Of several things, what a reply says no to by naming one of them."""
    if NO_OTHERS.search(words_from(reply)) and (some := _named_of(asked, reply)):
        return Agreement("no", {}, some, summed_up=False)
    if agreed == "no" and names_another(reply):
        # "Any fever, any cough?" "No fever.": that speaks for itself, and nobody denied the cough.
        if told & asked.names:
            return Agreement("no", {}, asked.names, summed_up=False)
        if some := _shared(asked, reply.stems()):
            return Agreement("no", {}, asked.names - some, summed_up=False)
    return None


def _to_denial(asked: Asked, reply: Turn, answer: Answer) -> tuple[Answer | None, bool]:
    """The answer to a question that denies, and whether it agrees to a summary."""
    agreed: Answer | None = answer
    if answer == "yes" or affirms(reply.sentence):
        agreed = _agreed(asked.turn, reply, answer)
    sums_up = len(asked.mentions) > 1 and SUMMING_UP.match(asked.turn.joined) is not None
    summed_up = answer == "yes" and (agreed == "no" or sums_up)
    return "no" if summed_up else agreed, summed_up


def _agreed(turn: Turn, reply: Turn, answer: Answer) -> Answer | None:
    """ "You're not bringing up any phlegm?" "Yes": a denial only where it agrees or says so; otherwise nobody knows."""
    rest = words_from(reply)
    if affirms(reply.sentence):
        return "yes"
    if (
        _ASKING_AGREEMENT.search(turn.joined)
        or "no" in rest.split()
        or _CONFIRMING.match(rest)
        or (_SO_NO.match(turn.joined) and is_bare(reply))
    ):
        return "no"
    return answer if _ADMITTING.search(rest) else None


def _named_of(asked: Asked, reply: Turn) -> Set[str]:
    """What the reply, to the end of its segment, names of what was asked after."""
    told = {
        m.concept
        for sentence in sentences(reply.segment.text)
        for m in mentions(reply.segment.text, sentence.tokens)
        if sentence.tokens[-1].start >= reply.tokens[0].start
    }
    return told & asked.names or _shared(asked, reply.stems())


def _apart(asked: Asked, reply: Turn, agreed: Answer) -> dict[str, Answer]:
    """What an answer excepts: "no, other than the blood pressure", "everything but the vomiting"."""
    said = _APART.search(reply.joined)
    if said is None or len(asked.names) < _SEVERAL:
        return {}
    start = reply.joined[: said.start("what")].count(" ")
    end = next((at + 1 for at in range(start, len(reply.tokens)) if reply.tokens[at].comma), len(reply.tokens))
    named = {m.concept for m in mentions(reply.segment.text, reply.tokens) if start <= m.start < end} & asked.names
    return dict.fromkeys(named or _shared(asked, reply.stems(start, end)), _OPPOSITE[agreed])


def _shared(asked: Asked, said: Set[str]) -> Set[str]:
    """What is asked after by one of these words, by its place where it has one: "my back" is the pain in the back."""
    return {m.concept for m in asked.mentions if said & _naming(asked, m)}


def _naming(asked: Asked, mention: Mention) -> Set[str]:
    """The words of a mention that are its own: those of the leg in "pain in your back or your legs"."""
    if mention.location is not None:
        return {stem(word) for word in normalise(mention.location)} - SOFT
    inner = (m for m in asked.mentions if mention.start <= m.start and m.end < mention.end)
    others = (asked.turn.stems(m.start, m.end) for m in inner)
    return asked.turn.stems(mention.start, mention.end).difference(*others)


def _in_turn(asked: Asked, reply: Turn) -> dict[str, Answer]:
    """ "Yes, yes, no.": the answers by name, where there is one for each thing that was asked after."""
    answers = [] if asked.is_negative else answers_in_turn(reply)
    return dict(zip(asked.names, answers, strict=True)) if len(answers) == len(asked.names) else {}


def _leaves_open(asked: Asked, reply: Turn, agreed: Answer, told: Set[str], *, in_turn: bool) -> bool:
    """Whether nobody knows which of several things a "yes" means, or whether a "no" denies them all."""
    names_some = bool(told & asked.names)
    if agreed == "no":
        return names_some and _goes_on_to_admit(reply, asked.names)
    if in_turn:
        return False
    # "Any sore throat, any ear pain?" "Yes": which? Only what the answer names, and that speaks for itself.
    confirms_all = (agreed == "yes" and _RECALLING.search(asked.turn.joined)) or _ALL.match(reply.joined)
    return names_some or (len(asked.names) > 1 and not confirms_all)


def _meant(asked: Asked, reply: Turn) -> Set[str]:
    """ "Any burning, any blood?" "It does burn.": the one thing that the answer says in a word of its own."""
    meant = _shared(asked, reply.stems())
    return meant if len(meant) == 1 else set()


def _denied_alone(asked: Asked, reply: Turn) -> Set[str]:
    """ "Any chest pain, are you breathless?" "No pain, but I am breathless.": what the "no" names, if only in part."""
    said = reply.sentence.words
    first = next((at for at, word in enumerate(said) if word in ("no", "not")), len(said))
    end = next((at for at in range(first + 1, len(said)) if said[at] in _ENDING_DENIAL), len(said))
    end = next((at + 1 for at in range(first + 1, end) if reply.tokens[at].comma), end)
    return _shared(asked, reply.stems(first + 1, end))


def _told_closer(asked: Asked, reply: Turn, named: Sequence[Mention]) -> Set[str]:
    """ "Any tingling?" "No, only some tingling in my fingers.": what the reply tells more closely, it does not deny."""
    context = triggers_beside(reply.tokens, named)
    there = [m for m in named if assertion(reply.tokens, context, m.start, m.end).status == "present"]
    closer = [reply.stems(m.start, m.end) for m in there]
    return {m.concept for m in asked.mentions if any(asked.turn.stems(m.start, m.end) < stems for stems in closer)}


def _goes_on_to_admit(reply: Turn, names: Set[str]) -> bool:
    """ "Any fevers, chills, nausea?" "No fevers. I've had chills.": nobody denied the nausea."""
    said = reply.sentence.words
    at = next((i for i, word in enumerate(said) if word in ("no", "not")), len(said))
    if at == len(said) or reply.tokens[at].comma or said[at + 1 : at + 2] in (["really"], ["particularly"], ["at"]):
        return False  # "Not really, just the chills" denies the others
    if _ADMITTING_VAGUELY.search(words_from(reply)):
        return True
    admitted = set[str]()
    for sentence in sentences(reply.segment.text):
        found = mentions(reply.segment.text, sentence.tokens)
        context = triggers_beside(sentence.tokens, found)
        admitted |= {
            m.concept for m in found if assertion(sentence.tokens, context, m.start, m.end).status == "present"
        }
    return bool(admitted & names)


def is_only_of(reply: Turn, others: Set[str], names: Set[str]) -> bool:
    """ "Fevers? Chills? Night sweats?" "Only the night sweats.": it names one of the others alone."""
    told = {m.concept for m in mentions(reply.segment.text, reply.tokens)}
    return bool(_ONLY.match(reply.joined) and told and told <= others and told.isdisjoint(names))


def words_from(reply: Turn) -> str:
    """The plain words of a reply to the end of its segment."""
    first = reply.tokens[0].start
    said = (token for sentence in sentences(reply.segment.text) for token in sentence.tokens)
    return " ".join(token.word for token in said if token.start >= first)
