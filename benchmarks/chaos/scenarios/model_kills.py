"""SIGKILL of the model server: our own, which has no model, and a real vLLM."""

import asyncio
import random
import re
from collections import Counter

import aiohttp
from yarl import URL

from benchmarks.chaos.lab import Lab, health, until
from benchmarks.chaos.model_process import READY_S, ModelProcess
from benchmarks.chaos.outcome import Outcome
from benchmarks.load.consultation import Told, consult
from inference.config import SAMPLE_RATE

CAUGHT_UP_S = 30.0
VLLM_CAUGHT_UP_S = 600.0
"""From the return of the model server until it has read all that was said, at most: our own one, and vLLM on a CPU."""

VLLM_ANSWER_S = 180.0
"""For one answer of vLLM on a CPU that others use too."""

READ = re.compile(r'^drtranscribe_segments_read_total\{extractor="vllm"\} (\S+)$', re.MULTILINE)


async def own(lab: Lab) -> Outcome:
    """SIGKILL of the model server in mid-consultation: the transcript goes on, and the findings catch up."""
    outcome = Outcome()
    told, undisturbed = await _killed(lab, outcome, ModelProcess(), lab.size(1, 3), CAUGHT_UP_S)
    mine, right = _of(told, "model"), _of(undisturbed, "model")
    outcome.expect(bool(right), "the model server found nothing: this run shows nothing")
    outcome.expect(mine == right, f"{len(mine)} findings of the model server, {len(right)} undisturbed")
    return outcome


async def vllm(lab: Lab) -> Outcome:
    """SIGKILL of a real vLLM, all its processes, in mid-consultation: as above, but its model finds other things each
    time, so what counts is that it has read every final."""
    outcome = Outcome()
    patience = "--vllm-timeout-s", f"{VLLM_ANSWER_S:g}"
    await _killed(lab, outcome, ModelProcess(lab.vllm), 1, VLLM_CAUGHT_UP_S, *patience)
    return outcome


async def _killed(
    lab: Lab, outcome: Outcome, process: ModelProcess, wanted: int, limit_s: float, *flags: str
) -> tuple[Told, Told]:
    """What the client of a disturbed consultation was told, and that of an undisturbed one of the same audio."""
    chance, told, back = random.Random(lab.seed), Told(), asyncio.Event()
    degraded = recovered = meanwhile = 0
    with process as model:
        await model.ready()
        # Nobody speaks while a real vLLM comes up again.
        async with lab.server("--vllm-url", model.url, "--idle-timeout-s", f"{2 * READY_S:g}", *flags) as server:
            url = server.socket
            await until(lambda: _state(server.url, "ready"), 30.0)
            audio = lab.audio(3, lab.size(14, 28 * wanted) * lab.speed)  # until the last kill, and beyond it
            undisturbed = await consult(url, audio, 2 * lab.speed, judging=False)
            before = await _read(server.url)

            async def read_all() -> bool:
                return await _read(server.url) - before >= _texts(told)

            async def caught_up() -> None:
                await back.wait()
                read = bool(await until(read_all, limit_s))
                outcome.expect(read, f"the model had not read what was said {limit_s:g} s after its return")

            talk = consult(url, audio, lab.speed, judging=False, told=told, before_stop=caught_up)
            talking = asyncio.create_task(talk)
            for _ in range(wanted):
                await asyncio.sleep(chance.uniform(1.0, 2.0))
                model.kill()
                said = _texts(told)
                degraded += bool(await until(lambda: _state(server.url, "degraded"), 20.0))
                model.start()
                await model.ready()
                meanwhile += _texts(told) - said
                recovered += bool(await until(lambda: _state(server.url, "ready"), 40.0))
            back.set()
            await talking
            outcome.survived(server)
            outcome.figures["finals_read_by_model"] = await _read(server.url) - before
    # Rules and model answer in another order than without an outage, and so the ids of findings differ.
    outcome.same("model server", told, undisturbed, leave_out=("findings_other",))
    outcome.expect(degraded == wanted, f"/health/ready told {degraded} of {wanted} outages")
    outcome.expect(recovered == wanted, f"/health/ready told {recovered} of {wanted} recoveries")
    outcome.expect(bool(meanwhile), "no final came during an outage")
    by_rules, right = _of(told, "rules"), _of(undisturbed, "rules")
    outcome.expect(by_rules == right, "the findings of the rules differ")
    outcome.figures |= {
        "kills": wanted,
        "finals_during_outages": meanwhile,
        "audio_s": round(len(audio) / 2 / SAMPLE_RATE),
        "findings_of_rules": len(by_rules),
        "findings_of_model": len(_of(told, "model")),
        "told": dict(told.codes),
    }
    return told, undisturbed


def _texts(told: Told) -> int:
    """Finals with words so far."""
    return sum(bool(text) for _, _, _, text, _ in told.finals)


async def _read(url: URL) -> int:
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
