"""Who says what and who asks: sentences of several segments as one conversation. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from inference.extraction.memo import remembered
from inference.extraction.tables import words
from inference.extraction.text.denied import is_denied
from inference.extraction.text.glosses import asks_meaning, glosses
from inference.extraction.text.tokens import FILLERS, Sentence, Token, sentences
from inference.extraction.text.voices import seems_clinicians
from inference.findings import Quote
from inference.transcript import Segment, Speaker, word_span

Form = Literal["statement", "polar", "open"]

LEAD_INS = FILLERS | words("lead_in")
AUXILIARIES = words("auxiliary")
_INVERTED_SUBJECTS = words("inverted_subject")
_OPEN = words("question_word")
_TOLD_SUBJECTS = frozenset(["i", "id", "ill", "im", "ive", "we", "were", "well", "weve", "you", "youll"])
_OPEN_REQUESTS = (("tell", "me"), ("describe",), ("talk", "me"), ("show", "me"), ("explain",), ("remind", "me"))
_BEFORE_QUESTION = frozenset(("and", "okay", "ok", "right", "so", "um", "uh", "no", "yes", "yeah"))
_BREAKING = words("breaking")
_UNFINISHED = frozenset(("any", "a", "the", "your", "or", "and", "of", "in", "with", "had", "been", "some", "have"))
_ENDING_A_QUESTION = frozenset(("of", "in", "with", "had", "been", "have"))
"""Those of them on which a question may end: "anything that you're aware of?"."""
_ASKING_OPINION = frozenset(("do you know", "do you think", "would you say", "do you remember", "can you tell"))
_HAVING = re.compile(r"\b(?:to|will|ll|ill|well|lets|gonna|na|would|can) (?:have|do) you\b")
_CLEFT = re.compile(
    r"what (?!(?:is|was|are|were|do|does|did|has|have|had|can|could|would|will|should|s)\b)(?:\w+ ){1,12}?"
    r"(?:is|was) (?:that|the|this|a|an|my|i|im|ive|we|you|youve|youre|it|its|to|when|there)\b"
)
_TAG = re.compile(
    r"\b(?:is that right|is that correct|isnt it|have you|do you|are you|right|correct|yeah|did you|were you)$"
)


@dataclass(frozen=True, slots=True)
class Turn:
    """One sentence in the conversation; `start_s` where it begins in the session's audio.

    `explains`: where nobody says who speaks, its segment seems to be the clinician's, who explains.
    """

    sentence: Sentence
    segment: Segment
    index: int
    speaker: Speaker
    start_s: float
    end_s: float
    form: Form
    explains: bool = False

    @property
    def tokens(self) -> tuple[Token, ...]:
        """The words of the sentence."""
        return self.sentence.tokens

    @property
    def joined(self) -> str:
        """The sentence as plain words, one space between."""
        return self.sentence.joined

    def is_of_another(self, turn: "Turn") -> bool:
        """May somebody else have said it? Where nobody says who speaks, anybody may."""
        return self.speaker != turn.speaker or self.speaker == "unknown"

    def words_before(self, at: int) -> str:
        """The sentence up to a token, as plain words."""
        return " ".join(self.sentence.words[:at])

    def stems(self, start: int = 0, end: int | None = None) -> frozenset[str]:
        """The stems of the tokens [start, end) that are not soft; without `end` up to the last token."""
        return frozenset(token.stem for token in self.tokens[start:end] if not token.soft)

    def text(self, start: int, end: int) -> str:
        """The segment's own characters over the tokens [start, end)."""
        return self.segment.text[self.tokens[start].start : self.tokens[end - 1].end]

    def quote(self, start: int = 0, end: int | None = None) -> Quote:
        """The tokens [start, end) as a quote; without `end` up to the last token."""
        last = len(self.tokens) if end is None else end
        return Quote(self.segment.id, self.text(start, last), self.tokens[start].start)

    def holds(self, segment: str, start: int | None) -> bool:
        """Whether the character `start` of the segment with this id stands in this sentence."""
        if segment != self.segment.id or start is None:
            return False
        return self.tokens[0].start <= start < self.tokens[-1].end


def turns(segments: Sequence[Segment], first_index: int = 0) -> list[Turn]:
    """The sentences of the segments in the order in which they were begun; `index` counts the segments."""
    found = [turn for index, segment in enumerate(segments, first_index) for turn in _turns_of(segment, index=index)]
    in_order = sorted(found, key=lambda turn: turn.start_s)
    return _with_glosses(_with_denied_statements(_with_cut_questions(in_order)))


@remembered
def _turns_of(segment: Segment, *, index: int) -> list[Turn]:
    found: list[Turn] = []
    asked = False
    pieces = _split(segment)
    explains = segment.speaker == "unknown" and seems_clinicians(pieces)
    for sentence in pieces:
        first, last = sentence.tokens[0], sentence.tokens[-1]
        start_s, end_s = word_span(segment, first.start, last.end)
        turn_form = form(sentence, segment.speaker)
        if turn_form == "statement" and asked and _goes_on(sentence):
            turn_form = "polar"
        found.append(Turn(sentence, segment, index, segment.speaker, start_s, end_s, turn_form, explains))
        asked = turn_form == "polar"
    return found


def _with_cut_questions(conversation: list[Turn]) -> list[Turn]:
    """A question that a pause cut in two, "Do you have any" and "chest pain", asks in both parts."""
    for at in range(1, len(conversation)):
        before, turn = conversation[at - 1], conversation[at]
        if (
            turn.form == "statement"
            and turn.index == before.index + 1
            and before.speaker == turn.speaker
            and before.form == "polar"
            and _is_unfinished(before.sentence)
        ):
            conversation[at] = replace(turn, form="polar")
    return conversation


def _with_denied_statements(conversation: list[Turn]) -> list[Turn]:
    """ "You've had chest pain." "No.": what is said to somebody, and flatly denied by them, was a question."""
    for at in range(1, len(conversation)):
        before, turn = conversation[at - 1], conversation[at]
        if (
            before.form == "statement"
            and before.speaker != "patient"
            and turn.speaker != "clinician"
            and before.segment.id != turn.segment.id
            and is_denied(before.joined, turn.sentence)
        ):
            conversation[at - 1] = replace(before, form="polar")
    return conversation


def _with_glosses(conversation: list[Turn]) -> list[Turn]:
    """ "Any palpitations?" "What do you mean?" "Like your heart racing.": the explanation asks the question again."""
    for at in range(2, len(conversation)):
        question, doubt, turn = conversation[at - 2 : at + 1]
        if (
            question.form == "polar"
            and question.segment is not doubt.segment is not turn.segment
            and doubt.speaker != "clinician"
            and turn.speaker != "patient"
            and turn.form == "statement"
            and asks_meaning(doubt.sentence)
            and glosses(turn.sentence)
        ):
            conversation[at] = replace(turn, form="polar")
    return conversation


def _is_unfinished(sentence: Sentence) -> bool:
    last = sentence.tokens[-1].word
    return last in _UNFINISHED and not (sentence.mark == "?" and last in _ENDING_A_QUESTION)


def _goes_on(sentence: Sentence) -> bool:
    """ "Any chest pain? Or pain in your arm.": what begins with "or" belongs to the question before."""
    return next((t.word for t in sentence.tokens if t.word not in FILLERS), "") == "or"


def _split(segment: Segment) -> list[Sentence]:
    """Sentences, cut once more where a recogniser left out the mark between a question and its answer."""
    pieces: list[Sentence] = []
    for sentence in sentences(segment.text):
        start = 0
        for at in range(1, len(sentence.tokens)):
            if at > start and _breaks(sentence, start, at, segment.speaker):
                pieces.append(Sentence(sentence.tokens[start:at], ""))
                start = at
        pieces.append(Sentence(sentence.tokens[start:], sentence.mark))
    return pieces


def _breaks(sentence: Sentence, start: int, at: int, speaker: Speaker) -> bool:
    tokens, word = sentence.tokens, sentence.tokens[at].word
    if word not in _BREAKING:
        return False
    before = tokens[start:at]
    if speaker == "unknown" and sentence.mark != "?" and word in ("no", "yes", "yeah", "nope", "yep", "aye"):
        return _asks(before) and len(before) > 2
    opens = (
        word in ("have", "do", "did", "are", "is", "does", "any")
        and at + 1 < len(tokens)
        and (tokens[at + 1].word in ("you", "your", "there") or word == "any")
        and tokens[at - 1].word in _BEFORE_QUESTION
    )
    return (
        opens
        and speaker != "patient"
        and not _asks(before)
        and not (_OPEN & {t.word for t in before})
        and len(before) > 2
    )


def form(sentence: Sentence, speaker: Speaker) -> Form:
    """A statement, a question for yes or no, or an open one."""
    words = [t.word for t in sentence.tokens]
    lead = 0
    while lead < len(words) - 1 and words[lead] in LEAD_INS:
        lead += 1
    body = words[lead:]
    if sentence.mark == "?" and speaker != "patient" and _ends_polar(sentence.tokens):
        return "polar"
    if body[0] in _OPEN and not (body[0] in ("what", "how") and body[1:2] == ["about"]):
        if body[0] in ("when", "where", "which", "who") and sentence.mark != "?" and speaker != "clinician":
            return "statement"
        # "What I'd like to do is", "what happens is I get a rash": no question.
        told = len(body) > 1 and (body[1] in _TOLD_SUBJECTS or _CLEFT.match(" ".join(body)) is not None)
        return "statement" if sentence.mark != "?" and told else "open"
    if re.search(r"\b(?:tell|talk|show|walk|remind) me\b", " ".join(body)) and speaker != "patient":
        return "open"
    if any(tuple(body[: len(request)]) == request for request in _OPEN_REQUESTS) or (
        body[0] in ("can", "could", "would")
        and any(w in ("tell", "describe", "show", "explain", "confirm") for w in body)
    ):
        return "open"
    if speaker == "patient":
        return "polar" if sentence.mark == "?" and body[0] in AUXILIARIES and len(body) > 2 else "statement"
    tells = lead > 0 and words[lead - 1] == "i" and body[1:2] in (["this"], ["that"], ["these"], ["those"], ["the"])
    if (_asks(sentence.tokens[lead:]) and not tells) or body[:2] in (["what", "about"], ["how", "about"]):
        return "open" if _OPEN & set(body[:6]) - {"what", "how"} and body[0] not in AUXILIARIES | {"any"} else "polar"
    if sentence.mark == "?":
        mine = {"i", "im", "ive", "my"} & set(words)
        if speaker == "unknown" and mine and not {"you", "your", "youve", "youre"} & set(words):
            return "statement"
        asked = next((at for at, word in enumerate(body) if word in _OPEN), len(body))
        if asked < len(body) and "any" not in body[:asked] and not _inner_question(sentence.tokens):
            return "open"
        return "polar"
    return (
        "polar"
        if len(words) > 3 and _TAG.search(" ".join(words[-3:])) and {"you", "your", "youre", "youve"} & set(words)
        else "statement"
    )


def _ends_polar(tokens: Sequence[Token]) -> bool:
    """ "A question which may sound odd, do you smoke?": the last clause asks."""
    start = max((at + 1 for at, token in enumerate(tokens[:-1]) if token.comma), default=0)
    clause = [t.word for t in tokens[start:]]
    return (
        start > 0
        and len(clause) > 2
        and clause[0] in AUXILIARIES
        and clause[1] in _INVERTED_SUBJECTS
        and not _OPEN & set(clause)
        and " ".join(clause[:3]) not in _ASKING_OPINION
    )


def _asks(tokens: Sequence[Token]) -> bool:
    """An auxiliary before its subject, or "any ..."."""
    start = 0
    while start < len(tokens) and tokens[start].word in LEAD_INS:
        start += 1
    body = [t.word for t in tokens[start:]]
    if len(body) < 2:
        return False
    if body[0] == "any" or body[:2] == ["no", "other"] or (body[0] in AUXILIARIES and body[1] in _INVERTED_SUBJECTS):
        return True
    return _inner_question(tokens[start:], at_clause_start=True)


def _inner_question(tokens: Sequence[Token], *, at_clause_start: bool = False) -> bool:
    words = [t.word for t in tokens]
    if _OPEN & set(words) or _HAVING.search(" ".join(words)):
        return False
    return any(
        words[i] in ("have", "do", "did", "are", "were", "does", "is")
        and words[i + 1] in ("you", "there")
        and (not at_clause_start or (i > 0 and (tokens[i - 1].comma or words[i - 1] in LEAD_INS)))
        for i in range(len(words) - 1)
    )
