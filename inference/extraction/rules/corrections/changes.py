"""The words by which a plan is changed: taken back, replaced, objected to and agreed to. Pure.

Which orders a change meets is found in withdrawals.py. What a sentence names in order not to have it is found in
declining.py.
"""

import re

from inference.extraction.rules.corrections.editing import editings
from inference.extraction.tables import rows, table
from inference.extraction.text.dialogue import Turn

_INSISTING = frozenset(
    ("but", "however", "though", "still", "recommend", "should", "important", "because", "worry", "quick", "really",
     "why", "must", "unfortunately", "necessary", "advise", "urge", "insist")
)  # fmt: skip
_ADDING = frozenset(("also", "too", "plus", "both", "besides", "again", "additionally", "well", "add", "adding"))
_SHORT = 12


@table
def _wordings() -> dict[str, re.Pattern[str]]:
    texts = {columns[0]: columns[1] for columns in rows("changes.tsv")}
    parts = {name: texts.pop(name) for name in ("lead", "tail", "it")}
    for name, part in parts.items():
        texts = {key: text.replace(f"{{{name}}}", part) for key, text in texts.items()}
    return {key: re.compile(text) for key, text in texts.items()}


def _wording(name: str) -> re.Pattern[str]:
    return _wordings()[name]


def is_taken_back(turn: Turn) -> bool:
    """The sentence takes back what was planned last, without a name: "we'd better not", "then let's leave it"."""
    return _wording("taken_back").match(turn.joined) is not None or any(
        _wording("taken_back_before").match(turn.words_before(at))
        for at in range(1, len(turn.tokens))
        if turn.tokens[at - 1].comma
    )


def is_change(turn: Turn, before: Turn | None, *, answering: bool) -> bool:
    """The sentence, or one before it that says nothing else, tells that another plan follows.

    `answering`: somebody else spoke since the plan was made.
    """
    if _adds(turn):
        return False
    if answering and _wording("following").search(turn.joined):
        return True
    if _wording("changed").search(turn.joined) or (
        before is not None and before.speaker == turn.speaker and is_bare_change(before)
    ):
        return True
    first = next(iter(editings(turn.tokens)), None)
    opening = turn.sentence.words[: first.end] if first is not None and first.start == 0 else []
    return "actually" in opening or "rather" in opening


def is_bare_change(turn: Turn) -> bool:
    """ "Change of plan.": the next sentence tells which."""
    return _wording("alone").match(turn.joined) is not None


def is_firm(turn: Turn) -> bool:
    """It names the change: any test may give way to any other. "Actually" and "then" speak of the same type."""
    return _wording("changed").search(turn.joined) is not None


def is_earlier(turn: Turn) -> bool:
    """ "Actually, let's do bloods first.": the other plan follows."""
    spoken = turn.sentence.words
    return "first" in spoken and "instead" not in spoken


def restricts(turn: Turn) -> bool:
    """ "Actually, just the ECG."."""
    return _wording("restricting").search(turn.joined) is not None


def plans_something_else(turn: Turn) -> bool:
    """ "Let's try diet instead": a plan that names no order, in the place of one."""
    return re.search(r"\binstead\b(?! of)", turn.joined) is not None and all(
        _wording(name).search(turn.joined) for name in ("planning", "trying")
    )


def objects(turn: Turn) -> bool:
    """Somebody does not want what was planned."""
    return _wording("objecting").search(turn.joined) is not None


def proposes(turn: Turn) -> bool:
    """Somebody would rather have something else: "could we do an MRI instead?" """
    return bool(_wording("proposing").search(turn.joined)) and bool(_wording("instead").search(turn.joined))


def agrees(turn: Turn) -> bool:
    """The other goes along with an objection or a proposal, and does not insist."""
    return (
        _wording("agreeing").match(turn.joined) is not None
        and turn.sentence.mark != "?"
        and len(turn.tokens) <= _SHORT
        and not _INSISTING & set(turn.sentence.words)
    )


def keeps(turn: Turn) -> bool:
    """ "Stay on it", "keep taking it"."""
    return _wording("keeping").search(turn.joined) is not None


def _adds(turn: Turn) -> bool:
    spoken = turn.sentence.words
    adding = _ADDING & set(spoken) - {"well"} or any(spoken[at : at + 2] == ["as", "well"] for at in range(len(spoken)))
    return bool(adding)
