"""What a bare word speaks of: "any blood?" after talk of the bowels is blood in stool. Pure."""

import re
from collections.abc import Sequence, Set
from dataclasses import replace

from inference.extraction.rules.facts.draft import Draft
from inference.extraction.text.dialogue import Turn
from inference.findings import Finding, Proposal

_TOPICS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("vomit", re.compile(r"\b(?:vomit\w*|throw(?:ing|n)? up|threw up|been sick|being sick|puk\w+)\b")),
    ("sputum", re.compile(r"\b(?:cough\w*|phlegm|sputum|spit\w*)\b")),
    (
        "urine",
        re.compile(r"\b(?:urin\w+|wee|weeing|pee|peeing|waterworks|pass(?:ing)? water|bladder|front passage)\b"),
    ),
    (
        "stool",
        re.compile(
            r"\b(?:diarrh\w+|stools?|poos?|poop\w*|bowels?|motions?|constipat\w+|loose|watery|back passage|"
            r"wip(?:e|ing))\b"
        ),
    ),
    ("chest", re.compile(r"\b(?:chest|breath\w*|wheez\w+|lungs?|heart)\b")),
    ("throat", re.compile(r"\bthroat\b")),
    ("ear", re.compile(r"\bears?\b")),
    ("eye", re.compile(r"\b(?:eyes?|eyelids?)\b")),
    ("nose", re.compile(r"\b(?:nose|nostrils?|sinus\w*)\b")),
    ("genital", re.compile(r"\b(?:vagina\w*|down below|down there|below|periods?|sex|intercourse|smear)\b")),
    ("penis", re.compile(r"\bpenis\b")),
    ("skin", re.compile(r"\b(?:skin|rash\w*|wounds?|spots?|blisters?|mole|cut|sore|bite|lump|scar|toe\w*)\b")),
)
_NAMES: dict[tuple[str, str], str] = {
    ("blood", "stool"): "blood in stool",
    ("blood", "urine"): "blood in urine",
    ("blood", "vomit"): "blood in vomit",
    ("blood", "sputum"): "blood in sputum",
    ("blood", "nose"): "nosebleed",
    ("blood", "genital"): "vaginal bleeding",
    ("blood", "skin"): "skin bleeding",
    ("mucus", "stool"): "mucus in stool",
    ("mucus", "sputum"): "phlegm",
    ("mucus", "nose"): "runny nose",
    ("discharge", "ear"): "ear discharge",
    ("discharge", "eye"): "eye discharge",
    ("discharge", "nose"): "runny nose",
    ("discharge", "urine"): "genital discharge",
    ("discharge", "genital"): "vaginal discharge",
    ("discharge", "penis"): "urethral discharge",
    ("discharge", "skin"): "skin discharge",
    ("toilet frequency", "urine"): "frequent urination",
    ("toilet frequency", "stool"): "",
    ("bunged up", "stool"): "constipation",
    ("bunged up", "nose"): "blocked nose",
    ("tightness", "chest"): "chest tightness",
    ("tightness", "throat"): "throat tightness",
    ("bleeding", "skin"): "skin bleeding",
    ("bleeding", "genital"): "vaginal bleeding",
    ("bleeding", "stool"): "rectal bleeding",
    ("bleeding", "nose"): "nosebleed",
}
_ALONE = {"bunged up": "blocked nose", "bleeding": "bleeding", "toilet frequency": "frequent urination"}
"""Bare words that say enough where no topic is known, and how."""
BARE = frozenset(name for name, _ in _NAMES)
_KIN = {
    "pain": re.compile(r"\b(?:pain|ache\w*|sore\w*|discomfort|headache|toothache|cramps?)\b|ache$"),
    "swelling": re.compile(r"\bswelling\b|^swollen\b"),
    "tingling": re.compile(r"\b(?:tingling|pins and needles)\b"),
    "pins and needles": re.compile(r"\btingling\b"),
    "numbness": re.compile(r"\bnumbness\b"),
    "redness": re.compile(r"\bredness\b|^red\b"),
    "lump": re.compile(r"\blump\b"),
}
_ONE_MATTER = (
    frozenset(("shortness of breath", "difficulty breathing")),
    frozenset(("palpitations", "fast heartbeat")),
    frozenset(("heartburn", "acid reflux", "indigestion")),
    frozenset(("tingling", "pins and needles")),
    frozenset(("fatigue", "lethargy")),
    frozenset(("dizziness", "lightheadedness")),
    frozenset(("chest tightness", "chest pressure")),
    frozenset(("dry skin", "cracked skin")),
    frozenset(("vaginal bleeding", "abnormal vaginal bleeding")),
    frozenset(("suicidal thoughts", "self-harm")),
    frozenset(("weakness", "limb weakness", "muscle weakness")),
    frozenset(("itching", "itchy skin", "itchy rash")),
    frozenset(("feeling cold", "chills")),
    frozenset(("high blood pressure", "hypertension")),
    frozenset(("flu", "influenza")),
)
_SAID_BETTER = {"feeling hot": "fever", "body aches": "muscle aches"}
"""What says more where both are told."""
_WINDOW = 14


def named(fact: Draft, conversation: Sequence[Turn], at: int, known: Set[str] = frozenset()) -> Draft | None:
    """The fact with its full name; None for a bare word that nothing explains, or that says nothing new there.

    `known`: what was told before; of several topics the one that it speaks of counts first.
    """
    bare = fact.proposal.text
    if bare not in BARE:
        return fact
    told = sorted({name for (word, _), name in _NAMES.items() if word == bare} & known)
    if len(told) == 1:
        return replace(fact, proposal=replace(fact.proposal, text=told[0]))
    for turn in reversed(conversation[max(0, at - _WINDOW) : at + 1]):
        last = max(
            (
                (match.start(), topic)
                for topic, pattern in _TOPICS
                for match in pattern.finditer(turn.joined)
                if (bare, topic) in _NAMES
            ),
            default=None,
        )
        if last is not None:
            name = _NAMES[bare, last[1]]
            return replace(fact, proposal=replace(fact.proposal, text=name)) if name else None
    return replace(fact, proposal=replace(fact.proposal, text=_ALONE[bare])) if bare in _ALONE else None


def is_known_as(name: str, known: Set[str]) -> bool:
    """Is it known under this name, a narrower one ("shortness of breath on exertion"), or one of the same matter?"""
    names = {name}.union(*(matter for matter in _ONE_MATTER if name in matter))
    return any(told in names or told.startswith(tuple(f"{each} " for each in names)) for told in known)


def is_known_better(fact: Proposal, known: frozenset[str]) -> bool:
    """Bare "pain" or "swelling" of which the place is known already: it is spoken of again."""
    kin = _KIN.get(fact.text)
    return fact.kind == "symptom" and kin is not None and any(kin.search(name) for name in known)


def _is_vaguer(finding: Finding, proposal: Proposal) -> bool:
    same = finding.source == "rules" and finding.status == "present" and finding.experiencer == proposal.experiencer
    return same and _SAID_BETTER.get(finding.text) == proposal.text


def under_known_name(fact: Draft, findings: Sequence[Finding]) -> Draft:
    """What was told as "short of breath" stays so when "difficulty breathing" says the same again."""
    proposal = fact.proposal
    if proposal.kind not in ("symptom", "past_history"):
        return fact
    # Of the same kind: a fever is not the hay fever of years.
    of_symptoms = proposal.kind == "symptom"
    statuses = {
        f.text: f.status
        for f in findings
        if f.experiencer == "patient" and (f.kind in ("symptom", "chief_complaint")) == of_symptoms
    }
    if proposal.text in statuses:
        return fact
    if proposal.status == "present":
        if statuses.get(_SAID_BETTER.get(proposal.text, "")) == "present":
            return replace(fact, proposal=replace(proposal, text=_SAID_BETTER[proposal.text]))
        vaguer = next((f for f in findings if _is_vaguer(f, proposal)), None)
        if vaguer is not None:
            return replace(fact, proposal=replace(proposal, op="update", finding_id=vaguer.id))
    wider = sorted(
        name for name, status in statuses.items() if name.endswith(f" {proposal.text}") and status == "present"
    )
    if wider and proposal.status == "present":
        # "The tummy pain" is the lower abdominal pain that was told before, "the diabetes" that of type 2.
        return replace(fact, proposal=replace(proposal, text=wider[0]))
    for names in _ONE_MATTER:
        if proposal.text in names:
            known = sorted(name for name in names if statuses.get(name) == proposal.status)
            return replace(fact, proposal=replace(proposal, text=known[0])) if known else fact
    return fact
