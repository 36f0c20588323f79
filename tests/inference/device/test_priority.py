"""Threads of a library that yield to the event loop."""

import os
import sys
import threading

import pytest

from inference.device.priority import YIELDING, yielding

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux gives each thread a priority of its own")


def niceness() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


@linux
def test_threads_that_are_started_while_something_is_made_yield_and_the_caller_does_not():
    before = niceness()
    found = []

    def make():
        thread = threading.Thread(target=lambda: found.append(niceness()))
        thread.start()
        thread.join()
        return "made"

    assert yielding(make) == "made"
    assert found == [min(19, before + YIELDING)]
    assert niceness() == before


@linux
def test_the_threads_that_decode_on_a_cpu_yield(tiny):
    listed = [os.getpriority(os.PRIO_PROCESS, int(thread)) for thread in os.listdir("/proc/self/task")]
    assert listed.count(min(19, niceness() + YIELDING)) >= tiny.config.workers


def test_what_fails_while_it_is_made_fails_for_the_caller():
    def fails():
        raise ValueError("no model")

    with pytest.raises(ValueError, match="no model"):
        yielding(fails)
