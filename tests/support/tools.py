"""Programs of Debian that judge the examples and files of docs/ and docker/."""

import shutil
import subprocess
from pathlib import Path

import pytest


def tool(name: str) -> str:
    """The path of a program; the test is skipped where it is not installed. CI installs them all (.ci/run)."""
    found = shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/bin")
    if found is None:
        pytest.skip(f"{name} is not installed, and only it can judge this")
    return found


def certificate(
    folder: Path, name: str = "scribe", host: str = "scribe.example", *, alone: bool = False
) -> tuple[Path, Path]:
    """A self-signed certificate and its private key: NAME.pem and NAME.key.

    The certificate is for `host` and, unless `alone`, for localhost and 127.0.0.1.
    """
    key, pem = folder / f"{name}.key", folder / f"{name}.pem"
    names = f"subjectAltName=DNS:{host}" + ("" if alone else ",DNS:localhost,IP:127.0.0.1")
    subject = ["-subj", f"/CN={host}", "-addext", names]
    made = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-keyout", key, "-out", pem]
    subprocess.run(
        [tool("openssl"), "req", "-x509", "-nodes", "-days", "30", *subject, *made], check=True, capture_output=True
    )
    return pem, key
