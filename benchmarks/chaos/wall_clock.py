"""A wall clock that jumps, for processes of this run alone: libfaketime, which leaves the monotonic clock as it is.

A clock that is set, by an administrator or by NTP after a long time without a network, moves the wall clock of every
program and no monotonic clock. libfaketime does the same to one process and to all the libraries in it. A patched time
source inside the server would move only those calls of Python that were thought of.
"""

from dataclasses import dataclass
from pathlib import Path

LIBRARY = next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))), None)
"""Debian's, where it is installed (apt install faketime)."""


@dataclass(frozen=True, slots=True)
class WallClock:
    """`file` tells the processes that are started with `environment` how far their wall clock is off."""

    file: Path

    def jump(self, seconds: int) -> None:
        """Sets the clock to so many seconds after the real one; before it if they are negative."""
        new = self.file.with_suffix(".new")
        new.write_text(f"{seconds:+d}\n")
        new.replace(self.file)  # whole or not at all: the processes read it at every look at the clock

    @property
    def environment(self) -> dict[str, str]:
        return {
            "LD_PRELOAD": str(LIBRARY),
            "FAKETIME_TIMESTAMP_FILE": str(self.file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",  # the name that it had before 0.9.10
        }
