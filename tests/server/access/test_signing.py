"""Sign-ins and tickets: whose they are, for how long, and for what."""

import base64
import json

import pytest

from server.access.keyring import Keyring
from server.access.keys import add, generate, remove
from server.access.principal import user
from server.access.signing import SKEW_S, TICKET_S, Signer


class Clock:
    def __init__(self):
        self.s = 1_000_000.0

    def __call__(self):
        return self.s


@pytest.fixture
def ring(tmp_path):
    path = tmp_path / "keys.json"
    add(path, generate("ward-3", ("speak",))[1])
    return Keyring(path)


def holder(ring):
    (key_id,) = ring._keys
    return ring.holder(key_id)


def test_a_cookie_tells_its_holder_until_its_end_and_as_often_as_it_is_shown(ring):
    clock = Clock()
    signer = Signer(clock=clock)
    cookie = signer.sign("cookie", holder(ring), 60)
    assert [signer.read("cookie", cookie, ring) for _ in range(3)] == [holder(ring)] * 3
    clock.s += 60
    assert signer.read("cookie", cookie, ring) is None


def test_a_ticket_is_good_once_and_looking_at_it_does_not_use_it(ring):
    signer = Signer()
    ticket = signer.sign("ticket", holder(ring), 60)
    assert signer.read("ticket", ticket, ring, spend=False) == holder(ring)
    assert signer.read("ticket", ticket, ring) == holder(ring)
    assert signer.read("ticket", ticket, ring, spend=False) is None
    assert signer.read("ticket", ticket, ring) is None


def test_a_clock_that_is_set_back_does_not_make_a_ticket_last_longer(ring):
    clock = Clock()
    signer = Signer(clock=clock)
    spent, unspent, cookie = (signer.sign(kind, holder(ring), 60) for kind in ("ticket", "ticket", "cookie"))
    assert signer.read("ticket", spent, ring) is not None
    clock.s -= 3600
    assert [signer.read("ticket", ticket, ring) for ticket in (spent, unspent)] == [None, None]
    assert signer.read("ticket", signer.sign("ticket", holder(ring), 60), ring) is not None
    assert signer.read("cookie", cookie, ring) is not None, "who has signed in stays so"
    clock.s += 3600
    assert signer.read("ticket", unspent, ring) is not None


def test_a_ticket_of_a_server_whose_clock_is_a_minute_ahead_is_good(ring):
    clock = Clock()
    clock.s += SKEW_S
    ahead = Signer(clock=clock)
    ticket = ahead.sign("ticket", holder(ring), TICKET_S)
    clock.s -= SKEW_S
    assert Signer(ahead.secret, clock).read("ticket", ticket, ring) is not None


def test_a_ticket_is_no_cookie_and_a_cookie_no_ticket(ring):
    signer = Signer()
    assert signer.read("cookie", signer.sign("ticket", holder(ring), 60), ring) is None
    assert signer.read("ticket", signer.sign("cookie", holder(ring), 60), ring) is None


def test_what_was_signed_is_worth_nothing_once_the_key_is_revoked(ring, tmp_path):
    signer = Signer()
    cookie = signer.sign("cookie", holder(ring), 60)
    remove(tmp_path / "keys.json", "ward-3")
    assert signer.read("cookie", cookie, Keyring(tmp_path / "keys.json")) is None


def test_no_changed_or_foreign_statement_is_believed(ring):
    signer, stranger = Signer(), Signer()
    cookie = signer.sign("cookie", holder(ring), 60)
    body, _, mac = cookie.partition(".")
    said = json.loads(base64.urlsafe_b64decode(body + "==")) | {"until": 9_999_999_999}
    forged = base64.urlsafe_b64encode(json.dumps(said).encode()).decode().rstrip("=")
    wrong = [
        f"{forged}.{mac}",
        stranger.sign("cookie", holder(ring), 60),
        body,
        f"{body}.",
        "",
        ".",
        "é",
        cookie + "A" * 3000,
    ]
    assert [signer.read("cookie", each, ring) for each in wrong] == [None] * len(wrong)


def test_two_servers_with_one_secret_believe_each_other(ring):
    secret = b"s" * 32
    assert Signer(secret).read("cookie", Signer(secret).sign("cookie", holder(ring), 60), ring) == holder(ring)


def test_a_user_of_the_proxy_gets_tickets_too_and_stays_that_user():
    signer = Signer()
    assert signer.read("ticket", signer.sign("ticket", user("Zoë Müller"), 60), None) == user("Zoë Müller")


def test_used_tickets_are_forgotten_when_they_would_have_ended(ring):
    clock = Clock()
    signer = Signer(clock=clock)
    for _ in range(1024):
        signer.read("ticket", signer.sign("ticket", holder(ring), 60), ring)
    clock.s += 61
    signer.read("ticket", signer.sign("ticket", holder(ring), 60), ring)
    assert len(signer._spent) == 1
