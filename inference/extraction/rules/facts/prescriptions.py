"""Facts about medicines: taken, stopped, prescribed. Pure."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Literal

from inference.extraction.rules.concepts.medication import Medicine, loose_dose, medicines
from inference.extraction.rules.cues.context import Assertion, assertion, triggers_beside
from inference.extraction.rules.cues.declining import Declined, declined, within, words_outside
from inference.extraction.rules.cues.prescribing import Act, act_on
from inference.extraction.rules.cues.switching import as_switched, is_only_thought_of, is_to_be_replaced
from inference.extraction.rules.cues.trigger import Trigger
from inference.extraction.rules.facts.draft import Draft, draft
from inference.extraction.tables import words
from inference.extraction.text.clauses import is_conditional
from inference.extraction.text.dialogue import Turn
from inference.findings import Temporality

_SECOND_PERSON = words("second_person")
_YOURS = frozenset(("your", "youre", "youve"))
_ECHO_TOKENS = 8
_NEAR_TOKENS = 16
_CONSIDERING = frozenset(
    ("need", "give", "prescribe", "recommend", "prescribing", "giving", "change", "changes", "changing", "adjust")
) | {"adjustment", "adjustments"}
_MEDICINE_QUESTION = re.compile(
    r"\b(?:medication|medications|medicine|medicines|meds|tablets|pills|painkillers|drugs|prescription|taken|taking|"
    r"tried|take)\b"
)
_TAKING_QUESTION = re.compile(
    r"\b(?:(?:how|what) (?:often|much|many|dose|strength)|dosage|dose)\b.*|\btake (?:it|them|that)\b"
)
_TAKING_MYSELF = re.compile(
    r"\b(?:i (?:(?!you\b)\w+ ){0,2}(?:take|took|use|used|have|had|was|am|tried|get)|ive|im (?:on|taking|using)|my|me)\b"
)
_GIVING_YOU = re.compile(
    r"\b(?:give|given|giving|prescribe|prescribed|start|started|put) you\b|\blets (?:go|try|start|use)\b"
)
_ASKING = re.compile(
    r"\b(?:can|could|should|shall|do|would|may) i (?:\w+ ){0,2}(?:get|take|use|buy|have|need|start|keep|continue|try)\b"
)
"""A patient who asks whether to take it does not take it yet, as far as these words go."""
_OFFERED = re.compile(
    r"\b(?:something|one|ones) (?:we )?(?:called|known as)\b|\b(?:choice|choices|options?)\b|"
    r"\btreat(?:ed|able|ing|ment)?\b|\b(?:i|we) (?:can|could|might|may) (?:\w+ )?(?:give|offer|prescribe|use|try)\b|"
    r"\bwe (?:have|use|usually|often|normally|tend to)\b"
)
"""Where nobody says who speaks: a clinician tells what there is, and nobody takes it yet."""
_SEEKING_NAME = re.compile(
    r"\b(?:take|taking|on|use|using|had)\b.*\b(?:whats|what is|what was|whatever) (?:it|its|that|they|theyre) called\b"
)
"""Before a name: "I take, um, what's it called? It's like metformin"."""
_UNTAKEN = re.compile(
    r"\bbut (?:i|ive) (?:dont|do not|never do|havent been|havent|have not|never have|never|didnt|did not|not)"
    r"(?: (?:take|taken|took|use|used|like|start|started|had|have|try|tried|touch|touched)"
    r"(?: (?:it|them|that|any|one))?)?"
    r"(?: yet| though)?$"
)
"""Closes "I'm supposed to take metformin but I don't", "they gave me codeine but I haven't taken any"."""
_ENDED = re.compile(
    r"\bso (?:i|ive|they|he|she|we) (?:\w+ )?(?:stopped|came off|come off|quit|gave up|packed in|took me off)"
    r"(?: (?:it|them|that|taking (?:it|them)))?$"
)
"""Closes "I was on a statin but it gave me muscle pains so I stopped"."""
_REDOSING = re.compile(
    r"\b(?:bring|bringing|drop|dropping|put|putting|take|taking|turn|lower|reduce|increase|up|raise|move|push|bump|cut|"
    r"nudge|change|halve|double|go|going|get)\b(?: \w+){0,3}? (?:(?:down|up|back) )?to\b"
)
"""Gives the medicine that is spoken of a new dose: "let's bring that down to 5 mg"."""
_REFERRING = re.compile(r"\b(?:it|that|this|them|those|one|ones|take|taking|use|give|dose|tablets?|pills?)\b")
_THIRD_PERSON = frozenset(("she", "he", "shes", "hes", "her", "his", "patient"))
_NO_LIST = frozenset(("i", "you", "we", "they", "it", "that", "for", "take", "taking", "use", "using", "try", "start"))
_LIST_GAP = 5
_VERB_REACH = 8
_ALTERING = ("stop", "chang", "reduc", "increas", "com", "adjust", "alter", "quit", "interrupt")
_NOT_TAKING = re.compile(r"\b(?:dont|not|never) (?:take|use)\b")
_WHEN = frozenset(("if", "when", "with", "before", "while", "on", "unless", "together", "without", "at", "after"))
_PROHIBITING = ("avoid", "stay", "keep", "steer")
_ORDERING = words("ordering_verb")
_STOPPING = words("stopping_verb")


def taken(pieces: Sequence[Turn], at: int, asked: Turn | None) -> Iterator[Draft]:
    """The medicines of a clause: what the patient takes, or what the clinician prescribes. `asked`: its question."""
    turn = pieces[at]
    text, tokens = turn.segment.text, turn.tokens
    about_medicines = (
        len(tokens) <= 4
        or (asked is not None and bool(_MEDICINE_QUESTION.search(asked.joined)))
        or (at > 0 and pieces[at - 1].speaker == turn.speaker and bool(_SEEKING_NAME.search(pieces[at - 1].joined)))
    )
    found = medicines(text, tokens, asked=about_medicines)
    if not found:
        yield from _dose_alone(pieces, at, asked)
        return
    context = triggers_beside(tokens, found)
    of_self = turn.speaker == "patient" or (turn.speaker == "unknown" and _speaks_of_self(turn))
    acts = [None] * len(found) if of_self else clinicians_acts(pieces, at, found)
    stretches = declined(tokens)
    for medicine, act in zip(found, acts, strict=True):
        if is_only_thought_of(turn, medicine):
            continue
        said = as_switched(turn, medicine, found, assertion(tokens, context, medicine.start, medicine.end))
        stretch = within(stretches, medicine.start)
        if stretch is not None and not of_self:
            if _is_declined(turn, stretch, medicine, act):
                continue
            act = act if act == "stop" and _is_prohibited(turn, stretch) else None
        elif stretch is not None and stretch.way in ("contrast", "rejection") and said.status != "absent":
            continue  # but "not ibuprofen" denies that it is taken
        if act == "stop" and _is_restricted(turn, medicine):
            continue
        dictates = turn.speaker == "clinician" or (turn.speaker == "unknown" and not of_self and not about_medicines)
        if act is None and dictates and medicine.first <= 1 and _is_course(medicine):
            act = "prescribe"  # "Prednisolone 40 mg for three days, then 20 mg": dictated
        if act == "prescribe" and is_to_be_replaced(turn, medicine, found):
            act = "stop"
        if act in ("prescribe", "stop") and not is_conditional(turn):
            yield _order(turn, medicine, stopped=act == "stop")
        elif not _is_untold(turn, medicine, act, said, of_self=of_self):
            yield _medication(turn, medicine, said, context, of_self=of_self)


def _speaks_of_self(turn: Turn) -> bool:
    """Where nobody says who speaks: "I was going to give you" is the clinician's."""
    return _TAKING_MYSELF.search(turn.joined) is not None and _GIVING_YOU.search(turn.joined) is None


def _is_untold(turn: Turn, medicine: Medicine, act: Act | None, said: Assertion, *, of_self: bool) -> bool:
    """Whether the clause does not tell if the patient takes the medicine: it explains, asks or supposes."""
    near = turn.sentence.words[max(0, medicine.first - _NEAR_TOKENS) : medicine.last]
    if turn.speaker == "clinician":
        dictated = medicine.first <= 1 and "dose" in medicine.attributes
        explaining = len(turn.tokens) > _ECHO_TOKENS and act is None and not dictated
        if explaining and not (_SECOND_PERSON | _THIRD_PERSON) & set(near):
            return True
    if not of_self and said.status == "absent" and _CONSIDERING & set(near):
        # "I don't think you need antibiotics", "no changes to the metformin": nothing of what is taken.
        return True
    if turn.speaker == "unknown" and not of_self and act is None and _OFFERED.search(turn.joined):
        return _YOURS.isdisjoint(near) and said.status != "absent"
    asking = of_self and _ASKING.search(" ".join(near)) is not None
    return said.experiencer == "family" or said.hypothetical or asking


def _medication(turn: Turn, medicine: Medicine, said: Assertion, context: Sequence[Trigger], *, of_self: bool) -> Draft:
    """What the patient takes, does not take, or took until it was stopped."""
    if of_self and said.status == "present" and _UNTAKEN.search(turn.joined):
        said = replace(said, status="absent", to_token=len(turn.tokens))
    ended = of_self and said.status == "present" and _ENDED.search(turn.joined) is not None
    if ended:
        said = replace(said, status="absent", to_token=len(turn.tokens))
    stopped = ended or (said.status == "absent" and any(t.category == "resolved" for t in context))
    temporality: Temporality = "past" if stopped and said.status == "absent" else said.temporality
    return draft(
        turn,
        "medication",
        medicine.name,
        min(medicine.first, said.from_token),
        max(medicine.last, said.to_token),
        status=said.status,
        temporality=temporality,
        attributes=medicine.attributes,
    )


def _is_declined(turn: Turn, stretch: Declined, medicine: Medicine, act: Act | None) -> bool:
    """Whether a clinician neither orders the medicine nor says that it is taken, as far as the stretch tells."""
    spoken = turn.sentence.words[stretch.start + 1 : medicine.start]
    if any(word.startswith(_ALTERING) for word in spoken):
        return False  # "I wouldn't stop the metformin"
    if act == "stop":
        return not _is_prohibited(turn, stretch)
    if stretch.way == "refusal":  # but "I wouldn't worry about your metformin"
        return act == "prescribe" or _YOURS.isdisjoint(spoken)
    return stretch.way != "exchange"


def _is_restricted(turn: Turn, medicine: Medicine) -> bool:
    """ "Don't take codeine if you drive" says when not, and ends nothing."""
    spoken = turn.sentence.words
    return bool(_NOT_TAKING.search(turn.words_before(medicine.first))) and not _WHEN.isdisjoint(
        spoken[medicine.last : medicine.last + 1]
    )


def _is_prohibited(turn: Turn, stretch: Declined) -> bool:
    return turn.tokens[stretch.start].word.startswith(_PROHIBITING)


def _is_course(medicine: Medicine) -> bool:
    return ", then " in medicine.attributes.get("dose", "")


def clinicians_acts(pieces: Sequence[Turn], at: int, found: Sequence[Medicine]) -> list[Act | None]:
    """What is done with each medicine of a clause. A list shares its verb: "give you naproxen and some codeine"."""
    turn = pieces[at]
    spoken = turn.sentence.words
    ordering = any(_prescribes_something(earlier, turn) for earlier in pieces[max(0, at - 2) : at])
    acts: list[Act | None] = []
    stretches = declined(turn.tokens)
    for index, medicine in enumerate(found):
        # A bare name that opens a sentence goes on with the order only where it has a dose.
        goes_on = ordering and (medicine.first > 0 or "dose" in medicine.attributes)
        before = words_outside(turn.tokens, stretches, medicine.first)
        act = act_on(before, is_class=medicine.is_class, ordered_before=goes_on)
        if act is None and index and acts[-1] is not None:
            between = spoken[found[index - 1].last : medicine.first]
            act = acts[-1] if len(between) <= _LIST_GAP and not _NO_LIST & set(between) else None
        acts.append(act)
    return acts


def _prescribes_something(earlier: Turn, turn: Turn) -> bool:
    same = earlier.speaker == turn.speaker and earlier.form == "statement" and not is_conditional(earlier)
    return same and act_on(earlier.sentence.words, is_class=False, ordered_before=False) == "prescribe"


def _order(turn: Turn, medicine: Medicine, *, stopped: bool) -> Draft:
    name = f"stop {medicine.name}" if stopped else medicine.name
    attributes = {**({} if stopped else medicine.attributes), "order_type": "medication"}
    spoken = turn.sentence.words
    near = range(max(0, medicine.first - _VERB_REACH), medicine.first)
    # The verb is what proves an order: "stop the ibuprofen".
    first = max((at for at in near if spoken[at] in (_STOPPING if stopped else _ORDERING)), default=medicine.first)
    return draft(turn, "order", name, first, medicine.last, temporality="planned", attributes=attributes)


def _dose_alone(pieces: Sequence[Turn], at: int, asked: Turn | None) -> Iterator[Draft]:
    """The dose of the medicine named last: "How much do you take?" "Ten milligrams.", or "Take it twice a day."."""
    turn = pieces[at]
    dose = loose_dose(turn.segment.text, turn.tokens)
    if dose is None:
        return
    if turn.speaker != "patient" and "dose" in dose.attributes and _REDOSING.search(turn.joined):
        yield from _dose_changed(pieces, at, dose)
        return
    if turn.speaker == "clinician":
        if turn.form == "statement" and _REFERRING.search(turn.joined) and not is_conditional(turn):
            yield from _dose_of_order(pieces, at, dose)
        return
    if "dose" not in dose.attributes and (asked is None or not _TAKING_QUESTION.search(asked.joined)):
        return
    for earlier in reversed(pieces[max(0, at - 5) : at]):
        named = medicines(earlier.segment.text, earlier.tokens, asked=True)
        if named:
            yield _with_dose(turn, dose, earlier, named[-1], "medication")
            return


def _dose_of_order(pieces: Sequence[Turn], at: int, dose: Medicine) -> Iterator[Draft]:
    for place in range(at - 1, max(-1, at - 4), -1):
        earlier = pieces[place]
        if earlier.speaker != pieces[at].speaker or earlier.form != "statement":
            continue
        named = medicines(earlier.segment.text, earlier.tokens)
        if named:
            act = clinicians_acts(pieces, place, named)[-1]
            if act == "prescribe" and not is_conditional(earlier) and not dose.attributes.keys() & named[-1].attributes:
                yield _with_dose(pieces[at], dose, earlier, named[-1], "order")
            return


def _dose_changed(pieces: Sequence[Turn], at: int, dose: Medicine) -> Iterator[Draft]:
    """ "You're on amlodipine 10 mg." "Let's bring that down to 5 mg."."""
    if is_conditional(pieces[at]):
        return
    for earlier in reversed(pieces[max(0, at - _LIST_GAP) : at]):
        named = medicines(earlier.segment.text, earlier.tokens, asked=True)
        if named:
            yield _with_dose(pieces[at], dose, earlier, named[-1], "order")
            return


def _with_dose(
    turn: Turn, dose: Medicine, earlier: Turn, medicine: Medicine, kind: Literal["medication", "order"]
) -> Draft:
    attributes = {**dose.attributes, **({"order_type": "medication"} if kind == "order" else {})}
    planned: Temporality = "planned" if kind == "order" else "current"
    fact = draft(turn, kind, medicine.name, dose.first, dose.last, temporality=planned, attributes=attributes)
    quotes = (earlier.quote(medicine.start, medicine.end), *fact.proposal.quotes)
    proposal = replace(fact.proposal, quotes=quotes)
    return Draft(proposal, (earlier.index, turn.index), fact.place)
