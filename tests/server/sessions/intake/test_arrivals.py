import pytest

from server.sessions.intake.arrivals import Arrivals


def test_a_session_that_keeps_up_takes_the_time_of_reading_for_the_time_of_arrival():
    arrivals = Arrivals()
    assert [arrivals.note(at, 3.0, waited_s=0.0) for at in (50.0, 53.1, 53.2, 99.0)] == [50.0, 53.1, 53.2, 99.0]


def test_what_a_session_reads_late_came_at_the_pace_of_speech():
    arrivals = Arrivals(last=100.0, behind=True)
    read_at = [130.0, 130.1, 130.2, 140.0]
    assert [arrivals.note(at, 3.0, waited_s=0.0) for at in read_at] == [103.0, 106.0, 109.0, 112.0]
    assert arrivals.behind


def test_a_client_that_sends_faster_than_life_cannot_be_ahead_of_the_clock():
    arrivals = Arrivals(last=100.0, behind=True)
    assert [arrivals.note(at, 3.0, waited_s=0.0) for at in (101.0, 102.0)] == [101.0, 102.0]
    assert not arrivals.behind


@pytest.mark.parametrize(("duration_s", "waited_s"), [(3.0, 0.05), (0.02, 0.01)])
def test_having_waited_for_a_chunk_shows_that_none_was_left_in_the_socket(duration_s, waited_s):
    arrivals = Arrivals(last=100.0, behind=True)
    assert arrivals.note(200.0, duration_s, waited_s) == 200.0, "the client was silent, not the server late"
    assert not arrivals.behind
