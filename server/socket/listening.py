"""An application on a socket, behind the door, with the limits that hold before aiohttp has read a request."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from server.access.access import ACCESS
from server.access.gate import Gate
from server.access.tls import Certificate
from server.audit.trail import Audit
from server.monitoring.metrics import Metrics
from server.monitoring.request_log import guarded
from server.settings import Settings
from server.socket import descriptors
from server.socket.door import Door
from server.socket.listener import Listener

logger = logging.getLogger(__name__)

USUAL_CONNECTIONS = 4096
"""Connections in all where the operator names no number and descriptors suffice; twice the sessions if that is more."""


class _Site(web.BaseSite):
    """aiohttp's sites make its own protocols; this one those of the door."""

    def __init__(self, runner: web.AppRunner, listener: socket.socket, door: Door) -> None:
        super().__init__(runner, backlog=128)
        self._listener = listener
        self._door = door

    @property
    def name(self) -> str:
        host, port = self._listener.getsockname()[:2]
        return f"{'http' if self._door.tls is None else 'https'}://{host}:{port}"

    async def start(self) -> None:
        await super().start()
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._door, sock=self._listener, backlog=self._backlog)


@asynccontextmanager
async def listening(
    app: web.Application,
    listener: socket.socket,
    settings: Settings,
    metrics: Metrics,
    shutdown_timeout_s: float | None = None,
    audit: Audit | None = None,
    certificate: Certificate | None = None,
) -> AsyncIterator[Door]:
    """Serves `app` on a bound socket, over TLS with a certificate.

    Leaving shuts it down, for which handlers have `shutdown_timeout_s`.
    """
    most = most_connections(settings, descriptors.raise_limit())
    runner = web.AppRunner(
        app,
        shutdown_timeout=settings.shutdown_grace_s if shutdown_timeout_s is None else shutdown_timeout_s,
        access_log=None,
        # aiohttp closes a connection on which no whole request came for so long, from its first byte on.
        keepalive_timeout=settings.request_timeout_s,
    )
    with guarded(metrics, audit):
        await runner.setup()
        assert runner.server is not None
        door = Door(
            runner.server,
            metrics,
            most,
            min(settings.max_connections_per_address, most),
            audit or Audit(),
            Gate(app[ACCESS], metrics, audit) if ACCESS in app else None,
            certificate.context if certificate is not None else None,
            settings.request_timeout_s,
        )
        metrics.watch_door(door)
        if isinstance(listener, Listener):
            listener.turn_away = door.turn_away
        try:
            await _Site(runner, listener, door).start()
            yield door
        finally:
            await runner.cleanup()


def most_connections(settings: Settings, limit: int) -> int:
    """Connections in all, of `limit` descriptors."""
    room = descriptors.for_connections(limit)
    wanted = settings.max_connections or max(USUAL_CONNECTIONS, 2 * (settings.max_sessions or 0))
    if wanted > room and settings.max_connections:
        logger.warning("--max-connections %d needs more open files than %d: %d are held", wanted, limit, room)
    if room < (settings.max_sessions or 0):
        logger.warning("%d open files are too few for --max-sessions %d: raise ulimit -n", limit, settings.max_sessions)
    return min(wanted, room)
