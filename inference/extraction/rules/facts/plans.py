"""Which tests the clinician orders, to whom he refers, and what he advises. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from inference.extraction.rules.concepts.followups import followup
from inference.extraction.rules.cues.declining import declined, within, words_outside
from inference.extraction.tables import rows, table, words
from inference.extraction.text.tokens import Token
from inference.extraction.words.lexicon import Entry, Match, Trie, exact, find, stems_of, wordings

_PLANNING = re.compile(
    r"\b(?:id like|i would like|i want|wanna|going to|gonna|ill|well|we will|i will|lets|let us|order|orders|"
    r"ordering|"
    r"send|sending|arrange|arranging|book|schedule|refer|referring|referral|need|needs|recommend|suggest|organise|"
    r"organize|set up|request|requesting|get you|have you|repeat|should|could do|can do|put in|advise|want you|"
    r"like you|"
    r"plan is|worth|consider|would like|lets get|due for|check|get|draw|run|obtain|"
    r"do (?:some|an?|more|further|your|another)|(?<!we )were (?:getting|doing|sending|booking))\b"
)
_FUTURE = re.compile(
    r"\b(?:id|would|want|wanna|going to|gonna|ill|well|will|lets|let|order|orders|ordering|arrange|arranging|book|"
    r"schedule|refer|referring|referral|need|needs|recommend|suggest|request|requesting|repeat|should|could|can|"
    r"worth|"
    r"due|plan|put in|send|consider|do|(?<!we )were (?:getting|doing|sending|booking))\b"
)
_DONE = re.compile(
    r"\b(?:showed|shows|shown|came back|was normal|were normal|is normal|results?|looked|looks|look at|last time|ago|"
    r"had an?|did an?|did your|already|reviewed|review|reveals|last|recent|previous|read|depending|see if|"
    r"based on|show|"
    r"before you came|until|get back|back from|waiting|keep your|control)\b"
)
_DONE_AFTER = re.compile(
    r"\b(?:showed|shows|came back|was|were|is normal|results?|looked|looks|last time|ago|back|below|under|already)\b"
)
_SENDING = re.compile(
    r"\b(?:refer|referral|referring|referrals|send|sending|see|book|arrange|appointment|get you|go to|need|follow up|"
    r"set you up|consult|recommend|schedule|order)\b"
)
_NOT_PLANNED = re.compile(
    r"\b(?:no need|dont need|not going|wont|dont think|not need|didnt|havent|not have to|dont want|not order|"
    r"nt think|"
    r"hold off on|no further|cant|rather not|not gonna|dont have to|doesnt need|no more|without|not necessary|"
    r"any more|possibly|such as|might have to)\b"
)
_OWN_DOING = frozenset(("work", "figure", "find", "sort", "arrange", "book", "organise", "organize", "see"))
_OURSELVES = frozenset(("we", "i", "lets"))
_OURSELVES_SHORT = frozenset(("well", "ill"))
"""With an apostrophe, which a token's characters have and its word has not."""
_URGING = frozenset(("keep", "start", "try", "recommend", "suggest", "advise", "by", "continue", "worth"))
_MAX_ADVICE_WORDS = 12
_NEAR_TOKENS = 18
_HEADS = frozenset(("panel", "profile", "culture", "titer", "titre", "genotype", "rna", "assay", "antibody"))
"""Last words of tests that no vocabulary lists in full: "anemia profile"."""
_MODIFIERS = 3
_SITES = words("site")
_SITE_JOINTS = frozenset(("of", "on", "for"))


@dataclass(frozen=True, slots=True)
class Plan:
    """An order or advice over the tokens [start, end)."""

    kind: Literal["order", "advice"]
    text: str
    start: int
    end: int
    attributes: Mapping[str, str] = field(default_factory=dict)


@table
def _tests_trie() -> Trie:
    trie = Trie()
    for name, order_type, column in rows("tests.tsv"):
        plain = name.removeprefix("!")
        for text, _ in [(re.sub(r"[()]", "", plain), False), (plain.split(" (")[0], False), *wordings(column)]:
            trie.add(stems_of(text), Entry(plain, "order", order_type))
    return trie


@table
def uncertain_tests() -> frozenset[str]:
    """Orders that name no certain test: "blood test"."""
    return frozenset(columns[0][1:] for columns in rows("tests.tsv") if columns[0].startswith("!"))


@table
def _advice_trie() -> Trie:
    trie = Trie()
    for columns in rows("advice.tsv"):
        trie.add(exact(columns[0]), Entry(columns[0], "advice"))
    return trie


def tests(tokens: Sequence[Token]) -> list[Match]:
    """The tests and referrals that a sentence names."""
    return find(_tests_trie(), tokens)


def plans(text: str, tokens: Sequence[Token], *, certain_speaker: bool) -> list[Plan]:
    """Orders and advice in a clause of the clinician. A speaker who is not known must not speak of himself."""
    spoken = [t.word for t in tokens]
    return [*_tests(tokens, spoken), *_follow_ups(text, tokens), *_advice(tokens, spoken, certain_speaker)]


def _follow_ups(text: str, tokens: Sequence[Token]) -> list[Plan]:
    found = followup(text, tokens)
    if found is None:
        return []
    name, start, end = found
    return [Plan("order", name, start, end, {"order_type": "followup"})]


def _tests(tokens: Sequence[Token], spoken: Sequence[str]) -> list[Plan]:
    found: list[Plan] = []
    matches = tests(tokens)
    matches += _unlisted(tokens, {i for m in matches for i in range(m.start, m.end)})
    stretches = declined(tokens) if matches else []
    for match in sorted(matches, key=lambda m: m.start):
        if within(stretches, match.start) is not None:
            continue
        near = " ".join(words_outside(tokens, stretches, match.start)[-_NEAR_TOKENS:])
        after = " ".join(spoken[match.end : match.end + 5])
        if not _PLANNING.search(near) or not _FUTURE.search(near):
            continue
        if _NOT_PLANNED.search(near) or _DONE.search(near) or _DONE_AFTER.search(after) or re.search(r"\bif\b", near):
            continue
        entry = match.entry
        if entry.detail == "referral" and not _SENDING.search(near):
            continue
        name, start, end = f"{entry.concept} referral", match.start, match.end
        if entry.detail == "imaging":
            name, start, end = _with_site(tokens, match)
        elif entry.detail == "lab":
            name = entry.concept
        found.append(Plan("order", name, start, end, {"order_type": entry.detail}))
    return found


def _unlisted(tokens: Sequence[Token], taken: set[int]) -> list[Match]:
    """ "An anemia profile": a modifier and a word that only tests end with."""
    found = []
    for at, token in enumerate(tokens):
        if token.word not in _HEADS or at in taken:
            continue
        start = at
        while start > max(0, at - _MODIFIERS) and _modifies(tokens[start - 1]) and start - 1 not in taken:
            start -= 1
        if start < at:
            name = " ".join(t.word for t in tokens[start : at + 1])
            found.append(Match(Entry(name, "order", "lab"), start, at + 1))
    return found


def _modifies(token: Token) -> bool:
    return not (token.soft or token.comma or token.word in words("no_modifier"))


def _with_site(tokens: Sequence[Token], match: Match) -> tuple[str, int, int]:
    """ "X-ray of your right knee" and "right knee x-ray": the part of the body that is to be seen."""
    start, end = match.start, match.end
    while start > 0 and tokens[start - 1].word in _SITES:
        start -= 1
    before = [t.word for t in tokens[start : match.start]]
    at = end
    if at < len(tokens) and tokens[at].word in _SITE_JOINTS:
        at += 1
        while at < len(tokens) and tokens[at].soft and tokens[at].word not in _SITES:
            at += 1
        first = at
        while at < len(tokens) and tokens[at].word in _SITES:
            at += 1
        if at > first:
            after = [t.word for t in tokens[first:at] if t.word not in before]
            if after:
                return f"{' '.join([*before, match.entry.concept])} of the {' '.join(after)}", start, at
    return " ".join([*before, match.entry.concept]), start, end


def _is_own_doing(tokens: Sequence[Token], match: Match) -> bool:
    """ "We'll try and get you an appointment", "let's try to work out why": the clinician does it."""
    if tokens[match.start].word != "try":
        return False
    doing = [token.word for token in tokens[match.end : match.end + 2]]
    return (
        doing[1:] == ["you"]
        or not _OWN_DOING.isdisjoint(doing[:1])
        or any(
            t.word in _OURSELVES or (t.word in _OURSELVES_SHORT and t.end - t.start > len(t.word))
            for t in tokens[max(0, match.start - 2) : match.start]
        )
    )


def _advice(tokens: Sequence[Token], spoken: Sequence[str], certain_speaker: bool) -> list[Plan]:
    found: list[Plan] = []
    for match in find(_advice_trie(), tokens):
        before = spoken[: match.start]
        if {"i", "ive", "im", "my"} & set(before[-6:]) and not {"id", "you", "recommend", "suggest", "want"} & set(
            before
        ):
            continue
        if not certain_speaker and {"my", "me"} & set(spoken[match.start : match.end + 3]):
            continue
        if {"did", "have", "do", "didnt", "havent"} & set(before[-3:]) and "you" in before[-2:]:
            continue
        if found and match.start < found[-1].end:
            continue
        if _is_own_doing(tokens, match):
            continue
        if match.start and spoken[match.start - 1].endswith("ing") and not _URGING & set(before):
            # "You're drinking lots of water": they do so already.
            continue
        end = match.end
        while end < len(tokens) and end - match.start < _MAX_ADVICE_WORDS:
            if tokens[end].word in ("because", "but", "so", "which", "okay", "ok") or (
                tokens[end - 1].comma and end > match.end + 1
            ):
                break
            end += 1
        found.append(Plan("advice", " ".join(spoken[match.start : end]), match.start, end))
    return found
