"""Addresses: who is one for a count, which proxies are believed, and what they say."""

from ipaddress import ip_network

import pytest

from server.access.networks import client_address, counted, user_name, within

PROXIES = (ip_network("10.0.0.0/24"), ip_network("::1/128"))


@pytest.mark.parametrize(
    ("address", "inside"),
    [("10.0.0.7", True), ("::ffff:10.0.0.7", True), ("::1", True), ("10.0.1.7", False), ("", False), (None, False), ("x", False)],
)  # fmt: skip
def test_an_address_is_in_a_network_in_either_way_to_write_it(address, inside):
    assert within(address, PROXIES) is inside


@pytest.mark.parametrize(
    ("peer", "told", "client"),
    [
        ("203.0.113.5", "198.51.100.1", "203.0.113.5"),  # no proxy of ours: whatever it says
        ("10.0.0.7", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.7", "6.6.6.6, 198.51.100.1", "198.51.100.1"),  # what the client itself wrote stands before
        ("10.0.0.7", "198.51.100.1, 10.0.0.8", "198.51.100.1"),  # two proxies of ours
        ("10.0.0.7", "", "10.0.0.7"),
        ("10.0.0.7", "198.51.100.1, nonsense", "10.0.0.7"),
        (None, "198.51.100.1", None),
    ],
)
def test_the_client_is_the_last_hop_before_the_trusted_proxies(peer, told, client):
    assert client_address(peer, {"X-Forwarded-For": told}, PROXIES) == client


def test_an_ipv6_subscriber_is_counted_as_one():
    assert counted("2001:db8::1") == counted("2001:db8::2") != counted("2001:db8:0:1::1")
    assert counted("::ffff:192.0.2.1") == counted("192.0.2.1") == "192.0.2.1"
    assert counted("fe80::1%eth0") == counted("fe80::1")


@pytest.mark.parametrize(
    ("header", "name"),
    [
        (" dr.who@clinic ", "dr.who@clinic"), ("Zoë", "Zoë"), ("", None), ("   ", None), ("x" * 129, None), ("a\tb", None),
        ("a\x7fb", None), (b"\xff".decode("utf-8", "surrogateescape"), None),
    ],
)  # fmt: skip
def test_a_user_has_a_printable_name_of_some_length(header, name):
    assert user_name(header) == name
