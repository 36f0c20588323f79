"""The keys file: what stands in it, who may write it, and that it is never half written."""

import os
import re
import stat
import threading

import pytest

from server.access.keys import KeysError, add, digest, generate, identifier_of, read, remove
from server.access.principal import KeyLimits


def test_a_key_has_256_random_bits_and_the_file_holds_only_its_sha_256(tmp_path):
    path = tmp_path / "keys.json"
    text, key = generate("ward-3", ("speak", "read"))
    add(path, key)
    secret = text.rpartition("_")[2] if text.count("_") == 2 else text.split("_", 2)[2]
    assert re.fullmatch(r"drt_[0-9a-f]{12}_[\w-]{43}", text)
    assert secret not in path.read_text()
    assert digest(text) in path.read_text()
    assert read(path) == [key]
    assert len({generate("x", ("read",))[0] for _ in range(50)}) == 50


def test_the_file_is_for_its_owner_alone_and_is_replaced_as_a_whole(tmp_path):
    path = tmp_path / "keys.json"
    add(path, generate("one", ("read",))[1])
    before = path.stat().st_ino
    add(path, generate("two", ("read",))[1])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.stat().st_ino != before
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["keys.json", "keys.json.lock"]


def test_two_commands_at_once_lose_no_key(tmp_path):
    path = tmp_path / "keys.json"
    made = [generate(f"key-{number}", ("read",))[1] for number in range(20)]
    threads = [threading.Thread(target=add, args=(path, key)) for key in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {key.name for key in read(path)} == {key.name for key in made}


def test_a_failed_write_leaves_the_file_as_it_was(tmp_path, monkeypatch):
    path = tmp_path / "keys.json"
    add(path, generate("one", ("read",))[1])
    before = path.read_bytes()

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(KeysError, match="cannot be written: No space left"):
        add(path, generate("two", ("read",))[1])
    assert path.read_bytes() == before
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["keys.json", "keys.json.lock"]


def test_a_name_is_given_once_and_what_is_removed_is_gone(tmp_path):
    path = tmp_path / "keys.json"
    add(path, generate("one", ("read",))[1])
    with pytest.raises(KeysError, match="has a key of this name"):
        add(path, generate("one", ("speak",))[1])
    remove(path, "one")
    assert read(path) == []
    with pytest.raises(KeysError, match="has no key of this name"):
        remove(path, "one")


@pytest.mark.parametrize("name", ["", " x", "a/b", "x" * 65, "a\nb"])
def test_a_name_that_would_be_misread_is_refused(name):
    with pytest.raises(KeysError, match="name"):
        generate(name, ("read",))


@pytest.mark.parametrize("mode", [0o620, 0o602])
def test_a_file_that_others_may_write_is_refused(tmp_path, mode):
    path = tmp_path / "keys.json"
    add(path, generate("one", ("read",))[1])
    path.chmod(mode)
    with pytest.raises(KeysError, match="chmod 600"):
        read(path)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 2, "keys": []}', '{"version": 1, "keys": [{"id": "x"}]}'])
def test_what_is_no_keys_file_is_refused_with_what_to_do(tmp_path, text):
    path = tmp_path / "keys.json"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(KeysError, match="is no keys file"):
        read(path)


def test_a_file_that_is_not_there_tells_the_command_that_makes_it(tmp_path):
    with pytest.raises(KeysError, match="drtranscribe keys create --file"):
        read(tmp_path / "none.json")


def test_a_key_carries_its_owner_its_scopes_and_its_limits():
    key = generate("screen", ("read",), owner="ward-3", limits=KeyLimits(sessions=2))[1]
    principal = key.principal()
    assert (principal.name, principal.owner, principal.scopes) == ("screen", "key:ward-3", {"read"})
    assert principal.limits == KeyLimits(sessions=2)


def test_only_the_form_of_a_key_has_an_identifier():
    text, key = generate("one", ("read",))
    assert identifier_of(text) == key.id
    assert [identifier_of(wrong) for wrong in ("", text + "x", text[:-1], f" {text}", "drt_é", text.upper())] == [
        None
    ] * 6
