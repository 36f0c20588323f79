import pytest

from server.guards.bounds import MESSAGES_AT_ONCE
from server.protocol import ProtocolError
from server.sessions.intake.requests import Requests


def test_a_message_is_repeated_when_its_number_came_before_also_before_the_session_was_resumed():
    requests = Requests({3})
    assert [requests.is_repeated(number) for number in (3, 4, 4)] == [True, False, True]
    assert not any(requests.is_repeated(None) for _ in range(2)), "without a number nothing is known of it"


def test_a_message_that_was_not_taken_after_all_may_come_again():
    requests = Requests()
    requests.is_repeated(1)
    requests.forget(1)
    assert not requests.is_repeated(1)


def test_messages_that_come_too_fast_are_refused_until_the_time_that_is_told(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("server.sessions.intake.requests.allowance_clock", lambda: now[0])
    requests = Requests()
    for _ in range(MESSAGES_AT_ONCE):
        requests.allow()
    with pytest.raises(ProtocolError) as refused:
        requests.allow()
    assert refused.value.code == "too_many_messages"
    now[0] += refused.value.retry_after_s
    requests.allow()
