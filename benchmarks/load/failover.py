"""What a consultation loses when its server is killed: nothing, if another one shares its store.

    python -m benchmarks.load.failover --kills 20 --sessions 2 [--seed 1] [--signal KILL|TERM] [--output FILE]

Two servers (the real ones, with --model or around engines that answer at once; findings by the rules) share a Redis of
this run. A few consultations run several times as fast as people speak. A server is killed at random moments, and
started again a few seconds later; the clients go on at the other one. Each consultation is compared with one that
nobody disturbed: the finals, the findings and the clinician's changes of them have to be the same, and each event has
to come once.
"""

import argparse
import asyncio
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks.common.redis_process import RedisProcess, installed
from benchmarks.common.result import deliver
from benchmarks.common.server_process import FAKES, ServerProcess, serve
from benchmarks.load.consultation import Told, consult, faults, spoken
from inference.config import SAMPLE_RATE

SPEED = 10.0
BACK_S = (1.0, 3.0)
"""Seconds after which a server that was killed is started again."""

KILL_S = (1.0, 3.0)
"""Seconds between two kills, once both servers answer."""

UNIT_S = 60.0
KILLS_A_ROUND = 5
"""Seconds of audio of a consultation at least, and the kills that it is made long enough for. The consultations are
held again and again until all kills have happened."""

SHARED_KEY = "5f" * 32


class Servers:
    """Two servers of one store. `kill` ends one of them, and `revive` starts it again at the same address."""

    def __init__(self, store: str, key_file: Path, model: str = FAKES, flags: Sequence[str] = ()) -> None:
        store_flags = ("--store", store, "--store-key-file", str(key_file))
        # One decoder: what is measured is who goes on, and a start without trials is sooner done.
        decoder = () if model == FAKES else ("--asr-workers", "1", "--asr-threads", "1")
        self._command = serve(model, *decoder, *store_flags, *flags)
        self.killed_at: list[float] = []
        self._logs = (key_file.with_name(f"server-{number}.log") for number in count())
        self._running = [self._start(), self._start()]

    @property
    def urls(self) -> str:
        return ",".join(server.url.replace("http", "ws") for server in self._running)

    async def ready(self) -> None:
        async with aiohttp.ClientSession() as http:
            for server in self._running:
                await server.ready(http)

    def kill(self, number: int, with_: signal.Signals = signal.SIGKILL) -> None:
        self.killed_at.append(time.monotonic())
        self._running[number].process.send_signal(with_)
        if with_ is signal.SIGKILL:
            self._running[number].process.wait()

    async def revive(self, number: int) -> None:
        gone = self._running[number]
        await asyncio.to_thread(gone.process.wait)
        self._running[number] = self._start(gone.port)
        await self.ready()

    def close(self) -> None:
        for server in self._running:
            with suppress(ProcessLookupError):
                server.process.kill()
            server.process.wait()

    def _start(self, port: int | None = None) -> ServerProcess:
        return ServerProcess(*self._command, log=next(self._logs), port=port)


async def disturbed(
    servers: Servers, sessions: list[bytes], args: argparse.Namespace, most: int, draw: random.Random
) -> tuple[list[Told], int]:
    """The consultations, while servers are killed up to `most` times; and how often they were."""
    talking = [asyncio.create_task(consult(servers.urls, audio, args.speed)) for audio in sessions]
    kills = 0
    while kills < most and not all(task.done() for task in talking):
        await asyncio.sleep(draw.uniform(*KILL_S))
        number = draw.randrange(2) if kills else 0  # where every client begins, so that one kill at least is felt
        servers.kill(number, args.signal)
        kills += 1
        await asyncio.sleep(draw.uniform(*BACK_S))
        await servers.revive(number)
    told = await asyncio.gather(*talking)
    return list(told), kills


async def measure(args: argparse.Namespace) -> tuple[dict[str, Any], dict[str, int]]:
    """The figures of a run, and how often each of the differences of `faults` was found."""
    length_s = max(UNIT_S, min(args.kills, KILLS_A_ROUND) * (sum(KILL_S) / 2 + sum(BACK_S) / 2 + 4.0) * args.speed)
    audio = [spoken(args.model, args.seed * 100 + number, length_s) for number in range(args.sessions)]
    with RedisProcess() as redis, tempfile.TemporaryDirectory() as folder:
        key_file = Path(folder) / "key"
        key_file.write_text(SHARED_KEY)
        servers = Servers(redis.url, key_file, args.model)
        try:
            await servers.ready()
            undisturbed: list[Told] = list(
                await asyncio.gather(*(consult(servers.urls, one, 2 * args.speed) for one in audio))
            )
            draw, kills = random.Random(args.seed), 0
            told: list[Told] = []
            while not told or kills < args.kills:
                round_, killed = await disturbed(servers, audio, args, args.kills - kills, draw)
                told += round_
                kills += killed
        finally:
            servers.close()
    rounds = len(told) // len(audio)
    found = [faults(one, other) for one, other in zip(told, rounds * undisturbed, strict=True)]
    figures = {
        "benchmark": "failover",
        "kills": kills,
        "signal": args.signal.name,
        "model": args.model,
        "sessions": args.sessions,
        "rounds": rounds,
        "audio_s": [round(len(one) / 2 / SAMPLE_RATE, 1) for one in audio],
        "finals": rounds * sum(len(one.finals) for one in undisturbed),
        "findings": rounds * sum(len(one.findings) for one in undisturbed),
        "judgements": rounds * sum(len(one.judged) for one in undisturbed),
        "gaps_s": outages(told),
        "resumed_s": resumptions(servers.killed_at, told),
    }
    return figures, {name: sum(one[name] for one in found) for name in found[0]}


def outages(told: list[Told]) -> dict[str, float]:
    """The longest waits for an event of any kind that the clients had."""
    waits = sorted(gap for one in told for gap in one.gaps_s)
    return {"longest": round(waits[-1], 2), "median": round(waits[len(waits) // 2], 2)} if waits else {}


def resumptions(killed_at: Sequence[float], told: Sequence[Told]) -> dict[str, float]:
    """Seconds from a kill to `session_resumed`, of every session that was at the server that was killed."""
    waits = []
    for kill, following in zip(killed_at, [*killed_at[1:], float("inf")], strict=True):
        firsts = [next((at for at in one.resumed_at if kill <= at < following), None) for one in told]
        waits += [at - kill for at in firsts if at is not None]
    waits.sort()
    if not waits:
        return {}
    return {"count": len(waits), "longest": round(waits[-1], 3), "median": round(waits[len(waits) // 2], 3)}


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--kills", type=int, default=20)
    made.add_argument("--sessions", type=int, default=2)
    made.add_argument("--model", default=FAKES, help="of both servers; fakes: engines that answer at once")
    made.add_argument("--speed", type=float, default=SPEED, help="times as fast as people speak")
    made.add_argument("--seed", type=int, default=1)
    made.add_argument("--signal", type=lambda name: signal.Signals[f"SIG{name}"], default=signal.SIGKILL)
    made.add_argument("--output", type=Path)
    return made


def main() -> None:
    args = parser().parse_args()
    if not installed():
        sys.exit("there is no redis-server: apt install redis-server")
    os.environ.setdefault("PYTHONPATH", str(Path.cwd()))
    figures, differences = asyncio.run(measure(args))
    deliver(figures | differences, args.output)


if __name__ == "__main__":
    main()
