"""What kind of finding a mention makes, and whether its speaker tells it of the patient. Pure."""

import re

from inference.extraction.rules.concepts.mentions import Mention
from inference.extraction.rules.concepts.relatives import THIRD_PERSON
from inference.extraction.rules.cues.asides import ECHO_TOKENS, addresses_patient, is_feared, weighs
from inference.extraction.rules.cues.context import Assertion
from inference.extraction.tables import words
from inference.extraction.text.dialogue import Turn
from inference.findings import Kind

_SECOND_PERSON = words("second_person")
_CONDITION_OWNER = words("condition_owner")
_FIRST_PERSON = words("first_person")
_TESTS = frozenset(("test", "tests", "swab", "swabs", "screening", "vaccine", "vaccination", "jab", "booster"))
_DEFINITE = frozenset(("your", "the", "this", "these", "that"))
_NAMING_A_DIAGNOSIS = re.compile(
    r"\b(?:i think|i believe|sounds like|looks like|seems like|seems to be|likely|probably|consistent with|typical of|"
    r"in keeping with|suggestive|suggests|diagnos\w+|youve got|you have got|could be|may be|might be|suspect|"
    r"impression|what we call|called|"
    r"worried about|concerned about|concerned that|assessment|this is|it is|its|thats|that is|caused by|due to|"
    r"touch of|case of|bout of|problem|possibility|back of my mind|rule out|exclude|make sure|thinking (?:of|about))\b"
)
_REPORTING = re.compile(
    r"\b(?:no (?:evidence|signs?|features) of|nothing to suggest|negative for|concern for|suspicious for)\b|"
    r"^(?:no|denies|denied)\b(?: (?!need|point|reason|use|cure)\w+){0,4}$"
)
"""How a clinician reports what an examination did or did not find."""
_OWNING = re.compile(
    r"\b(?:you have|you had|youve|your|you suffer|you get|history|known|with|you are|youre|you were|"
    r"you mentioned|he has|she has)\b"
)
_HISTORY = re.compile(
    r"\b(?:history|before|previous|previously|ago|last year|as a child|used to|diagnosed|since|years)\b"
)
_HEDGING = re.compile(
    r"\b(?:sounds like|looks like|seems like|seems to be|appears to be|likely|probably|probable|suggestive|suggests?|"
    r"typical of|in keeping with|"
    r"suspect|worried about|concerned about|working diagnosis|differential|possibility|impression|"
    r"back of my mind|rule out|exclude|make sure|thinking (?:of|about))\b"
)
_CERTAIN = frozenset(("but", "also", "however", "definitely", "certainly", "clearly"))
"""Where one of these follows a hedge, another statement begins."""
_RECAPPING = re.compile(
    r"^(?:(?:okay|ok|right|alright|and|um|uh) )*so (?:the main|its|it is|theres|there is|just|no|that is|thats)\b"
)
"""How a clinician tells without a "you" what was said: "so it's a dry cough, no chest pain"."""
_SUMMARISING = re.compile(r"\b(?:to|just|lets|quick) (?:re)?cap\b|\bto (?:summari[sz]e|sum up)\b|\bin summary\b")
_REFERRING_TO = re.compile(r"\brefer\w* (?:\w+ ){0,3}to (?:a|an|the|our)$")
_EXAMINING = re.compile(
    r"\b(?:i can (?:hear|see|feel)|i do (?:hear|appreciate)|i appreciate|i hear|on exam|on your|there is|theres)\b"
)
_ADVISING = re.compile(
    r"\b(?:id|i would|i will|ill|id certainly|i do|i) (?:\w+ )?"
    r"(?:advise|recommend|suggest|encourage|like you to|want you to)\b"
)
"""Where nobody says who speaks: a clinician's advice, which names an illness in passing."""
_YOUR_HABIT = re.compile(r"\byou (?:dont |do |also )?(?:smoke|drink|live|vape|use)\b")
_OWN_OPINION = re.compile(r"\bi (?:think|believe|suspect)\b")
_TELLING_REACH = 8


def is_told(turn: Turn, mention: Mention) -> bool:
    """Does the speaker tell it of the patient? A clinician also explains, warns and speaks of others."""
    if turn.form == "open":
        before = {t.word for t in turn.tokens[max(0, mention.start - 3) : mention.start]}
        asks_how_high = turn.sentence.words[mention.end : mention.end + 1] in (["level"], ["levels"])
        return turn.speaker != "patient" and bool(_DEFINITE & before) and not asks_how_high
    if turn.speaker == "patient" or len(turn.tokens) <= ECHO_TOKENS or _SUMMARISING.search(turn.joined):
        return True
    if mention.kind == "symptom" and _RECAPPING.match(turn.joined):
        return True
    spoken = set(turn.sentence.words)
    advises = mention.kind == "condition" and addresses_patient(turn) and _ADVISING.search(turn.joined)
    if turn.speaker == "unknown" and _FIRST_PERSON & spoken and not advises:
        return True
    head = " ".join([t.word for t in turn.tokens[: mention.start] if not t.soft][-_TELLING_REACH:])
    if mention.kind == "condition":
        if _REPORTING.search(head):
            return True
        return bool(_NAMING_A_DIAGNOSIS.search(head) or _OWNING.search(head))
    return turn.speaker == "unknown" or bool((_SECOND_PERSON | THIRD_PERSON) & spoken or _EXAMINING.search(turn.joined))


def kind_of(turn: Turn, mention: Mention, said: Assertion) -> Kind | None:
    """The kind of a mention that is told in this way; None where it is no finding: "the stroke doctor"."""
    after = turn.tokens[mention.end : mention.end + 1]
    if mention.kind == "condition" and after and after[0].word in _CONDITION_OWNER:
        # "The stroke doctor" has no stroke.
        return None
    if mention.kind == "condition" and after and after[0].word in _TESTS and not _tells_result(turn, mention, said):
        # "My last HIV test was a year ago".
        return None
    head = turn.words_before(mention.start)
    if mention.kind == "condition" and (is_feared(turn, mention, said) or _REFERRING_TO.search(head)):
        return None
    if mention.kind == "procedure" and _PLANNED.search(head):
        return None
    if said.experiencer == "family":
        return "family_history" if mention.kind == "condition" else None
    if mention.kind == "social":
        recapped = said.status == "absent" and _RECAPPING.match(turn.joined)
        told = turn.speaker != "clinician" or _YOUR_HABIT.search(turn.joined) or recapped
        return "social_history" if told else None
    if mention.kind == "symptom":
        return "symptom"
    spoken = set(turn.sentence.words)
    diagnoses = turn.speaker == "clinician" or turn.explains or (turn.speaker == "unknown" and weighs(turn, said))
    mine = turn.speaker == "unknown" and not diagnoses and _FIRST_PERSON & spoken and not _SECOND_PERSON & spoken
    if mention.kind == "procedure" or turn.speaker == "patient" or (mine and not _OWN_OPINION.search(turn.joined)):
        return "past_history"
    if head.endswith("your"):
        return "past_history"
    if _NAMING_A_DIAGNOSIS.search(head) and not _HISTORY.search(head):
        return "diagnosis"
    if said.status == "possible" and diagnoses:
        return "diagnosis"
    acute = mention.detail == "acute" and turn.speaker == "clinician" and not _HISTORY.search(turn.joined)
    return "diagnosis" if acute else "past_history"


_PLANNED = re.compile(
    r"\b(?:discuss\w*|talk\w* (?:about|through)|consider\w*|offer\w*|thought about|think\w* (?:about|of)|suggest\w*|"
    r"recommend\w*|instead of|rather than|need(?:s|ing)?|avoid\w*|going to|plan\w*|wait\w* for|list for|"
    r"might)(?: \w+){0,3}$"
)
"""Before an operation that nobody has had yet."""


def _tells_result(turn: Turn, mention: Mention, said: Assertion) -> bool:
    return said.reported or "positive" in turn.sentence.words[mention.end :]


def hedge_before(turn: Turn, mention: Mention) -> int | None:
    """The token from which a clinician's diagnosis is not a sure one: "it sounds like", "probably"."""
    head = turn.words_before(mention.start)
    if head.endswith(" your"):
        return None
    hedges = list(_HEDGING.finditer(head))
    if not hedges or _CERTAIN & set(head[hedges[-1].end() :].split()):
        return None
    return head[: hedges[-1].start()].count(" ")
