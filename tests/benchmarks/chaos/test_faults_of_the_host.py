"""Disks and clocks of a scenario's own."""

import os
import subprocess
import sys
import time
from subprocess import PIPE

import pytest

from benchmarks.chaos.small_disk import SmallDisk
from benchmarks.chaos.wall_clock import WallClock

CLOCKS = """
import datetime, sys, time
for _ in sys.stdin:
    time.sleep(0.001)
    print(time.time(), datetime.datetime.now().timestamp(), time.monotonic())
"""


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


def test_a_jump_moves_the_wall_clock_of_a_running_process_and_neither_its_monotonic_clock_nor_its_sleep(tmp_path):
    clock = WallClock(tmp_path)
    command = [sys.executable, "-S", "-u", "-c", CLOCKS]
    environment = {**os.environ, **clock.environment}
    with subprocess.Popen(command, env=environment, stdin=PIPE, stdout=PIPE, text=True) as process:
        for seconds in (3600, -3600, 0):
            clock.jump(seconds)
            print(file=process.stdin, flush=True)
            by_time, by_date, monotonic = map(float, process.stdout.readline().split())
            assert abs(by_time - time.time() - seconds) < 600
            assert abs(by_date - time.time() - seconds) < 600
            assert abs(monotonic - time.monotonic()) < 600
        process.stdin.close()
