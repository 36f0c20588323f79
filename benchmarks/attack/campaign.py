"""Runs attacks one after the other, each beside a good session, and judges what they did."""

import asyncio
import json
import secrets
import sys
import time
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.attack.catalogue import Attack
from benchmarks.attack.judge import Bounds, Memory, Observation, settled_mb, verdict
from benchmarks.attack.target import Setup, Target
from benchmarks.attack.witness import GoodSession, listen_in
from benchmarks.common.server_process import FAKES

WATCH_S = 0.1
OVERTIME_S = 90.0
"""After its time an attack still reads answers and closes what it opened; one that is not done then is killed."""

READY_S = 60.0
ORDINARY = 8
"""Sessions at once that a server has had before it is attacked: as many as the attacks have that count its memory."""

BATCH = 5
"""Attacks on one server, of several that run beside each other."""

UNSERVED = "http://127.0.0.1:9/"


@dataclass(slots=True)
class Campaign:
    """The attacks of one run. `until` is the time.monotonic() after which no further one begins."""

    model: str
    bounds: Bounds
    seconds: float  # of good speech beside each attack
    seed: int
    until: float
    lanes: int = 1  # servers that are attacked at the same time
    rows: list[dict[str, Any]] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    _idle: dict[str, GoodSession] = field(default_factory=dict)

    async def run(self, attacks: Sequence[Attack]) -> None:
        """Each batch is on a server of its own; as many servers as there are lanes run beside each other."""
        waiting = deque(batches(attacks, BATCH if self.lanes > 1 else len(attacks)))

        async def lane() -> None:
            while waiting:
                batch = waiting.popleft()
                if batch[0].served:
                    await self._against(batch[0].setup, batch)
                else:
                    await self._unserved(batch[0])

        async with asyncio.TaskGroup() as group:
            for _ in range(self.lanes):
                group.create_task(lane())

    async def _against(self, setup: Setup, attacks: list[Attack]) -> None:
        """All attacks on one server; on a new one where it has ended or keeps memory."""
        while attacks:
            if self._late():
                self.left_out += [attack.name for attack in attacks]
                return
            async with Target(setup, self.model) as target:
                await self._warm(target)
                idle = await self._idle_of(setup, target) if any(attack.beside for attack in attacks) else GoodSession()
                clean = True  # memory that one attack leaves behind would hide what the next one takes
                while clean and attacks and target.alive and not self._late():
                    clean = await self._beside(target, attacks.pop(0), idle)

    async def _warm(self, target: Target) -> None:
        """Makes the server take the memory that ordinary work needs: of several sessions at once, and of records."""
        await asyncio.gather(
            listen_in(target.url, self.seconds, records=True, headers=target.headers),
            *(listen_in(target.url, self.seconds, headers=target.headers) for _ in range(ORDINARY - 1)),
        )

    async def _idle_of(self, setup: Setup, target: Target) -> GoodSession:
        """The undisturbed session of a healthy server with the same engines: this one, if it is healthy."""
        engines = FAKES if setup.staged is not None else self.model
        if engines not in self._idle:
            if setup.staged:
                async with Target(Setup(staged=()), self.model) as healthy:
                    heard = await listen_in(healthy.url, self.seconds)
            else:
                heard = await listen_in(target.url, self.seconds, headers=target.headers)
            if heard.failure or heard.stopped is None:
                raise SystemExit(f"the undisturbed session failed: {heard.failure or heard.close_code}")
            self._idle[engines] = heard
        return self._idle[engines]

    async def _beside(self, target: Target, attack: Attack, idle: GoodSession) -> bool:
        """Runs one attack and notes how it went. Returns whether the server is as it was before."""
        await target.empty()
        log_from, start_mb = target.log_size, target.memory_mb()
        peak_mb = [start_mb]
        watching = asyncio.create_task(_watch(target, peak_mb))
        assault = await Assault.begin(attack, str(target.url), target.pid, self._length(attack), self.seed, target.port)
        begun = asyncio.Event()
        try:
            good, found = await asyncio.gather(self._good(target, attack, begun), assault.run_after(begun))
        finally:
            watching.cancel()
        after_mb = start_mb
        if not attack.may_end:
            after_mb = await self._settled(target, start_mb)
        faults = list(found["faults"])
        forgotten = [bytes.fromhex(word) for word in found["forgotten"]]
        if forgotten and target.alive:
            held = await asyncio.to_thread(target.held, forgotten)
            found["figures"]["words_held"] = held
            if held:
                faults.append(f"{held} of {len(forgotten)} words of forgotten sessions stand in the server's memory")
        if attack.may_end:
            with suppress(TimeoutError):
                async with asyncio.timeout(30):
                    while target.alive:  # noqa: ASYNC110
                        await asyncio.sleep(WATCH_S)
        observation = Observation(
            idle=idle,
            good=good,
            memory=Memory(start_mb, max(peak_mb), after_mb),
            log=target.log(log_from),
            alive=target.alive,
            codes=found["codes"],
            faults=tuple(faults),
            figures=found["figures"],
            secrets=frozenset(found["secrets"]) | idle.secrets,
            allowed=attack.allowed,
            timed=attack.timed,
            may_end=attack.may_end,
        )
        self._note(attack, observation)
        return after_mb <= settled_mb(start_mb, self.bounds)

    async def _unserved(self, attack: Attack) -> None:
        if self._late():
            self.left_out.append(attack.name)
            return
        assault = await Assault.begin(attack, UNSERVED, 0, self._length(attack), self.seed, 0)
        (begun := asyncio.Event()).set()
        found = await assault.run_after(begun)
        self._note(
            attack,
            Observation(
                idle=GoodSession(),
                good=None,
                memory=Memory(0, 0, 0),
                log="",
                alive=True,
                codes=found["codes"],
                faults=tuple(found["faults"]),
                figures=found["figures"],
            ),
        )

    async def _good(self, target: Target, attack: Attack, begun: asyncio.Event) -> GoodSession | None:
        if attack.beside:
            return await listen_in(target.url, self.seconds, begun=begun, headers=target.headers)
        begun.set()
        return None

    async def _settled(self, target: Target, start_mb: float) -> float:
        """Resident MB when it is back where it may be, or when the time for that is over."""
        for _ in range(int(self.bounds.settle_s * 4)):
            if target.memory_mb() <= settled_mb(start_mb, self.bounds):
                break
            await asyncio.sleep(0.25)
        return target.memory_mb()

    def _note(self, attack: Attack, seen: Observation) -> None:
        wrong = verdict(seen, self.bounds)
        row = {
            "attack": attack.name,
            "does": attack.does,
            "held": not wrong,
            "faults": wrong,
            "lag_p95_ms": seen.good.lag_p95_ms if seen.good else None,
            "idle_lag_p95_ms": seen.idle.lag_p95_ms if seen.good else None,
            "live_p99_ms": seen.good.live_p99_ms if seen.good else None,
            "memory_mb": asdict(seen.memory) if attack.served and not attack.may_end else None,
            "log_lines": seen.log.count("\n"),
            "codes": dict(seen.codes),
            "figures": dict(seen.figures),
        }
        self.rows.append(row)
        print(
            f"{'held  ' if not wrong else 'FAILED'} {attack.name}: {'; '.join(wrong) or 'as it should be'}", flush=True
        )

    def _length(self, attack: Attack) -> float:
        return max(self.seconds, attack.least_s)

    def _late(self) -> bool:
        return time.monotonic() > self.until


@dataclass(slots=True)
class Assault:
    """The process of an attack; see assault.py."""

    attack: Attack
    seconds: float
    process: asyncio.subprocess.Process

    @classmethod
    async def begin(cls, attack: Attack, url: str, pid: int, seconds: float, seed: int, port: int) -> "Assault":
        """Returns when it has loaded what it needs; `run_after` lets it go."""
        command = [sys.executable, "-m", "benchmarks.attack.assault", attack.name, url]
        process = await asyncio.create_subprocess_exec(
            *command,
            *map(str, (pid, seconds, seed, port)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=1 << 24,
        )
        assert process.stdout is not None
        async with asyncio.timeout(READY_S):
            await process.stdout.readline()
        return cls(attack, seconds, process)

    async def run_after(self, begun: asyncio.Event) -> dict[str, Any]:
        """Lets it go when the good session has its place: to take all places from who comes later is no fault.

        Returns what it found; a fault where it did not end, or ended without a word.
        """
        found: dict[str, Any] = {"codes": {}, "faults": [], "figures": {}, "secrets": [], "forgotten": []}
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            await begun.wait()
            self.process.stdin.write(b"\n")
            async with asyncio.timeout(self.seconds + OVERTIME_S):
                line = await self.process.stdout.readline()
                await self.process.wait()
            found = json.loads(line)
        except TimeoutError:
            found["faults"].append(f"the attack was not done {OVERTIME_S:.0f} s after its time")
        except ValueError:
            found["faults"].append("the attack itself failed: see its message")
        finally:
            if self.process.returncode is None:
                self.process.kill()
                await self.process.wait()
        return found


async def _watch(target: Target, peak_mb: list[float]) -> None:
    while True:
        peak_mb.append(target.memory_mb())
        await asyncio.sleep(WATCH_S)


def batches(attacks: Sequence[Attack], most: int) -> list[list[Attack]]:
    """Attacks that may share a server, at most so many together, in the order of the first of each."""
    groups: dict[object, list[list[Attack]]] = {}
    found: list[list[Attack]] = []
    for attack in attacks:
        group = groups.setdefault(attack.setup if attack.served else attack, [])
        if not group or len(group[-1]) == most:
            group.append([])
            found.append(group[-1])
        group[-1].append(attack)
    return found


def chosen(attacks: Iterable[Attack], only: Sequence[str]) -> list[Attack]:
    """The named ones, or all. Raises SystemExit for a name that there is not."""
    attacks = list(attacks)
    unknown = sorted(set(only) - {attack.name for attack in attacks})
    if unknown:
        raise SystemExit(f"--only {' '.join(unknown)}: choose among {' '.join(attack.name for attack in attacks)}")
    return [attack for attack in attacks if not only or attack.name in only]


def a_seed() -> int:
    """For a run that names none; it stands in the result, so that the run can be had again."""
    return secrets.randbelow(1 << 31)
