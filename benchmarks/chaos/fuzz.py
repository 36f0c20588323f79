"""Malformed and random frames in a process of their own, at a lower priority than the server.

    python -m benchmarks.chaos.fuzz URL PID COUNT SEED

Three kinds, a third each: text messages from hypothesis strategies over the protocol, some cut off or with a sign
changed; PCM from a strategy over lengths and waves, odd lengths and too large frames included; and WebSocket frames
that no library would send. Hypothesis draws POOL values of each of the first two; what is sent is one of them, changed
by chance. Prints "ready", begins when it reads a line, and prints what it found as one line of JSON.
"""

import asyncio
import json
import logging
import os
import random
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import aiohttp
import numpy as np
from hypothesis import strategies as st
from yarl import URL

from benchmarks.attack.aim import START, Aim, Line
from benchmarks.attack.attacks.drawing import drawn
from benchmarks.attack.attacks.floods import masked
from benchmarks.attack.attacks.talkers import anything, random_frame, shaped, text_of

POOL = 1500
IN_A_ROW = 40
"""Bad messages between two good ones: 50 refusals in a row close a connection, which is tested elsewhere."""

A_SESSION = 400
SIDE_BY_SIDE = 4
SECONDS = 1200.0
ANSWER_S = 60.0
GOOD = bytes(640)
"""20 ms of silence."""

small = st.integers(0, 700)
lengths = st.one_of(
    small, small, small, small, st.sampled_from((1, 3, 639, 640, 641, 32_000, 96_001, 320_000, 400_001))
)
"""Mostly short: what is long costs the server the time of its seconds."""

waves = st.fixed_dictionaries(
    {
        "length": lengths,
        "wave": st.sampled_from(("silence", "noise", "loudest", "square", "bytes", "text", "tone")),
        "seed": st.integers(0, 2**31),
    }
)


def pcm_of(value: dict[str, Any]) -> bytes:
    """The bytes of a binary frame as the strategy describes it."""
    length: int = value["length"]
    chance = np.random.default_rng(value["seed"])
    samples = -(-length // 2)
    match value["wave"]:
        case "silence":
            return bytes(length)
        case "bytes":
            return bytes(chance.bytes(length))
        case "text":
            return (b'{"type":"stop_session"}' * (1 + length // 23))[:length]
        case "loudest":
            wave = chance.choice((-32768, 32767), samples)
        case "square":
            wave = np.where(np.arange(samples) // 50 % 2, 30_000, -30_000)
        case "tone":
            wave = 20_000 * np.sin(np.arange(samples) * 0.2)
        case _:
            wave = chance.integers(-32768, 32768, samples)
    return bytes(wave.astype("<i2").tobytes()[:length])


class Fuzz:
    """`count` frames against the server that `aim` names."""

    def __init__(self, aim: Aim, count: int) -> None:
        self.aim = aim
        self.chance = random.Random(aim.seed)
        self.sent: dict[str, int] = {"messages": 0, "pcm": 0, "frames": 0}
        self._most = {"messages": count // 3, "pcm": count // 3, "frames": count - 2 * (count // 3)}
        pool = min(POOL, count)
        self._values = drawn(st.one_of(shaped, shaped, anything), pool, aim.seed)
        self._waves = drawn(waves, pool, aim.seed)

    async def run(self) -> None:
        async with self.aim.http() as http:
            await asyncio.gather(
                *(self._talk(http, "messages", self._message) for _ in range(SIDE_BY_SIDE)),
                *(self._talk(http, "pcm", self._pcm) for _ in range(SIDE_BY_SIDE)),
                *(self._raw() for _ in range(SIDE_BY_SIDE)),
            )

    def _message(self) -> str:
        return text_of(self.chance.choice(self._values), self.chance)

    def _pcm(self) -> bytes:
        value = dict(self.chance.choice(self._waves))
        value["seed"] += self.chance.randrange(1000)
        return pcm_of(value)

    def _open(self, kind: str) -> bool:
        return self.sent[kind] < self._most[kind] and self.aim.left_s > 0

    async def _talk(self, http: aiohttp.ClientSession, kind: str, make: Callable[[], str | bytes]) -> None:
        """Sessions that are told bad messages, with good ones between them, and must answer a marker at the end."""
        while self._open(kind):
            with suppress(aiohttp.ClientError, ConnectionError):
                async with self.aim.socket(http) as line:
                    if await line.start() is None:
                        self.aim.codes["no session"] += 1
                        await asyncio.sleep(0.2)
                        continue
                    await self._session(line, kind, make)

    async def _session(self, line: Line, kind: str, make: Callable[[], str | bytes]) -> None:
        said = 0
        reading = asyncio.create_task(line.hear("marker", "session_stopped", within_s=SECONDS))
        try:
            while said < A_SESSION and self._open(kind) and not reading.done():
                for _ in range(IN_A_ROW):
                    await line.say(make())
                    said += 1
                    self.sent[kind] += 1
                await line.say(GOOD)
            await line.say({"type": "continue_session"})
            await line.say({"type": "marker", "id": 1})
            await asyncio.wait([reading], timeout=ANSWER_S)
            self.aim.expect(reading.done(), f"a session answered no marker behind {kind}")
        except ConnectionError:
            self.aim.codes["cut"] += 1
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
        codes = [event["code"] for event in line.events if event["type"] == "error"]
        self.aim.codes.update(codes)
        self.aim.expect("internal" not in codes, f"{kind} ended a session with internal")

    async def _raw(self) -> None:
        """WebSocket frames by chance, each connection until the server has had enough of it."""
        while self._open("frames"):
            with suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
                async with self.aim.raw(f"127.0.0.{self.chance.randrange(2, 250)}") as (reader, writer):
                    await self.aim.upgraded(writer, reader)
                    if self.chance.random() < 0.5:
                        writer.write(masked(0x81, json.dumps(START).encode()))
                    many = self.chance.randrange(1, 12)  # the first that is malformed ends the connection
                    writer.write(b"".join(random_frame(self.chance) for _ in range(many)))
                    self.sent["frames"] += many
                    async with asyncio.timeout(0.1):
                        await writer.drain()
                        while await reader.read(10_000):
                            pass


def main() -> None:
    url, pid, count, seed = sys.argv[1:]
    os.nice(5)
    logging.disable()  # asyncio warns of every write to a connection that the server has closed
    aim = Aim(URL(url), int(pid), SECONDS, int(seed), 0)
    fuzz = Fuzz(aim, int(count))
    print("ready", flush=True)
    sys.stdin.readline()
    asyncio.run(fuzz.run())
    print(json.dumps({**aim.found(), "sent": fuzz.sent}), flush=True)


if __name__ == "__main__":
    main()
