"""What a clinician changes in the findings of one session: how much of it is taken, and how its events tell of it."""

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from inference.extraction.evidence.merging import Findings
from inference.extraction.isolation import place_of
from inference.extraction.live import LiveExtraction
from inference.findings import Operation, Quote
from server.guards.bounds import MAX_EDITS_BYTES
from server.protocol import Judged, ProtocolError, answered
from server.sessions.events import EventLog

logger = logging.getLogger(__name__)


class Judging:
    """Applies the judgements of findings, and marks the events that they cause.

    `log` is the session's, and `edits_bytes` is what the events of earlier judgements took in it.
    """

    def __init__(self, log: EventLog, edits_bytes: int) -> None:
        self._log = log
        self._edits_bytes = edits_bytes
        self._judgement: dict[str, Any] = {}  # goes into each operation that the judgement under way causes
        self._judged: dict[str, Any] = {}  # goes into its event

    def add(
        self,
        extraction: LiveExtraction,
        fields: Mapping[str, Any],
        quotes: Sequence[Quote],
        by: str | None,
        request: int | None,
    ) -> None:
        """Adds a finding of the clinician's own, if all its quotes stand in finals. Raises ProtocolError."""

        def added(findings: Findings) -> Operation:
            evidence = extraction.prove(quotes)
            if evidence is None:
                raise ProtocolError(
                    "not_said", "a quote stands in no final segment letter for letter: quote what the transcript has"
                )
            return findings.note(fields, evidence)

        self.apply(extraction, added, "added", by, request)

    def leave_out(self, extraction: LiveExtraction, omission_id: str, request: int | None) -> None:
        """Sets an omission aside, for good. Raises ProtocolError."""
        self._check_room()
        written = self._log.written_bytes
        with extraction.apart:
            extraction.leave_out(omission_id, request)
        self._edits_bytes += self._log.written_bytes - written

    def apply(
        self,
        extraction: LiveExtraction,
        judgement: Callable[[Findings], Operation],
        what: Judged,
        by: str | None,
        request: int | None,
    ) -> None:
        """Applies one; `mark` meanwhile notes what was done, by whom and when. Raises ProtocolError."""
        self._check_room()
        written = self._log.written_bytes
        at = datetime.now(UTC).isoformat(timespec="seconds")
        self._judgement = {"judgement": {"what": what, "by": by, "at": at}}
        self._judged = {"judged": True} | answered(request)
        try:
            extraction.judge(judgement)
        except KeyError:
            raise ProtocolError(
                "no_such_finding", "no finding of this session has that id: it may be retracted"
            ) from None
        except ProtocolError:
            raise
        except Exception as error:
            logger.error("a finding could not be changed: %s", place_of(error))
            raise ProtocolError(
                "finding_unchanged", "an error of the server kept the finding as it was: please report its log line"
            ) from None
        finally:
            self._judgement, self._judged = {}, {}
            self._edits_bytes += self._log.written_bytes - written

    def _check_room(self) -> None:
        if self._edits_bytes >= MAX_EDITS_BYTES:
            raise ProtocolError(
                "too_many_edits",
                f"the changes of findings in this session take more than {MAX_EDITS_BYTES} bytes: no further one is "
                "taken, the findings stay as they are; start a new session to change more",
            )

    def mark(self, fields: dict[str, Any]) -> None:
        """Adds to the fields of an `extraction` event what the judgement under way wants noted, if there is one."""
        if self._judged:
            for op in fields["ops"]:
                op |= self._judgement
            fields |= self._judged
