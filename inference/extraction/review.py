"""Said and not noted: at the end of a consultation its facts are listed anew and compared with the findings one by one.

If this fails or is late, nothing but the comparison is lost.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from inference.extraction import ExtractionError, ExtractionRequest, Heard, Listed, Lister
from inference.extraction.evidence.grounding import FinalTexts
from inference.extraction.evidence.merging import Findings
from inference.extraction.evidence.omissions import Note, Sentence, omission
from inference.extraction.evidence.support import supported
from inference.extraction.isolation import Apart, place_of
from inference.extraction.reader import Reading
from inference.findings import Finding, Omission
from inference.transcript import Segment

logger = logging.getLogger(__name__)

MOST = 40
"""Omissions of one consultation that are offered at most: nobody reads a longer list."""

WAIT_S = 1.0
"""How long the end of a session waits for the lists, once the last findings are there. A model is asked earlier, while
the last findings are still on their way."""


@dataclass(frozen=True, slots=True)
class _Said:
    """The facts that the finals prove, in the form of findings."""

    facts: Sequence[Finding] = ()
    sentences: Sequence[Sentence] = ()


@dataclass(slots=True)
class Review:
    """The comparison of one session. `begin` asks the extractors, `omissions` compares what they have answered so far.

    Its errors end in `apart`.
    """

    apart: Apart
    left_out: dict[str, None] = field(default_factory=dict)
    """The ids of what the clinician set aside, in order."""
    offered: tuple[Omission, ...] = ()
    """The newest result of `omissions`."""
    _asked: int = -1  # finals
    _tasks: list["asyncio.Task[None]"] = field(default_factory=list)
    _said: dict[str, _Said] = field(default_factory=dict)  # by the extractor's name
    _compared: bool = False

    def begin(
        self,
        readings: Iterable[Reading],
        finals: Sequence[Segment],
        request: Callable[[Reading], ExtractionRequest],
        late: Callable[[], None],
    ) -> None:
        """Asks every extractor that lists facts, unless it was asked about the same finals.

        `late` is called when one of them answers after the first comparison. Only the questions hold it, so that this
        object and the one that `late` belongs to are freed when they are over.
        """
        if self._asked == len(finals):
            return
        self.close()
        self._asked, self._compared = len(finals), False
        self._said.clear()
        for one in readings:
            if isinstance(one.extractor, Lister):
                work = self._list(one.extractor, request(one), finals, late)
                self._tasks.append(asyncio.create_task(work))

    async def wait(self, limit_s: float = WAIT_S) -> None:
        """Returns when every extractor has answered, or after `limit_s`."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=limit_s)

    def omissions(self, note: Sequence[Finding]) -> tuple[Omission, ...]:
        """What no finding of the note tells, in the order in which it was said; `MOST` of it at most.

        `note` holds what was taken back or changed by hand too: that is not offered again.
        """
        self._compared = True
        told, found = list(note), list[Finding]()
        for said in sorted(self._said.values(), key=lambda said: bool(said.sentences)):  # a model's words go first
            found += Note(told).lacking(said.facts)
            told += said.facts
        known = Note(told)
        for said in self._said.values():
            found += [sentence.heard for sentence in said.sentences if not known.holds(sentence)]
        left = [one for one in map(omission, found) if one.id not in self.left_out]
        self.offered = tuple(sorted(left[:MOST], key=lambda one: one.evidence[0].from_s))
        return self.offered

    def close(self) -> None:
        """Drops the questions that are not answered."""
        for task in self._tasks:
            task.cancel()
        self._tasks.clear()

    async def _list(
        self, extractor: Lister, request: ExtractionRequest, finals: Sequence[Segment], late: Callable[[], None]
    ) -> None:
        with self.apart:
            try:
                listed = await extractor.list_facts(request)
            except ExtractionError as error:
                name, place = extractor.name, place_of(error)
                logger.info("what was said is not compared with the note by the %s extractor: %s", name, place)
                return
            self._said[extractor.name] = await asyncio.to_thread(_proved, listed, finals)
            if self._compared:
                late()


def _proved(listed: Listed, finals: Sequence[Segment]) -> _Said:
    """Checks every quote as those of findings are checked; what is said twice becomes one."""
    texts, store = FinalTexts(finals), Findings()
    for proposal in listed.facts:
        proved = supported(texts.grounded(proposal), texts.by_id)
        if proved is not None and proposal.op == "add":
            store.merge(proved)
    made = (_sentence(f"h{number}", heard, texts) for number, heard in enumerate(listed.sentences, 1))
    return _Said(store.all(), [sentence for sentence in made if sentence is not None])


def _sentence(identifier: str, heard: Heard, texts: FinalTexts) -> Sentence | None:
    """The sentence with its proof; None where part of it cannot prove anything."""
    proof = texts.proof(heard.proposal.quotes)
    named = tuple(evidence for quote in heard.named if (evidence := texts.ground(quote)) is not None)
    return Sentence(Finding.of(identifier, heard.proposal, proof), named) if proof is not None and named else None
