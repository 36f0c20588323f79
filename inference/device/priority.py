"""How long the threads of a library wait for a processor that another thread of this process wants."""

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Made = TypeVar("Made")

YIELDING = 5
"""Steps of niceness by which decoding yields to the event loop: a third of its share while both want a processor."""


def yielding(make: Callable[[], Made]) -> Made:
    """What `make` returns. Threads that it starts inherit a lower priority than this process has.

    Linux alone gives each thread a priority of its own; elsewhere nothing changes.
    """
    with ThreadPoolExecutor(1, initializer=_yield) as thread:
        return thread.submit(make).result()


def _yield() -> None:
    if not hasattr(os, "sched_setscheduler"):  # setpriority would mean the whole process
        return
    own = threading.get_native_id()
    os.setpriority(os.PRIO_PROCESS, own, min(19, os.getpriority(os.PRIO_PROCESS, own) + YIELDING))
