"""Which sentence answers a question for yes or no, and how. Pure."""

import re
from collections.abc import Sequence
from itertools import takewhile

from inference.extraction.rules.concepts.mentions import mentions
from inference.extraction.rules.cues.readings import EMPTY, Answer, answer_of, is_bare, is_empty, is_explicit
from inference.extraction.rules.cues.replies import asks_back, assents, names_another
from inference.extraction.text.dialogue import AUXILIARIES, LEAD_INS, Turn
from inference.extraction.text.tokens import FILLERS

_NAMING_ONE = re.compile(r"(?:(?:um|uh|oh|well|no|yeah) )*(?:just|only) (?:the |a |an |some |my )?\w+(?: \w+){0,2}$")
"""Names what there is of a list: "just the nausea"."""
_NAMING_NO_MORE = re.compile(
    r"\b(?:thats|that is) (?:all|it)$|\b(?:nothing else|not the others?|no others|no to the (?:others?|rest))$"
)
_WHAT_IS_USUAL = (
    r"(?:usual|normal|always|ever|before)\b|"
    r"(?:than|as|to|beyond|but|except|ones|one|what) (?:what |how |that |the ones? )?(?:i|it|they|we|its|theyre|im)\b"
    r"(?: \w+){0,2} (?:usually|normally|always|already)\b"
)
_NO_MORE_THAN_USUAL = re.compile(
    r"(?:(?:no|not|um|uh|well|really|nothing|any|its|theyre) )*(?:more|worse|different|above|beyond|out of|other)\b"
    rf".*?\b(?:{_WHAT_IS_USUAL})"
)
_AS_USUAL = re.compile(
    r"(?:(?:um|uh|well|yes|yeah|just|only|its|theyre|about|much|pretty) )*(?:the )?(?:same|ones?|as)\b.*?\b"
    rf"(?:{_WHAT_IS_USUAL})"
)
"""What there is of something is what there always is."""
_GIVEN_UP = re.compile(
    r"(?:(?:no|not any ?more|um|uh|well|oh|yes|yeah|i|ive|weve|have|actually) )*"
    r"(?:gave (?:it |them |that )?up|given (?:it |them |that )?up|quit|stopped|"
    r"(?:packed|jacked) (?:it |them |that )?in)\b"
)
_AGAIN = re.compile(r"\b(?:again|back)\b")
_COMPARING = re.compile(r"\b(?:more|less|worse|better|new|different|change\w*|increas\w+|than|any other|lately)\b")
_CORRECTING = frozenset(("actually", "wait", "sorry", "hang", "hold", "oh", "no"))
_TURNING = frozenset(("well", "but"))
_CUT_OFF = frozenset(("not", "i", "im", "its", "but", "well"))
"""Words on which nobody ends an answer."""
_DOUBTING = re.compile(
    r"(?:(?:um|uh|but|well|or|i mean|though|actually) )*(?:(?:i think|i guess|i suppose) )?"
    r"(?:(?:it|that) (?:was|is|might be|might have been|could be|could have been|may be|may have been) )?"
    r"(?:(?:probably|possibly|maybe|perhaps|but|or not|um|uh) )*"
    r"(?:(?:i|we) (?:really |actually )?(?:dont|do not) (?:really |actually )?know|(?:im |i am )?not "
    r"(?:(?:really|entirely|quite|completely|totally|too|that|so|a|hundred|100|percent) )*(?:sure|certain)|"
    r"its hard to (?:say|tell)|i (?:couldnt|cant|could not) (?:really )?(?:say|tell))"
    r"(?! (?:why|what|how|when|where|which|who|exactly|about|much|many)\b)"
    r"(?! (?:if|whether) (?:its|it is|thats|that is|theyre|this is|i|you|there) "
    r"(?:related|connected|because|due|serious|normal|anything|the|worse|linked|should|need|can|could|from|to)\b)"
)
"""Behind a "yes" it doubts what was affirmed: "I think it was, but I'm not sure, it was pink"."""
_DENIAL_WORDS = 4
_PATIENCE = 2
"""Sentences that are no answer and may stand between a question and its answer."""


def answered(conversation: Sequence[Turn], at: int) -> tuple[Turn, Answer] | None:
    """The turn that answers the polar question `conversation[at]`, and how.

    Questions in a row share the answer to the last ("any fever? any chills?" "no"). What began well before the
    question ended answers another one.
    """
    question = conversation[at]
    # People answer before a long question ends, but not before its point is made.
    tolerance_s = max(1.0, min(2.0, 0.35 * (question.end_s - question.start_s)))
    earliest_s = max(question.start_s, question.end_s - tolerance_s)
    patience = _PATIENCE
    assent = _assent(conversation, at)
    for index, turn in enumerate(conversation[at + 1 : at + 10], at + 1):
        overlapping = turn.segment is not question.segment and turn.start_s < earliest_s
        if overlapping or is_empty(turn) or assent == (turn, "yes"):
            continue
        asker = turn.speaker == question.speaker and turn.speaker != "unknown"
        if turn.form == "open" and not asks_back(question, turn):
            return assent
        if turn.form == "polar" and not is_bare(turn):
            if not asker and _denies_the_same(question, turn):
                return turn, "no"
            if asks_back(question, turn) or (
                assent is None
                and _is_list_item(turn)
                and (turn.segment is question.segment or turn.speaker == question.speaker)
            ):
                continue
            return assent
        answer = _answer_to(question, turn)
        if asker and is_bare(turn):
            # The asker repeats a "no" that was not heard or not transcribed: "Night sweats? No?".
            if answer == "no":
                return _corrected(conversation, index, answer, of_reply=False)
            continue
        if answer is not None and not asker:
            return _corrected(conversation, index, answer)
        if not asker and _leaves_as_usual(question, turn):
            return assent
        patience -= 1
        if patience < 0:
            return assent
    return assent


def _answer_to(question: Turn, turn: Turn) -> Answer | None:
    """How a sentence answers, by its own words and by those that it shares with the question."""
    if _leaves_as_usual(question, turn):
        return None
    if _AS_USUAL.match(turn.joined) and not _COMPARING.search(question.joined):
        return "yes"
    if has_given_up(turn) and any(m.kind == "social" for m in mentions(question.segment.text, question.tokens)):
        return "yes"
    names_one = _NAMING_ONE.match(turn.joined) or _NAMING_NO_MORE.search(turn.joined)
    return answer_of(turn) or ("yes" if names_one and _shares_a_word(question, turn) else None)


def has_given_up(reply: Turn) -> bool:
    """ "Do you smoke?" "I gave up when I was thirty.": the habit was there."""
    return _GIVEN_UP.match(reply.joined) is not None and _AGAIN.search(reply.joined) is None


def _leaves_as_usual(question: Turn, turn: Turn) -> bool:
    """ "Are you coughing?" "No more than usual.": it may be there, and nobody denies it."""
    return bool(_NO_MORE_THAN_USUAL.match(turn.joined)) and not _COMPARING.search(question.joined)


def _assent(conversation: Sequence[Turn], at: int) -> tuple[Turn, Answer] | None:
    """ "Uh-huh" right behind a question: it is the answer where no other follows."""
    following = next(iter(conversation[at + 1 : at + 2]), None)
    return (following, "yes") if following is not None and assents(conversation[at], following) else None


def _shares_a_word(question: Turn, turn: Turn) -> bool:
    said = {t.stem for t in turn.tokens if not t.soft and t.word not in EMPTY}
    return not said.isdisjoint(t.stem for t in question.tokens)


def _denies_the_same(question: Turn, turn: Turn) -> bool:
    """ "Any blood in the stool?" "No blood?": recognisers put question marks where a voice rises."""
    said = turn.sentence.words
    return said[0] == "no" and len(said) <= _DENIAL_WORDS and not set(said[1:]).isdisjoint(question.sentence.words)


def asked_with(conversation: Sequence[Turn], at: int, reply: Turn) -> list[Turn]:
    """The questions in a row that share an answer with this one: "Sore throat? Runny nose?" """
    is_item = _is_asked_item(conversation[at])
    before = takewhile(_is_asked_item, reversed(conversation[max(0, at - 8) : at])) if is_item else ()
    after = (turn for turn in conversation[at + 1 : at + 9] if not is_empty(turn))
    between = takewhile(lambda turn: turn is not reply and _is_asked_item(turn), after)
    return [*before, *between]


def _is_asked_item(turn: Turn) -> bool:
    return turn.form == "polar" and not is_empty(turn) and not is_bare(turn) and _is_list_item(turn)


def _corrected(conversation: Sequence[Turn], at: int, answer: Answer, *, of_reply: bool = True) -> tuple[Turn, Answer]:
    """The answer `conversation[at]`, or the one that takes it back in the next breath: "No. Actually, yes.".

    `of_reply`: only whoever gave it may take it back; not where the asker heard a "no" that was none.
    """
    reply = conversation[at]
    is_cut_off = not reply.sentence.mark and reply.tokens[-1].word in _CUT_OFF
    for turn in conversation[at + 1 : at + 3]:
        if (of_reply and turn.speaker != reply.speaker) or turn.form != "statement":
            break
        if answer == "yes" and turn.speaker != "clinician" and _DOUBTING.match(turn.joined):
            return turn, "maybe"
        opening = next((t.word for t in turn.tokens if t.word not in FILLERS), turn.tokens[0].word)
        if names_another(turn):
            continue
        if not _CORRECTING.isdisjoint((turn.tokens[0].word, opening)) or (
            (turn.tokens[0].word in _TURNING or is_cut_off) and is_explicit(turn)
        ):
            changed = answer_of(turn)
            if changed is not None and changed != answer:
                return turn, changed
    return reply, answer


def first_answer(conversation: Sequence[Turn], at: int, reply: Turn) -> Turn | None:
    """The bare answer to the question `conversation[at]` that the reply takes back, if any: "Yes." "Uh, no."."""
    since = takewhile(lambda turn: turn is not reply, conversation[at + 1 :])
    return next((t for t in since if t.speaker == reply.speaker and is_bare(t) and answer_of(t) is not None), None)


def _is_list_item(turn: Turn) -> bool:
    """A question without a verb of its own: "chills?", "any cough?"."""
    body = [token.word for token in turn.tokens if token.word not in LEAD_INS]
    return bool(body) and (body[0] == "any" or not AUXILIARIES & set(body[:3])) and len(body) <= 10
