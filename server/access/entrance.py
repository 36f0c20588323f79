"""Builds what decides who comes in from the settings."""

import os
import secrets
from pathlib import Path

from server.access.access import Access
from server.access.keyring import Keyring
from server.access.keys import KeysError
from server.access.principal import KeyLimits
from server.access.quotas import Quotas
from server.access.signing import Signer
from server.settings import Settings, SettingsError

SECRET_BYTES = 32


def access_of(settings: Settings) -> Access:
    """Raises SettingsError where a file of the settings cannot be used."""
    try:
        keyring = Keyring(settings.keys_file) if settings.keys_file is not None else None
    except KeysError as fault:
        raise SettingsError([f"--keys-file: {fault}"]) from None
    usual = KeyLimits(settings.key_sessions, settings.key_connections_per_minute, settings.key_bytes_per_minute)
    return Access(
        keyring,
        settings.user_header,
        settings.trusted_proxy,
        settings.tls_cert is not None,
        settings.sign_in_s,
        Signer() if settings.secret_file is None else Signer(_secret(settings.secret_file)),
        Quotas(usual),
    )


def _secret(path: Path) -> bytes:
    """The secret in a file, which is made if there is none. Raises SettingsError."""
    try:
        file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        pass
    except OSError as error:
        raise SettingsError([f"--secret-file: {path} cannot be made: {error.strerror}"]) from None
    else:
        with os.fdopen(file, "w") as out:
            out.write(secrets.token_hex(SECRET_BYTES) + "\n")
    try:
        secret = bytes.fromhex(path.read_text().strip())
        others = path.stat().st_mode & 0o077
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it holds no hexadecimal digits"
        raise SettingsError([f"--secret-file: {path} cannot be read: {reason}"]) from None
    if others:
        raise SettingsError([f"--secret-file: {path} is open to others: chmod 600 {path}"])
    if len(secret) < SECRET_BYTES:
        raise SettingsError([f"--secret-file: {path} holds {len(secret)} bytes and needs {SECRET_BYTES}: remove it"])
    return secret
