"""What stands before aiohttp while many come without a key: whom it lets through, from the first bytes alone."""

import pytest

from server.access.access import Access
from server.access.gate import Gate
from server.access.keyring import Keyring
from server.access.signing import Signer
from server.access.strangers import ADDRESS_AT_ONCE, ALL_AT_ONCE
from server.monitoring.metrics import Metrics
from tests.support.access import key, text_of

PEER = "192.0.2.1"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "keys.json"


def request(target, *headers):
    return "\r\n".join([f"GET {target} HTTP/1.1", "Host: x", *headers, "", ""]).encode()


def gate_of(path):
    access = Access(Keyring(path))
    return Gate(access, Metrics()), access


def test_nothing_is_gated_without_keys_or_before_strangers_are_too_many(path):
    key(path, "ward-3")
    assert not Gate(Access(), Metrics()).crowded(PEER)
    gate, access = gate_of(path)
    for _ in range(ADDRESS_AT_ONCE):
        assert not gate.crowded(PEER)
        access.strangers.refused(PEER)
    assert gate.crowded(PEER)


def test_a_valid_key_ticket_or_sign_in_passes_and_a_ticket_stays_unused(path):
    text = text_of(key(path, "ward-3"))
    gate, access = gate_of(path)
    principal = access.keyring.find(text)
    ticket = access.signer.sign("ticket", principal, 60)
    cookie = access.signer.sign("cookie", principal, 60)
    for shown in (
        f"authorization: bearer {text}",
        f"Sec-WebSocket-Protocol: drtranscribe.v1, bearer.{ticket}",
        f"Cookie: other=1; drtranscribe={cookie}",
    ):
        assert gate.answer(PEER, request("/ws", shown)) is None
    assert access.signer.read("ticket", ticket, access.keyring) == principal


@pytest.mark.parametrize("target", ["/", "/?x=1", "/static/app.js", "/health/live", "/health/ready"])
def test_what_is_public_passes(path, target):
    key(path, "ward-3")
    assert gate_of(path)[0].answer(PEER, request(target)) is None


@pytest.mark.parametrize(
    "data",
    [
        request("/ws"), request("/v1/me"), request("/metrics"), request("/nothing"), request("http://x/static/"),
        request("/ws", "Authorization: Bearer drt_000000000000_" + "A" * 43), request("/ws", "Cookie: drtranscribe=a.b"),
        request("/ws", "Sec-WebSocket-Protocol: bearer.x"), request("/ws")[:-2], b"", b"\r\n\r\n", b"\xff" * 500,
        b"\xff\r\n\r\n", b"GET\r\n:\r\n\r\n", request("/ws", "Authorization: \xff"),
    ],
)  # fmt: skip
def test_everything_else_gets_one_short_answer(path, data):
    key(path, "ward-3")
    told = gate_of(path)[0].answer(PEER, data)
    head, _, body = told.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 401 ")
    assert f"Content-Length: {len(body)}".encode() in head


def test_sign_in_passes_from_an_address_that_has_not_tried_too_often(path):
    key(path, "ward-3")
    gate, access = gate_of(path)
    for number in range(ALL_AT_ONCE):
        access.strangers.refused(f"198.51.100.{number}")
    assert gate.crowded(PEER)
    assert gate.answer(PEER, request("/v1/sign-in")) is None
    for _ in range(ADDRESS_AT_ONCE):
        access.strangers.refused(PEER)
    assert gate.answer(PEER, request("/v1/sign-in")) is not None


def test_a_statement_of_another_server_does_not_pass(path):
    text = text_of(key(path, "ward-3"))
    gate, access = gate_of(path)
    foreign = Signer().sign("cookie", access.keyring.find(text), 60)
    assert gate.answer(PEER, request("/ws", f"Cookie: drtranscribe={foreign}")) is not None
