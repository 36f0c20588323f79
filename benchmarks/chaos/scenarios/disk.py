"""Full disks: under the audit trail, under the cache of models and under Redis."""

import asyncio
import subprocess
import sys

import aiohttp
from yarl import URL

from benchmarks.chaos.lab import Lab, audit_verified, health, until
from benchmarks.chaos.outcome import Outcome
from benchmarks.chaos.small_disk import SmallDisk
from benchmarks.common.redis_process import RedisProcess
from benchmarks.common.server_process import FAKES, free_port
from benchmarks.load import failover
from benchmarks.load.consultation import Told, consult

AUDIO_S = 60.0
SMALL_KB, STORE_KB, CACHE_KB = 64, 1024, 250_000
MOST_BEGUN = 30
"""Sessions that may begin on a full disk: their lines fit into the block that the trail has already."""

FULL_S = 3.0
"""For which a disk stays full while a consultation goes on."""


async def disk(lab: Lab) -> Outcome:
    """A full disk under audit trail, model cache and Redis: a clear word, and nothing that was said is lost."""
    outcome = Outcome()
    try:
        await _audit(lab, outcome)
        await _cache(lab, outcome)
        await _redis(lab, outcome)
    except PermissionError as error:
        outcome.expect(False, str(error))
    return outcome


async def _audit(lab: Lab, outcome: Outcome) -> None:
    with SmallDisk(lab.folder / "audit", SMALL_KB) as small:
        trail = small.path / "audit.jsonl"
        async with lab.server("--audit", str(trail)) as server:
            url, audio = server.socket, lab.audio(8, AUDIO_S)
            undisturbed = await consult(url, audio, lab.speed)
            talking = asyncio.create_task(consult(url, audio, lab.speed))
            await asyncio.sleep(1.0)
            small.fill()
            begun, answered = 0, await _answer(url)
            while answered == "started" and begun < MOST_BEGUN:
                begun, answered = begun + 1, await _answer(url)
            ready = await until(lambda: _unready(server.url), 10.0)
            told = await talking
            outcome.same("full disk under the audit trail", told, undisturbed)
            outcome.expect("No space left" in (ready or ""), f"/health/ready told: {ready}")
            outcome.expect(answered == "audit_unavailable", f"new sessions were answered {answered}")
            small.free()
            outcome.expect(
                bool(await until(lambda: _is_ready(server.url), 10.0)), "the server did not become ready again"
            )
            outcome.same("after the full disk", await consult(url, audio, lab.speed), undisturbed)
            outcome.survived(server)
        verified = await asyncio.to_thread(audit_verified, trail)
        lines = trail.read_text()
    outcome.expect(verified.returncode == 0, "the audit trail does not hold")
    outcome.expect("lines_lost" not in lines, "lines of the audit trail were lost")
    outcome.expect(lines.count('"session_ended"') >= 3, "the ends of sessions are missing in the audit trail")
    outcome.figures["audit"] = {
        "begun_before": begun,
        "then": answered,
        "ready": ready,
        "verified": verified.stdout.strip()[:60],
    }


async def _cache(lab: Lab, outcome: Outcome) -> None:
    """`base` travels in two parts, and is put together in the cache when it is first used."""
    with SmallDisk(lab.folder / "cache", SMALL_KB) as small:
        serve = ("serve", "--model", "base", "--models-dir", str(small.path), "--port", str(free_port()))
        ended = await asyncio.to_thread(_command, *serve)
        said = ended.stderr.strip()
        outcome.expect(ended.returncode == 1, f"serve with a full model cache ended with {ended.returncode}")
        outcome.expect(
            "No space left" in said and "folder" in said, f"serve with a full model cache said: {said[-200:]}"
        )
        outcome.expect("Traceback" not in said, "serve with a full model cache showed a traceback")
        left = [path.name for path in small.path.rglob("*") if path.is_file()]
        outcome.expect(not left, f"a full model cache holds {left}")
        outcome.figures["model_cache"] = {"status": ended.returncode, "said": said.replace(str(lab.folder), "")[:200]}
        if not lab.short:
            small.grow(CACHE_KB)
            ended = await asyncio.to_thread(_command, "models", "prepare", "base", "--models-dir", str(small.path))
            outcome.expect(ended.returncode == 0, "the model could not be prepared when there was room again")


async def _redis(lab: Lab, outcome: Outcome) -> None:
    with SmallDisk(lab.folder / "redis", STORE_KB) as small:
        options = ("--dir", str(small.path), "--appendonly", "yes", "--auto-aof-rewrite-percentage", "0")
        with RedisProcess(*options) as store:
            servers = failover.Servers(store.url, lab.store_key())
            try:
                await servers.ready()
                first = URL(servers.urls.split(",")[0]).with_scheme("http")
                audio = lab.audio(9, AUDIO_S * 3, FAKES)
                undisturbed = await consult(servers.urls, audio, 20.0)
                told = Told()
                talking = asyncio.create_task(consult(servers.urls, audio, 10.0, told=told))
                await asyncio.sleep(2.0)
                small.fill()
                behind = await until(lambda: _was_told(told, "store_behind"), 15.0)
                ready = await until(lambda: _degraded(first), 10.0)
                await asyncio.sleep(FULL_S)
                small.free()
                caught_up = await until(lambda: _was_told(told, "store_caught_up"), 15.0)
                recovered = await until(lambda: _is_ready(first), 15.0)
                servers.kill(0)
                await talking
            finally:
                servers.close()
    outcome.same("full disk under Redis", told, undisturbed)
    outcome.expect(bool(behind), "the client was not told that the store takes nothing")
    outcome.expect("disk" in (behind or ""), f"the client was told: {behind}")
    outcome.expect("disk" in (ready or ""), f"/health/ready told: {ready}")
    outcome.expect(bool(caught_up), "the client was not told that the store has everything again")
    outcome.expect(bool(recovered), "/health/ready went on to tell of the store")
    outcome.expect(bool(told.resumed_at), "the session was not resumed from what Redis has")
    outcome.figures["redis"] = {"told": dict(told.codes), "ready": ready, "resumed": len(told.resumed_at)}


async def _answer(url: str) -> str:
    """What a new session is answered: the code of the refusal, or "started"."""
    async with aiohttp.ClientSession() as http, http.ws_connect(url, protocols=["drtranscribe.v1"]) as ws:
        await ws.send_json({"type": "start_session", "consent": True})
        event = await ws.receive_json(timeout=10)
        if event["type"] == "session_started":
            await ws.send_json({"type": "stop_session"})
            while (await ws.receive(timeout=10)).type is aiohttp.WSMsgType.TEXT:
                pass
        return str(event.get("code", "started"))


async def _unready(url: URL) -> str | None:
    status, _, reason = await health(url)
    return reason if status == 503 else None


async def _degraded(url: URL) -> str | None:
    _, status, reason = await health(url)
    return reason if status == "degraded" else None


async def _is_ready(url: URL) -> bool:
    return (await health(url))[1] == "ready"


async def _was_told(told: Told, code: str) -> str | None:
    return next((str(event["message"]) for event in told.events if event.get("code") == code), None)


def _command(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "server", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
