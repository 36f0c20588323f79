"""The messages of a session's client: which of them were taken, and how fast they may come."""

import math
import time
from collections.abc import Iterable

from server.guards.bounds import MESSAGES_AT_ONCE, MESSAGES_PER_S
from server.protocol import ProtocolError
from server.sessions.allowance import Allowance

allowance_clock = time.monotonic


class Requests:
    """The client's own numbers of its messages; `taken` are those that were answered before the session was resumed."""

    def __init__(self, taken: Iterable[int] = ()) -> None:
        self._taken: set[int | None] = set(taken)
        self._allowance = Allowance(MESSAGES_PER_S, MESSAGES_AT_ONCE)

    def is_repeated(self, request: int | None) -> bool:
        """Whether the client sends a message again that was taken; it cannot know that after a lost connection."""
        if request is None:
            return False
        repeated = request in self._taken
        self._taken.add(request)
        return repeated

    def forget(self, request: int | None) -> None:
        """The message was not taken after all: the client sends it again."""
        self._taken.discard(request)

    def allow(self) -> None:
        """Raises ProtocolError if the client sends messages too fast."""
        wait_s = self._allowance.take(allowance_clock())
        if wait_s:
            raise ProtocolError(
                "too_many_messages",
                f"more than {MESSAGES_AT_ONCE} messages at once, or {MESSAGES_PER_S:g} a second: send it again later",
                math.ceil(10 * wait_s) / 10,
            )
