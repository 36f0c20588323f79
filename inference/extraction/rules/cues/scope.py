"""Where the reach of a denial or of somebody else's illness ends. Pure."""

import re
from collections.abc import Iterable, Sequence

from inference.extraction.rules.cues.trigger import Trigger
from inference.extraction.tables import words
from inference.extraction.text.tokens import Token

_CLAUSE_SUBJECTS = words("clause_subject")
_FILLERS = words("filler") - {"just"}
_AFTER_ANSWER = frozenset(("just", "only", "its", "i", "im", "ive", "it", "more", "that"))
_AWAY_FROM_DENIAL = words("after_denial")
_JOINING = frozenset(("and", "plus", "with", "yet"))
_NOUN_DENIALS = frozenset(("no", "nil", "zero", "without", "non"))
"""Denials before a noun: "no fever and a cough" cannot deny the cough, "I don't have a fever and a cough" can."""
_AFFIRMING = words("affirming_opening")
"""What opens an affirmed phrase behind "and", whatever was denied before."""
_DEGREES = words("denial_degree")
_ARTICLES = frozenset(("a", "an"))
_HISTORY = ("family history", "past history", "past medical history", "personal history", "previous history")
_FIRST_PERSON = words("speaker_or_listener")
_OWN = frozenset(("my", "your"))
_THIRD_PERSON = words("third_person")
_NEW_SUBJECTS = frozenset(("youve", "youre", "hes", "shes", "theyve", "weve", "thats"))
_BEING = frozenset(("is", "are", "feels", "feel", "hurts", "hurt", "has", "gets", "was", "were", "keeps"))
_GOING_ON = words("subordinating") | words("complaint_to_part") | words("before_object") | frozenset(("or", "and"))
"""Behind one of these "my chest" goes on with what was denied."""
_CLAUSE = 2
"""Words that a denied clause has at least before another begins."""
_LISTING = frozenset(("or", "nor", "and"))
_PARTING = frozenset(("and", "but", "so", "then"))
_TELLING = frozenset(("had", "have", "felt", "feel", "got", "get", "did", "do", "was", "am"))
_BEFORE_OBJECT = words("before_object")
_INSTEAD = frozenset((("more", "a"), ("more", "of"), ("more", "like"), ("rather", "a"), ("just", "a")))
_RETURNING = re.compile(
    r"(?<!not )(?<!nt )(?<!never )(?<!to )\b"
    r"(?:(?:came|comes|come|coming|is|its|are|theyre|was) (?:(?:right|now|straight|all) )*back\b"
    r"(?! (?:to|in|at|for|home)\b)|(?:returned|recurred|started (?:up )?again|back again)\b)"
)


def returns(words_after: Iterable[str]) -> bool:
    """Is what was over there again by the words behind it? "It had cleared up but it came back"."""
    return _RETURNING.search(" ".join(words_after)) is not None


def denial_ends(tokens: Sequence[Token], trigger: Trigger, between: range) -> bool:
    """Does what a denial denies end before the mention behind the tokens `between`?"""
    # "No, I have a cough" answers; it does not deny the cough.
    if tokens[trigger.end - 1].comma and trigger.end - trigger.start == 1:
        return True
    if between and tokens[trigger.start].word == "no" and tokens[trigger.end].word in _AFTER_ANSWER:
        return True
    of_noun = tokens[trigger.start].word in _NOUN_DENIALS
    for i in between:
        if tokens[i].word in _AWAY_FROM_DENIAL:
            return True
        is_gloss = tokens[i].word == "thats" and i == between[-1]  # "no ecchymosis and that's bruising"
        if not is_gloss and _opens_clause(tokens, trigger.end, i):
            return True
        if of_noun and i > trigger.end and _tells(tokens, i):
            return True
        joins = tokens[i].word in _JOINING and i > trigger.end
        if tokens[i].comma and _next_word(tokens, i + 1) in _CLAUSE_SUBJECTS:
            return True
        if tokens[i].comma and tuple(token.word for token in tokens[i + 1 : i + 3]) in _INSTEAD:
            return True  # "I wouldn't call it pain, more a tightness"
        if tokens[i].comma and _contrasts(tokens, trigger, i):
            return True
        if (joins or tokens[i].comma) and _affirms(tokens, i + 1, of_noun=of_noun, joins=joins):
            return True
    return False


def _contrasts(tokens: Sequence[Token], trigger: Trigger, at: int) -> bool:
    """ "Not ibuprofen, paracetamol": a sentence that opens with "not" says behind its only comma what it is instead."""
    opens = trigger.end == 1 and tokens[0].word == "not"
    return opens and not any(t.comma or t.word in _LISTING for t in tokens[at + 1 :])


def _opens_clause(tokens: Sequence[Token], after: int, at: int) -> bool:
    """Does a new clause begin at a token, where a recogniser may have left out the comma before it?

    "No fever and you've had chest pain", "I haven't had any fever my throat is sore". What is believed or noticed
    belongs to the denial: "I don't think my throat is red".
    """
    word, before = tokens[at].word, tokens[at - 1].word
    if word in _NEW_SUBJECTS:
        return at > after and before in _PARTING
    if word not in _OWN or at - after < _CLAUSE or before in _GOING_ON:
        return False
    return any(token.word in _BEING for token in tokens[at + 2 : at + 4])


def _tells(tokens: Sequence[Token], at: int) -> bool:
    """Does the speaker go on to tell of himself without a pause: "no vomiting I had some chills"?"""
    following = [token.word for token in tokens[at + 1 : at + 2]]
    return tokens[at].word == "i" and tokens[at - 1].word not in _GOING_ON and not _TELLING.isdisjoint(following)


def _next_word(tokens: Sequence[Token], at: int) -> str:
    """The first word from here on that is no filler."""
    return next((t.word for t in tokens[at:] if t.word not in _FILLERS), "")


def _affirms(tokens: Sequence[Token], at: int, *, of_noun: bool, joins: bool) -> bool:
    """Behind "and" or a comma: "a bad cough", "some pain", "a family history of", "my throat"."""
    if not joins and at < len(tokens) and tokens[at].word in _JOINING:
        return False  # the word itself is looked at next
    ahead = [token.word for token in tokens[at : at + 6]]
    if not ahead:
        return False
    if ahead[0] in _AFFIRMING:
        return joins or ahead[0] not in ("the", "his", "her", "it", "is")
    if ahead[0] in _ARTICLES:
        said = " ".join(ahead[1:])
        return of_noun or ahead[1:2] == [] or ahead[1] in _DEGREES or any(h in said for h in _HISTORY)
    return joins and ahead[0] in _DEGREES


def other_ends(tokens: Sequence[Token], people: Sequence[Trigger], trigger: Trigger, start: int, end: int) -> bool:
    """Is the mention [start, end) the patient's own again, although another person was named before it?"""
    between = tokens[trigger.end : start]
    spoken = [token.word for token in between]
    if any(token.word == "my" for token in tokens[start:end]) or not _FIRST_PERSON.isdisjoint(spoken):
        return True  # "my husband noticed a lump in my breast"
    own = next((i for i in range(start - 1, max(trigger.end, start - 4) - 1, -1) if tokens[i].word in _OWN), None)
    if own is not None and not any(own <= person.start < start for person in people):
        return True  # "my daughter says my cough is worse"
    parted = next((i for i in range(trigger.end - 1, start) if tokens[i].comma or tokens[i].word in _PARTING), None)
    if parted is None or not _THIRD_PERSON.isdisjoint(spoken):
        return False
    if {"there", "theres"} & {t.word for t in tokens[parted : parted + 3]}:
        return True
    # "I live with my husband and take ramipril": the speaker is the subject still.
    head = {token.word for token in tokens[: trigger.start]}
    introduced = {token.word for token in tokens[max(0, trigger.start - 3) : trigger.start]}
    return not _FIRST_PERSON.isdisjoint(head) and not _BEFORE_OBJECT.isdisjoint(introduced)
