"""A folder holds what a reader can take in at a glance."""

from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("benchmarks", "drtranscribe", "extension", "inference", "server", "tests", "tools")
MOST = 14
NOT_COUNTED = {"__init__.py", "__main__.py", "py.typed", "__pycache__"}

EXCEPTIONS: Mapping[str, str] = {
    "inference": "moved.py, which names the new places of old modules, is there for one release",
    "benchmarks": "one folder for each thing that is measured, beside two documents",
    "benchmarks/data": "one file for each collection of sentences or names, found by its name",
    "benchmarks/results": "one file for each run that the documents quote, found by its name",
    "inference/extraction/vocabulary": "one table for each kind of word, found by its name",
    "server": "one folder for each thing that a client can reach or that watches over it",
    "tests/inference": "mirrors inference",
    "tests/server": "mirrors server",
}
"""Folders that hold more, and why."""


def crowded(root: Path, packages: tuple[str, ...], most: int) -> dict[str, int]:
    """The folders with more entries than that, and how many they have."""
    folders = [path for package in packages for path in [root / package, *(root / package).rglob("*/")]]
    found = {}
    for folder in folders:
        counted = [e for e in folder.iterdir() if e.name not in NOT_COUNTED and not e.name.startswith(".")]
        if folder.name != "__pycache__" and len(counted) > most:
            found[folder.relative_to(root).as_posix()] = len(counted)
    return found


def test_no_folder_has_more_than_fourteen_entries_without_a_stated_reason():
    assert crowded(ROOT, PACKAGES, MOST).keys() == EXCEPTIONS.keys()


def test_a_crowded_folder_is_found_at_any_depth_and_what_every_package_has_is_not_counted(tmp_path):
    for name in ("p/one.py", "p/__init__.py", "p/q/__pycache__/x", "p/q/a.py", "p/q/b.py", "p/q/c.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert crowded(tmp_path, ("p",), 2) == {"p/q": 3}
