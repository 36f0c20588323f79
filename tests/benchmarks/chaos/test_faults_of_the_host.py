"""Disks and clocks of a scenario's own."""

import os
import subprocess
import sys
import time

import pytest

from benchmarks.chaos.small_disk import SmallDisk
from benchmarks.chaos.wall_clock import LIBRARY, WallClock

CLOCKS = "import time; print(time.time(), time.monotonic(), flush=True)"


def test_a_small_disk_is_full_until_it_is_freed_or_grows(tmp_path):
    try:
        with SmallDisk(tmp_path / "disk", 64) as disk:
            (disk.path / "kept").write_text("kept")
            disk.fill()
            with pytest.raises(OSError, match="No space left"):
                (disk.path / "more").write_bytes(bytes(10_000))
            disk.grow(256)
            (disk.path / "more").write_bytes(bytes(10_000))
            disk.free()
            (disk.path / "yet more").write_bytes(bytes(40_000))
            assert (disk.path / "kept").read_text() == "kept"
    except PermissionError as error:
        pytest.skip(str(error))
    assert not list((tmp_path / "disk").iterdir())


def test_a_jump_moves_the_wall_clock_of_a_process_and_no_monotonic_one(tmp_path):
    if LIBRARY is None:
        pytest.skip("libfaketime is not installed: apt install faketime")
    clock = WallClock(tmp_path / "clock")
    for seconds in (3600, -3600, 0):
        clock.jump(seconds)
        told = subprocess.run(
            [sys.executable, "-S", "-c", CLOCKS],
            env={**os.environ, **clock.environment},
            capture_output=True,
            text=True,
            check=True,
        )
        wall, monotonic = map(float, told.stdout.split())
        assert abs(wall - time.time() - seconds) < 600
        assert abs(monotonic - time.monotonic()) < 600
