"""The findings of one live consultation: rules draft on every final at once, the model follows in single flight."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence

from inference.extraction import Consultation, ExtractionError, Extractor, Patient
from inference.findings import Operation, Proposal
from inference.merging import Findings
from inference.timing import Timings
from inference.transcript import Segment
from inference.updates import Emit, ExtractionUpdate, Fault

logger = logging.getLogger(__name__)

FIRST_BACKOFF_S = 1.0
LAST_BACKOFF_S = 30.0
LAST_PASS_S = 15.0


class LiveExtraction:
    """Feeds new finals to each extractor and merges what comes back.

    Each extractor has one request in flight; what is said meanwhile goes into its next one. An extractor that fails is
    tried again with the same segments later, so an outage delays findings and loses none.
    """

    def __init__(
        self, extractors: Sequence[Extractor], emit: Emit, patient: Patient | None = None, language: str = "en"
    ) -> None:
        self.findings = Findings()
        self.language = language
        self._emit = emit
        self._patient = patient
        self._segments: list[Segment] = []
        self._by_id: dict[str, Segment] = {}
        self._timings = Timings()  # of the newest segment
        self._passes = [_Pass(extractor) for extractor in extractors]
        self._changed = asyncio.Condition()

    async def add(self, segment: Segment, timings: Timings) -> None:
        """Hands a final over; returns at once."""
        async with self._changed:
            self._segments.append(segment)
            self._by_id[segment.id] = segment
            self._timings = timings
            self._changed.notify_all()

    def judge(self, judgement: Callable[[Findings], Operation]) -> None:
        """The clinician's word about a finding. Raises KeyError for one that there is not."""
        operation = judgement(self.findings)
        self._emit(ExtractionUpdate(self.findings.revision, (operation,), Timings().stamped()))

    async def run(self) -> None:
        """Extracts until cancelled."""
        async with asyncio.TaskGroup() as group:
            for one in self._passes:
                group.create_task(self._keep_up(one))

    async def caught_up(self, limit_s: float = LAST_PASS_S) -> None:
        """Returns when every extractor has read every final, has failed on the last ones, or after `limit_s`."""
        upto = len(self._segments)
        failures = {one: one.failures for one in self._passes}
        try:
            async with asyncio.timeout(limit_s), self._changed:
                for one in self._passes:
                    one.hurry.set()
                await self._changed.wait_for(
                    lambda: all(one.cursor >= upto or one.failures > failures[one] for one in self._passes)
                )
        except TimeoutError:
            self._emit(
                Fault(
                    "extraction_late",
                    f"findings of the last segments did not arrive within {limit_s:.0f} s: "
                    "check the load of the extraction server",
                )
            )

    async def _keep_up(self, one: "_Pass") -> None:
        backoff_s = FIRST_BACKOFF_S
        while True:
            async with self._changed:
                await self._changed.wait_for(lambda: one.cursor < len(self._segments))
            upto = len(self._segments)
            consultation = Consultation(
                self._segments[:upto], one.cursor, self.findings.all(), self._patient, self.language
            )
            one.hurry.clear()
            timings = self._timings
            began = timings.elapsed_ms()
            try:
                proposals = await one.extractor.extract(consultation)
            except ExtractionError as error:
                await self._failed(one, str(error))
                backoff_s = await one.pause(backoff_s)
                continue
            except Exception as error:  # our own bug: these segments would fail again, the transcript must go on
                logger.error("the %s extractor failed with %s", one.extractor.name, type(error).__name__)
                await self._failed(one, f"the {one.extractor.name} extractor failed on some segments: report this")
                proposals = []
            backoff_s = FIRST_BACKOFF_S
            self._apply(proposals, timings, began)
            async with self._changed:
                one.cursor, one.down = upto, False
                self._changed.notify_all()

    def _apply(self, proposals: list[Proposal], timings: Timings, began_ms: float) -> None:
        operations = self.findings.apply(proposals, self._by_id)
        if operations:
            timed = timings.stamped(extract_ms=timings.elapsed_ms() - began_ms)
            self._emit(ExtractionUpdate(self.findings.revision, tuple(operations), timed))

    async def _failed(self, one: "_Pass", message: str) -> None:
        async with self._changed:
            if not one.down:  # once an outage, not once an attempt
                self._emit(Fault("extraction_unavailable", message))
            one.down = True
            one.failures += 1
            self._changed.notify_all()


class _Pass:
    """One extractor's way through the finals: how far it has read, and how its last attempts went."""

    def __init__(self, extractor: Extractor) -> None:
        self.extractor = extractor
        self.cursor = 0
        self.down = False
        self.failures = 0
        self.hurry = asyncio.Event()

    async def pause(self, backoff_s: float) -> float:
        """Waits, less if somebody asks for the findings now; returns the next wait."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(backoff_s):
                await self.hurry.wait()
        return min(backoff_s * 2, LAST_BACKOFF_S)
