"""The server's own certificate, which may be replaced while it serves."""

import logging
import ssl
from pathlib import Path

from server.settings import SettingsError

logger = logging.getLogger(__name__)


class Certificate:
    """The certificate chain and key of two PEM files. Raises SettingsError where they cannot be used."""

    def __init__(self, cert: Path, key: Path) -> None:
        self._cert, self._key = cert, key
        try:
            self.context = self._loaded()
        except _Unusable as fault:
            raise SettingsError([f"--tls-cert, --tls-key: {fault}"]) from None

    def reload(self) -> bool:
        """Reads the files again, for the connections to come. Returns False where the certificate before stays."""
        try:
            self._loaded()  # apart first: a context is broken that has read only one of two files that do not match
            self.context.load_cert_chain(self._cert, self._key)
        except (_Unusable, OSError) as fault:
            reason = str(fault) if isinstance(fault, _Unusable) else type(fault).__name__
            logger.error("the new certificate is not used, the one before stays: %s", reason)
            return False
        logger.info("the certificate was read again")
        return True

    def _loaded(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_RENEGOTIATION
        context.set_alpn_protocols(["http/1.1"])
        for path in (self._cert, self._key):
            try:
                path.open("rb").close()
            except OSError as error:
                raise _Unusable(f"{path} cannot be read: {error.strerror}") from None
        try:
            # Without a password: OpenSSL would ask at the terminal for that of an encrypted key.
            context.load_cert_chain(self._cert, self._key, password=_no_password)
        except _Encrypted:
            raise _Unusable(f"{self._key} is encrypted: give a key without a password") from None
        except ssl.SSLError as error:
            if error.reason == "KEY_VALUES_MISMATCH":
                raise _Unusable(f"{self._key} is not the key of the certificate {self._cert}") from None
            raise _Unusable(f"{self._cert} and {self._key} are no certificate and key in PEM: {error.reason}") from None
        return context


class _Unusable(Exception):
    pass


class _Encrypted(Exception):
    pass


def _no_password() -> str:
    raise _Encrypted
