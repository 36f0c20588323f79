"""`drtranscribe serve`: the server until a signal stops it."""

import asyncio
import errno
import logging
import os
import signal
import socket
import sys
import threading
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from importlib import import_module
from typing import TYPE_CHECKING, Any, NoReturn

import typer

from server.access.exposure import check_exposure
from server.cli.command import Config, fail, load_settings, settings_options, told_clearly, warmed
from server.monitoring import log
from server.sessions import garbage
from server.settings import Settings

if TYPE_CHECKING:
    from server.runtime import Running

ENGINE_FAILED_STATUS = 70
"""EX_SOFTWARE of sysexits.h: no wrong setting (2) and nothing wrong at start (1), so starting anew may help."""

LAST_WORDS_S = 30.0
"""For a server without an engine to tell its clients and to end."""


@settings_options(*Settings.model_fields)
def serve(*, config: Config = None, **flags: str | bool | None) -> None:
    """Serve consultations. Every flag is also a variable (DRTRANSCRIBE_PORT) and a line of the file (port = 8765)."""
    settings = load_settings(flags, config)
    with told_clearly():
        said = check_exposure(settings)
    log.configure(settings.log_level, settings.log_format)
    with told_clearly():
        failure = asyncio.run(_serve(settings, said))
    if failure is not None:
        _end(failure)


async def _serve(settings: Settings, said: list[str]) -> str | None:
    """Serves until a signal, or until the engine is gone for good: then the reason. First says the lines of `said`.

    A signal that comes before the engines are warm ends the process with status 0.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def stop_once() -> None:
        stop.set()
        for number in (signal.SIGINT, signal.SIGTERM):  # the second signal ends the process at once
            loop.remove_signal_handler(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop_once)
    stopped = asyncio.create_task(stop.wait())
    warm = False
    try:
        async with AsyncExitStack() as stack:
            starting = asyncio.create_task(_start(settings, stack))
            await asyncio.wait([starting, stopped], return_when=asyncio.FIRST_COMPLETED)
            if not starting.done():
                starting.cancel()
                await asyncio.wait([starting])
                _leave(0)
            server = starting.result()
            if server.certificate is not None:
                loop.add_signal_handler(signal.SIGHUP, server.certificate.reload)
            for line in said:
                typer.echo(line, err=True)
            typer.echo(server.address)
            over: list[asyncio.Future[Any]] = [stopped, asyncio.create_task(server.pipeline.gone())]
            await asyncio.wait([server.warm, *over], return_when=asyncio.FIRST_COMPLETED)
            if warm := server.warm.done():
                await warmed(server.warm)
                garbage.settle()
                typer.echo("ready")
            await asyncio.wait(over, return_when=asyncio.FIRST_COMPLETED)
            for task in over:
                task.cancel()
            failure = server.pipeline.failed
            if failure is not None:
                # A call into a broken driver may never return, and Python waits for its thread.
                watchdog = threading.Timer(LAST_WORDS_S, _end, [failure])
                watchdog.daemon = True
                watchdog.start()
    except OSError as error:
        _cannot_listen(settings, error)
    if failure is None and not warm:
        _leave(0)
    return failure


async def _start(settings: Settings, stack: AsyncExitStack) -> "Running":
    """A server that `stack` shuts down. A thread does the heavy imports, so that the loop sees a signal meanwhile."""
    runtime = await asyncio.to_thread(import_module, "server.runtime")
    running: AbstractAsyncContextManager[Running] = runtime.running(settings)
    return await stack.enter_async_context(running)


def _end(failure: str) -> NoReturn:
    """Ends the process at once: CTranslate2's destructors abort it where the device is gone."""
    typer.echo(
        f"the engine failed for good: {failure}. The server ends with status {ENGINE_FAILED_STATUS}, for Docker, "
        "systemd or Kubernetes to start it anew; look at the GPU (nvidia-smi, dmesg) if this comes again",
        err=True,
    )
    _leave(ENGINE_FAILED_STATUS)


def _leave(status: int) -> NoReturn:
    """Ends the process without its threads, for which Python waits: one may load or measure a model for minutes."""
    logging.shutdown()
    sys.stdout.flush()
    os._exit(status)


def _cannot_listen(settings: Settings, error: OSError) -> NoReturn:
    where = f"{settings.host}:{settings.port}"
    if error.errno == errno.EADDRINUSE:
        fail(f"{where} is in use: stop what listens there, or give another --port (0 takes any free one)")
    if error.errno == errno.EACCES:
        fail(f"{where} needs more rights than this user has: give a --port of 1024 or more")
    if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        fail(f"{settings.host} is no address of this machine: give --host 127.0.0.1, or 0.0.0.0 for every interface")
    raise error
