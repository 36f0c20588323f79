"""What is said beside the matter: warnings, examples, fears, what happens in an illness, who asks back. Pure."""

import re
from collections.abc import Sequence

from inference.extraction.rules.concepts.mentions import Mention
from inference.extraction.rules.cues.context import Assertion
from inference.extraction.tables import words
from inference.extraction.text.dialogue import Turn

_FIRST_PERSON = words("first_person")
_SECOND_PERSON = words("second_person")
ECHO_TOKENS = 8
"""A clinician's sentence of so few words repeats what the patient said: "Some ringing in your ear."."""
_TO_PATIENTS = _SECOND_PERSON | {"we"}
"""Where nobody says who speaks: a clinician does who tells "you" what "we" call it."""
_FEAR_REACH = 7
_FRAGMENT = 3
_ASKED_FOR = frozenset(("did", "have", "had", "do", "does", "are", "is", "was", "were", "you", "with", "if"))
_CALLING = re.compile(
    r"(?:(?!(?:did|have|had|do|does|are|is|was|were)\b)\w++ ){0,12}?"
    r"(?:call|phone|ring|come back|come in|go to|go straight|nine nine nine|999|911|let (?:me|us) know|get in touch|"
    r"contact|give us|give me)\b"
)
_HAVING_MYSELF = re.compile(
    r"\b(?:i have|ive|ive got|i had|i get|i got|im having)"
    r"(?: (?:a|an|this|some|such|bit|of|the|bad|terrible|awful|really))* ?$"
)
_FORESEEN = re.compile(r"\byou (?:also |well |then )?(?:may|might|could)\b")
_EXAMPLES = re.compile(r"\b(?:things|symptoms|anything|something|stuff|problems|signs) (?:such as|like|including)\b")
_WARNINGS = re.compile(
    r"\b(?:symptoms?|things|signs) (?:that )?(?:i|we|ive|weve) (?:just )?(?:mentioned|said|told|discussed|talked)\b|"
    r"\b(?:symptoms?|things|signs) to (?:watch|look) out for\b"
)
"""Only a clinician speaks so, also where nobody knows who speaks."""
_FEARING = words("fearing")
_OTHERS_SAID = re.compile(
    r"\b(?:they|doctor|gp|hospital|nurse|consultant|he|she) (?:\w+ ){0,2}(?:said|told|thought|think)\b"
)
_YOU_SAID = re.compile(r"\b(?:you|youve) (?:mentioned|said|talked about|asked)\b")
_OWN_FEAR = re.compile(
    r"\b(?:makes? me|made me|im|i am|i was|we are|were|id be|i would be|i wouldnt be|wouldnt be|not) (?:\w+ ){0,3}$|"
    r"\b(?:some|my|our|raises?|there is|theres|i have|ive|slight|real|main|biggest|clinical) (?:\w+ ){0,3}$"
)
"""Before a word of fear: a clinician tells a suspicion of his own."""
_WEIGHING = re.compile(
    r"\b(?:the|another|one|other|main|first) (?:\w+ )?possibilit(?:y|ies)\b|\bback of (?:my|our) mind\b|"
    r"\bdifferentials?\b|\bworking diagnosis\b|\bclinically\b"
)
"""How only somebody speaks who looks for a diagnosis."""
_DEFINING = re.compile(
    r"(?:attacks? |symptoms? |often |usually |sometimes |normally |generally |just |can |is |are |means |tends? to )*"
    r"(?:basically|essentially|usually|often|normally|just|when|where|a|an|give|gives|cause|causes|make|makes|be|triggered|"
    r"like|means|called)\b"
)
_OF_CASES = re.compile(
    r"(?:they|it|people|patients|you|some|symptoms|women|men) (?:can|tend|may|might|would|usually|often|sometimes)\b|"
    r"(?:youd|wed|id|we would|i would)\b"
)
"""Behind "with migraines": what happens in an illness."""
_WITH = re.compile(r"\bwith(?: an?)?$")
_NOT_DEFINING = frozenset(("i", "im", "ive", "my", "your", "youve", "hes", "shes", "his", "her", "today", "now"))
_BEING = frozenset(
    ("is", "are", "am", "was", "were", "be", "been", "went", "go", "im", "youre", "hes", "shes", "theyre")
)


def addresses_patient(turn: Turn) -> bool:
    """Where nobody says who speaks: "your lips don't seem swollen" is the clinician's, "you know" is anybody's."""
    if turn.speaker != "unknown":
        return False
    words = turn.sentence.words
    said = (word for at, word in enumerate(words) if words[at + 1 : at + 2] != ["know"])
    return turn.explains or not _SECOND_PERSON.isdisjoint(said)


def weighs(turn: Turn, said: Assertion) -> bool:
    """ "The other possibility is migraine": who names an illness so looks for a diagnosis, whoever it is."""
    return said.reported or _WEIGHING.search(turn.joined) is not None


def is_echo(turn: Turn) -> bool:
    """ "Any fever?" "Fever? No.": who asks back tells nothing."""
    return turn.speaker == "patient" and turn.sentence.mark == "?" and sum(not t.soft for t in turn.tokens) <= _FRAGMENT


def is_safety_net(turn: Turn, end: int) -> bool:
    """ "Any chest pain, call us": what to come back for. `end` is where the symptom ends."""
    if turn.speaker == "patient":
        return False
    before, after = turn.sentence.words[: end - 1], turn.sentence.words[end:]
    return "any" in before and not _ASKED_FOR & set(before) and bool(_CALLING.match(" ".join(after)))


def is_clinicians_own(turn: Turn, mention: Mention) -> bool:
    """ "I've a headache today", says the clinician."""
    return turn.speaker == "clinician" and bool(_HAVING_MYSELF.search(turn.words_before(mention.start)))


def is_example(turn: Turn, mention: Mention) -> bool:
    """ "Nothing to worry about, things like fevers": a clinician names what there might be."""
    if mention.kind != "symptom" or turn.speaker == "patient":
        return False
    before = turn.words_before(mention.start)
    if _WARNINGS.search(before):
        return True
    if turn.speaker == "unknown" and not _SECOND_PERSON & set(turn.sentence.words):
        return False
    return bool(_EXAMPLES.search(before))


def is_foreseen(turn: Turn, said: Assertion) -> bool:
    """ "You may have some nausea with these"."""
    return bool(_FORESEEN.search(" ".join(turn.sentence.words[said.from_token : said.to_token])))


def is_feared_in_answer(turn: Turn, mention: Mention, asked: Turn | None) -> bool:
    """ "What are you worried about?" "Cancer." """
    short = len(turn.tokens) <= ECHO_TOKENS and not _FIRST_PERSON & set(turn.sentence.words)
    return mention.kind == "condition" and short and asked is not None and bool(_FEARING & set(asked.sentence.words))


def is_of_an_illness(turn: Turn, found: Sequence[Mention], mention: Mention) -> bool:
    """ "In meningitis you get a rash" explains the illness and tells of nobody; "you are in heart failure" does."""
    words = turn.sentence.words
    if turn.speaker != "patient" and mention.kind == "symptom" and _is_defined(turn, found):
        return True
    if turn.speaker != "patient" and mention.kind == "condition" and _WITH.search(turn.words_before(mention.start)):
        return _OF_CASES.match(" ".join(words[mention.end :])) is not None
    return turn.speaker != "patient" and any(
        m.kind == "condition"
        and m.start <= mention.start
        and words[max(0, m.start - 1) : m.start] == ["in"]
        and _BEING.isdisjoint(words[max(0, m.start - 3) : m.start - 1])
        for m in found
    )


def _is_defined(turn: Turn, found: Sequence[Mention]) -> bool:
    """ "Eczema is basically dry skin": the sentence opens with an illness and says what it is or does."""
    first = found[0]
    lead = turn.sentence.words[: first.start]
    after = " ".join(turn.sentence.words[first.end :])
    return (
        first.kind == "condition"
        and len(lead) <= _FRAGMENT
        and _NOT_DEFINING.isdisjoint(turn.sentence.words)
        and bool(_DEFINING.match(after))
    )


_CONCERN_FOR = re.compile(
    r"\b(?:some|a|any|much|little|low|high|real|serious|strong|clinical|more|less) concern for(?: an?| the)?$"
)
"""A clinician's suspicion, whoever says it: patients are concerned about an illness, or for somebody."""


def is_feared(turn: Turn, mention: Mention, said: Assertion) -> bool:
    """ "I'm worried about cancer", "it could be tuberculosis": what a patient fears is no history of it.

    A clinician's own worry is a suspicion; "your concerns about lung cancer" is none.
    """
    before = [token.word for token in turn.tokens[max(0, mention.start - _FEAR_REACH) : mention.start]]
    at = max((i for i, word in enumerate(before) if word in _FEARING), default=-1)
    to_patient = turn.speaker == "unknown" and _TO_PATIENTS & set(turn.sentence.words)
    if turn.speaker == "clinician" or turn.explains or (to_patient and (at < 0 or "we" in turn.sentence.words)):
        after = turn.sentence.words[mention.end : mention.end + _FEAR_REACH + 1]
        if _FEARING & set(after) and {"your", "yours", "you"} & set(after):
            return True
        return at >= 0 and not said.reported and not _OWN_FEAR.search("".join(f"{word} " for word in before[:at]))
    if _YOU_SAID.search(" ".join(before)):
        return True
    if turn.speaker == "unknown" and _CONCERN_FOR.search(" ".join(before)):
        return False
    if turn.speaker == "unknown" and weighs(turn, said):
        return at >= 0
    return at >= 0 or (said.status == "possible" and not _OTHERS_SAID.search(turn.joined))
