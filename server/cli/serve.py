"""`drtranscribe serve`: the server until a signal stops it."""

import asyncio
import errno
import logging
import os
import signal
import socket
import sys
import threading
from typing import Any, NoReturn

import typer

from server.cli.command import Config, fail, load_settings, settings_options, told_clearly, warmed
from server.monitoring import log
from server.sessions import garbage
from server.settings import Settings

ENGINE_FAILED_STATUS = 70
"""EX_SOFTWARE of sysexits.h: no wrong setting (2) and nothing wrong at start (1), so starting anew may help."""

LAST_WORDS_S = 30.0
"""For a server without an engine to tell its clients and to end."""


@settings_options(*Settings.model_fields)
def serve(*, config: Config = None, **flags: str | None) -> None:
    """Serve consultations. Every flag is also a variable (DRTRANSCRIBE_PORT) and a line of the file (port = 8765)."""
    settings = load_settings(flags, config)
    log.configure(settings.log_level)
    with told_clearly():
        failure = asyncio.run(_serve(settings))
    if failure is not None:
        _end(failure)


async def _serve(settings: Settings) -> str | None:
    """Serves until a signal, or until the engine is gone for good: then the reason."""
    from server.runtime import running

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def stop_once() -> None:
        stop.set()
        for number in (signal.SIGINT, signal.SIGTERM):  # the second signal ends the process at once
            loop.remove_signal_handler(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop_once)
    try:
        async with running(settings) as server:
            typer.echo(server.address)
            over: list[asyncio.Future[Any]] = [
                asyncio.create_task(stop.wait()),
                asyncio.create_task(server.pipeline.gone()),
            ]
            await asyncio.wait([server.warm, *over], return_when=asyncio.FIRST_COMPLETED)
            if server.warm.done():
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
            return failure
    except OSError as error:
        _cannot_listen(settings, error)


def _end(failure: str) -> NoReturn:
    """Ends the process at once: CTranslate2's destructors abort it where the device is gone."""
    typer.echo(
        f"the engine failed for good: {failure}. The server ends with status {ENGINE_FAILED_STATUS}, for Docker, "
        "systemd or Kubernetes to start it anew; look at the GPU (nvidia-smi, dmesg) if this comes again",
        err=True,
    )
    logging.shutdown()
    sys.stdout.flush()
    os._exit(ENGINE_FAILED_STATUS)


def _cannot_listen(settings: Settings, error: OSError) -> NoReturn:
    where = f"{settings.host}:{settings.port}"
    if error.errno == errno.EADDRINUSE:
        fail(f"{where} is in use: stop what listens there, or give another --port (0 takes any free one)")
    if error.errno == errno.EACCES:
        fail(f"{where} needs more rights than this user has: give a --port of 1024 or more")
    if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        fail(f"{settings.host} is no address of this machine: give --host 127.0.0.1, or 0.0.0.0 for every interface")
    raise error
