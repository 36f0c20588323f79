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
from server.sessions.intake.requests import Requests

logger = logging.getLogger(__name__)


class Judging:
    """Applies the judgements of findings, and marks the events that they cause.

    `log`, `requests` and `extraction` are the session's. `edits_bytes` is what the events of earlier judgements took in
    the log. A judgement that the client sends a second time is not applied again: the methods return False then.
    """

    def __init__(self, log: EventLog, requests: Requests, extraction: LiveExtraction, edits_bytes: int) -> None:
        self._log = log
        self._requests = requests
        self._extraction = extraction
        self._edits_bytes = edits_bytes
        self._judgement: dict[str, Any] = {}  # goes into each operation that the judgement under way causes
        self._judged: dict[str, Any] = {}  # goes into its event

    def add(self, fields: Mapping[str, Any], quotes: Sequence[Quote], by: str | None, request: int | None) -> bool:
        """Adds a finding of the clinician's own, if all its quotes stand in finals. Raises ProtocolError."""

        def added(findings: Findings) -> Operation:
            evidence = self._extraction.prove(quotes)
            if evidence is None:
                raise ProtocolError(
                    "not_said", "a quote stands in no final segment letter for letter: quote what the transcript has"
                )
            return findings.note(fields, evidence)

        return self.apply(added, "added", by, request)

    def leave_out(self, omission_id: str, request: int | None) -> bool:
        """Sets aside something that was said and not noted: it is not offered again. Raises ProtocolError."""
        if not self._takes(request):
            return False
        written = self._log.written_bytes
        with self._extraction.apart:
            self._extraction.leave_out(omission_id, request)
        self._edits_bytes += self._log.written_bytes - written
        return True

    def apply(
        self, judgement: Callable[[Findings], Operation], what: Judged, by: str | None, request: int | None
    ) -> bool:
        """Applies a clinician's judgement of a finding, which wins over every later proposal. Raises ProtocolError.

        `mark` meanwhile notes what was done, by whom and when, and the client's own number of the message.
        """
        if not self._takes(request):
            return False
        written = self._log.written_bytes
        at = datetime.now(UTC).isoformat(timespec="seconds")
        self._judgement = {"judgement": {"what": what, "by": by, "at": at}}
        self._judged = {"judged": True} | answered(request)
        try:
            self._extraction.judge(judgement)
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
        return True

    def _takes(self, request: int | None) -> bool:
        """False for a message that was taken before. Raises ProtocolError where no change can be taken."""
        if self._requests.is_repeated(request):
            return False
        if self._log.closed:
            raise ProtocolError("session_stopping", "the session has stopped: its findings no longer change")
        self._requests.allow()
        if self._edits_bytes >= MAX_EDITS_BYTES:
            raise ProtocolError(
                "too_many_edits",
                f"the changes of findings in this session take more than {MAX_EDITS_BYTES} bytes: no further one is "
                "taken, the findings stay as they are; start a new session to change more",
            )
        return True

    def mark(self, fields: dict[str, Any]) -> None:
        """Adds to the fields of an `extraction` event what the judgement under way wants noted, if there is one."""
        if self._judged:
            for op in fields["ops"]:
                op |= self._judgement
            fields |= self._judged
