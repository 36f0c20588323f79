"""The way of a finding, from a final segment to the operations that the client sees.

`LiveExtraction._read` shows that way in order. The other methods decide when an extractor reads, and who waits for it.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

from inference.extraction import (
    ExtractionError,
    ExtractionRequest,
    Extractor,
    LateAnswer,
    Patient,
    UnusableAnswer,
    reads,
)
from inference.extraction.evidence.grounding import FinalTexts
from inference.extraction.evidence.merging import Findings
from inference.extraction.evidence.retractions import is_justified
from inference.extraction.evidence.support import supported
from inference.extraction.isolation import Apart, Isolation
from inference.extraction.memo import Memo
from inference.extraction.reader import Reading
from inference.extraction.review import WAIT_S, Review
from inference.extraction.speech_guard import provable
from inference.findings import Evidence, Operation, Quote
from inference.timing import Timings
from inference.transcript import Segment
from inference.updates import Asked, Emit, Extracted, ExtractionUpdate, Fault, Omissions, Ungrounded

logger = logging.getLogger(__name__)

LAST_PASS_S = 15.0
SUPERSEDED_AFTER_S = 3.0
"""For a request in flight when the last words are said: a healthy server has answered by then, and that need not be
asked again. One that waits in a queue or writes without end makes way for the last pass, which reads its lines too."""


class LiveExtraction:
    """Feeds new finals to each extractor and merges what comes back.

    Each extractor has one request in flight; what is said meanwhile goes into its next one. An extractor that fails is
    tried again with the same segments later, so an outage delays findings and loses none. Nothing here waits for an
    extractor but `caught_up` and `finish`, and these two for a bounded time.

    An error of our own, in an extractor, in merging or in sending, costs the findings that it met and no others; it
    ends in `isolation`. Callers put what they call here into that too: `with live.isolation: await live.add(...)`.
    The comparison with the note, which costs no finding, they put into `apart`: `list_facts`, `compare`, `leave_out`.
    """

    def __init__(
        self, extractors: Sequence[Extractor], emit: Emit, patient: Patient | None = None, language: str = "en"
    ) -> None:
        self.findings = Findings()
        self.language = language
        self.isolation = Isolation(emit)
        self.apart = Apart()
        self.review = Review(self.apart)
        self.on_read: Callable[[], None] = lambda: None
        """Called when an extractor has read more segments, in the same step in which its operations are emitted."""
        self._emit = emit
        self._patient = patient
        self._segments: list[Segment] = []  # finals, cut to the text that may prove findings
        self._timings = Timings()  # of the newest segment
        self._memo = Memo()  # of what quotes were compared with
        self._readings = [Reading(extractor) for extractor in extractors]
        self._changed = asyncio.Condition()
        self._over = False
        self._told_language = False

    @property
    def read(self) -> dict[str, int]:
        """How many finals each extractor has read."""
        return {one.name: one.cursor for one in self._readings}

    def restore(
        self, findings: Findings, segments: Sequence[Segment], read: Mapping[str, int], told: Collection[str]
    ) -> None:
        """Goes on with the findings and the finals of an earlier process.

        `read` says how many of the finals each extractor has read, by the extractor's name. `told` are the codes of the
        faults that the client knows of.
        """
        self.findings = findings
        self._segments = [self._legible(segment) for segment in segments]
        for one in self._readings:
            one.cursor = min(read.get(one.name, 0), len(self._segments))
        self._told_language = "language_without_findings" in told
        self.isolation.told = "extraction_failed" in told

    async def add(self, segment: Segment, timings: Timings) -> None:
        """Hands a final over and returns at once. `timings` are those of the segment's chunk."""
        said = self._legible(segment)
        async with self._changed:
            self._segments.append(said)
            self._timings = timings
            self._changed.notify_all()
            with self.isolation:
                self._tell_language(segment.language or self.language)

    def _legible(self, segment: Segment) -> Segment:
        """A final, cut to the text that may prove findings."""
        with self.isolation:
            return provable(segment)
        return replace(segment, text="", words=())  # what the guard cannot check is not read

    def judge(self, judgement: Callable[[Findings], Operation]) -> None:
        """Applies what the clinician decides about a finding. Raises KeyError if there is no such finding."""
        self._publish([judgement(self.findings)], Timings().stamped())

    def prove(self, quotes: Sequence[Quote]) -> tuple[Evidence, ...] | None:
        """The evidence for the quotes; None unless each of them stands in a final."""
        return FinalTexts(self._segments).proof(quotes)

    def list_facts(self) -> None:
        """Begins to look for what was said and not noted: `compare` tells what was found."""
        self.review.begin(self._readings, tuple(self._segments), self._whole, self._tell_omissions)

    async def compare(self, limit_s: float = WAIT_S, *, asked: bool = False, request: int | None = None) -> None:
        """Emits what was said and stands in no finding; waits for that for `limit_s` at most.

        Where there is nothing, only whoever `asked` is told so.
        """
        self.list_facts()
        await self.review.wait(limit_s)
        self._tell_omissions(asked, request)

    def leave_out(self, omission_id: str, request: int | None = None) -> None:
        """Sets an omission aside: it is not offered again. Emits those that are left."""
        self.review.left_out[omission_id] = None
        self._tell_omissions(True, request)

    def _tell_omissions(self, asked: bool = False, request: int | None = None) -> None:
        before = self.review.offered
        items = self.review.omissions([*self.findings.all(), *self.findings.overtaken()])
        if asked or items != before:
            self._emit(Omissions(items, tuple(self.review.left_out), request))

    def _whole(self, one: Reading) -> ExtractionRequest:
        """The whole consultation, as the extractor may read it."""
        segments, language = one.legible(list(self._segments), self.language)
        return ExtractionRequest(segments, 0, (), self._patient, language)

    async def run(self) -> None:
        """Extracts until cancelled; requests in flight are cancelled with it."""
        try:
            async with asyncio.TaskGroup() as group:
                for one in self._readings:
                    group.create_task(self.isolation.supervise(partial(self._keep_up, one)))
        finally:
            self.review.close()
            for one in self._readings:
                one.memo = Memo()  # the tasks that end here are cycles, and would keep its words until a collection
            self._memo = Memo()

    async def caught_up(self, limit_s: float = LAST_PASS_S) -> None:
        """Returns when every extractor has read every final, has failed on the last ones, or after `limit_s`."""
        upto = len(self._segments)
        async with self._bounded(limit_s, upto):
            await self._settled(lambda one: one.cursor >= upto)

    async def finish(self, limit_s: float = LAST_PASS_S, grace_s: float = SUPERSEDED_AFTER_S) -> None:
        """After the last final: every extractor reads what it has not, and those that review read all once more.

        A request in flight that lacks the last words is cancelled if it does not answer within `grace_s`. Returns when
        all is read, when that has failed, or after `limit_s`.
        """
        async with self._changed:
            self._over = bool(self._segments)
            self._changed.notify_all()
        upto = len(self._segments)
        async with self._bounded(limit_s, upto):
            stale = {request for one in self._readings if (request := one.supersedable(upto)) is not None}
            if stale:
                _, late = await asyncio.wait(stale, timeout=grace_s)
                for request in late:
                    request.cancel()
            await self._settled(lambda one: one.cursor >= upto and (one.reviewed or not self._over))

    @asynccontextmanager
    async def _bounded(self, limit_s: float, upto: int) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(limit_s):
                yield
        except TimeoutError:
            if any(one.cursor < upto for one in self._readings):  # not if the check of all findings alone is late
                self._emit(
                    Fault(
                        "extraction_late",
                        f"findings of the last segments did not arrive within {limit_s:.0f} s: "
                        "check the load of the extraction server",
                    )
                )

    async def _settled(self, done: Callable[[Reading], bool]) -> None:
        """Returns when each extractor is done, or has failed in an attempt that began after this call."""
        begun = {one: one.attempts for one in self._readings}
        async with self._changed:
            for one in self._readings:
                one.hurry.set()
            await self._changed.wait_for(lambda: all(done(one) or one.failed > begun[one] for one in self._readings))

    async def _keep_up(self, one: Reading) -> None:
        while True:
            async with self._changed:
                await self._changed.wait_for(
                    lambda: one.cursor < len(self._segments) or (self._over and not one.reviewed)
                )
            await one.retrying()(self._attempt, one)

    async def _attempt(self, one: Reading) -> None:
        """Reads once and notes how that went. Raises ExtractionError if there is to be another attempt."""
        end = one.end(self._segments)
        over = self._over and end == len(self._segments)
        if end == one.cursor and not over:
            return
        segments, language = one.legible(self._segments[:end], self.language)
        request = ExtractionRequest(segments, one.cursor, self.findings.all(), self._patient, language, over, one.memo)
        timings = self._timings
        began_ms = timings.elapsed_ms()
        outcome: Asked = "superseded"
        try:
            if not await self._read(one, request):
                return
            one.read(request)
            self.on_read()
            outcome = "answered"
        except UnusableAnswer as error:
            outcome = "unusable"
            if one.useless(request):
                logger.warning("the %s extractor gave no usable answer for a segment, which is passed over", one.name)
            await self._failed(one, str(error))
            raise
        except ExtractionError as error:
            outcome = "failed"
            if isinstance(error, LateAnswer):
                outcome = "late"
                one.ask_less(request)
            await self._failed(one, str(error))
            raise
        except Exception as error:  # our own bug, which these segments may meet again
            outcome = "failed"
            self.isolation.note(error)
            async with self._changed:
                one.stumbled(request)
                self._changed.notify_all()
            return
        finally:
            with self.isolation:
                taken_ms = timings.elapsed_ms() - began_ms
                self._emit(Extracted(one.name, outcome, end - request.new_from, taken_ms))
        async with self._changed:
            self._changed.notify_all()

    async def _read(self, one: Reading, request: ExtractionRequest) -> bool:
        """What happens to a finding, in order: extractor, quotes, support, store, event. False if it was superseded.

        Raises what the extractor raises. An error over one proposal costs that proposal alone.
        """
        timings = self._timings
        began_ms = timings.elapsed_ms()
        proposals = await one.ask(request)
        if proposals is None:
            return False
        finals = FinalTexts(self._segments[: len(request.segments)])
        operations: list[Operation] = []
        unjustified = unproved = 0
        with self._memo.reading():
            for proposal in proposals:
                with self.isolation:
                    grounded = finals.grounded(proposal)  # its quotes, found letter for letter in the finals
                    if not is_justified(grounded, request):  # a model takes back what no new words disprove
                        unjustified += 1
                    elif (proved := supported(grounded, finals.by_id)) is None:  # no quote, drug or number was said
                        unproved += 1
                    elif (operation := self.findings.merge(proved)) is not None:  # it changes what is known
                        operations.append(operation)
        if operations:
            self._publish(operations, timings.stamped(extract_ms=timings.elapsed_ms() - began_ms))
        if unjustified:
            logger.info("the %s extractor took back %d findings that nothing disproves", one.name, unjustified)
        if unproved:
            with self.isolation:
                self._emit(Ungrounded(unproved))
        return True

    def _publish(self, operations: Sequence[Operation], timings: Timings) -> None:
        """Emits the operations together. If that fails, each is emitted alone, so that one cannot hide the others."""
        self.findings.revision += 1
        try:
            self._emit(ExtractionUpdate(self.findings.revision, tuple(operations), timings))
        except Exception as error:
            self.isolation.note(error)
            for operation in operations:
                with self.isolation:
                    self._emit(ExtractionUpdate(self.findings.revision, (operation,), timings))

    async def _failed(self, one: Reading, message: str) -> None:
        async with self._changed:
            if not one.down:  # once an outage, not once an attempt
                others = [
                    o for o in self._readings if o is not one and not o.down and reads(o.extractor, self.language)
                ]
                meanwhile = f"; findings come from the {' and the '.join(o.name for o in others)} meanwhile"
                self._emit(Fault("extraction_unavailable", message + (meanwhile if others else "")))
            one.down = True
            one.failed = one.attempts
            self._changed.notify_all()

    def _tell_language(self, language: str) -> None:
        if self._told_language or not self._readings:
            return
        if not any(reads(one.extractor, language) for one in self._readings):
            self._told_language = True
            self._emit(
                Fault(
                    "language_without_findings",
                    f"no findings come from what is said in this language ({language}): the transcript goes on; "
                    "start the server with --vllm-url for findings in languages other than English",
                )
            )
