import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from server.store.sealing import KeyFault, Seal, derived, master_key

KEY = bytes(range(32))


def test_what_is_sealed_shows_none_of_it_and_opens_at_its_own_place_alone():
    sealed = Seal(KEY, "one").close(b"chest pain", "event 7")
    assert b"chest pain" not in sealed
    assert Seal(KEY, "one").open(sealed, "event 7") == b"chest pain"
    for other, place in (("one", "event 8"), ("two", "event 7")):
        with pytest.raises(KeyFault, match="same --store-key-file"):
            Seal(KEY, other).open(sealed, place)


def test_the_same_words_are_sealed_differently_each_time():
    seal = Seal(KEY, "one")
    assert seal.close(b"yes", "event 1") != seal.close(b"yes", "event 1")


def test_a_server_without_the_key_and_one_with_it_do_not_read_each_others_sessions():
    with pytest.raises(KeyFault, match="has no key"):
        Seal(None, "one").open(Seal(KEY, "one").close(b"x", "meta"), "meta")
    with pytest.raises(KeyFault, match="has no key"):
        Seal(KEY, "one").open(Seal(None, "one").close(b"x", "meta"), "meta")


@pytest.mark.parametrize(
    "written", [KEY, KEY.hex().encode() + b"\n", b"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"]
)
def test_a_key_file_holds_bytes_hexadecimal_digits_or_base64(tmp_path, written):
    path = tmp_path / "key"
    path.write_bytes(written)
    assert master_key(path) == KEY


def test_a_key_file_that_holds_no_key_says_how_to_make_one(tmp_path):
    (tmp_path / "key").write_text("secret")
    with pytest.raises(KeyFault, match="openssl rand -hex 32"):
        master_key(tmp_path / "key")
    with pytest.raises(KeyFault, match="cannot read"):
        master_key(tmp_path / "none")


def test_the_key_of_a_session_is_that_of_hkdf():
    for master, info in ((bytes(32), b""), (bytes(range(32)), b"drtranscribe session abc")):
        assert derived(master, info) == HKDF(SHA256(), 32, salt=None, info=info).derive(master)
