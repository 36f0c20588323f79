"""The words that prove a finding, and which of its attributes they still prove once more is said. Pure."""

from collections.abc import Iterable, Mapping

from inference.extraction.evidence.support import proved
from inference.findings import Evidence, Finding

MAX_EVIDENCE = 8
"""Quotes of one finding. Each update carries them all, and some things are said for hours."""

_CHECK = "check"
_NAME = "name"
_BETWEEN = "; "


def distinct(found: Iterable[Evidence | None]) -> tuple[Evidence, ...]:
    """The evidence that was found, without what lies inside other evidence; `MAX_EVIDENCE` at most."""
    return joined((), tuple(evidence for evidence in found if evidence is not None), {})


def still_proved(finding: Finding, evidence: tuple[Evidence, ...]) -> dict[str, str]:
    """The finding's attributes without those that its old evidence proves and the new evidence does not.

    The dose of a medicine that was stopped is not a dose of now.
    """
    gone = set(proved(finding.attributes, _quoted(finding.evidence)))
    gone -= set(proved(finding.attributes, _quoted(evidence)))
    return {name: value for name, value in finding.attributes.items() if name not in gone}


def _quoted(evidence: tuple[Evidence, ...]) -> str:
    return " ".join(e.quote for e in evidence)


def lies_in(evidence: Evidence, known: Iterable[Evidence]) -> bool:
    """Whether the evidence stands inside one that is known."""
    return any(e.segment == evidence.segment and e.start <= evidence.start and evidence.end <= e.end for e in known)


def joined(
    known: tuple[Evidence, ...], more: tuple[Evidence, ...], attributes: Mapping[str, str]
) -> tuple[Evidence, ...]:
    """The known evidence, and of `more` what lies inside none of it.

    Beyond `MAX_EVIDENCE` quotes the first, those that prove an attribute, and the newest are kept, in their order.
    """
    every = list(known)
    for evidence in more:
        if not lies_in(evidence, every):
            every.append(evidence)
    if len(every) <= MAX_EVIDENCE:
        return tuple(every)
    places = range(len(every))
    proofs = {name: at for at in places for name in proved(attributes, every[at].quote)}
    wanted = [0, *sorted(proofs.values()), *reversed(places)]
    kept = sorted(list(dict.fromkeys(wanted))[:MAX_EVIDENCE])
    return tuple(every[at] for at in kept)


def united(earlier: Mapping[str, str], later: Mapping[str, str], *, renamed: bool = False) -> dict[str, str]:
    """Both sets of attributes, the later where they differ; a doubt (`check`) only about what still stands.

    A doubt is "dose: no unit": it names the attribute, or the `name` of the medicine, that it is about.
    """
    both = {**earlier, **later}
    doubts = [d for d in _doubts(later) if _is_about(d, later, both)]
    doubts += [d for d in _doubts(earlier) if _is_about(d, earlier, both) and not (renamed and _subject(d) == _NAME)]
    both.pop(_CHECK, None)
    return both | ({_CHECK: _BETWEEN.join(dict.fromkeys(doubts))} if doubts else {})


def _doubts(attributes: Mapping[str, str]) -> list[str]:
    return [doubt for doubt in attributes.get(_CHECK, "").split(_BETWEEN) if doubt]


def _is_about(doubt: str, said: Mapping[str, str], both: Mapping[str, str]) -> bool:
    subject = _subject(doubt)
    if subject not in ("dose", "maximum"):
        return True
    return subject in said and said[subject] == both.get(subject)


def _subject(doubt: str) -> str:
    return doubt.partition(":")[0]
