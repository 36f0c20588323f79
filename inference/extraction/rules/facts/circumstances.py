"""What somebody tells of home and work: "I live with my parents", "I'm a teacher". Pure."""

import re
from collections.abc import Iterator

from inference.extraction.rules.facts.draft import Draft, draft
from inference.extraction.tables import words
from inference.extraction.text.dialogue import Turn
from inference.extraction.text.tokens import FILLERS
from inference.findings import Status

_HOME_QUESTION = re.compile(
    r"\b(?:live with|living with|live alone|at home with|your own|who (?:is|s|are|else)?.*home)\b"
)
_NO_DRINK = re.compile(
    r"\bteetotal\w*|"
    r"\bi (?:dont|do not|never)(?: really| ever| even)? (?:smoke or |vape or )?drink(?: or smoke| at all| alcohol)?$"
)
_JOB_QUESTION = re.compile(
    r"\b(?:for work|for a living|do you work|your (?:job|occupation|profession|line of work)|work as|employed|"
    r"what (?:is it |work )?(?:do )?you do)\b"
)
_OTHERS_AT_HOME = (
    r"wife|husband|partner|girlfriend|boyfriend|fianc\w+|parents|mum|mom|mother|dad|father|family|children|kids|"
    r"son|daughter|brother|sister|flatmates?|housemates?|roommates?|friends?|students|people"
)
_WITH = re.compile(rf"\b(?:live|living|lives)\b[\w ]{{0,30}}?\bwith\b[\w ]{{0,25}}?\b(?P<who>{_OTHERS_AT_HOME})\b")
_WITH_ANSWER = re.compile(
    rf"\b(?:with|my)\b[\w ]{{0,25}}?\b(?P<who>{_OTHERS_AT_HOME})\b"
    r"(?! (?:uh |um |all |both |still )*(?:live|lives|lived|living|is|are|was|were|has|have|had|s)\b)"
)
_JOB = re.compile(
    r"\bi (?:work|worked|am working) (?P<how>as|in|at|for) (?:an? |the |kind of |like )?"
    r"(?P<what>[a-z]+(?: [a-z]+){0,2}?)(?= (?:and|so|but|um|uh|you|i|at|in|for|which|it|its|with|just)\b|$)"
)
_JOB_ANSWER = re.compile(
    r"\b(?:im|i am) (?:actually |currently |just |uh |um |an? |im |i am )*"
    r"(?P<what>[a-z]+(?: [a-z]+){0,2}?)(?= (?:and|so|but|um|uh|you|i|at|in|for|which|it|its|with|by|just)\b|$)"
)
_JOB_TOLD = re.compile(
    r"\bi (?:do |currently |actually |still )*work as (?:an? |the )(?P<what>[a-z]+(?: [a-z]+){0,2}?)"
    r"(?= (?:and|so|but|um|uh|you|i|at|in|for|which|it|its|with|by|just|on)\b|$)"
)
_NO_JOB = words("no_job")
_SHARED = frozenset(
    (
        "flatmate",
        "flatmates",
        "housemate",
        "housemates",
        "roommate",
        "roommates",
        "friend",
        "friends",
        "students",
        "people",
    )
)


def circumstances(turn: Turn, asked: Turn | None) -> Iterator[Draft]:
    """Who the patient lives with and what the patient works as. `asked`: the question that the turn may answer."""
    if turn.speaker == "clinician":
        return
    said, question = turn.joined, asked.joined if asked is not None else ""
    if abstinent := _NO_DRINK.search(said):
        yield _told(turn, "alcohol", abstinent, status="absent")
    home = _WITH.search(said) or (_WITH_ANSWER.search(said) if _HOME_QUESTION.search(question) else None)
    if home and not re.search(r"\b(?:dont|not|used to)\b", said[: home.start()]):
        text = f"lives with {home['who']}" if home["who"] in _SHARED else "lives with family"
        yield _told(turn, text, home)
    if not _JOB_QUESTION.search(question):
        if (job := _JOB_TOLD.search(said)) is not None:
            yield _told(turn, f"works as {job['what']}", job)
        return
    job = _JOB.search(said) or next(reversed(list(_JOB_ANSWER.finditer(said))), None)
    if job is None:
        return
    work = [word for word in job["what"].split() if word not in FILLERS | {"a", "an", "the"}]
    if work and not _NO_JOB & set(work):
        yield _told(turn, f"works {job.groupdict().get('how', 'as')} {' '.join(work)}", job)


def _told(turn: Turn, text: str, match: re.Match[str], *, status: Status = "present") -> Draft:
    start = turn.joined[: match.start()].count(" ")
    return draft(turn, "social_history", text, start, start + match.group().count(" ") + 1, status=status)
