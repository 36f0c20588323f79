"""The keys in force: found by their text, and read again when the file has changed."""

from datetime import UTC, datetime, timedelta

import pytest

from server.access.keyring import LOOK_EVERY_S, Keyring
from server.access.keys import KeysError, add, generate, remove


class Clock:
    def __init__(self):
        self.s = 100.0

    def __call__(self):
        return self.s


@pytest.fixture
def path(tmp_path):
    return tmp_path / "keys.json"


def test_a_key_is_found_by_its_whole_text_alone(path):
    text, key = generate("ward-3", ("speak",))
    add(path, key)
    ring = Keyring(path)
    assert ring.find(text).name == "ward-3"
    wrong = text[:-1] + ("A" if text[-1] != "A" else "B")
    other = generate("other", ("speak",))[0]
    assert [ring.find(each) for each in (wrong, other, key.sha256, key.id, "", "\ud800")] == [None] * 6


def test_a_key_that_is_made_or_revoked_later_counts_within_a_second_without_a_restart(path):
    first, key = generate("first", ("speak",))
    add(path, key)
    clock = Clock()
    ring = Keyring(path, clock)
    second, other = generate("second", ("read",))
    add(path, other)
    assert ring.find(second) is None, "not looked at more often than it must be"
    clock.s += LOOK_EVERY_S
    assert ring.find(second).name == "second"
    remove(path, "first")
    clock.s += LOOK_EVERY_S
    assert ring.find(first) is None
    assert (ring.holds(key.id), ring.holder(key.id), ring.holds(other.id)) == (False, None, True)


def test_a_file_that_is_damaged_later_changes_nothing_and_is_told_once(path, caplog):
    text, key = generate("first", ("speak",))
    add(path, key)
    clock = Clock()
    ring = Keyring(path, clock)
    path.write_text("{ broken")
    for _ in range(3):
        clock.s += LOOK_EVERY_S
        assert ring.find(text) is not None
    assert [record.message for record in caplog.records] == [
        "the keys file changed and cannot be used, the keys before stay: drtranscribe keys list"
    ]
    path.unlink()
    clock.s += LOOK_EVERY_S
    assert ring.find(text) is not None
    add(path, generate("new", ("read",))[1])
    clock.s += LOOK_EVERY_S
    assert ring.find(text) is None


def test_an_expired_key_is_refused_from_its_second_on(path):
    now = datetime(2030, 1, 1, tzinfo=UTC)
    text, key = generate("temporary", ("speak",), expires_at=now + timedelta(days=1))
    add(path, key)
    times = [now]
    ring = Keyring(path, now=lambda: times[0])
    assert ring.find(text) is not None
    times[0] = now + timedelta(days=1)
    assert (ring.find(text), ring.holder(key.id), ring.holds(key.id)) == (None, None, False)


def test_a_server_does_not_start_on_a_file_that_it_cannot_read(path):
    with pytest.raises(KeysError):
        Keyring(path)
