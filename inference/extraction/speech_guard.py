"""Speech that gives orders to a machine proves nothing: it is transcript, and no evidence. Pure.

The prompt tells the model so, and a model may obey all the same; hence no extractor reads what is caught here, and no
quote of it is evidence. What is caught is what nobody says to a patient: an order to drop one's instructions that goes
on with an order to record, and the signs of chat templates and of our own answers. An order that is worded as ordinary
speech cannot be told from a dictation; it stands as what was said, with those words as its evidence.
"""

import re
from dataclasses import replace

from inference.transcript import Segment

_ORDER = re.compile(
    r"""
    \b(?:ignore|disregard|forget|override|bypass)\b (?:\W+\w+){0,3}?
    \W+ (?:your|all|any|previous|prior|earlier|above|system|these|those) (?:\W+\w+){0,3}?
    \W+ (?:instructions?|rules|prompts?|programming|guidelines)\b
    (?: .{0,80}? \b(?:record|document|report|write|enter|output|print|delete|erase|retract|remove)\b
          (?!\W+(?:your|down)\b)
      | .{0,80}? \badd\b .{0,40}? (?:allerg|diagnos|finding|entry|record)
    )
    | \bsystem\ prompt\b
    | \byou\ are\ (?:now\ )?(?:an?\ |the\ )?(?:language\ model|chat\ ?bot|a\.?i\.?\ (?:model|assistant|system))\b
    | <\| | \|> | \[/?INST\] | </?s> | <</?SYS>> | <(?:start|end)_of_turn>
    | "op"\s*: | "operations"\s*: | \bfinding_id\b
    """,
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)


def provable(segment: Segment) -> Segment:
    """The segment with its text up to where it begins to order a machine about: the part that may prove findings."""
    order = _ORDER.search(segment.text)
    if order is None:
        return segment
    kept, at = 0, 0
    for word in segment.words:
        at = segment.text.find(word.text, at) + len(word.text)
        if at > order.start():
            break
        kept += 1
    return replace(segment, text=segment.text[: order.start()], words=segment.words[:kept])
