"""Where a sentence speaks of a symptom, a condition, an operation or a habit. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from inference.extraction.memo import remembered
from inference.extraction.rules.concepts.anatomy import Ailment, ailments, parts
from inference.extraction.tables import words
from inference.extraction.text.tokens import Token
from inference.extraction.words.lexicon import Match, find, findings_trie

_PERSONS = words("person")
_DEFINITE = frozenset(("the", "this", "that", "your", "his", "her", "it"))
_INTRODUCING = frozenset(("in", "any", "no", "some", "have", "a", "lot", "bit"))
VAGUE = frozenset(("pain", "swelling", "lump", "redness", "pus"))
"""Concepts that say too little where nothing introduces them: "any pain" does, "the pain" speaks of a known one."""
_BARE = VAGUE | {"numbness", "tingling", "weakness", "itching", "burning sensation", "stiffness"}
_PREDICATES = frozenset(("itchy", "numb", "stiff", "weak", "swollen", "tingly", "red"))
"""How something is: "it isn't itchy" names the itching, "it" and "the itching" speak of a known one."""
_DENIED_NAMES = frozenset(("fever",))
"""A wording of these that opens with a denial only denies them: "no temperature"."""
_CONJUNCTIONS = ("or", "and", "nor")
_SIDES = frozenset(("left", "right", "lower", "upper", "both", "front", "side"))
_LATERAL = frozenset(("left", "right", "both"))
_FRAGMENT = 7
_HABIT_WORDS = 3
"""Words of "do you smoke", behind which "or drink" is read as "do you drink"."""


@dataclass(frozen=True, slots=True)
class Mention:
    """A concept over the tokens [start, end); `location` is the characters that name the place, if any."""

    concept: str
    kind: str
    detail: str
    start: int
    end: int
    location: str | None = None
    negated: bool = False


@remembered
def mentions(text: str, tokens: Sequence[Token]) -> list[Mention]:
    """Concepts in the order of the sentence; a part with its complaint goes before the bare complaint inside it."""
    matches = [m for m in find(findings_trie(), tokens) if not m.entry.personal or _is_personal(tokens)]
    idioms = [m for m in matches if m.entry.kind == "idiom"]
    matches = [m for m in matches if m.entry.kind != "idiom" and not _is_cut_off(tokens, m)]
    matches += [second for m in matches for second in _shared_head(tokens, m)]
    found = [
        a
        for a in ailments(tokens)
        if not _is_named(a, matches) and not any(m.start < a.end and a.start < m.end for m in idioms)
    ]
    named = [
        _sided(
            text,
            tokens,
            Mention(m.entry.concept, m.entry.kind, m.entry.detail, _first(tokens, m), m.end, negated=m.denied),
        )
        for m in matches
        if not any(_is_inside(m, ailment) for ailment in found)
    ]
    placed = [_placed(text, tokens, ailment) for ailment in found]
    every = sorted((*named, *placed), key=lambda mention: (mention.start, mention.end))
    return [m for m in every if not _is_vague(tokens, m)]


def _is_personal(tokens: Sequence[Token]) -> bool:
    return len(tokens) <= _FRAGMENT or any(t.word in _PERSONS for t in tokens)


def _first(tokens: Sequence[Token], match: Match) -> int:
    """The first token of a name, without the denial before it."""
    return match.start + (match.entry.concept in _DENIED_NAMES and tokens[match.start].word == "no")


def _is_cut_off(tokens: Sequence[Token], match: Match) -> bool:
    """Whether an idiom begins in a wording and ends behind it: "a cold" of "a cold drink"."""
    inside = (findings_trie().longest(tokens, at) for at in range(match.start + 1, match.end))
    return any(m is not None and m.entry.kind == "idiom" and m.end > match.end for m in inside)


def _shared_head(tokens: Sequence[Token], match: Match) -> list[Match]:
    """ "Blood in the stool or in the urine": the second is read with the first one's head."""
    at = match.end
    start = match.start if match.entry.kind != "social" else max(0, match.end - _HABIT_WORDS)
    if match.end - start < 2 or at >= len(tokens) or tokens[at].word not in _CONJUNCTIONS:
        return []
    at += 1
    while at < len(tokens) and (tokens[at].soft or tokens[at].word in ("in", "your", "with", "of")):
        at += 1
    if at >= len(tokens):
        return []
    head = list(tokens[start : match.end - 1])
    second = findings_trie().longest([*head, *tokens[at:]], 0)
    if second is None or second.end <= len(head) or second.entry.concept == match.entry.concept:
        return []
    return [Match(second.entry, min(start, match.start), at + second.end - len(head))]


def _is_named(ailment: Ailment, matches: Sequence[Match]) -> bool:
    """The vocabulary has a name of its own for this part and complaint."""
    return any(m.start <= ailment.start and ailment.end <= m.end for m in matches)


def _is_inside(match: Match, ailment: Ailment) -> bool:
    if match.end - match.start > 1 and match.end <= ailment.location[0]:
        # "Pain in my shoulder and arm": the shoulder has its name, the arm shares its complaint.
        return False
    return ailment.start <= match.start < ailment.end and match.end - match.start <= ailment.end - ailment.start


def _is_vague(tokens: Sequence[Token], mention: Mention) -> bool:
    if mention.location is not None:
        return False
    before = {t.word for t in tokens[max(0, mention.start - 3) : mention.start]}
    described = tokens[mention.end - 1].word in _PREDICATES and before & _DEFINITE == {"it"}
    if mention.concept in _BARE and before & _DEFINITE and not described:
        return True
    return mention.concept in VAGUE and not before & _INTRODUCING


def _sided(text: str, tokens: Sequence[Token], mention: Mention) -> Mention:
    """A symptom that has a name of its own, with the side on which it is: "my left knee hurts"."""
    if mention.kind != "symptom" or not any(
        t.word in _LATERAL for t in tokens[max(0, mention.start - 1) : mention.end]
    ):
        return mention
    for part in parts(tokens):
        side = part.start - 1
        if side >= 0 and mention.start <= part.start < mention.end and tokens[side].word in _LATERAL:
            location = text[tokens[side].start : tokens[part.end - 1].end]
            return replace(mention, start=min(mention.start, side), location=location)
    return mention


def _placed(text: str, tokens: Sequence[Token], ailment: Ailment) -> Mention:
    """The ailment with its place, "right ankle", in the mention."""
    first, last = ailment.location
    while first > 0 and tokens[first - 1].word in _SIDES:
        first -= 1
    location = text[tokens[first].start : tokens[last - 1].end]
    start, end = min(ailment.start, first), max(ailment.end, last)
    return Mention(ailment.concept, "symptom", "", start, end, location, ailment.negated)
