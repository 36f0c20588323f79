"""A wall clock that jumps by an hour, forward and backward, under the server and under Redis."""

import asyncio
import time
from email.utils import parsedate_to_datetime

import aiohttp
from yarl import URL

from benchmarks.chaos.lab import Lab, audit_verified, until
from benchmarks.chaos.outcome import Outcome
from benchmarks.chaos.wall_clock import WallClock
from benchmarks.common.redis_process import RedisProcess
from benchmarks.common.server_process import FAKES
from benchmarks.load.consultation import Told, consult

JUMP_S = 3600
RETENTION_S = 25.0
AUDIO_S = 90.0
STEP_S = 2.0
"""Real seconds between two jumps."""


async def clock(lab: Lab) -> Outcome:
    """The wall clock jumps an hour forward and two backward: sessions, tickets, retention, idle limits, audit trail."""
    outcome = Outcome()
    await _server(lab, outcome)
    await _redis(lab, outcome)
    return outcome


async def _server(lab: Lab, outcome: Outcome) -> None:
    wall, trail = WallClock(lab.folder), lab.folder / "audit.jsonl"
    flags = (
        "--audit",
        str(trail),
        "--retention",
        f"{RETENTION_S:g}",
        "--idle-timeout-s",
        "180",
        "--first-audio-timeout-s",
        "180",
    )
    async with lab.server(*flags, keys=True, environment=wall.environment) as server:
        ws_url = server.socket
        key = server.headers["Authorization"].removeprefix("Bearer ")
        audio = lab.audio(6, AUDIO_S)
        undisturbed = await consult(ws_url, audio, lab.speed, api_key=key)
        ended_at, record = time.monotonic(), server.url / f"v1/sessions/{undisturbed.session_id}/record"
        async with aiohttp.ClientSession(headers=server.headers) as http, aiohttp.ClientSession() as nobody:
            idle = await http.ws_connect(ws_url, protocols=["drtranscribe.v1"])
            await idle.send_json({"type": "start_session", "consent": True})
            await idle.receive_json()
            spent, unspent = await _ticket(http, server.url), await _ticket(http, server.url)
            outcome.expect(await _comes_in(nobody, ws_url, spent), "a ticket was refused before any jump")
            talking = asyncio.create_task(consult(ws_url, audio, lab.speed, api_key=key))
            await asyncio.sleep(STEP_S)

            wall.jump(JUMP_S)
            outcome.expect(await _is_off(http, server.url, JUMP_S), "the jump forward did not reach the server")
            outcome.expect(not await _comes_in(nobody, ws_url, unspent), "a ticket of an hour ago was taken")
            outcome.expect(await _comes_in(nobody, ws_url, await _ticket(http, server.url)), "a new ticket was refused")
            outcome.expect(await _kept(http, record, ended_at), "a record was gone an hour before its time")
            late = await _ticket(http, server.url)
            await asyncio.sleep(STEP_S)

            wall.jump(-JUMP_S)
            outcome.expect(await _is_off(http, server.url, -JUMP_S), "the jump backward did not reach the server")
            outcome.expect(not await _comes_in(nobody, ws_url, spent), "a spent ticket was taken again")
            outcome.expect(not await _comes_in(nobody, ws_url, late), "a ticket was taken that is valid for two hours")
            outcome.expect(await _comes_in(nobody, ws_url, await _ticket(http, server.url)), "a new ticket was refused")
            outcome.expect(await _kept(http, record, ended_at), "a record was gone before its time")
            told = await talking
            await asyncio.sleep(max(0.0, ended_at + RETENTION_S + 2.0 - time.monotonic()))
            outcome.expect(await _status(http, record) == 404, "a record was kept beyond its time")
            outcome.figures["retention_s"] = RETENTION_S

            wall.jump(0)
            await idle.send_json({"type": "marker", "id": 1})
            answered = await idle.receive_json(timeout=10)
            outcome.expect(answered["type"] == "marker", f"the idle session answered {answered['type']}")
            await idle.close()
            outcome.expect(await _status(http, server.url / "health/ready") == 200, "the server is not ready")
        outcome.same("jumps under the server", told, undisturbed)
        more = sorted(set(told.codes) - set(undisturbed.codes))
        outcome.expect(not more, f"the client was told {', '.join(more)}")
        outcome.survived(server)
    verified = await asyncio.to_thread(audit_verified, trail)
    outcome.expect(verified.returncode == 0, "the audit trail does not hold")
    outcome.figures["audit"] = verified.stdout.partition(",")[0]


async def _redis(lab: Lab, outcome: Outcome) -> None:
    """An hour forward makes Redis forget what it was to keep for an hour: the server stores it again."""
    wall = WallClock(lab.folder, "redis-clock")
    with RedisProcess(environment=wall.environment) as store:
        flags = ("--store", store.url, "--store-key-file", str(lab.store_key()))
        async with lab.server(*flags, model=FAKES) as server:
            url, audio = server.socket, lab.audio(7, AUDIO_S, FAKES)
            undisturbed = await consult(url, audio, 10.0)
            told = Told()
            talking = asyncio.create_task(consult(url, audio, 10.0, told=told))
            for seconds in (JUMP_S + 60, -JUMP_S, 0):
                await asyncio.sleep(STEP_S)
                wall.jump(seconds)
            await talking
    outcome.same("jumps under Redis", told, undisturbed)
    outcome.expect(told.codes["store_behind"] > 0, "the jump forward did not reach Redis")
    level = told.codes["store_behind"] == told.codes["store_caught_up"]
    outcome.expect(level, "Redis had not everything again after the jumps")
    outcome.figures["redis_told"] = dict(told.codes)


async def _ticket(http: aiohttp.ClientSession, url: URL) -> str:
    async with http.post(url / "v1/tickets") as response:
        return str((await response.json())["ticket"])


async def _comes_in(nobody: aiohttp.ClientSession, url: str, ticket: str) -> bool:
    """Whether a connection with this ticket gets an answer to its first message other than a refusal."""
    try:
        async with nobody.ws_connect(url, protocols=["drtranscribe.v1", f"bearer.{ticket}"]) as ws:
            await ws.send_json({"type": "marker", "id": 1})
            message = await ws.receive(timeout=10)
            return message.type is aiohttp.WSMsgType.TEXT and message.json().get("code") == "no_session"
    except aiohttp.WSServerHandshakeError:
        return False


async def _kept(http: aiohttp.ClientSession, record: URL, ended_at: float) -> bool:
    """Whether the record is there, or so much time has really passed that it may be gone: the machine is slow then."""
    return await _status(http, record) == 200 or time.monotonic() > ended_at + RETENTION_S


async def _status(http: aiohttp.ClientSession, url: URL) -> int:
    async with http.get(url) as response:
        return response.status


async def _is_off(http: aiohttp.ClientSession, url: URL, seconds: int) -> bool:
    """Whether the wall clock of the server is so far ahead of ours: it writes it into the head of an answer."""

    async def told() -> bool:
        async with http.get(url / "health/live") as response:
            ahead_s = parsedate_to_datetime(response.headers["Date"]).timestamp() - time.time()
            return abs(ahead_s - seconds) < 60

    return bool(await until(told, 5.0))
