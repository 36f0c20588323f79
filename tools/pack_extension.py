"""Packs the Chrome extension: its own files, the modules of the page that it imports, its icons, and a manifest.

    .venv/bin/python -m tools.pack_extension

writes build/extension/, a folder that Chrome loads as an unpacked extension, and build/drtranscribe-extension.zip, which
the Chrome Web Store takes. The same sources give the same bytes. The folder alone has a `key` in its manifest, so that
the extension has the same id on every computer; the store gives an id of its own.
"""

import argparse
import hashlib
import json
import re
import shutil
import zipfile
from base64 import b64decode
from collections.abc import Iterator, Mapping
from pathlib import Path
from posixpath import dirname, normpath

from tools.make_icons import SIZES, icon

ROOT = Path(__file__).parents[1]
EXTENSION = ROOT / "extension"
STATIC = ROOT / "server" / "static"
LICENCE = ROOT / "LICENSE"
BUILD = ROOT / "build"

PAGE = "page/"
"""Where the modules of the page lie in a packed extension."""
LEFT_OUT = ("policy/",)
"""Parts of the extension's folder that are for administrators, not for Chrome."""

UNPACKED_KEY = (
    "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAy2pg2e4qXfQlRnNCNwIe1aoOc19Se9th4EUmvDHoGktCKJvteGtX0sdX"
    "1VuOTZ7b9/boimdZw3PfGPGfunHbSuzsCUr+Uaydnzu0yh8acQsF/Tg4uajd2IqBgEBVoGZGl5CWojyzkOm+atoz4jF4VSU9BH4b"
    "E6HXd9h6SC07ldqdJuQSYKf9nkeSukIWR18cFHD+LA2xNAMqBwIgzaduZgLXA/m3N/5YDXP0IeG3OKtUTKC/V5Ma6lEl89lus7La"
    "he66vO5xXsD0JuqUKLZEmO/XLv/l71ss8db0o3NWy//Pmuwb7WE3+hSjKICAYXDrr8PRMi7P345Z9L5lYNT3fQIDAQAB"
)
"""A public key (SPKI, DER, base64). Its private half was thrown away: nothing can be signed with it."""

EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip can hold."""

_REFERENCES = {
    ".js": re.compile(r"""(?:\bfrom\s+|\bimport\s*\(?\s*|\bnew URL\(\s*)["'](\.{1,2}/[^"']+)["']"""),
    ".html": re.compile(r"""\b(?:src|href)="([^":]+)\""""),
    ".css": re.compile(r"""\burl\(["']?([^"':)]+)["']?\)"""),
}


class PackError(Exception):
    """The extension names a file that is not there; `str()` says which and where."""


def packed() -> dict[str, bytes]:
    """Every file of the extension by its path, without a `key` in the manifest. Raises PackError."""
    files = {f"icons/{size}.png": icon(size) for size in SIZES}
    files["LICENSE"] = LICENCE.read_bytes()
    for path in sorted(EXTENSION.rglob("*")):
        name = path.relative_to(EXTENSION).as_posix()
        if path.is_file() and not name.startswith(LEFT_OUT):
            files[name] = path.read_bytes()
    waiting = sorted(files)
    while waiting:
        name = waiting.pop()
        for target in references(name, files[name]):
            if target in files:
                continue
            source = STATIC / target.removeprefix(PAGE)
            if not target.startswith(PAGE) or not source.is_file():
                raise PackError(f"extension/{name} names {target}, which is not there")
            files[target] = source.read_bytes()
            waiting.append(target)
    return dict(sorted(files.items()))


def references(name: str, content: bytes) -> Iterator[str]:
    """The files that a module, a page or a style sheet names, by their paths in the extension."""
    pattern = _REFERENCES.get(Path(name).suffix)
    if pattern is not None:
        for target in pattern.findall(content.decode()):
            yield normpath(f"{dirname(name)}/{target}").lstrip("/")


def with_key(files: Mapping[str, bytes], changes: Mapping[str, object] | None = None) -> dict[str, bytes]:
    """The files for an unpacked folder. `changes` are put into the manifest too, such as hosts that a test allows."""
    manifest = json.loads(files["manifest.json"]) | {"key": UNPACKED_KEY} | (changes or {})
    return {**files, "manifest.json": json.dumps(manifest, indent=2).encode() + b"\n"}


def extension_id(key: str = UNPACKED_KEY) -> str:
    """The id that Chrome derives from a public key: 32 letters from a to p."""
    digest = hashlib.sha256(b64decode(key)).hexdigest()[:32]
    return "".join(chr(ord("a") + int(digit, 16)) for digit in digest)


def write_folder(files: Mapping[str, bytes], folder: Path) -> None:
    """Replaces what is in the folder."""
    shutil.rmtree(folder, ignore_errors=True)
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def write_zip(files: Mapping[str, bytes], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.external_attr = 0o644 << 16
            entry.create_system = 3  # Unix, whatever this runs on
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED, 9)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=BUILD / "extension", help="unpacked; its content is replaced")
    parser.add_argument("--zip", type=Path, default=BUILD / "drtranscribe-extension.zip", help="for the store")
    chosen = parser.parse_args()
    try:
        files = packed()
    except PackError as fault:
        raise SystemExit(str(fault)) from None
    write_folder(with_key(files), chosen.folder)
    write_zip(files, chosen.zip)
    print(f"{chosen.zip}: {chosen.zip.stat().st_size} bytes, {len(files)} files")
    print(f"{chosen.folder}: unpacked, for a server with --allowed-origins chrome-extension://{extension_id()}")


if __name__ == "__main__":
    main()
