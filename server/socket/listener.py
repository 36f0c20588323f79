"""A listening socket that can turn connections away before the event loop makes anything of them."""

import socket
from collections.abc import Callable
from typing import Any

MOST_AT_ONCE = 32
"""Connections that are turned away before the event loop gets its turn."""


class Listener(socket.socket):
    """asyncio takes connections from it by `accept`; those that `turn_away` deals with never come to asyncio.

    A transport, a task and a place in the selector cost a connection 0.1 ms, which a flood is not worth.
    """

    turn_away: Callable[[socket.socket, str], bool] | None = None
    """Whether a connection from an address was answered and closed; it must not wait."""

    def accept(self) -> tuple[socket.socket, Any]:
        """The next connection that is not turned away. Raises BlockingIOError where there is none for now."""
        for _ in range(MOST_AT_ONCE):
            connection, address = super().accept()
            peer = str(address[0]) if isinstance(address, tuple) else ""
            if self.turn_away is None or not self.turn_away(connection, peer):
                return connection, address
        raise BlockingIOError
