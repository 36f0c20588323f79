"""SIGKILL of gateways and of Redis."""

import asyncio
import random
import signal
from collections import Counter
from functools import partial

from benchmarks.chaos.lab import Lab, until
from benchmarks.chaos.outcome import Outcome
from benchmarks.common.redis_process import RedisProcess
from benchmarks.common.server_process import FAKES
from benchmarks.load import failover
from benchmarks.load.consultation import Told, consult
from drtranscribe import ConsultationError

RESUMED_S = 3.0
"""From SIGKILL to `session_resumed`, at most."""

CAUGHT_UP_S = 30.0


async def gateways(lab: Lab) -> Outcome:
    """SIGKILL of one of two gateways on one Redis, again and again; the clients go on at the other one."""
    kills = lab.size(2, 20)
    wanted = ["--kills", str(kills), "--sessions", "2", "--speed", f"{lab.speed:g}", "--seed", str(lab.seed)]
    found, differences = await failover.measure(failover.parser().parse_args([*wanted, "--model", lab.model]))
    outcome = Outcome()
    outcome.counted(f"{kills} kills", differences)
    outcome.figures |= {
        name: found[name]
        for name in ("kills", "rounds", "audio_s", "finals", "findings", "judgements", "resumed_s", "gaps_s")
    }
    longest = found["resumed_s"].get("longest")
    outcome.expect(longest is not None, "no session was resumed: this run shows nothing")
    outcome.expect(longest is None or longest < RESUMED_S, f"{longest} s from SIGKILL to resumed, bound {RESUMED_S:g}")
    outcome.expect(found["kills"] >= kills, f"{found['kills']} of {kills} kills happened")
    return outcome


async def redis(lab: Lab) -> Outcome:
    """SIGKILL of Redis, started again with its data or empty; then of the gateway, so that what Redis has must do."""
    outcome = Outcome()
    for style, options in (("with its data", ("--appendonly", "yes")), ("empty", ())):
        await _redis(lab, outcome, style, options)
    await _both_gone(lab, outcome)
    return outcome


async def _redis(lab: Lab, outcome: Outcome, style: str, options: tuple[str, ...]) -> None:
    chance, kills, wanted = random.Random(lab.seed), 0, lab.size(1, 3)
    caught_up: list[float] = []
    killed_at: list[float] = []
    every: list[Told] = []
    with RedisProcess(*options) as store:
        servers = failover.Servers(store.url, lab.store_key(), lab.model)
        try:
            await servers.ready()
            audio = lab.audio(1, wanted * 8 * lab.speed)
            undisturbed = await consult(servers.urls, audio, 2 * lab.speed)
            while kills < wanted:
                told, urls, serving = Told(), servers.urls, 0
                talking = asyncio.create_task(consult(urls, audio, lab.speed, told=told))
                while kills < wanted and not talking.done():
                    await asyncio.sleep(chance.uniform(0.5, 1.5))
                    kills += 1
                    store.stop(signal.SIGKILL)
                    await asyncio.sleep(chance.uniform(0.3, 1.0))
                    began = asyncio.get_running_loop().time()
                    store.start()
                    if await until(partial(_level, told), CAUGHT_UP_S) and not talking.done():
                        caught_up.append(round(asyncio.get_running_loop().time() - began, 2))
                        servers.kill(serving)
                        await asyncio.sleep(chance.uniform(0.5, 1.0))
                        await servers.revive(serving)
                        serving = 1 - serving
                await talking
                every.append(told)
                outcome.same(f"Redis {style}", told, undisturbed)
            killed_at = servers.killed_at
        finally:
            servers.close()
    resumed = failover.resumptions(killed_at, every)
    told_codes = sum((one.codes for one in every), Counter[str]())
    outcome.expect(bool(resumed), f"Redis {style}: no session was resumed after it came back")
    outcome.expect(
        resumed.get("longest", 0.0) < RESUMED_S, f"Redis {style}: {resumed.get('longest')} s from SIGKILL to resumed"
    )
    outcome.expect(told_codes["store_behind"] > 0, f"Redis {style}: no client was told that the mark stands still")
    outcome.figures[f"redis_{style.split()[-1]}"] = {
        "kills": kills,
        "gateway_kills": len(killed_at),
        "resumed_s": resumed,
        "caught_up_s": caught_up,
        "told": dict(told_codes),
    }


async def _level(told: Told) -> bool:
    """Whether the store has everything again: the client was told so, or never noticed the outage."""
    codes = [event["code"] for event in told.events if event["type"] == "notice" and "store" in event["code"]]
    return bool(codes) and codes[-1] == "store_caught_up"


async def _both_gone(lab: Lab, outcome: Outcome) -> None:
    """The gateway and a Redis without its data at once: nothing is left of the session, and the client is told so."""
    with RedisProcess() as store:
        servers = failover.Servers(store.url, lab.store_key())
        try:
            await servers.ready()
            talking = asyncio.create_task(consult(servers.urls, lab.audio(2, 200.0, FAKES), 10.0))
            await asyncio.sleep(2.0)
            store.stop(signal.SIGKILL)
            servers.kill(0)
            store.start()
            code = "none"
            try:
                await asyncio.wait_for(talking, CAUGHT_UP_S)
            except ConsultationError as error:
                code = error.code
            except TimeoutError:
                code = "nothing within 30 s"
        finally:
            servers.close()
    outcome.figures["gateway_and_empty_redis_told"] = code
    outcome.expect(code == "no_such_session", f"the gateway and an empty Redis together: the client was told {code}")
