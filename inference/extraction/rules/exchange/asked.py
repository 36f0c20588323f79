"""What a question for yes or no asks after, without what it takes for granted. Pure."""

from collections.abc import Iterator, KeysView
from dataclasses import dataclass

from inference.extraction.rules.concepts.medication import Medicine, medicines
from inference.extraction.rules.concepts.mentions import Mention, mentions
from inference.extraction.rules.cues.asides import is_safety_net
from inference.extraction.rules.cues.context import Assertion, assertion, triggers_beside
from inference.extraction.rules.cues.presupposed import (
    is_circumstance,
    is_compared,
    is_excepted,
    is_given,
    is_of_bouts,
    is_presupposed,
    names_an_owner,
)
from inference.extraction.rules.cues.readings import Answer
from inference.extraction.rules.cues.trigger import Trigger
from inference.extraction.text.dialogue import Turn


@dataclass(frozen=True, slots=True)
class Asked:
    """The mentions and the medicines that the question `turn` asks after, and the triggers in it."""

    turn: Turn
    mentions: tuple[Mention, ...]
    drugs: tuple[Medicine, ...]
    context: tuple[Trigger, ...]

    @property
    def names(self) -> KeysView[str]:
        """The concepts and the names of the medicines, in their order in the sentence."""
        named = [(m.start, m.concept) for m in self.mentions] + [(d.start, d.name) for d in self.drugs]
        return dict.fromkeys(name for _, name in sorted(named)).keys()

    @property
    def is_negative(self) -> bool:
        """It asks by a denial: "no fever?", "you don't smoke?"."""
        tokens = self.turn.tokens
        places = [(m.start, m.end) for m in self.mentions] + [(d.start, d.end) for d in self.drugs]
        denied = any(assertion(tokens, self.context, *place).status == "absent" for place in places)
        denied = denied or any(m.negated for m in self.mentions)
        return denied or any(t.category == "negated" and t.end == len(tokens) for t in self.context)

    def assertion(self, mention: Mention) -> Assertion:
        """What the question itself says of a mention."""
        return assertion(self.turn.tokens, self.context, mention.start, mention.end)


def asked_after(turn: Turn, answer: Answer) -> Asked:
    """What an answer to the question says something of. Some of it only a "no" does not deny."""
    found = tuple(
        m
        for m in _mentioned(turn)
        if not (
            is_given(turn, m)
            or is_presupposed(turn, m)
            or is_excepted(turn, m.start)
            or is_safety_net(turn, m.end)
            or is_compared(turn, m, answer)
            or is_circumstance(turn, m, answer)
            or is_of_bouts(turn, m, answer)
        )
    )
    context = triggers_beside(turn.tokens, found)
    return Asked(turn, found, tuple(medicines(turn.segment.text, turn.tokens, asked=True)), tuple(context))


def given(turn: Turn) -> Iterator[Mention]:
    """The conditions that the question takes as known: "do you take anything for your asthma?"."""
    return (m for m in _mentioned(turn) if is_given(turn, m))


def _mentioned(turn: Turn) -> list[Mention]:
    return [m for m in mentions(turn.segment.text, turn.tokens) if not names_an_owner(turn, m)]
