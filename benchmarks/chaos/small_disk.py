"""A small disk that can be filled: a tmpfs, which needs root."""

import errno
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

FILLER = "filler"
BLOCK = 4096


class SmallDisk:
    """A context in which `path` is a disk of its own with `kilobytes`. Raises OSError where it cannot be mounted."""

    def __init__(self, path: Path, kilobytes: int) -> None:
        self.path = path
        self._size = kilobytes

    def fill(self) -> None:
        """Takes every byte that is left."""
        with (self.path / FILLER).open("ab", buffering=0) as file:
            for size in (BLOCK, 1):
                try:
                    while file.write(bytes(size)):
                        pass
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise

    def free(self) -> None:
        (self.path / FILLER).unlink()

    def grow(self, kilobytes: int) -> None:
        self._mount(f"remount,size={kilobytes}k")

    def __enter__(self) -> Self:
        self.path.mkdir()
        self._mount(f"size={self._size}k")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        subprocess.run(["umount", "--lazy", str(self.path)], check=False)

    def _mount(self, options: str) -> None:
        ended = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(self.path)],
            capture_output=True,
            text=True,
            check=False,
        )
        if ended.returncode:
            raise OSError(errno.EPERM, "a tmpfs cannot be mounted here: run this as root")
