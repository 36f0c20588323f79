"""What somebody says outright: symptoms, conditions, operations, habits, of the patient or of the family. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import replace

from inference.extraction.rules.concepts.attributes import Span, of_symptom
from inference.extraction.rules.concepts.mentions import VAGUE, Mention, mentions
from inference.extraction.rules.concepts.relatives import (
    ECHO_OF_FAMILY_TOKENS,
    THIRD_PERSON,
    asks_of_family,
    relation_of,
    speaks_of_relative,
    with_relative,
)
from inference.extraction.rules.cues.asides import (
    ECHO_TOKENS,
    is_clinicians_own,
    is_echo,
    is_example,
    is_feared,
    is_feared_in_answer,
    is_foreseen,
    is_of_an_illness,
    is_safety_net,
)
from inference.extraction.rules.cues.context import Assertion, assertion, triggers_beside
from inference.extraction.rules.cues.denials import as_answered, degree_left
from inference.extraction.rules.facts.draft import Draft, draft
from inference.extraction.tables import words
from inference.extraction.text.dialogue import Turn
from inference.findings import Kind, Status

_FIRST_PERSON = words("first_person")
_SECOND_PERSON = words("second_person")
_COORDINATING = frozenset(("and", "but", "or"))
_CONDITION_OWNER = words("condition_owner")
_TESTS = frozenset(("test", "tests", "swab", "swabs", "screening", "vaccine", "vaccination", "jab", "booster"))
_DEFINITE = frozenset(("your", "the", "this", "these", "that"))
_OTHERS = frozenset(("they", "theyve", "theyre", "everyone", "everybody"))
"""A clinician's sentence of so few words repeats what the patient said: "Some ringing in your ear."."""
_NAMING_A_DIAGNOSIS = re.compile(
    r"\b(?:i think|i believe|sounds like|looks like|seems like|seems to be|likely|probably|consistent with|suggestive|"
    r"suggests|diagnos\w+|youve got|you have got|could be|may be|might be|suspect|impression|what we call|called|"
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
    r"suspect|worried about|concerned about|working diagnosis|differential|possibility|impression|"
    r"back of my mind|rule out|exclude|make sure|thinking (?:of|about))\b"
)
_CERTAIN = frozenset(("but", "also", "however", "definitely", "certainly", "clearly"))
"""Where one of these follows a hedge, another statement begins."""
_OTHERS_FOUND = re.compile(
    r"\b(?:they|theyve|theyd) (?:\w+ )?(?:(?:diagnosed|told) me|said (?:its|it was|that its|i had|ive got|i have)|"
    r"found|ruled out|excluded|tested|checked|saw|call it|called it|put in|gave me|did)\b"
)
_SUMMARISING = re.compile(r"\b(?:to|just|lets|quick) (?:re)?cap\b|\bto (?:summari[sz]e|sum up)\b|\bin summary\b")
_OF_WARNINGS = re.compile(
    r"\b(?:look|watch|looking|watching) (?:out )?for\b|\bcome back (?:for|with|if)\b|\bwarning signs\b|"
    r"\bcall (?:us|me|999|911) (?:for|with|if)\b"
)
_REFERRING_TO = re.compile(r"\brefer\w* (?:\w+ ){0,3}to (?:a|an|the|our)$")
_EXAMINING = re.compile(
    r"\b(?:i can (?:hear|see|feel)|i do (?:hear|appreciate)|i appreciate|i hear|on exam|on your|there is|theres)\b"
)
_YOUR_HABIT = re.compile(r"\byou (?:dont |do |also )?(?:smoke|drink|live|vape|use)\b")
_OWN_OPINION = re.compile(r"\bi (?:think|believe|suspect)\b")
_TELLING_REACH = 8

WELL = frozenset(("normal bowel movements", "passing urine normally", "tolerating fluids", "normal periods"))
"""Nobody comes because of these."""
ABILITIES: Mapping[str, str] = {"unable to keep fluids down": "tolerating fluids"}
"""Concepts that are denials themselves, and what is true where they are not: "can you keep anything down?" """


def stated(turn: Turn, relative: str | None = None, asked: Turn | None = None) -> Iterator[Draft]:
    """The facts of one sentence that is no question for yes or no. `relative`: the one that "he" or "she" means.

    `asked`: the question that it may answer.
    """
    of_family = asked is not None and asks_of_family(asked)
    if of_family and relative is None:
        relative = "family"
    found = mentions(turn.segment.text, turn.tokens)
    if not found or _states_nothing(turn, asked):
        return
    context = triggers_beside(turn.tokens, found)
    for position, mention in enumerate(found):
        said = _of_whom(turn, mention, assertion(turn.tokens, context, mention.start, mention.end), relative, of_family)
        if said is None or _is_aside(turn, found, mention, said, asked):
            continue
        said = as_answered(turn, mention, said)
        kind = _kind(turn, mention, said)
        if kind is None or not _is_asserted(turn, mention, kind, said):
            continue
        status, said = _weighed(turn, mention, kind, said)
        if not _is_denied_in_part(turn, mention, status, said):
            yield from _fact(turn, found, position, kind, status, said, relative)


def _states_nothing(turn: Turn, asked: Turn | None) -> bool:
    """Whether it only asks back, lists what to look out for, or goes on with what may happen."""
    goes_on = turn.speaker != "patient" and len(turn.tokens) > 3 and turn.tokens[0].word == "or"
    warns = asked is not None and _OF_WARNINGS.search(asked.joined) is not None
    return is_echo(turn) or warns or goes_on


def _of_whom(turn: Turn, mention: Mention, said: Assertion, relative: str | None, of_family: bool) -> Assertion | None:
    """The assertion with whose mention it is; None if it is nobody's who matters."""
    if relative is not None and speaks_of_relative(turn, mention, answering=of_family):
        return replace(said, experiencer="family")
    if relative is not None and turn.speaker == "clinician" and len(turn.tokens) <= ECHO_OF_FAMILY_TOKENS:
        return None
    if turn.speaker == "clinician" or said.experiencer == "family" or said.reported:
        return said
    spoken = turn.sentence.words
    of_others = not _OTHERS.isdisjoint(spoken[max(0, mention.start - 5) : mention.start])
    own = not _FIRST_PERSON.isdisjoint(spoken[mention.start : mention.end])
    return said if not of_others or own or _OTHERS_FOUND.search(turn.words_before(mention.start)) else None


def _is_aside(turn: Turn, found: Sequence[Mention], mention: Mention, said: Assertion, asked: Turn | None) -> bool:
    """Whether it is feared, explained, an example, a warning or the clinician's own: nothing that the patient has."""
    return (
        is_feared_in_answer(turn, mention, asked)
        or is_of_an_illness(turn, found, mention)
        or is_example(turn, mention)
        or is_safety_net(turn, mention.end)
        or is_clinicians_own(turn, mention)
    )


def _is_asserted(turn: Turn, mention: Mention, kind: Kind, said: Assertion) -> bool:
    """Whether somebody tells it of the patient, and not as what might come."""
    if said.hypothetical or not (said.reported or _is_told(turn, mention)):
        return False
    doubted = kind == "symptom" and turn.speaker != "patient" and said.status == "possible"
    return not (doubted and is_foreseen(turn, said))


def _weighed(turn: Turn, mention: Mention, kind: Kind, said: Assertion) -> tuple[Status, Assertion]:
    """The status, and the assertion with the words that a hedge or a degree adds to its proof."""
    if kind == "diagnosis" and said.status == "present" and (hedge := _hedge(turn, mention)) is not None:
        said = replace(said, status="possible", from_token=min(said.from_token, hedge))
    if mention.concept in ABILITIES:
        return "present", said
    status: Status = "absent" if mention.negated else said.status
    if kind == "social_history" and status == "absent" and (degree := degree_left(turn, said)) is not None:
        return "present", replace(said, to_token=max(said.to_token, degree + 1))
    return status, said


def _is_denied_in_part(turn: Turn, mention: Mention, status: Status, said: Assertion) -> bool:
    """ "You haven't had headaches before" says nothing of now; "no pain" is about one pain or another."""
    of_the_past = status == "absent" and "before" in turn.sentence.words[mention.end :]
    return of_the_past or (mention.concept in VAGUE and mention.location is None and said.status == "absent")


def _fact(
    turn: Turn,
    found: Sequence[Mention],
    position: int,
    kind: Kind,
    status: Status,
    said: Assertion,
    relative: str | None,
) -> Iterator[Draft]:
    """The fact of a mention; none of a relative whom nobody names."""
    mention = found[position]
    family = said.experiencer == "family"
    attributes: Mapping[str, str] = {}
    proof: list[Span] = []
    if family:
        attributes = relation_of(turn, mention.start) or ({"relation": relative} if relative else {})
        if not attributes:
            return
    elif kind == "symptom" and status != "absent" and turn.form != "open":
        attributes, proof = symptom_attributes(turn, found, position)
    first, last = said.from_token, said.to_token
    yield draft(
        turn,
        kind,
        mention.concept,
        *(with_relative(turn, first, last) if family else (first, last)),
        status=status,
        temporality="past" if mention.kind == "procedure" else said.temporality,
        family=family,
        attributes=attributes,
        proof=proof,
    )


def concepts(turn: Turn) -> Set[str]:
    return {mention.concept for mention in mentions(turn.segment.text, turn.tokens)}


def imagined(turn: Turn) -> Set[str]:
    """The concepts of a sentence that it only warns of or supposes."""
    found = mentions(turn.segment.text, turn.tokens)
    context = triggers_beside(turn.tokens, found)
    return {
        m.concept for m in found if assertion(turn.tokens, context, m.start, m.end).hypothetical or is_example(turn, m)
    }


def symptom_attributes(turn: Turn, found: Sequence[Mention], position: int) -> tuple[dict[str, str], list[Span]]:
    """Attributes between the mention before and the mention after, and the tokens that say them.

    "And" parts what belongs to the one or the other.
    """
    mention = found[position]
    before = max((m.end for m in found[:position] if m.end <= mention.start), default=0)
    after = min((m.start for m in found[position + 1 :] if m.start >= mention.end), default=len(turn.tokens))
    first = (_parted(turn, before, mention.start) if before else None) or before
    last = (_parted(turn, mention.end, after) if after < len(turn.tokens) else None) or after
    place = (mention.start, mention.end)
    attributes, proof = of_symptom(turn.segment.text, turn.tokens, (first, last), place, concept=mention.concept)
    if mention.location:
        attributes["location"] = mention.location
    return attributes, proof


def _parted(turn: Turn, start: int, end: int) -> int | None:
    """The last "and" or comma between two mentions. Without one both own what is said there: "fever since Monday with
    a cough"."""
    joints = (at for at in range(start, end) if turn.tokens[at].word in _COORDINATING)
    commas = (at + 1 for at in range(start - 1, end) if turn.tokens[at].comma)
    return max((*joints, *commas), default=None)


def _is_told(turn: Turn, mention: Mention) -> bool:
    """Does the speaker tell it of the patient? A clinician also explains, warns and speaks of others."""
    if turn.form == "open":
        before = {t.word for t in turn.tokens[max(0, mention.start - 3) : mention.start]}
        asks_how_high = turn.sentence.words[mention.end : mention.end + 1] in (["level"], ["levels"])
        return turn.speaker != "patient" and bool(_DEFINITE & before) and not asks_how_high
    if turn.speaker == "patient" or len(turn.tokens) <= ECHO_TOKENS or _SUMMARISING.search(turn.joined):
        return True
    spoken = set(turn.sentence.words)
    if turn.speaker == "unknown" and _FIRST_PERSON & spoken:
        return True
    head = " ".join([t.word for t in turn.tokens[: mention.start] if not t.soft][-_TELLING_REACH:])
    if mention.kind == "condition":
        if _REPORTING.search(head):
            return True
        return bool(_NAMING_A_DIAGNOSIS.search(head) or _OWNING.search(head))
    return turn.speaker == "unknown" or bool((_SECOND_PERSON | THIRD_PERSON) & spoken or _EXAMINING.search(turn.joined))


def _kind(turn: Turn, mention: Mention, said: Assertion) -> Kind | None:
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
    if said.experiencer == "family":
        return "family_history" if mention.kind == "condition" else None
    if mention.kind == "social":
        return None if turn.speaker == "clinician" and not _YOUR_HABIT.search(turn.joined) else "social_history"
    if mention.kind == "symptom":
        return "symptom"
    spoken = set(turn.sentence.words)
    mine = turn.speaker == "unknown" and _FIRST_PERSON & spoken and not _SECOND_PERSON & spoken
    if mention.kind == "procedure" or turn.speaker == "patient" or (mine and not _OWN_OPINION.search(turn.joined)):
        return "past_history"
    if head.endswith("your"):
        return "past_history"
    if _NAMING_A_DIAGNOSIS.search(head) and not _HISTORY.search(head):
        return "diagnosis"
    if said.status == "possible" and turn.speaker == "clinician":
        return "diagnosis"
    acute = mention.detail == "acute" and turn.speaker == "clinician" and not _HISTORY.search(turn.joined)
    return "diagnosis" if acute else "past_history"


def _tells_result(turn: Turn, mention: Mention, said: Assertion) -> bool:
    return said.reported or "positive" in turn.sentence.words[mention.end :]


def _hedge(turn: Turn, mention: Mention) -> int | None:
    """The token from which a clinician's diagnosis is not a sure one: "it sounds like", "probably"."""
    head = turn.words_before(mention.start)
    if head.endswith(" your"):
        return None
    hedges = list(_HEDGING.finditer(head))
    if not hedges or _CERTAIN & set(head[hedges[-1].end() :].split()):
        return None
    return head[: hedges[-1].start()].count(" ")
