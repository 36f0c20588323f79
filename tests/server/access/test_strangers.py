"""How often who shows no valid key is answered at length."""

from server.access import strangers
from server.access.strangers import ADDRESS_AT_ONCE, ALL_AT_ONCE, Strangers


class Clock:
    def __init__(self):
        self.s = 10.0

    def __call__(self):
        return self.s


def test_an_address_is_explained_so_many_refusals_and_is_crowded_then():
    clock = Clock()
    counted = Strangers(clock)
    assert not counted.crowded("192.0.2.1")
    assert [counted.refused("192.0.2.1") for _ in range(ADDRESS_AT_ONCE)] == [0] * ADDRESS_AT_ONCE
    assert 0 < counted.refused("192.0.2.1") <= 0.5
    assert (counted.crowded("192.0.2.1"), counted.crowded("192.0.2.2")) == (True, False)
    clock.s += 0.5
    assert not counted.crowded("192.0.2.1")


def test_many_addresses_together_are_crowded_as_well_but_each_may_still_sign_in():
    counted = Strangers(Clock())
    for number in range(ALL_AT_ONCE):
        assert counted.refused(f"192.0.2.{number}") == 0
    assert counted.crowded("198.51.100.1")
    assert counted.wait_s("198.51.100.1") == 0


def test_a_network_of_64_bits_is_one_address():
    counted = Strangers(Clock())
    for number in range(ADDRESS_AT_ONCE):
        counted.refused(f"2001:db8::{number:x}")
    assert counted.crowded("2001:db8::ffff")
    assert not counted.crowded("2001:db8:0:1::1")


def test_only_so_many_addresses_are_remembered(monkeypatch):
    monkeypatch.setattr(strangers, "MOST_ADDRESSES", 3)
    counted = Strangers(Clock())
    for number in range(10):
        counted.refused(f"192.0.2.{number}")
    assert list(counted._of) == ["192.0.2.7", "192.0.2.8", "192.0.2.9"]
