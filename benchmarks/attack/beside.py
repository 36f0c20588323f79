"""What a flood does to the lag of a session that runs beside it: rounds with and without it, in turn, on one server.

    python -m benchmarks.attack.beside [--flood keys|tls] [--model tiny.en|fakes] [--rounds 5] [--output FILE]

keys: 1,000 connections a second without a valid key. tls: 1,000 begun TLS handshakes a second, at a server that speaks
TLS itself. The flood runs on the same cores, at the lowest priority, and takes time from the server by itself. Rounds
`elsewhere` show how much: the same flood runs meanwhile against a bare listener, a process that refuses everybody.
Lags of a few seconds of speech scatter more than a flood moves them, so there are many short rounds. Their medians are
compared, and the server's CPU time, which shows what an attempt costs. `shown_ms` is the lag as people see it: the time
that a chunk takes to fill is a part of it. The last line is JSON.
"""

import argparse
import asyncio
import json
import os
import secrets
import ssl
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, cast

import aiohttp
from yarl import URL

from benchmarks.attack.aim import Aim
from benchmarks.attack.attacks.strangers import attempts_without_a_key, handshakes
from benchmarks.attack.witness import CHUNK_S, GoodSession, listen_in
from benchmarks.common.machine import card
from benchmarks.common.percentiles import nearest_rank
from benchmarks.common.result import deliver
from benchmarks.common.server_process import ServerProcess
from server.access.keys import add, generate

FLOODS = {"keys": attempts_without_a_key, "tls": handshakes}
SHARES = {"p50": 0.5, "p90": 0.9, "p95": 0.95}
READY_S = 240.0
IDLE = 15
"""The priority, as `nice` counts it, of everything that is not the server or its session."""

REFUSAL = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


def certificate(folder: Path) -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1 with an RSA key of 2,048 bits, the most expensive in common use."""
    pem, key = folder / "cert.pem", folder / "key.pem"
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    made = ["-newkey", "rsa:2048", "-keyout", str(key), "-out", str(pem)]
    subprocess.run(["openssl", "req", "-x509", "-nodes", "-days", "2", *names, *made], check=True, capture_output=True)
    return pem, key


def lags_ms(heard: GoodSession) -> list[float]:
    """From sending a chunk to its own progress."""
    return [(done - sent) * 1000 for sent, done in zip(heard.sent, heard.done, strict=False)]


class Refusing(asyncio.Protocol):
    """The bare listener's side of a connection: whatever is asked is refused, and the connection closed."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.transport.write(REFUSAL)
        self.transport.close()


async def refuse() -> None:
    """The body of the bare listener's own process: prints its port, and refuses until it is killed."""
    os.nice(IDLE)
    listener = await asyncio.get_running_loop().create_server(Refusing, "127.0.0.1", 0, backlog=4096)
    print(listener.sockets[0].getsockname()[1], flush=True)
    await listener.serve_forever()


@contextmanager
def bare_listener() -> Iterator[str]:
    """The address of a process that refuses everybody."""
    command = (sys.executable, "-m", "benchmarks.attack.beside", "--refuse")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield f"http://127.0.0.1:{int(process.stdout.readline())}/"
        finally:
            process.kill()


async def flooding(name: str, url: str, seconds: float) -> asyncio.subprocess.Process:
    """The flood's own process, ready to begin at a line."""
    flags = ("--flood", name, "--at", url, "--seconds", str(seconds))
    command = (sys.executable, "-m", "benchmarks.attack.beside", *flags)
    process = await asyncio.create_subprocess_exec(*command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"
    return process


async def measure(args: argparse.Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        text, key = generate("witness", ("admin",))
        add(folder / "keys.json", key)
        flags = ["--keys-file", str(folder / "keys.json"), "--log-level", "warning"]
        trusted: ssl.SSLContext | bool = True
        if args.flood == "tls":
            pem, private = certificate(folder)
            flags += ["--tls-cert", str(pem), "--tls-key", str(private)]
            trusted = ssl.create_default_context(cafile=pem)
        server = ServerProcess.serving(args.model, flags)
        if args.flood == "tls":
            server.url = server.url.replace("http:", "https:")
        try:
            connector = aiohttp.TCPConnector(ssl=trusted)
            async with aiohttp.ClientSession(connector=connector) as http, asyncio.timeout(READY_S):
                await server.ready(http)
            headers = {"Authorization": f"Bearer {text}"}
            await listen_in(URL(server.url), args.seconds, headers=headers, trusted=trusted)
            with bare_listener() as elsewhere:
                return await rounds(args, server, elsewhere, headers, trusted)
        finally:
            await asyncio.to_thread(server.stop)


async def rounds(
    args: argparse.Namespace,
    server: ServerProcess,
    elsewhere: str,
    headers: dict[str, str],
    trusted: ssl.SSLContext | bool,
) -> dict[str, Any]:
    kinds = ("without", "elsewhere", "with")
    aims = {"elsewhere": elsewhere, "with": server.url}
    seen: dict[str, list[dict[str, Any]]] = {kind: [] for kind in kinds}
    lags: dict[str, list[float]] = {kind: [] for kind in kinds}
    for number in range(args.rounds):
        for kind in kinds if number % 2 else kinds[::-1]:  # no kind is always the first
            flood = await flooding(args.flood, aims[kind], args.seconds) if kind in aims else None
            begun, before = asyncio.Event(), server.cpu_s()
            session = asyncio.create_task(
                listen_in(URL(server.url), args.seconds, begun=begun, headers=headers, trusted=trusted)
            )
            await begun.wait()
            told: dict[str, Any] = {}
            if flood is not None:
                out, _ = await flood.communicate(b"\n")
                told = json.loads(out)
            heard = await session
            if heard.failure or heard.stopped is None:
                raise SystemExit(f"the session {kind} the flood failed: {heard.failure or heard.close_code}")
            found = lags_ms(heard)
            lags[kind] += found
            one: dict[str, Any] = {name: nearest_rank(found, share, 1) for name, share in SHARES.items()}
            one |= {"cpu_s": round(server.cpu_s() - before, 2), "live_p99_ms": heard.live_p99_ms, **told}
            seen[kind].append(one)
            print(kind, one, flush=True)
    medians = {k: {n: round(statistics.median(one[n] for one in seen[k]), 1) for n in SHARES} for k in kinds}
    pooled = {k: {n: nearest_rank(lags[k], share, 1) for n, share in SHARES.items()} for k in kinds}
    attempts = sum(one["figures"]["attempts"] for one in seen["with"])
    shown = {k: {n: round(1000 * CHUNK_S + ms) for n, ms in found.items()} for k, found in medians.items()}
    cost_s = sum(one["cpu_s"] for one in seen["with"]) - sum(one["cpu_s"] for one in seen["without"])
    return {
        "chunks": {kind: len(lags[kind]) for kind in kinds},
        "medians_of_rounds_ms": medians,
        "change_of_medians": {
            kind: {n: round(medians["with"][n] / medians[kind][n] - 1, 3) for n in SHARES}
            for kind in ("without", "elsewhere")
        },
        "shown_ms": shown,
        "change_of_shown": {
            kind: {n: round(shown["with"][n] / shown[kind][n] - 1, 3) for n in SHARES}
            for kind in ("without", "elsewhere")
        },
        "all_chunks_ms": pooled,
        "attempts_per_s": round(statistics.median(one["figures"]["attempts_per_s"] for one in seen["with"])),
        "server_cpu_ms_an_attempt": round(1000 * cost_s / attempts, 3),
        "rounds": seen,
    }


def attack(args: argparse.Namespace) -> None:
    """The body of the flood's own process: says that it is ready, begins at a line, and prints what it found."""
    os.nice(IDLE)
    aim = Aim(URL(args.at), 0, args.seconds, secrets.randbelow(1 << 30), 0)
    print("ready", flush=True)
    sys.stdin.readline()
    asyncio.run(FLOODS[args.flood](aim))
    print(json.dumps({"figures": aim.figures, "codes": dict(aim.codes), "faults": aim.faults}), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--flood", choices=tuple(FLOODS), default="keys")
    parser.add_argument("--model", default="tiny.en", help="of the server; fakes for engines without models")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=8.0, help="of speech, and of the flood, in each round")
    parser.add_argument("--at", help=argparse.SUPPRESS)
    parser.add_argument("--refuse", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    if args.refuse:
        with suppress(KeyboardInterrupt):
            asyncio.run(refuse())
        return
    if args.at:
        attack(args)
        return
    told = {"benchmark": "beside", "flood": args.flood, "model": args.model, "seconds": args.seconds}
    deliver({**told, "machine": card(), **asyncio.run(measure(args))}, args.output)


if __name__ == "__main__":
    main()
