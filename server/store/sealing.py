"""What lies in the store, encrypted: AES-GCM with a key for each session, bound to the place where it lies."""

import binascii
import hmac
import os
from base64 import b64decode
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

PLAIN, SEALED = b"\0", b"\1"
"""First byte of everything in the store."""

KEY_BYTES = 32
NONCE_BYTES = 12


class KeyFault(ValueError):
    """The key file cannot be used, or what lies in the store does not open with it; `str()` says what to do."""


class Seal:
    """One session's seal. Without a master key nothing is encrypted, and what is encrypted does not open."""

    def __init__(self, master: bytes | None, session_id: str) -> None:
        self._cipher = None if master is None else _cipher(master, session_id)

    def close(self, data: bytes, place: str) -> bytes:
        """What is to be stored; it opens at the same `place` of the same session alone."""
        if self._cipher is None:
            return PLAIN + data
        nonce = os.urandom(NONCE_BYTES)
        return SEALED + nonce + self._cipher.encrypt(nonce, data, place.encode())

    def open(self, stored: bytes, place: str) -> bytes:
        """What was stored. Raises KeyFault."""
        if stored[:1] == PLAIN and self._cipher is None:
            return stored[1:]
        if stored[:1] != SEALED or self._cipher is None:
            raise KeyFault(
                "a session in the store is encrypted and this server has no key, or the other way round: give every "
                "server of a store the same --store-key-file"
            )
        from cryptography.exceptions import InvalidTag

        nonce, sealed = stored[1 : 1 + NONCE_BYTES], stored[1 + NONCE_BYTES :]
        try:
            return self._cipher.decrypt(nonce, sealed, place.encode())
        except InvalidTag:
            raise KeyFault(
                "a session in the store does not open: give every server of a store the same --store-key-file"
            ) from None


def master_key(path: Path) -> bytes:
    """The key in a file: 32 bytes as they are, as 64 hexadecimal digits or in base64. Raises KeyFault."""
    try:
        held = path.read_bytes()
    except OSError as error:
        raise KeyFault(f"--store-key-file: cannot read {path}: {error.strerror}") from None
    readers: tuple[Callable[[bytes], bytes], ...] = (bytes, _hexadecimal, _base64)
    for read in readers:
        with suppress(ValueError, binascii.Error):
            key = read(held)
            if len(key) == KEY_BYTES:
                return key
    raise KeyFault(f"--store-key-file: {path} holds no key of {KEY_BYTES} bytes: make one with openssl rand -hex 32")


def _hexadecimal(held: bytes) -> bytes:
    return bytes.fromhex(held.decode())


def _base64(held: bytes) -> bytes:
    return b64decode(held.strip(), validate=True)


def _cipher(master: bytes, session_id: str) -> "AESGCM":
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    # A key for each session: random nonces of 96 bits are then far from repeating.
    return AESGCM(derived(master, b"drtranscribe session " + session_id.encode()))


def derived(master: bytes, info: bytes) -> bytes:
    """A key of 32 bytes: HKDF with SHA-256 and no salt (RFC 5869), whose output is one block.

    It is made for each write, and cryptography's HKDF takes ten times as long.
    """
    extracted = hmac.digest(bytes(KEY_BYTES), master, "sha256")
    return hmac.digest(extracted, info + b"\x01", "sha256")
