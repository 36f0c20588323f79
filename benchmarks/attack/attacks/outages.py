"""Attacks on what the server depends on: its process, its shutdown, its extraction, its model server, its memory."""

import asyncio
import math
import os
import secrets
import signal
import time
import zlib
from contextlib import suppress
from typing import Any

import aiohttp
import numpy as np
from aiohttp import web

from benchmarks.attack.aim import Aim, Line

STALL_S = 6.0
"""Twice the silence that the attacked server takes from a client (--idle-timeout-s 3)."""

FORGOTTEN = 40
TTL_S = 3.0
GRACE_S = 2.0
BACKLOG_CHUNKS = 7
BOMB_MB = 200
RATE = 16_000
LOUD = (0.3 * np.sin(np.arange(9 * RATE) * 0.3) * 32767).astype("<i2").tobytes()
QUIET = bytes(2 * RATE)
SPEECH = LOUD[: 4 * RATE] + QUIET
"""Two loud seconds and a quiet one: a segment for engines without models."""


async def stall(aim: Aim) -> None:
    """The server stands still for 6 s (SIGSTOP) while sessions send: none is idle, and the lag is told."""
    async with aim.http() as http:
        speakers = [asyncio.create_task(_outlast(aim, http, number)) for number in range(8)]
        await asyncio.sleep(2)
        os.kill(aim.pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(STALL_S)
        finally:
            os.kill(aim.pid, signal.SIGCONT)
        told = await asyncio.gather(*speakers)
    aim.figures |= {"stall_s": STALL_S, "lag_told_ms": told}
    aim.expect(
        min(told) > STALL_S * 500,
        f"after {STALL_S:.0f} s without an answer a lag of {min(told):.0f} ms was told at most",
    )


async def _outlast(aim: Aim, http: aiohttp.ClientSession, number: int) -> float:
    """A session that sends throughout: chunks of half a second, or of 20 ms. Returns the largest lag told, ms."""
    seconds = 0.5 if number % 2 else 0.02
    size = int(seconds * RATE) * 2
    async with aim.socket(http) as line:
        if await line.start() is None:
            aim.expect(False, "no session could be started")
            return 0.0
        with suppress(ConnectionError):
            for _ in range(int((STALL_S + 4) / seconds)):
                await line.say(SPEECH[:size])
                await asyncio.sleep(seconds)
            await line.say({"type": "stop_session"})
        stopped = await line.hear("session_stopped", within_s=20)
        reason = stopped["reason"] if stopped else f"closed {line.ws.close_code}"
        aim.codes[reason] += 1
        aim.expect(reason == "client", f"a session that was sending ended after a stall: {reason}")
        return max((float(event["lag_ms"]) for event in line.events if event["type"] == "progress"), default=0.0)


async def drain(aim: Aim) -> None:
    """SIGTERM with a backlog longer than the grace: who has least left is done, others are told what is missing."""
    async with aim.http() as http:
        lines: list[Line] = []
        for chunks in (BACKLOG_CHUNKS, 1, BACKLOG_CHUNKS):
            line = Line(aim, await http.ws_connect(aim.url / "ws", protocols=["drtranscribe.v1"], max_msg_size=0))
            if await line.start() is None:
                aim.expect(False, "no session could be started")
                return
            for _ in range(chunks):
                await line.say(SPEECH)
            lines.append(line)
        await asyncio.sleep(1.0)
        os.kill(aim.pid, signal.SIGTERM)
        missing = []
        for line in lines:
            stopped = await line.hear("session_stopped", within_s=30)
            await line.end()
            if stopped is None:
                aim.expect(False, "the drain ended a session without session_stopped")
                continue
            finals = [e["segment"] for e in line.events if e["type"] == "transcript" and e["segment"]["final"]]
            said_s = sum(segment["end"] - segment["start"] for segment in finals)
            untold_s = 2.0 * math.ceil(stopped["audio_s"] / 3.0) - said_s
            missing.append(round(max(0.0, stopped["audio_s"] - stopped.get("transcribed_s", stopped["audio_s"])), 1))
            aim.expect("transcribed_s" in stopped, "session_stopped does not say transcribed_s")
            errors = [event for event in line.events if event["type"] == "error"]
            told = any(any(sign.isdigit() for sign in error["message"]) for error in errors)
            aim.expect(told or untold_s < 2.0, f"{untold_s:.0f} s of received speech are missing and no error says so")
        aim.figures |= {"grace_s": GRACE_S, "missing_s": missing}
        if len(missing) == 3:
            aim.expect(missing[1] == 0, "the session with least left was not drained first")


async def broken_extraction(aim: Aim) -> None:
    """Every second call of a part of the extraction raises: it costs findings at most, and the transcript goes on."""
    async with aim.http() as http, aim.socket(http) as line:
        started = await line.start()
        if started is None:
            aim.expect(False, "no session could be started")
            return
        for number in range(12):
            with suppress(ConnectionError):
                await line.say(LOUD[: int((4 + 0.37 * number) * RATE) * 2] + QUIET)
                await line.hear("progress")
                await line.say({"type": "edit_finding", "finding_id": f"f{number}", "fields": {"text": "a cough"}})
                await line.say({"type": "confirm_finding", "finding_id": f"f{number}"})
        for name in ("json", "markdown", "fhir", "pdf"):
            path = aim.url / f"v1/sessions/{started['session_id']}/record"
            async with http.get(path, params={"format": name}) as record:
                aim.codes[f"record {record.status}"] += 1
                aim.expect(record.status in (200, 501), f"the {name} record was answered {record.status}")
        with suppress(ConnectionError):
            await line.say({"type": "stop_session"})
        stopped = await line.hear("session_stopped", within_s=30)
        told = [event["code"] for event in line.events if event["type"] == "error"]
        proposed = sum(event["type"] == "extraction" for event in line.events)
        aim.expect(proposed > 0 or "internal" in told, "nothing was found in the talk: this attack shows nothing")
        finals = sum(event["type"] == "transcript" and event["segment"]["final"] for event in line.events)
        aim.figures |= {"finals": finals, "errors": sorted(set(told)), "findings": stopped and stopped["findings"]}
        aim.expect("internal" not in told, "an error in extraction ended the consultation with internal")
        aim.expect(finals == 12, f"{finals} finals came of 12 spoken segments")
        aim.expect(
            told.count("extraction_unavailable") <= 1,
            f"the fault was told {told.count('extraction_unavailable')} times",
        )


async def forgotten_sessions(aim: Aim) -> None:
    """40 consultations that end or are left: when their time is over, no word of them is in the process's memory."""
    async with aim.http() as http:
        for number in range(FORGOTTEN):
            name, history = (f"Qzx{secrets.token_hex(8)}" for _ in range(2))
            pattern = secrets.token_bytes(16)
            aim.secrets |= {name, history}
            aim.forgotten |= {name.encode(), history.encode(), pattern}
            async with aim.socket(http) as line:
                if await line.start(patient={"name": name, "history": history}) is None:
                    aim.codes["no session"] += 1
                    await asyncio.sleep(0.5)
                    continue
                await line.say(pattern * 1000)
                await line.hear("progress")
                if number % 2:
                    await line.say({"type": "stop_session"})
                    await line.hear("session_stopped")
            await asyncio.sleep(0.05)
        await asyncio.sleep(TTL_S + 4.0)
        async with http.get(aim.url / "metrics") as metrics:
            opened = [line for line in (await metrics.text()).splitlines() if line.startswith("drtranscribe_sessions ")]
            aim.figures["open_after"] = opened[0].split()[1] if opened else None


async def hostile_model_server(aim: Aim) -> None:
    """A model server that answers with 200 MB of zeros in 200 kB of gzip, without end, or 100,000 objects deep."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join([*(packer.compress(bytes(1 << 20)) for _ in range(BOMB_MB)), packer.flush()])
    asked = 0

    async def models(request: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": "first", "max_model_len": 8192}]})

    async def complete(request: web.Request) -> web.StreamResponse:
        nonlocal asked
        asked += 1
        headers = {"Content-Type": "application/json"}
        match asked % 4:
            case 1 | 2:
                return web.Response(body=bomb, headers={**headers, "Content-Encoding": "gzip"})
            case 3:
                return web.Response(body=b'{"a":' * 100_000, headers=headers)
        endless = web.StreamResponse(headers=headers)
        await endless.prepare(request)
        with suppress(ConnectionError):
            for _ in range(2000):
                await endless.write(bytes(100_000))
        return endless

    app = web.Application()
    app.add_routes([web.get("/v1/models", models), web.post("/v1/chat/completions", complete)])
    runner = web.AppRunner(app, shutdown_timeout=0, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", aim.port).start()
        async with aim.http() as http, aim.socket(http) as line:
            began = time.monotonic()
            if await line.start() is None:
                aim.expect(False, "no session could be started")
                return
            while aim.left_s and time.monotonic() - began < 60:
                await line.say(SPEECH)
                await line.hear("progress")
                await asyncio.sleep(0.5)
            await line.say({"type": "stop_session"})
            stopped = await line.hear("session_stopped", within_s=40)
            aim.expect(stopped is not None, "no session_stopped came")
            told: list[Any] = sorted({event["code"] for event in line.events if event["type"] == "error"})
            aim.figures |= {"asked": asked, "errors": told}
            aim.expect("internal" not in told, "an answer of the model server ended the consultation")
            aim.expect(asked > 0, "the model server was never asked")
    finally:
        await runner.cleanup()
