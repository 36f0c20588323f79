"""`drtranscribe serve`: the server until a signal stops it."""

import asyncio
import errno
import signal
import socket
from typing import Any, NoReturn

import typer

from server import garbage, log
from server.command import Config, fail, load_settings, settings_options, told_clearly, warmed
from server.settings import Settings


@settings_options(*Settings.model_fields)
def serve(*, config: Config = None, **flags: str | None) -> None:
    """Serve consultations. Every flag is also a variable (DRTRANSCRIBE_PORT) and a line of the file (port = 8765)."""
    settings = load_settings(flags, config)
    log.configure(settings.log_level)
    with told_clearly():
        asyncio.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    from server.engines import running

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
            stopped = asyncio.create_task(stop.wait())
            either: list[asyncio.Future[Any]] = [stopped, server.warm]
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if server.warm.done():
                await warmed(server.warm)
                garbage.settle()
                typer.echo("ready")
            await stopped
    except OSError as error:
        _cannot_listen(settings, error)


def _cannot_listen(settings: Settings, error: OSError) -> NoReturn:
    where = f"{settings.host}:{settings.port}"
    if error.errno == errno.EADDRINUSE:
        fail(f"{where} is in use: stop what listens there, or give another --port (0 takes any free one)")
    if error.errno == errno.EACCES:
        fail(f"{where} needs more rights than this user has: give a --port of 1024 or more")
    if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        fail(f"{settings.host} is no address of this machine: give --host 127.0.0.1, or 0.0.0.0 for every interface")
    raise error
