"""The vocabularies of sessions: made one at a time and with rests, and shared by sessions with equal names.

Making a thousand names takes 15 ms in which a thread holds Python's lock. The event loop and the threads of the models
ask for that lock many times a second, and the interpreter lets each of them wait for up to 5 ms, so that a few sessions
that begin one after the other would hold up all that are open.
"""

import asyncio
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from weakref import WeakValueDictionary

from inference.terms.vocabulary import Term, Vocabulary

WORK_S = 0.001
"""Seconds of the processor after which others have their turn: a fifth of what the interpreter would let them wait."""

REST = 3
"""Seconds of rest for each second of work: whatever begins, three quarters of the interpreter's time are left."""


class Vocabularies:
    """Makes vocabularies in a thread of its own, which starts with the first one."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="names")
        # Used in that thread alone. What no session uses any more is gone: it may hold the name of a patient.
        self._made: WeakValueDictionary[tuple[str, ...], Vocabulary] = WeakValueDictionary()

    async def make(self, terms: Sequence[str], site: Vocabulary | None) -> Vocabulary:
        """The terms of a session beside those of its site, which is always the same.

        Sessions with equal terms share a vocabulary while one of them has it.
        """
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._make, tuple(terms), site)

    def _make(self, terms: tuple[str, ...], site: Vocabulary | None) -> Vocabulary:
        if (known := self._made.get(terms)) is not None:
            return known
        made = self._made[terms] = Vocabulary(_resting(map(Term, terms)), site)
        return made


def _resting(terms: Iterable[Term]) -> Iterator[Term]:
    """The terms, with rests between those that are worked on for `WORK_S`."""
    began = time.thread_time()
    for term in terms:
        yield term
        worked = time.thread_time() - began
        if worked >= WORK_S:
            time.sleep(REST * worked)
            began = time.thread_time()
