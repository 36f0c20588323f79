"""A wall clock that jumps, for processes of this run alone: a small library in front of libc, made from wall_clock.c.

A clock that is set, by an administrator or by NTP after a long time without a network, moves the wall clock of every
program and no monotonic clock. The library does the same to one process and to all the libraries in it. A patched time
source inside the server would move only those calls of Python that somebody thought of. libfaketime 0.9.10 was tried:
with the monotonic clock left alone, it makes `time.sleep` fail (EINVAL).
"""

import shutil
import struct
import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_suffix(".c")


def compiler() -> str | None:
    """The C compiler of this machine."""
    return shutil.which("cc") or shutil.which("gcc")


class WallClock:
    """The clock of the processes that are started with `environment`. `folder` keeps the library and the offset.

    Raises CalledProcessError where the library cannot be made, and FileNotFoundError without a C compiler.
    """

    def __init__(self, folder: Path, name: str = "clock") -> None:
        self._file, self._library = folder / f"{name}.offset", folder / f"{name}.so"
        if (cc := compiler()) is None:
            raise FileNotFoundError("there is no C compiler: apt install gcc")
        command = [cc, "-shared", "-fPIC", "-O2", "-o", str(self._library), str(SOURCE), "-ldl"]
        subprocess.run(command, check=True, capture_output=True)
        self.jump(0)

    def jump(self, seconds: int) -> None:
        """Sets the clock to so many seconds after the real one; before it if they are negative."""
        # In place: the processes have mapped the file.
        with self._file.open("r+b" if self._file.exists() else "wb", buffering=0) as file:
            file.write(struct.pack("=q", seconds))

    @property
    def environment(self) -> dict[str, str]:
        return {"LD_PRELOAD": str(self._library), "WALL_CLOCK_FILE": str(self._file)}
