"""The two ends of the load benchmark: the server that is measured, and the processes that its clients live in."""

import argparse
import asyncio
import multiprocessing
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path

import aiohttp
import typer
from yarl import URL

from benchmarks.common.server_process import ServerProcess
from benchmarks.load import client
from benchmarks.load.watch import listening
from inference.config import SegmenterConfig
from server.cli.command import KEY_VARIABLE, key_of


@dataclass(frozen=True, slots=True)
class Target:
    """A server that is ready; `pid` is None where it runs on another host."""

    url: URL  # http
    pid: int | None
    model: str
    ready_s: float | None = None
    key: str | None = field(default=None, repr=False)

    @property
    def socket(self) -> str:
        return str(self.url.with_scheme("wss" if self.url.scheme == "https" else "ws") / "ws")


@asynccontextmanager
async def target(args: argparse.Namespace) -> AsyncIterator[Target]:
    """The server that was named, or one of our own for as long as this lasts."""
    key = _key(args)
    if args.url:
        server, url = None, address(args.url)
        pid = listening(url.port or 80) if url.host in ("127.0.0.1", "localhost", "::1") else None
    else:
        server = start(args)
        url, pid = URL(server.url), server.process.pid
    try:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        async with aiohttp.ClientSession(headers=headers) as http:
            ready_s = round(await server.ready(http), 2) if server else None
            models = await models_of(http, url)
            await check_key(http, url, key)
        yield Target(url, pid, models.get("asr", "not told"), ready_s, key)
    finally:
        if server:
            await asyncio.to_thread(server.stop)


def address(text: str) -> URL:
    """The http address of a server whose socket is named. Raises SystemExit."""
    url = URL(text)
    if url.scheme not in ("ws", "wss", "http", "https") or not url.host:
        raise SystemExit(f"--url {text}: give it as ws://HOST:PORT/ws")
    return url.with_scheme("https" if url.scheme in ("wss", "https") else "http").with_path("/")


def start(args: argparse.Namespace) -> ServerProcess:
    """A server of our own, with room for every session that will be asked for."""
    flags = list(args.serve)
    if not any(flag.startswith("--max-sessions") for flag in flags):
        flags += ["--max-sessions", str(max(args.sweep) + 1)]
    if args.fakes:
        return ServerProcess("benchmarks.common.fake_server", *flags)
    return ServerProcess.serving(args.model, [*flags, "--log-level", "warning"])


async def models_of(http: aiohttp.ClientSession, url: URL) -> dict[str, str]:
    """The models of a server that is ready. Raises SystemExit."""
    try:
        async with http.get(url / "health/ready") as response:
            response.raise_for_status()
            models: dict[str, str] = (await response.json()).get("models", {})  # a public port does not tell them
            return models
    except aiohttp.ClientError as error:
        raise SystemExit(f"{url} is not ready ({type(error).__name__}): start a server there, or wait for it") from None


async def check_key(http: aiohttp.ClientSession, url: URL, key: str | None) -> None:
    """Raises SystemExit where the server asks for a key, and was not shown one that may speak."""
    async with http.get(url / "v1/me") as response:
        told = await response.json() if response.status == 200 else {"sign_in": "none"}
    if told["sign_in"] != "none" and not {"speak", "admin"} & set(told["scopes"]):
        shown = "the key that was given is not in force or may not speak" if key else "it asks for a key"
        raise SystemExit(f"{url}: {shown}: set {KEY_VARIABLE}, or give --key-file with a file that holds it")


def add_key(parser: argparse.ArgumentParser) -> None:
    """The option that names the file of a key; a flag with the key itself would show it to everybody on the host."""
    told = f"file that holds the key for --url; else the variable {KEY_VARIABLE}"
    parser.add_argument("--key-file", type=Path, help=told)


def _key(args: argparse.Namespace) -> str | None:
    if not args.url:
        return None
    try:
        return key_of(args.key_file)
    except typer.Exit as end:
        raise SystemExit(end.exit_code) from None


@asynccontextmanager
async def clients(work: Sequence[client.Work]) -> AsyncIterator[tuple[list[Connection], list[int]]]:
    """A process for each piece of work, and the pipe to it."""
    spawn = multiprocessing.get_context("spawn")
    pipes, processes = [], []
    try:
        for piece in work:
            ours, theirs = spawn.Pipe()
            process = spawn.Process(target=client.process, args=(theirs, piece), daemon=True)
            process.start()
            theirs.close()  # so that the end of the process ends the pipe
            pipes.append(ours)
            processes.append(process)
        yield pipes, [process.pid for process in processes if process.pid]
    except EOFError:
        raise SystemExit("a client process ended early: see its message above") from None
    finally:
        for process in processes:
            process.join(5)
            process.terminate()


def add_cut(parser: argparse.ArgumentParser) -> None:
    """Options that say when the server cuts a final, where it was not started with its defaults."""
    plain = SegmenterConfig()
    parser.add_argument("--pause-s", type=float, default=plain.pause_s, help="the server's own setting")
    parser.add_argument("--short-pause-s", type=float, default=plain.short_pause_s, help="the server's own setting")


def cut_of(args: argparse.Namespace) -> SegmenterConfig:
    return SegmenterConfig(pause_s=args.pause_s, short_pause_s=max(args.pause_s, args.short_pause_s))
