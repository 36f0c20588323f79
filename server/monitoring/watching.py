"""What watches a server from outside its engines, from its start to its end: audit trail, traces, the metrics port."""

import errno
import logging
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager

from aiohttp import web

from server.audit.file import AuditError
from server.audit.trail import Audit, auditing
from server.monitoring.endpoints import Endpoints
from server.monitoring.metrics import Metrics
from server.monitoring.traces import exporting
from server.settings import Settings, SettingsError

logger = logging.getLogger(__name__)

Private = Callable[[Endpoints], AbstractAsyncContextManager[str | None]]


@asynccontextmanager
async def watching(
    settings: Settings, metrics: Metrics, bind: Callable[[str, int], socket.socket]
) -> AsyncIterator[tuple[Audit, Private]]:
    """The audit trail, and what serves the metrics port once there are endpoints; traces begin through `metrics`.

    All of it is opened before any model is loaded, so that a wrong setting is told at once. Raises SettingsError.
    """
    with ExitStack() as stack:
        listener = stack.enter_context(_bound(settings, bind)) if settings.metrics_port is not None else None
        try:
            async with (
                auditing(settings.audit, metrics.observe_audit) as audit,
                exporting(str(settings.otlp_url) if settings.otlp_url else None) as metrics.trace,
            ):
                yield audit, lambda endpoints: _serving(endpoints, listener)
        except AuditError as error:
            raise SettingsError([f"--audit: {error}"]) from None
        except ModuleNotFoundError as missing:
            if settings.otlp_url is None or not str(missing.name).startswith("opentelemetry"):
                raise
            raise SettingsError([f"--otlp-url: {missing}"]) from None


@asynccontextmanager
async def _serving(endpoints: Endpoints, listener: socket.socket | None) -> AsyncIterator[str | None]:
    """Serves the metrics port; the address of the metrics."""
    if listener is None:
        yield None
        return
    runner = web.AppRunner(endpoints.private(), access_log=None, shutdown_timeout=0)
    await runner.setup()
    try:
        await web.SockSite(runner, listener).start()
        host, port = listener.getsockname()[:2]
        address = f"http://[{host}]:{port}/metrics" if ":" in host else f"http://{host}:{port}/metrics"
        logger.info("metrics and readiness in detail: %s", address)
        yield address
    finally:
        await runner.cleanup()


def _bound(settings: Settings, bind: Callable[[str, int], socket.socket]) -> socket.socket:
    assert settings.metrics_port is not None
    try:
        return bind(settings.metrics_host, settings.metrics_port)
    except OSError as error:
        where = f"{settings.metrics_host}:{settings.metrics_port}"
        reason = os.strerror(error.errno) if error.errno and error.errno in errno.errorcode else "no such address"
        remedy = "give another --metrics-port or --metrics-host"
        raise SettingsError([f"--metrics-port: {where} cannot be listened on ({reason}): {remedy}"]) from None
