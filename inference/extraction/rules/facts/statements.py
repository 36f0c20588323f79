"""What somebody says outright: symptoms, conditions, operations, habits, of the patient or of the family. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import replace

from inference.extraction.rules.concepts.attributes import Span, of_symptom
from inference.extraction.rules.concepts.mentions import VAGUE, Mention, mentions
from inference.extraction.rules.concepts.relatives import (
    ECHO_OF_FAMILY_TOKENS,
    asks_of_family,
    relation_of,
    speaks_of_relative,
    with_relative,
)
from inference.extraction.rules.cues.asides import (
    is_clinicians_own,
    is_echo,
    is_example,
    is_feared_in_answer,
    is_foreseen,
    is_of_an_illness,
    is_safety_net,
)
from inference.extraction.rules.cues.context import Assertion, assertion, triggers_beside
from inference.extraction.rules.cues.denials import as_answered, degree_left, is_given_up, is_kept_up
from inference.extraction.rules.facts.draft import Draft, draft
from inference.extraction.rules.facts.kinds import hedge_before, is_told, kind_of
from inference.extraction.tables import words
from inference.extraction.text.dialogue import Turn
from inference.findings import Kind, Status

_FIRST_PERSON = words("first_person")
_COORDINATING = frozenset(("and", "but", "or"))
_OTHERS = frozenset(("they", "theyve", "theyre", "everyone", "everybody"))
_EVERYONE = frozenset(("everyone", "everybody", "everyones", "everybodys"))
_SUBJECT_REACH = 12
_OTHERS_FOUND = re.compile(
    r"\b(?:they|theyve|theyd) (?:\w+ )?(?:(?:diagnosed|told) me|said (?:its|it was|that its|i had|ive got|i have)|"
    r"found|ruled out|excluded|tested|checked|saw|call it|called it|put in|gave me|did)\b"
)
_OF_WARNINGS = re.compile(
    r"\b(?:look|watch|looking|watching) (?:out )?for\b|\bcome back (?:for|with|if)\b|\bwarning signs\b|"
    r"\bcall (?:us|me|999|911) (?:for|with|if)\b"
)
_TAKEN_BACK = re.compile(r"\b(?:well|no|sorry|actually|i mean|wait) not(?: really| so much| exactly)?(?: an?)?$")
"""Before a symptom that was just named: "I've been vomiting, well, not vomiting, retching" leaves nothing of it."""
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
        if any(
            m.concept == mention.concept and _TAKEN_BACK.search(turn.words_before(m.start))
            for m in found[position + 1 :]
        ):
            continue
        said = _of_whom(turn, mention, assertion(turn.tokens, context, mention.start, mention.end), relative, of_family)
        if said is None or _is_aside(turn, found, mention, asked):
            continue
        said = as_answered(turn, mention, said)
        kind = kind_of(turn, mention, said)
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
    """The assertion with the experiencer set; None if it is of somebody who is neither the patient nor a relative."""
    if relative is not None and speaks_of_relative(turn, mention, answering=of_family):
        return replace(said, experiencer="family")
    if relative is not None and turn.speaker == "clinician" and len(turn.tokens) <= ECHO_OF_FAMILY_TOKENS:
        return None
    if turn.speaker == "clinician" or said.experiencer == "family" or said.reported:
        return said
    spoken = turn.sentence.words
    of_others = not _OTHERS.isdisjoint(spoken[max(0, mention.start - 5) : mention.start]) or _of_everyone(turn, mention)
    own = not _FIRST_PERSON.isdisjoint(spoken[mention.start : mention.end])
    return said if not of_others or own or _OTHERS_FOUND.search(turn.words_before(mention.start)) else None


def _of_everyone(turn: Turn, mention: Mention) -> bool:
    """ "Everyone at work has had this bug with vomiting": the subject of the clause is everyone."""
    before = turn.sentence.words[max(0, mention.start - _SUBJECT_REACH) : mention.start]
    at = max((i for i, word in enumerate(before) if word in _EVERYONE), default=len(before))
    return at < len(before) and _FIRST_PERSON.isdisjoint(before[at:]) and "but" not in before[at:]


def _is_aside(turn: Turn, found: Sequence[Mention], mention: Mention, asked: Turn | None) -> bool:
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
    of_relative = kind == "family_history" and turn.speaker == "unknown"
    if said.hypothetical or not (said.reported or of_relative or is_told(turn, mention)):
        return False
    doubted = kind == "symptom" and turn.speaker != "patient" and said.status == "possible"
    return not (doubted and is_foreseen(turn, said))


def _weighed(turn: Turn, mention: Mention, kind: Kind, said: Assertion) -> tuple[Status, Assertion]:
    """The status, and the assertion with the words that a hedge or a degree adds to its proof."""
    if kind == "diagnosis" and said.status == "present" and (hedge := hedge_before(turn, mention)) is not None:
        said = replace(said, status="possible", from_token=min(said.from_token, hedge))
    if mention.concept in ABILITIES:
        return "present", said
    status: Status = "absent" if mention.negated else said.status
    if kind == "social_history" and status == "absent" and (degree := degree_left(turn, said)) is not None:
        return "present", replace(said, to_token=max(said.to_token, degree + 1))
    if kind == "social_history" and status == "absent" and is_kept_up(turn, mention):
        return "present", said
    if kind == "social_history" and status == "present" and is_given_up(turn, mention):
        said = replace(said, temporality="past")
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
    """The fact that a mention makes; nothing if it is of a relative whom nobody names."""
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
    """The concepts that a sentence mentions, whatever it says of them."""
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
