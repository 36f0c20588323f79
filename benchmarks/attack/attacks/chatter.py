"""Floods of messages that the protocol allows: what one client may say, and how often."""

import asyncio
import json
import random
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from typing import Any

import aiohttp

from benchmarks.attack.aim import QUIET_S, Aim, Line
from benchmarks.attack.attacks.outages import SPEECH
from benchmarks.attack.witness import speech

MOST = 200_000
"""Messages of one flood."""

NAMES = 1000
SYLLABLES = ("ba", "che", "dri", "flo", "gun", "hal", "jor", "ke", "lin", "mo", "nar", "pe", "sti", "tu", "ver", "zo")

TALK_S = 12.0
FOUND_S = 15.0
"""For the first finding of that talk."""

Message = dict[str, Any]


async def valid_messages(aim: Aim) -> None:
    """Edits of findings that exist, markers, pauses: what the protocol allows, without end. It is slowed or refused."""
    async with aim.http() as http:
        await asyncio.gather(
            *(
                _flood(aim, http, name, said)
                for name, said in (("edits", _edits), ("markers", _markers), ("pauses", _pauses))
            )
        )


def _edits(findings: list[str]) -> Iterator[Message]:
    for number in count():
        finding = findings[number % len(findings)] if findings else "f1"
        yield {"type": "edit_finding", "finding_id": finding, "fields": {"text": f"a cough, {number} " + "x" * 400}}
        yield {"type": "confirm_finding", "finding_id": finding}


def _markers(findings: list[str]) -> Iterator[Message]:
    for number in count():
        yield {"type": "marker", "id": number}


def _pauses(findings: list[str]) -> Iterator[Message]:
    while True:
        yield {"type": "pause_session"}
        yield {"type": "continue_session"}


async def _flood(aim: Aim, http: aiohttp.ClientSession, name: str, said: Any) -> None:
    """One session that is flooded, and taken up again each time the server closes the connection."""
    sent = 0
    started: Message | None = None
    findings: list[str] = []
    while aim.left_s and sent < MOST:
        with suppress(ConnectionError, aiohttp.ClientError):
            async with aim.socket(http) as line:
                if started is None:
                    if (started := await line.start()) is None:
                        aim.codes["no session"] += 1
                        return
                    for chunk in speech(TALK_S):
                        await line.say(chunk)
                    await line.say({"type": "marker", "id": -1})
                    if (told := await line.hear("extraction", within_s=FOUND_S)) is not None:
                        findings += [op["finding"]["id"] for op in told["ops"]]
                else:
                    await _resume(line, started)
                reading = asyncio.create_task(line.end(within_s=aim.left_s + QUIET_S))
                messages = said(findings)
                while aim.left_s and not reading.done():
                    for _ in range(50):
                        await line.ws.send_str(json.dumps(next(messages)))
                        sent += 1
                    await asyncio.sleep(0)
                await reading
    aim.figures[f"{name}_sent"] = sent
    if name == "edits":
        aim.expect(bool(findings), "nothing was found in the talk: no finding could be edited")
        refused = [key for key in aim.codes if "too_many" in key]
        aim.expect(bool(refused) or sent < 1000, f"{sent} edits of one session were all taken")


async def _resume(line: Line, started: Message) -> None:
    await line.say(
        {
            "type": "resume_session",
            "session_id": started["session_id"],
            "resume_token": started["resume_token"],
            "last_seq": 0,
        }
    )


async def tiny_frames(aim: Aim) -> None:
    """Eight sessions that send their speech in frames of one sample, as fast as they can."""
    async with aim.http() as http:
        aim.figures["frames_sent"] = sum(await asyncio.gather(*(_drip(aim, http) for _ in range(8))))


async def _drip(aim: Aim, http: aiohttp.ClientSession) -> int:
    sent = 0
    with suppress(ConnectionError, aiohttp.ClientError, TimeoutError):
        async with aim.socket(http) as line:
            if await line.start() is None:
                aim.codes["no session"] += 1
                return 0
            reading = asyncio.create_task(line.end(within_s=aim.left_s + QUIET_S))
            while aim.left_s and not reading.done() and sent < MOST:
                for at in range(0, 200, 2):
                    async with asyncio.timeout(aim.left_s + 0.1):  # the server reads no faster than it works
                        await line.ws.send_bytes(SPEECH[at : at + 2])
                    sent += 1
                await asyncio.sleep(0)
            reading.cancel()
    return sent


async def many_names(aim: Aim) -> None:
    """Four clients that begin session after session with as many names as a session may have."""
    async with aim.http() as http:
        begun = sum(await asyncio.gather(*(_name(aim, http, client) for client in range(4))))
    aim.figures["sessions_with_names"] = begun
    aim.expect(begun > 4, f"{begun} sessions were begun: this run shows nothing")


async def _name(aim: Aim, http: aiohttp.ClientSession, client: int) -> int:
    chance, begun = random.Random(aim.seed * 10 + client), 0
    while aim.left_s:
        names = ["".join(chance.choices(SYLLABLES, k=4)).title() for _ in range(NAMES)]
        with suppress(ConnectionError, aiohttp.ClientError):
            async with aim.socket(http) as line:
                if await line.start(vocabulary=names) is None:
                    aim.codes["no session"] += 1
                    await asyncio.sleep(0.2)
                    continue
                begun += 1
                await line.say({"type": "stop_session"})
                await line.hear("session_stopped")
    return begun
