"""What a consultation loses when its server is killed: nothing, if another one shares its store.

    python -m benchmarks.load.failover --kills 20 --sessions 2 [--seed 1] [--signal KILL|TERM] [--output FILE]

Two servers (the real ones, around engines that answer at once; findings by the rules) share a Redis of this run. A few
consultations run several times as fast as people speak. A server is killed at random moments, and started again a few
seconds later; the clients go on at the other one. Each consultation is compared with one that nobody disturbed: the
finals, the findings and the clinician's changes of them have to be the same, and each event has to come once.
"""

import argparse
import asyncio
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np

from benchmarks.common.pacing import cut, paced
from benchmarks.common.redis_process import RedisProcess, installed
from benchmarks.common.result import deliver
from benchmarks.common.server_process import ServerProcess
from drtranscribe import Consultation
from inference.config import SAMPLE_RATE

FRAME_S = 0.5
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

Event = dict[str, Any]


def conversation(seed: int, seconds: float) -> bytes:
    """s16le of stretches of noise with pauses of all lengths between them; some stretches are too long for a final."""
    rng, draw = np.random.default_rng(seed), random.Random(seed)
    parts: list[np.ndarray[Any, Any]] = []
    total_s = 0.0
    while total_s < seconds:
        spoken_s, pause_s = draw.choice((0.6, 1.4, 2.5, 4.0, 14.0)), draw.choice((0.2, 0.5, 0.9, 1.5, 3.0))
        parts.append(0.2 * rng.standard_normal(int(spoken_s * SAMPLE_RATE)))
        parts.append(np.zeros(int(pause_s * SAMPLE_RATE)))
        total_s += spoken_s + pause_s
    samples = np.clip(np.concatenate(parts), -1, 1)[: int(seconds * SAMPLE_RATE)]
    return bytes((samples * 32767).astype("<i2").tobytes())


@dataclass(slots=True)
class Told:
    """What one client was told, folded as a page would."""

    events: list[Event] = field(default_factory=list)
    gaps_s: list[float] = field(default_factory=list)
    _at: float = field(default_factory=time.monotonic)

    def take(self, event: Event) -> None:
        self.events.append(event)
        self.gaps_s.append(time.monotonic() - self._at)
        self._at = time.monotonic()

    @property
    def finals(self) -> list[tuple[Any, ...]]:
        """In the order in which they came: a final that came twice stands there twice."""
        segments = [event["segment"] for event in self.events if event["type"] == "transcript"]
        return [(s["id"], s["start"], s["end"], s["text"], s.get("words")) for s in segments if s["final"]]

    @property
    def findings(self) -> dict[str, Event]:
        found: dict[str, Event] = {}
        for event in self.events:
            for op in event.get("ops", ()):
                found[op["finding"]["id"]] = op["finding"]
                if op["op"] == "retract":
                    del found[op["finding"]["id"]]
        return found

    @property
    def judged(self) -> list[Event]:
        return [event for event in self.events if event.get("judged")]

    @property
    def doubled(self) -> int:
        seqs = Counter(event["seq"] for event in self.events)
        return sum(count - 1 for count in seqs.values())


async def consult(urls: str, audio: bytes, speed: float) -> Told:
    """One consultation from its start to its end, with a clinician who changes three findings in the middle of it."""
    told = Told()
    middle = asyncio.Event()

    async def listen(consultation: Consultation) -> None:
        async for event in consultation:
            told.take(dict(event))
            if event["type"] == "marker":
                middle.set()

    async with Consultation.connect(urls, backoff=lambda attempt: 0.1) as consultation:
        reading = asyncio.create_task(listen(consultation))
        frame = int(FRAME_S * SAMPLE_RATE) * 2
        half = len(audio) // 2 // frame * frame
        for part in (audio[:half], audio[half:]):
            async for _, chunk in paced(cut(part, frame), 2 * SAMPLE_RATE, speed=speed):
                await consultation.send(chunk)
            if not middle.is_set():
                await consultation.marker(1)
                await middle.wait()
                await judge(consultation, list(told.findings))
        await consultation.stop()
        await reading
    return told


async def judge(consultation: Consultation, ids: list[str]) -> None:
    if len(ids) > 2:
        await consultation.edit_finding(ids[0], {"text": "changed by hand"})
        await consultation.confirm_finding(ids[1])
        await consultation.dismiss_finding(ids[2])


class Servers:
    """Two servers of one store. `kill` ends one of them, and `revive` starts it again at the same address."""

    def __init__(self, store: str, key_file: Path) -> None:
        self._flags = ("--rules", "--store", store, "--store-key-file", str(key_file))
        self._running = [self._start(), self._start()]

    @property
    def urls(self) -> str:
        return ",".join(server.url.replace("http", "ws") for server in self._running)

    async def ready(self) -> None:
        async with aiohttp.ClientSession() as http:
            for server in self._running:
                await server.ready(http)

    def kill(self, number: int, with_: signal.Signals) -> None:
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
        return ServerProcess("benchmarks.common.fake_server", *self._flags, port=port)


async def disturbed(
    servers: Servers, sessions: list[bytes], args: argparse.Namespace, most: int, draw: random.Random
) -> tuple[list[Told], int]:
    """The consultations, while servers are killed up to `most` times; and how often they were."""
    talking = [asyncio.create_task(consult(servers.urls, audio, args.speed)) for audio in sessions]
    kills = 0
    while kills < most and not all(task.done() for task in talking):
        await asyncio.sleep(draw.uniform(*KILL_S))
        number = draw.randrange(2)
        servers.kill(number, args.signal)
        kills += 1
        await asyncio.sleep(draw.uniform(*BACK_S))
        await servers.revive(number)
    told = await asyncio.gather(*talking)
    return list(told), kills


def faults(told: Told, undisturbed: Told) -> dict[str, Any]:
    """What differs between two runs of one consultation; nothing may."""
    mine, theirs = Counter(map(repr, told.finals)), Counter(map(repr, undisturbed.finals))
    stopped, right = told.events[-1], undisturbed.events[-1]
    return {
        "finals_lost": sum((theirs - mine).values()),
        "finals_doubled_or_other": sum((mine - theirs).values()),
        "out_of_order": int(told.finals != undisturbed.finals),
        "findings_other": int(told.findings != undisturbed.findings),
        "judgements_other": abs(len(told.judged) - len(undisturbed.judged)),
        "events_doubled": told.doubled,
        "samples_lost": round(abs(stopped["audio_s"] - right["audio_s"]) * SAMPLE_RATE),
    }


async def measure(args: argparse.Namespace) -> dict[str, Any]:
    length_s = max(UNIT_S, min(args.kills, KILLS_A_ROUND) * (sum(KILL_S) / 2 + sum(BACK_S) / 2 + 4.0) * args.speed)
    audio = [conversation(args.seed * 100 + number, length_s) for number in range(args.sessions)]
    with RedisProcess() as redis, tempfile.TemporaryDirectory() as folder:
        key_file = Path(folder) / "key"
        key_file.write_text(SHARED_KEY)
        servers = Servers(redis.url, key_file)
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
    return {
        "benchmark": "failover",
        "kills": kills,
        "signal": args.signal.name,
        "sessions": args.sessions,
        "rounds": rounds,
        "audio_s": round(length_s, 1),
        "finals": rounds * sum(len(one.finals) for one in undisturbed),
        "findings": rounds * sum(len(one.findings) for one in undisturbed),
        "judgements": rounds * sum(len(one.judged) for one in undisturbed),
        "gaps_s": outages(told),
        **{name: sum(one[name] for one in found) for name in found[0]},
    }


def outages(told: list[Told]) -> dict[str, float]:
    """The longest waits for an event of any kind that the clients had."""
    waits = sorted(gap for one in told for gap in one.gaps_s)
    return {"longest": round(waits[-1], 2), "median": round(waits[len(waits) // 2], 2)} if waits else {}


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--kills", type=int, default=20)
    made.add_argument("--sessions", type=int, default=2)
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
    deliver(asyncio.run(measure(args)), args.output)


if __name__ == "__main__":
    main()
