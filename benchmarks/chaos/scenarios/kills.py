"""SIGKILL of gateways, of Redis and of the model server."""

import asyncio
import random
import re
import signal
from collections import Counter
from functools import partial

import aiohttp
from yarl import URL

from benchmarks.chaos.lab import Lab, health, until
from benchmarks.chaos.model_process import READY_S, ModelProcess
from benchmarks.chaos.outcome import Outcome
from benchmarks.common.redis_process import RedisProcess
from benchmarks.common.server_process import FAKES
from benchmarks.load import failover
from benchmarks.load.consultation import Told, consult
from drtranscribe import ConsultationError
from inference.config import SAMPLE_RATE

RESUMED_S = 3.0
"""From SIGKILL to `session_resumed`, at most."""

CAUGHT_UP_S = 30.0

VLLM_CAUGHT_UP_S = 600.0
"""For the same by a real vLLM on a CPU, from its return on."""

READ = re.compile(r'^drtranscribe_segments_read_total\{extractor="vllm"\} (\S+)$', re.MULTILINE)


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


async def model_server(lab: Lab) -> Outcome:
    """SIGKILL of the model server in mid-consultation: the transcript goes on, and the findings catch up."""
    own = lab.vllm is None
    outcome, chance, wanted = Outcome(), random.Random(lab.seed), lab.size(1, 3) if own else 1
    told, back = Told(), asyncio.Event()
    degraded = recovered = meanwhile = 0
    with ModelProcess(lab.vllm) as model:
        await model.ready()
        # Nobody speaks while a real vLLM comes up again, and each of its answers takes long.
        patience = "--idle-timeout-s", f"{READY_S:g}", "--vllm-timeout-s", "30" if own else "180"
        async with lab.server("--vllm-url", model.url, *patience) as server:
            url = server.socket
            await until(lambda: _state(server.url, "ready"), 30.0)
            audio = lab.audio(3, lab.size(14, 28 * wanted) * lab.speed)  # until the last kill, and beyond it
            undisturbed = await consult(url, audio, 2 * lab.speed, judging=False)
            before = await _read_by_model(server.url)

            async def read_all() -> bool:
                return await _read_by_model(server.url) - before >= _texts(told)

            async def caught_up() -> None:
                await back.wait()
                limit_s = CAUGHT_UP_S if own else VLLM_CAUGHT_UP_S
                outcome.expect(
                    bool(await until(read_all, limit_s)), f"the model had not read what was said after {limit_s:g} s"
                )

            talking = asyncio.create_task(
                consult(url, audio, lab.speed, judging=False, told=told, before_stop=caught_up)
            )
            for _ in range(wanted):
                await asyncio.sleep(chance.uniform(1.0, 2.0))
                outcome.expect(not talking.done(), "the consultation was over before the last kill")
                model.kill()
                said = _texts(told)
                degraded += bool(await until(lambda: _state(server.url, "degraded"), 20.0))
                model.start()
                await model.ready()
                meanwhile += _texts(told) - said
                recovered += bool(await until(lambda: _state(server.url, "ready"), 40.0))
            back.set()
            await talking
            outcome.expect(server.alive, "the server ended")
            read = await _read_by_model(server.url) - before
    # Rules and model answer in another order than without an outage, and so the ids of findings differ.
    outcome.same("model server", told, undisturbed, leave_out=("findings_other",))
    outcome.expect(degraded == wanted, f"/health/ready told {degraded} of {wanted} outages")
    outcome.expect(recovered == wanted, f"/health/ready told {recovered} of {wanted} recoveries")
    by_rules = _of(told, "rules"), _of(undisturbed, "rules")
    outcome.expect(by_rules[0] == by_rules[1], "the findings of the rules differ")
    outcome.expect(bool(meanwhile), "no final came during an outage")
    asked = _of(told, "model"), _of(undisturbed, "model")
    if own:
        outcome.expect(bool(asked[1]), "the model server found nothing: this run shows nothing")
        outcome.expect(
            asked[0] == asked[1], f"{len(asked[0])} findings of the model server, {len(asked[1])} undisturbed"
        )
    outcome.figures |= {
        "kills": wanted,
        "own_process": own,
        "finals_during_outages": meanwhile,
        "finals_read_by_model": read,
        "audio_s": round(len(audio) / 2 / SAMPLE_RATE),
        "findings_of_rules": len(by_rules[0]),
        "findings_of_model": len(asked[0]),
        "told": dict(told.codes),
    }
    return outcome


def _texts(told: Told) -> int:
    """Finals with words so far."""
    return sum(bool(text) for _, _, _, text, _ in told.finals)


async def _read_by_model(url: URL) -> int:
    """Finals of all sessions so far that the model server has answered for."""
    async with aiohttp.ClientSession() as http, http.get(url / "metrics") as response:
        found = READ.search(await response.text())
    return int(float(found[1])) if found is not None else 0


def _of(told: Told, source: str) -> Counter[tuple[str, ...]]:
    return Counter({fact: count for fact, count in told.facts.items() if fact[0] == source})


async def _state(url: URL, wanted: str) -> bool:
    try:
        return (await health(url))[1] == wanted
    except (aiohttp.ClientError, ValueError):
        return False
