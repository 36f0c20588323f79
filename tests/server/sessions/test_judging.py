import json

import pytest

from server.protocol import ProtocolError
from server.sessions.events import EventLog
from server.sessions.intake.requests import Requests
from server.sessions.judging import MAX_EDITS_BYTES, Judging


class Case:
    """A judgement is here what is done to the events: nothing, or a KeyError."""

    def __init__(self, edits_bytes: int = 0) -> None:
        self.log = EventLog()
        self.judging = Judging(self.log, Requests(), self, edits_bytes)

    def judge(self, judgement) -> None:
        judgement(None)
        self.emit()

    def emit(self) -> None:
        fields = {"revision": 1, "ops": [{"op": "update"}, {"op": "retract"}]}
        self.judging.mark(fields)
        self.log.append("extraction", **fields)

    @property
    def newest(self):
        return json.loads(self.log.kept()[-1])


def test_an_event_that_a_judgement_causes_says_so_and_its_operations_say_who_did_what():
    case = Case()
    case.judging.apply(lambda findings: None, "edited", "dr.who", 7)
    assert (case.newest["judged"], case.newest["request"]) == (True, 7)
    assert [(op["judgement"]["what"], op["judgement"]["by"]) for op in case.newest["ops"]] == [("edited", "dr.who")] * 2
    case.emit()
    assert case.newest == {"type": "extraction", "seq": 2, "revision": 1, "ops": [{"op": "update"}, {"op": "retract"}]}


def test_after_a_judgement_that_failed_no_event_is_marked():
    case = Case()
    with pytest.raises(ProtocolError) as refused:
        case.judging.apply({}.__getitem__, "dismissed", None, None)
    assert refused.value.code == "no_such_finding"
    case.emit()
    assert "judged" not in case.newest


def test_what_earlier_judgements_took_counts_towards_the_sum_that_is_taken():
    case = Case(MAX_EDITS_BYTES - 1)
    case.judging.apply(lambda findings: None, "confirmed", None, None)
    assert "request" not in case.newest
    with pytest.raises(ProtocolError) as refused:
        case.judging.apply(lambda findings: None, "confirmed", None, None)
    assert refused.value.code == "too_many_edits"
    assert len(case.log) == 1
