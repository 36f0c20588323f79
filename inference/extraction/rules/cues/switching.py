"""Medicines that took the place of others: "they changed it to rivaroxaban", and those only thought of. Pure."""

import re
from collections.abc import Sequence
from dataclasses import replace

from inference.extraction.rules.concepts.medication import Medicine
from inference.extraction.rules.cues.context import Assertion
from inference.extraction.text.dialogue import Turn

_CHANGED = r"(?:changed|switched|swapped|moved)"
_DETERMINER = r"(?: (?:the|my|your|her|his))?"
_CHANGING = re.compile(rf"\b(?:{_CHANGED}(?: (?:me|you|him|her|over))*(?: from)?|replaced){_DETERMINER}$")
"""Before the old one, where `_TO` follows it."""
_WILL_CHANGE = re.compile(
    r"\b(?:(?:chang|switch|swapp?|mov)(?:e|ing)?(?: (?:you|him|her|over))*(?: from)?|replac(?:e|ing))"
    rf"{_DETERMINER}$"
)
_WAS_CHANGED = re.compile(rf"(?:\w+ ){{0,4}}(?:{_CHANGED}|replaced)\b")
_TO = re.compile(
    r"(?:\w+ ){0,3}?(?:was |has been |had been |got |been )?(?:then |now )?"
    rf"(?:(?:{_CHANGED} )?(?:over )?(?:to|for|onto)|(?:replaced )?(?:by|with))(?: (?:a|an|some|the))?"
)
"""Between the old one and the new one: "my warfarin was changed to"."""
_OFF = re.compile(rf"\b(?:im|i am|ive come|i came|came|youre|took (?:me|you)|taken) off{_DETERMINER}$")
_WAS_ON = re.compile(rf"\b(?:was|used to be) (?:on|taking){_DETERMINER}$")
_NOW_ON = re.compile(r"(?:\w+ ){0,3}but now\b")
_NEW = re.compile(
    rf"\b(?:{_CHANGED}(?: \w+){{0,5}} (?:to|for|onto)|replaced(?: \w+){{0,4}} (?:by|with)|"
    rf"but now (?:its|it is|im on|i am on|i take|im taking|on))(?: (?:a|an|some))?{_DETERMINER}$"
)
"""Before the new one."""
_UNDONE = re.compile(
    r"\b(?:i|we) (?:was|were) (?:\w+ )?(?:going|planning|about|hoping|intending) to (?!see\b)(?:\w+ ){0,5}$|"
    r"\b(?:i|we) (?:was|were|had been) (?:thinking (?:of|about)|considering) (?:\w+ ){0,4}$|"
    r"\b(?:i|id|ive|we|wed|weve) (?:had )?(?:thought (?:about|of)|considered|wondered about) (?:\w+ ){0,4}$|"
    r"\b(?:might|would|could|should|id|wed) (?:normally |usually |otherwise )?have "
    r"(?:given|prescribed|started|used|put|tried) (?:\w+ ){0,4}$"
)
"""Before what did not come about: "I was going to give you"."""


def is_only_thought_of(turn: Turn, medicine: Medicine) -> bool:
    """ "I was going to give you trimethoprim, but": nobody takes it, and nobody orders it."""
    said = _UNDONE.search(f"{turn.words_before(medicine.start)} ")
    return said is not None and not {"but", "so"} & set(said.group().split())


def is_to_be_replaced(turn: Turn, medicine: Medicine, others: Sequence[Medicine]) -> bool:
    """ "We'll switch your amlodipine to felodipine": the first is to be stopped."""
    return _WILL_CHANGE.search(turn.words_before(medicine.start)) is not None and _goes_to(turn, medicine, others)


def as_switched(turn: Turn, medicine: Medicine, others: Sequence[Medicine], said: Assertion) -> Assertion:
    """What a told change of medicines makes of one of them: the old one is over, the new one is taken.

    `others` are the medicines of the clause: "they changed my warfarin to 3 mg" names no new one.
    """
    before = turn.words_before(medicine.start)
    if _NEW.search(before):
        return replace(said, status="present", temporality="current", from_token=medicine.start, to_token=medicine.end)
    after = " ".join(turn.sentence.words[medicine.end :])
    was_on = _WAS_ON.search(before) and _NOW_ON.match(after)
    changed = _goes_to(turn, medicine, others) and (_CHANGING.search(before) or _WAS_CHANGED.match(after))
    if said.status == "present" and (was_on or changed or _OFF.search(before)):
        return replace(said, status="absent", temporality="past")
    return said


def _goes_to(turn: Turn, medicine: Medicine, others: Sequence[Medicine]) -> bool:
    """Whether "to" and another medicine follow."""
    following = next((other for other in others if other.start >= medicine.end), None)
    if following is None:
        return False
    return _TO.fullmatch(" ".join(turn.sentence.words[medicine.end : following.start])) is not None
