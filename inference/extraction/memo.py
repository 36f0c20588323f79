"""What was found in the words of one session, kept from one reading of them to the next.

Every new final is read together with the finals before it. What depends on the words of one sentence alone is the same
each time, so it is found once. A session owns its `Memo`: another session never sees these words, and the memo holds
no more of them than the newest reading used.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, ParamSpec, TypeVar

Args = ParamSpec("Args")
Item = TypeVar("Item")


class Memo:
    """Keeps the results of the newest reading and of the one before it."""

    __slots__ = ("_before", "_found")

    def __init__(self) -> None:
        self._found: dict[tuple[Any, ...], tuple[tuple[Any, ...], list[Any]]] = {}
        self._before = self._found

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Functions that are `remembered` use this memo meanwhile. What the last reading did not use is forgotten."""
        self._before, self._found = self._found, {}
        token = _current.set(self)
        try:
            yield
        finally:
            self._before = self._found
            _current.reset(token)

    def recall(self, find: Callable[..., list[Item]], args: tuple[Any, ...], options: dict[str, Any]) -> list[Item]:
        """The result of `find(*args, **options)`, kept or found now, as a list of its own."""
        key = (find, *map(id, args), *options.items())
        kept = self._found.get(key) or self._before.get(key)
        if kept is None:
            # The arguments are kept with the result, so that no other object can get their identity.
            kept = (args, find(*args, **options))
        self._found[key] = kept
        return [*kept[1]]


_current: ContextVar[Memo | None] = ContextVar("memo", default=None)


def remembered(find: Callable[Args, list[Item]]) -> Callable[Args, list[Item]]:
    """Decorates a pure function whose results are kept while a memo is read with.

    Positional arguments are immutable objects, the same by identity; named ones are the same if they are equal. Each
    call returns a list of its own.
    """

    @wraps(find)
    def recalled(*args: Args.args, **options: Args.kwargs) -> list[Item]:
        memo = _current.get()
        return find(*args, **options) if memo is None else memo.recall(find, args, options)

    return recalled
