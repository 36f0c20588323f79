"""What `bundle.sh` packed, on the host where it was unpacked: for which Python, and the audio of the sample."""

import json
import sys
from pathlib import Path

MARK = "gpu_bundle.json"
"""Lies in the folder that goes on PYTHONPATH."""


def folder() -> Path | None:
    """The bundle on the import path, if there is one."""
    return next((Path(entry) for entry in sys.path if entry and (Path(entry) / MARK).is_file()), None)


def check() -> None:
    """Ends the process where the bundle holds extension modules of another Python, which cannot be imported here."""
    found = folder()
    if found is None:
        return
    packed = json.loads((found / MARK).read_text())["python"]
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    if packed != here:
        raise SystemExit(
            f"{found} was packed for Python {packed}, and this is Python {here}: start the benchmark with "
            f"python{packed}, or pack a bundle with: benchmarks/gpu/bundle.sh FOLDER {here}"
        )


def sample() -> Path | None:
    """The sample consultation as a .wav, which needs no decoder."""
    found = folder()
    return found / "consultation.wav" if found is not None else None
