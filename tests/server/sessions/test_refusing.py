from types import SimpleNamespace

import pytest

from server.audit.trail import Audit
from server.sessions.refusing import FAILED_RETRY_S, Full, full, unready


class BrokenTrail(Audit):
    @property
    def problem(self):
        return "the disk is full"


def engines(**state):
    return SimpleNamespace(**{"failed": None, "ready": True, "restarting": False, **state})


@pytest.mark.parametrize(
    ("state", "audit", "closing", "code"),
    [
        ({"ready": False, "failed": "gone"}, BrokenTrail(), True, "shutting_down"),
        ({"ready": False, "failed": "gone"}, BrokenTrail(), False, "not_ready"),
        ({"ready": False}, Audit(), False, "not_ready"),
        ({}, BrokenTrail(), False, "audit_unavailable"),
    ],
)
def test_of_several_reasons_the_one_that_lasts_is_told(state, audit, closing, code):
    why = unready(engines(**state), audit, closing)
    assert isinstance(why, Full)
    assert why.code == code


def test_a_server_that_is_ready_refuses_nobody():
    assert unready(engines(), Audit(), False) is None


def test_those_who_were_turned_away_together_come_back_at_different_times_near_the_one_that_is_meant():
    waits_s = {unready(engines(failed="gone"), Audit(), False).retry_after_s for _ in range(100)}
    assert len(waits_s) > 10
    assert all(0.79 * FAILED_RETRY_S < wait_s < 1.21 * FAILED_RETRY_S for wait_s in waits_s)


@pytest.mark.parametrize(("capacity", "wait_s"), [(1, 60.0), (30, 30.0), (1000, 5.0)])
def test_a_place_is_free_sooner_where_there_are_many(capacity, wait_s):
    assert 0.79 * wait_s < full(capacity).retry_after_s < 1.21 * wait_s
