"""cuBLAS 13 in the place of 12, where a host has no other (inference/device/cublas.py finds the right one).

The nine functions that CTranslate2 4.8 calls (create, destroy, stream, GEMM in five forms, math mode, version) have
kept their signatures. The soname differs, so the library must be found under the old name, and the loader reads
LD_LIBRARY_PATH at the start of a process alone: the process starts itself once more.
"""

import atexit
import os
import shutil
import sys
import tempfile
from pathlib import Path

from inference.device.cublas import LIBRARY, loads, wheel_library
from inference.device.cublas import preload as preload_12

LINKS = "DRTRANSCRIBE_CUBLAS_LINKS"
"""Names the folder of links in the environment of a process that was started again."""


def preload() -> str | None:
    """Makes `LIBRARY` loadable by name, and says where from; None where no cuBLAS is to be had.

    May replace the process by a new one with the same arguments, so call it first.
    """
    links = os.environ.get(LINKS)
    # Starting anew keeps the process id. Children inherit the folder, and must not remove it from under each other.
    if links is not None and links.endswith(f"-{os.getpid()}"):
        atexit.register(shutil.rmtree, links, ignore_errors=True)
    try:
        found = preload_12()
        return found if links is None else "cuBLAS 13 under the name of 12"
    except RuntimeError:
        newer = wheel_library("libcublas.so.13") or loaded_path("libcublas.so.13")
    if newer is not None and links is None:
        os.environ.update(under_old_name(newer))
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
    return None


def loaded_path(name: str) -> Path | None:
    """Where the loader finds a library, if it does."""
    if not loads(name):
        return None
    maps = Path("/proc/self/maps").read_text().splitlines()
    return next((Path(line.split()[-1]) for line in maps if f"/{name}" in line), None)


def under_old_name(newer: Path) -> dict[str, str]:
    """The environment by which a new process finds `newer` as `LIBRARY`, and its cuBLASLt beside it."""
    links = tempfile.mkdtemp(prefix="cublas-", suffix=f"-{os.getpid()}")
    (Path(links) / LIBRARY).symlink_to(newer)
    paths = [links, str(newer.parent), os.environ.get("LD_LIBRARY_PATH", "")]
    return {LINKS: links, "LD_LIBRARY_PATH": ":".join(path for path in paths if path)}
