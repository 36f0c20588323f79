"""Which problem a stretch of speech names, and which one a clinician who dictates a plan is at. Pure."""

import re
from collections.abc import Iterator, Sequence

from inference.extraction.rules.concepts.anatomy import ailments
from inference.extraction.rules.cues.context import assertion, triggers
from inference.extraction.tables import words
from inference.extraction.text.dialogue import Turn
from inference.extraction.text.tokens import FILLERS, Token
from inference.extraction.words.lexicon import Match, find, findings_trie

Span = tuple[int, int]
"""Tokens [start, end) of a turn."""

_ENDING = words("problem_end")
_LEADING = FILLERS | words("problem_lead")
_NAMES_NOTHING = FILLERS | words("no_problem")
_JOINING = frozenset(("and", "or"))
_OWNED = words("determiner")
_AFTER = {"type": frozenset("i"), **dict.fromkeys(("of", "in", "on", "with", "and", "or", "around", "both"), _OWNED)}
"""Words that go on with a phrase only behind another: "type i diabetes", "pain in your knee"."""
_LEADS_IN = words("leading_in")
_PLANNING = words("planning_subject")
_QUESTION = 20
"""Words of a sentence that is a question as a whole; a longer one only ends with one, or goes on for many."""
_LONGEST = 9
_LONGEST_RAW = 5
_WINDOW = 12
"""Words before a diagnosis that may deny it or make a condition of it."""
_REACH = 8
_REACH_OF_PLAN = 24
"""Sentences for which a problem stays the one that is spoken of, and for which the one of a plan does."""
_PLANNED = ("numbered", "standpoint", "leading")
_DENIALS = words("cause_denial")
_DENIED = 3
"""Words in front of a claim in which it is denied: "I don't think you have"."""
_KINDS = ("symptom", "condition")

_POSSESSIVE = r"(?:your|the|his|her|this|that)"
_ORDINAL = r"(?:first|second|third|fourth|fifth|sixth|next|last|final|main|primary|secondary|other|1st|2nd|3rd)"
_NUMBERED = (
    rf"{_ORDINAL} (?:medical |health )?(?:problem|diagnosis|issue|concern|complaint|condition)|"
    rf"(?:first|second|third|fourth|fifth|last)(?:ly| off| of all| thing)? (?={_POSSESSIVE} )|"
    rf"for {_POSSESSIVE} (?:problem|diagnosis|issue|concern|complaint)"
)
_OPENING = re.compile(rf"(?:for {_POSSESSIVE} )?(?:{_NUMBERED})\b")
_NAMING = re.compile(
    rf"\b(?P<numbered>(?:{_NUMBERED})\b)|"
    r"\bfrom (?:an?|the|your|his|her) (?P<standpoint>(?:\w+ ){1,7})(?:standpoint|perspective|point of view)\b|"
    rf"\b(?P<regarding>(?:in terms of|as far as|with regards? to|in regards? to|regarding|when it comes to|as for|"
    rf"concerning) (?={_POSSESSIVE}\b))|"
    rf"\b(?P<leading>for (?={_POSSESSIVE}\b))"
)
_DIAGNOSIS = re.compile(
    rf"\b(?P<diagnosis>i (?:do |also |really )?(?:think|believe|suspect|feel)(?: that| like)?"
    rf"(?: (?!(?:nt|not|i|im|ive|my|{_ORDINAL})\b)\w+){{0,3}}? "
    r"(?:have|having|got|is|are|an?|in|with|this)\b|"
    r"(?:youve|you (?:\w+ly )?have|you (?:do|did|may|might|must|probably|definitely) have)(?: got)?\b|"
    r"diagnosis(?: of| is| would be)\b|consistent with\b|suggesti(?:ve|ng)(?: of)?\b|indicative of\b|"
    r"sounds like\b|looks like\b|(?:due to|caused by|related to)\b|(?:concerned|worried) (?:about|that|for)\b|"
    r"dealing with\b|(?:is|s) called\b)"
)


def clinical(tokens: Sequence[Token]) -> list[Match | Span]:
    """Symptoms and conditions among the tokens, "the pain" too, of which a finding would need more."""
    found: list[Match | Span] = [m for m in find(findings_trie(), tokens) if m.entry.kind in _KINDS]
    return found or [(a.start, a.end) for a in ailments(tokens)]


def phrase(tokens: Sequence[Token], start: int, *, limit: int = _LONGEST) -> Span | None:
    """The noun phrase from a token on, without what leads in: "your knee pain" is "knee pain"."""
    while start < len(tokens) and tokens[start].word in _LEADING:
        start += 1
    end = start
    while end < min(len(tokens), start + limit):
        word = tokens[end].word
        if word in _JOINING:
            if not _goes_on(tokens, end + 1):
                break
        elif word in _ENDING and not (end > start and word in _AFTER.get(tokens[end - 1].word, ())):
            break
        end += 1
        if tokens[end - 1].comma and not _goes_on_after_comma(tokens, end):
            break
    while end > start and tokens[end - 1].word in _NAMES_NOTHING | _JOINING:
        end -= 1
    return (start, end) if end > start else None


def problem(tokens: Sequence[Token], start: int, *, conditions_only: bool = False) -> Span | None:
    """The noun phrase from a token on, where it names a symptom or a condition."""
    span = phrase(tokens, start)
    if span is None:
        return None
    named = clinical(tokens[span[0] : span[1]])
    if conditions_only:
        named = [m for m in named if isinstance(m, Match) and m.entry.kind == "condition"]
    return span if named else None


def _goes_on(tokens: Sequence[Token], at: int) -> bool:
    """After "and": the next words name a problem too."""
    while at < len(tokens) and (tokens[at].soft or tokens[at].word in _LEADING):
        at += 1
    return bool(tokens[at : at + 3]) and tokens[at].word not in _ENDING and _opens_problem(tokens[at : at + 3])


def _goes_on_after_comma(tokens: Sequence[Token], at: int) -> bool:
    return at < len(tokens) and tokens[at].word in _JOINING and _goes_on(tokens, at + 1)


def _opens_problem(tokens: Sequence[Token]) -> bool:
    return any((m.start if isinstance(m, Match) else m[0]) <= 1 for m in clinical(tokens))


def leads(turn: Turn, first: int, end: int) -> bool:
    """ "For your diabetes I'd like ...": a phrase over the tokens [first, end) that opens what follows it."""
    spoken = turn.sentence.words
    opens = first == 0 or spoken[first - 1] in _LEADS_IN
    if opens or end == len(spoken) or spoken[end] not in _PLANNING or turn.tokens[first - 1].comma:
        return opens
    # Without marks "for the pain I'll" ends an order, and "for your diabetes I'll" opens one.
    return spoken[first + 1] != "the" or not all(_is_symptom(named) for named in clinical(turn.tokens[first:end]))


def _is_symptom(named: Match | Span) -> bool:
    return not isinstance(named, Match) or named.entry.kind == "symptom"


def is_numbered(turn: Turn, first: int) -> bool:
    """At this token a plan goes on to its next problem: "for your second problem"."""
    return _OPENING.match(" ".join(turn.sentence.words[first : first + 5])) is not None


def topic(conversation: Sequence[Turn], at: int, before: int) -> tuple[Turn, Span, Span] | None:
    """The problem that the clinician was at before the token `before` of sentence `at`.

    The turn, the tokens that name the problem, and those that prove it: they hold the words that introduce it too.
    The one that was named last ("for your knee pain"), or else the last diagnosis ("I think you have ..."). None where
    the talk went on to something that names none.
    """
    for introducing in (_NAMING, _DIAGNOSIS):
        for place in range(at, max(-1, at - _REACH_OF_PLAN), -1):
            turn = conversation[place]
            if turn.speaker == "patient":
                continue
            asks = turn.form != "statement" and len(turn.tokens) <= _QUESTION
            end = before if place == at else len(turn.tokens)
            for cue in reversed(list(introducing.finditer(turn.joined))):
                if turn.joined[: cue.start()].count(" ") >= end or (asks and cue.lastgroup not in _PLANNED):
                    continue
                found = _named(turn, cue, end)
                if found is not None:
                    if at - place >= _REACH and cue.lastgroup not in _PLANNED:
                        return None
                    said, proof = found
                    return (turn, said, proof) if said is not None else None
    return None


def _named(turn: Turn, cue: re.Match[str], before: int) -> tuple[Span | None, Span] | None:
    """What a cue names, and the proof. None: it is none; a span of None: it leaves the problem before."""
    tokens = turn.tokens[:before]
    name = cue.lastgroup or ""
    first = turn.joined[: cue.start(name)].count(" ")
    after = turn.joined[: cue.end(name)].rstrip().count(" ") + 1
    if name == "standpoint":
        return ((first, after) if clinical(tokens[first:after]) else None, (first, after))
    if name == "diagnosis":
        said = problem(tokens, after, conditions_only=True)
        return (said, (first, said[1])) if said is not None and _is_asserted(tokens, first, said) else None
    said = problem(tokens, after)
    if name == "leading":
        return (said, (first, said[1])) if said is not None and leads(turn, first, said[1]) else None
    if said is None and name == "numbered" and cue[name].endswith(("problem", "diagnosis")):
        said = phrase(tokens, after, limit=_LONGEST_RAW) or _first_condition(tokens, after)
    if said is None and cue[name].rstrip().endswith(("first", "second", "third", "fourth", "fifth", "last", "thing")):
        return None
    return said, (first, said[1] if said is not None else after)


def _first_condition(tokens: Sequence[Token], start: int) -> Span | None:
    """ "Your third diagnosis is, like, we are crossing into heart failure"."""
    named = clinical(tokens[start : start + _LONGEST])
    if not named:
        return None
    first, end = (named[0].start, named[0].end) if isinstance(named[0], Match) else named[0]
    return start + first, start + end


def _is_asserted(tokens: Sequence[Token], first: int, said: Span) -> bool:
    start = max(0, first - _WINDOW)
    window = tokens[start : said[1]]
    inside = range(said[0] - start, said[1] - start)
    if _DENIALS & {token.word for token in tokens[max(0, first - _DENIED) : first]}:
        return False
    found = assertion(window, triggers(window, frozenset(inside)), inside.start, inside.stop)
    return found.status != "absent" and found.experiencer == "patient" and not found.hypothetical


def spans(pattern: re.Pattern[str], joined: str) -> Iterator[tuple[re.Match[str], int, int]]:
    """Matches in a sentence of plain words, each with its first token and the token after its last."""
    for match in pattern.finditer(joined):
        first = joined[: match.start()].count(" ")
        yield match, first, joined[: match.end()].rstrip().count(" ") + 1
