from server.sessions.allowance import Allowance


def test_so_many_messages_are_taken_at_once_and_one_more_is_told_its_time():
    allowance = Allowance(per_s=5.0, at_once=3)
    assert [allowance.take(10.0) for _ in range(4)] == [0.0, 0.0, 0.0, 0.2]


def test_a_message_that_is_not_taken_costs_nothing_and_the_bucket_fills_no_higher_than_its_size():
    allowance = Allowance(per_s=2.0, at_once=2)
    assert [allowance.take(now) for now in (0.0, 0.0, 0.0, 0.0)] == [0.0, 0.0, 0.5, 0.5]
    assert allowance.take(0.5) == 0.0
    assert [allowance.take(100.0) for _ in range(3)] == [0.0, 0.0, 0.5]
