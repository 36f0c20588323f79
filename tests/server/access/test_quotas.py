"""What one key may take of the server."""

from server.access import quotas
from server.access.principal import ANYBODY, KeyLimits, Principal
from server.access.quotas import Quotas

USUAL = KeyLimits(sessions=3, connections_per_minute=60, bytes_per_minute=6_000_000)


class Clock:
    def __init__(self):
        self.s = 10.0

    def __call__(self):
        return self.s


def key(name, limits=None):
    return Principal(name, frozenset({"speak"}), f"key:{name}", name, limits or KeyLimits())


def test_connections_are_bounded_a_minute_and_each_owner_has_its_own_count():
    clock = Clock()
    counted = Quotas(USUAL, clock)
    assert [counted.connect(key("a")) for _ in range(60)] == [0] * 60
    assert counted.connect(key("a")) == 1.0
    assert counted.connect(key("b")) == 0
    clock.s += 1
    assert counted.connect(key("a")) == 0


def test_bytes_are_bounded_a_minute_and_a_refused_message_is_not_counted():
    clock = Clock()
    counted = Quotas(USUAL, clock)
    assert counted.receive(key("a"), 6_000_000) == 0
    assert counted.receive(key("a"), 100_000) == 1.0
    clock.s += 1
    assert counted.receive(key("a"), 100_000) == 0


def test_a_limit_of_the_key_itself_wins():
    counted = Quotas(USUAL, Clock())
    strict = key("a", KeyLimits(sessions=1, connections_per_minute=2))
    assert counted.sessions(strict) == 1
    assert [counted.connect(strict) > 0 for _ in range(3)] == [False, False, True]
    assert counted.sessions(key("b")) == 3


def test_without_keys_nobody_is_counted():
    counted = Quotas(KeyLimits(1, 1, 1), Clock())
    assert [counted.connect(ANYBODY), counted.connect(ANYBODY), counted.receive(ANYBODY, 99)] == [0, 0, 0]
    assert counted.sessions(ANYBODY) is None


def test_counts_that_are_full_again_are_forgotten(monkeypatch):
    monkeypatch.setattr(quotas, "FORGET_EVERY", 5)
    clock = Clock()
    counted = Quotas(USUAL, clock)
    for number in range(5):
        counted.connect(key(str(number)))
    clock.s += 60
    counted.connect(key("busy"))
    assert len(counted._used) == 1
