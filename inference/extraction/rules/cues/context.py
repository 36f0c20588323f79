"""Is a mention affirmed, denied, doubted, over, another person's, or only imagined? A small ConText.

The algorithm is that of Harkema, Dowling, Thornblade and Chapman (J Biomed Inform 2009, 42:839), over
`vocabulary/context.tsv`: a trigger governs the mentions in its direction up to its reach, and up to a word that ends
its scope. Pure.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from inference.extraction.rules.cues.reports import reports
from inference.extraction.rules.cues.scope import denial_ends, other_ends, returns
from inference.extraction.rules.cues.trigger import Category, Trigger
from inference.extraction.tables import alternatives, rows, table, words
from inference.extraction.text.dialogue import LEAD_INS
from inference.extraction.text.tokens import Token, normalise
from inference.findings import Experiencer, Status, Temporality

_DIRECTIONS = ("forward", "backward", "both")
_NO_REACH = 99
_FIRST_PERSON_SUBJECTS = frozenset(("i", "im", "ive", "my"))
_DENIALS = words("denial") | {"cant", "couldnt", "cannot", "unable", "no"}
_CONDITIONS = frozenset(("if", "unless", "whether", "should"))
_OBJECTS = frozenset(("me", "us", "you", "him", "her", "them", "my", "your", "his", "the", "it"))
"""Behind "stopped" where something else is ended: "the coughing stopped me sleeping"."""
_PROMISING = frozenset(("ill", "will"))
_SUPPOSING = frozenset(("had", "was", "were", "got"))
_WOULD = frozenset(("id", "would", "wouldnt", "wouldve", "might"))
_JOINING = frozenset(("and", "but"))
_AGAINST = frozenset(("but", "however", "although", "though"))
_ALTERNATIVES = frozenset(("or", "nor"))
_LIST_REACH = 20
"""Words that a denial reaches to the last item of a list, "or blood in the stools"."""
_OWNERS = frozenset(("my", "your", "his", "her", "their"))
_CAUSING = words("causing")
_DEGREES = frozenset(("much", "often", "bad", "badly", "many"))
_RELATED = 5
"""Words behind a mention among which its cause is named: "some of her dizziness is related to"."""
_BOUTS = words("bout")
_ANSWERING = frozenset(("i", "we"))
_ASKED = "asked"
_DOUBTED = re.compile(
    r"\b(?:(?:cant|cannot|couldnt|wouldnt) (?:really |honestly )?say|(?:dont|didnt) (?:really )?(?:think|feel|believe)|"
    r"not (?:really |entirely |quite )?(?:sure|convinced|certain)|doubt)(?: (?:that|if|whether|like))?(?: \w+)?$"
)
"""Before what is over: "I can't say the cough has gone" has it still."""


@dataclass(frozen=True, slots=True)
class Assertion:
    """What the clause says of a mention. The mention and the words that say so are [from_token, to_token).

    `reported`: it is the result of an examination, or a suspicion that somebody tells.
    """

    status: Status
    temporality: Temporality
    experiencer: Experiencer
    hypothetical: bool
    from_token: int
    to_token: int
    reported: bool = False


@table
def _triggers() -> dict[str, list[tuple[tuple[str, ...], Category, str, int]]]:
    """Triggers by first word, the longest first."""
    table: dict[str, list[tuple[tuple[str, ...], Category, str, int]]] = {}
    for person in words("stranger"):
        table.setdefault(person, []).append(((person,), "family", "forward", _NO_REACH))
    for columns in rows("context.tsv"):
        category: Category = columns[1]  # type: ignore[assignment]
        direction = columns[2] if len(columns) > 2 else ""
        reach = int(columns[3]) if len(columns) > 3 and columns[3] else _NO_REACH
        for text in alternatives(columns[0]):
            wording = tuple(normalise(text))
            table.setdefault(wording[0], []).append((wording, category, direction, reach))
    for entries in table.values():
        entries.sort(key=lambda entry: -len(entry[0]))
    return table


def triggers(tokens: Sequence[Token], taken: frozenset[int]) -> list[Trigger]:
    """Longest triggers from left to right; words that belong to a mention (`taken`) are none."""
    found = [trigger for trigger in reports(tokens) if taken.isdisjoint(range(trigger.start, trigger.end))]
    taken |= {i for trigger in found for i in range(trigger.start, trigger.end)}
    table, at = _triggers(), 0
    spoken = tuple(token.word for token in tokens)
    while at < len(spoken):
        match = None
        if at not in taken:
            for entry in (e for e in table.get(spoken[at], ()) if spoken[at : at + len(e[0])] == e[0]):
                if entry[1] == "hypothetical" and spoken[at] == "so" and LEAD_INS.issuperset(spoken[:at]):
                    continue  # "so you don't have a fever?" concludes, "take it so you don't get a fever" aims
                is_free = taken.isdisjoint(range(at, at + len(entry[0])))
                if is_free or entry[1] == "pseudo":  # "non" of "non-productive cough" denies nothing
                    match = entry if is_free else None
                    break
        if match is None:
            at += 1
            continue
        wording, category, direction, reach = match
        found.append(Trigger(category, direction, reach, at, at + len(wording)))
        at += len(wording)
    return sorted(found, key=lambda trigger: trigger.start)


class Spanned(Protocol):
    """Something over the tokens [start, end) of a sentence."""

    @property
    def start(self) -> int: ...

    @property
    def end(self) -> int: ...


def triggers_beside(tokens: Sequence[Token], mentions: Iterable[Spanned]) -> list[Trigger]:
    """The triggers of a sentence; the words of its mentions are none."""
    return triggers(tokens, frozenset(at for mention in mentions for at in range(mention.start, mention.end)))


def assertion(tokens: Sequence[Token], found: Sequence[Trigger], start: int, end: int) -> Assertion:
    """What is said of the mention over the tokens [start, end)."""
    governing = [t for t in found if t.direction in _DIRECTIONS and _governs(tokens, found, t, start, end)]
    governing = _without_double_denial(tokens, governing)
    if any(token.word in _DENIALS for token in tokens[start:end]):
        # "I can't move my arm any more" is not over.
        governing = [t for t in governing if t.category != "resolved" or tokens[t.start].word not in ("any", "not")]
    if any(t.reports and t.start >= end for t in governing):
        # "The test for malaria was negative" is a result, no longer a test to be done.
        governing = [t for t in governing if t.category != "hypothetical" or tokens[t.start].word in _CONDITIONS]
    if any(t.category == "resolved" and t.start >= end for t in governing) and _is_doubted(tokens[:start]):
        governing = [t for t in governing if t.category not in ("resolved", "negated", "possible")]
    if any(t.category == "resolved" and returns(token.word for token in tokens[t.end :]) for t in governing):
        governing = [t for t in governing if t.category != "resolved"]
    if any(t.category == "negated" and t.start >= end and tokens[t.start].word in _ANSWERING for t in governing):
        # "They asked if I had a fever and I said no" denies it.
        governing = [t for t in governing if t.category != "hypothetical" or tokens[t.start].word != _ASKED]
    by_category = {trigger.category: trigger for trigger in governing}
    status: Status = "present"
    if "negated" in by_category or "resolved" in by_category:
        status = "absent"
    elif "possible" in by_category:
        status = "possible"
    saying = [by_category[c] for c in ("negated", "resolved", "possible") if c in by_category][:1]
    return Assertion(
        status=status,
        temporality="past" if "past" in by_category and status != "absent" else "current",
        experiencer="family" if "family" in by_category else "patient",
        hypothetical="hypothetical" in by_category,
        from_token=min([start, *(t.start for t in saying)]),
        to_token=max([end, *(t.end for t in saying)]),
        reported=any(t.reports for t in governing),
    )


def _governs(tokens: Sequence[Token], found: Sequence[Trigger], trigger: Trigger, start: int, end: int) -> bool:
    if trigger.end <= start and trigger.direction in ("forward", "both"):
        between = range(trigger.end, start)
    elif trigger.start >= end and trigger.direction in ("backward", "both"):
        between = range(end, trigger.start)
    else:
        return False
    if sum(not tokens[i].soft for i in between) > _reach(tokens, trigger, between):
        return False
    stops = [other for other in found if other.category == "stop" and other.start in between]
    if trigger.category == "resolved":
        return not stops and _ends(tokens, trigger, between, end)
    if trigger.category == "hypothetical":
        return _supposes(tokens, trigger, between, end, stops)
    if trigger.category == "family":
        return _is_of_family(tokens, found, trigger, between, start, end)
    if trigger.category == "possible":
        # "Potentially, there's a bit of swelling": the clause that is doubted begins behind the doubt.
        stops = [s for s in stops if not (s.start <= trigger.end + 1 and tokens[s.start].word.startswith("there"))]
    if stops:
        return False
    if trigger.category == "possible":
        return _doubts(tokens, trigger, between, end)
    if trigger.category == "negated":
        return trigger.end > start or not (_is_of_a_part(tokens, end) or denial_ends(tokens, trigger, between))
    return True


def _is_of_family(
    tokens: Sequence[Token], found: Sequence[Trigger], trigger: Trigger, between: range, start: int, end: int
) -> bool:
    if trigger.start >= end:
        # "Cancer and a strong family history of stroke": the history is that of what follows it.
        return trigger.direction == "forward" or not any(tokens[i].word in _JOINING for i in between)
    people = [other for other in found if other.category == "family" and other is not trigger]
    return not other_ends(tokens, people, trigger, start, end)


def _ends(tokens: Sequence[Token], trigger: Trigger, between: range, end: int) -> bool:
    """ "I stopped drinking, I've got a headache" ends no headache, "the vomiting stopped" ends it."""
    if trigger.start < end:
        parted = any(tokens[i].comma for i in range(trigger.end - 1, trigger.end + len(between)))
        return not parted and not any(tokens[i].word in _FIRST_PERSON_SUBJECTS for i in between)
    if trigger.direction != "both":
        return True
    following = {token.word for token in tokens[trigger.end : trigger.end + 1]}
    return not between and not tokens[trigger.start - 1].comma and _OBJECTS.isdisjoint(following)


def _supposes(tokens: Sequence[Token], trigger: Trigger, between: range, end: int, stops: Sequence[Trigger]) -> bool:
    """ "If the pain gets worse, or you have a fever": a condition holds for its whole sentence.

    "If I cough" is told, "if I get a fever, I'll call" is not. "They asked about my asthma" has it.
    """
    if tokens[trigger.start].word == _ASKED:
        return not between or tokens[between[-1]].word not in _OWNERS
    promises = any(token.word in _PROMISING for token in tokens[end:]) or _is_unreal(tokens, between, end)
    return not any(tokens[s.start].word in _AGAINST for s in stops) and (
        promises or not any(tokens[i].word in _FIRST_PERSON_SUBJECTS for i in between)
    )


def _is_unreal(tokens: Sequence[Token], between: range, end: int) -> bool:
    """ "If I had a fever, I'd have stayed at home" has none."""
    supposes = any(tokens[i].word in _SUPPOSING for i in between)
    return supposes and any(token.word in _WOULD for token in tokens[end:])


def _is_doubted(before: Sequence[Token]) -> bool:
    return _DOUBTED.search(" ".join(token.word for token in before)) is not None


def _reach(tokens: Sequence[Token], trigger: Trigger, between: range) -> int:
    """The words that a trigger reaches over; a denial goes on to the last item of a list."""
    is_listed = trigger.category == "negated" and any(tokens[i].word in _ALTERNATIVES for i in between[-3:])
    return max(trigger.reach, _LIST_REACH) if is_listed else trigger.reach


def _doubts(tokens: Sequence[Token], trigger: Trigger, between: range, end: int) -> bool:
    if trigger.start < end:
        return not _is_cause_in_doubt(tokens, between, end)
    # "Fever, maybe." but not "the diabetes, maybe you can cut down".
    closes = trigger.end == len(tokens) or tokens[trigger.end - 1].comma
    return closes or not any(tokens[i].comma for i in range(end - 1, trigger.start))


def _is_of_a_part(tokens: Sequence[Token], end: int) -> bool:
    """ "I haven't had any asthma attacks" has asthma still, and "I'm not coughing as much" coughs still."""
    following = [token.word for token in tokens[end : end + 2]]
    is_less = following[:1] in (["as"], ["so"]) and not _DEGREES.isdisjoint(following[1:])
    return is_less or not _BOUTS.isdisjoint(following[:1])


def _is_cause_in_doubt(tokens: Sequence[Token], between: range, end: int) -> bool:
    """ "It probably contributed to my heart attack" doubts the cause and not the heart attack."""
    if not between or tokens[between[-1]].word not in _OWNERS:
        return False
    nearby = [tokens[i].word for i in between] + [token.word for token in tokens[end : end + _RELATED]]
    return not _CAUSING.isdisjoint(nearby)


def _without_double_denial(tokens: Sequence[Token], governing: list[Trigger]) -> list[Trigger]:
    """ "I can't walk without pain" has the pain."""
    without = [t for t in governing if t.category == "negated" and tokens[t.start].word == "without"]
    if without and any(token.word in _DENIALS for token in tokens[: without[0].start]):
        return [t for t in governing if t.category != "negated"]
    return governing
