"""The reader of nvidia-smi, with a stand-in for that program."""

import time

import pytest

from benchmarks.common.nvidia import GpuWatch, Reading, parsed
from benchmarks.gpu.watch import means
from benchmarks.load.watch import _all_gpus

TWO_GPUS = """#!/bin/sh
echo "0, 50, 1024, 100.5, 1500"
echo "1, 100, 2048, 200.0, 1600"
echo "0, 70, 3072, 101.5, 1700"
echo "1, [N/A], 2048, 200.0, 1600"
exec sleep 60
"""


@pytest.fixture
def watch(tmp_path, monkeypatch):
    program = tmp_path / "nvidia-smi"
    program.write_text(TWO_GPUS)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    found = GpuWatch()
    yield found
    found.close()


def moments(watch: GpuWatch):
    """All that the stand-in tells, as soon as it is there."""
    while not ((found := watch.between(0.0, time.monotonic())) and len(found) == 2):
        time.sleep(0.01)
    return found


def test_the_gpus_of_one_moment_are_told_together(watch):
    first, second = moments(watch)
    assert first == {0: Reading(50.0, 1024.0, 100.5, 1500.0), 1: Reading(100.0, 2048.0, 200.0, 1600.0)}
    assert second == {0: Reading(70.0, 3072.0, 101.5, 1700.0)}


def test_only_what_was_read_between_the_two_moments_is_told(watch):
    moments(watch)
    assert watch.between(0.0, 1e-9) == []


def test_the_gpu_benchmark_has_the_means_of_the_first_gpu(watch):
    assert means(moments(watch)) == {"utilisation": 0.6, "memory_gb": 2.0, "power_w": 101.0, "clock_mhz": 1600}
    assert means([]) is None


def test_the_load_benchmark_has_the_use_of_all_gpus(watch):
    found = _all_gpus(moments(watch))
    assert (found["busy_percent"]["p50"], found["busy_percent"]["max"]) == (70.0, 75.0)
    assert found["memory_mb"] == 3072.0


def test_a_line_without_use_or_memory_is_no_reading_and_one_without_power_is():
    assert parsed("0, [N/A], 2048, 200.0, 1600") is None
    assert parsed("Unable to determine the device handle") is None
    assert parsed("1, 7, 2048, [N/A], [N/A]") == (1, Reading(7.0, 2048.0, None, None))


def test_a_host_without_nvidia_smi_has_no_readings(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    watch = GpuWatch()
    assert watch.between(0.0, 1e12) == []
    watch.close()
