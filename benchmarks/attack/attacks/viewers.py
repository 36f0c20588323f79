"""Attacks of those who only watch: on `GET /v1/sessions/ID/events`, its second screen, and what both cost a session."""

import asyncio
import socket
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import aiohttp

from benchmarks.attack.aim import MARK, QUIET_S, Aim, Line
from benchmarks.attack.attacks.chatter import FOUND_S, TALK_S
from benchmarks.attack.attacks.outages import SPEECH
from benchmarks.attack.witness import speech

MOST_VIEWERS = 100
"""Of one session: the default of --viewers-per-session."""

UNREAD = 80
CROWD = 2_000
EDITS = 150
ATTRIBUTES = ("onset", "duration", "severity", "location", "character", "frequency", "relation", "reaction", "reason")
"""Of a finding. So many changes of them, with 480 letters each, are more bytes than the kernel holds for a viewer."""

READ_S = 5.0
"""--send-timeout-s of the attacked server."""

FAR = (
    "-1", "1e9", "0x7", "1.5", " 7", "7 ", "+7", "٣", "NaN", "", "null", "1,2", "9" * 15, "9" * 16, "9" * 400,
    "0" * 4000, f"{MARK}-id", "%00", "../../1",
)  # fmt: skip


async def unread_streams(aim: Aim) -> None:
    """80 viewers of one session that ask for its events and never read: they are cut off, and nobody waits for them."""
    async with aim.http() as http, _watched(aim, http) as line:
        findings = await _findings(line)
        aim.expect(bool(findings), "nothing was found in the talk: there is nothing to edit and to watch")
        for number in range(EDITS if findings else 0):
            fields = {"text": f"a cough, {number}", "attributes": dict.fromkeys(ATTRIBUTES, f"{number} " + "x" * 480)}
            await line.say({"type": "edit_finding", "finding_id": findings[number % len(findings)], "fields": fields})
            await line.hear("extraction", "error")
        before = await _metric(aim, http, "drtranscribe_viewers_cut_total")
        async with AsyncExitStack() as stack:
            for number in range(UNREAD):
                with suppress(OSError, TimeoutError):
                    await stack.enter_async_context(_deaf(aim, _path(line), f"127.0.6.{1 + number % 20}"))
            watching = 0.0
            for _ in range(40):
                watching = max(watching, await _metric(aim, http, "drtranscribe_viewers"))
                await _spoken(aim, line)
                if await _metric(aim, http, "drtranscribe_viewers") == 0 and watching:
                    break
                await asyncio.sleep(READ_S / 8)
            cut = await _metric(aim, http, "drtranscribe_viewers_cut_total") - before
            left = await _metric(aim, http, "drtranscribe_viewers")
        aim.figures |= {"watching": watching, "cut": cut, "left": left}
        aim.expect(watching > UNREAD / 2, f"of {UNREAD} viewers only {watching:.0f} were let in: this shows nothing")
        aim.expect(left == 0, f"{left:.0f} viewers that read nothing still hold their place")
        await line.say({"type": "marker", "id": 3})
        aim.expect(await line.hear("marker", within_s=20) is not None, "a session that is watched fell behind")


async def crowd_of_viewers(aim: Aim) -> None:
    """2,000 viewers of one session, and as many of its second screen: 100 are let in, and the others refused."""
    answers: Counter[int | None] = Counter()
    async with aim.http() as http, _watched(aim, http) as line, AsyncExitStack() as stack:
        name = 'drtranscribe_viewers_refused_total{code="too_many_viewers"}'
        before = await _metric(aim, http, name)
        for first in range(0, CROWD, 100):
            asked = (_asked(aim, stack, _path(line), number) for number in range(first, first + 100))
            answers.update(await asyncio.gather(*asked))
            await _spoken(aim, line)
            if not aim.left_s and first >= 500:
                break
        screens = Counter([await aim.status(_get(aim, "/watch"), f"127.0.7.{1 + n % 50}") for n in range(200)])
        refused = await _metric(aim, http, name) - before
    aim.figures |= {"answers": {str(status): count for status, count in answers.items()}, "refused": refused}
    aim.expect(0 < answers[200] <= MOST_VIEWERS, f"{answers[200]} viewers of one session were let in")
    aim.expect(answers[429] > 0, "no viewer was refused")
    aim.expect(answers[429] == refused, f"{answers[429]} viewers were refused and {refused:.0f} counted")
    aim.expect(set(answers) <= {200, 429, None}, f"viewers were answered {sorted(map(str, answers))}")
    aim.expect(screens[200] > 0, "the second screen was not served")


async def absurd_last_event_ids(aim: Aim) -> None:
    """Viewers that go on behind events that there never were: below zero, far away, no number, 4,000 digits."""
    async with aim.http() as http, _watched(aim, http) as line:
        path = _path(line)
        for told in FAR:
            for request in (_get(aim, path, f"Last-Event-ID: {told}"), _get(aim, f"{path}?last_event_id={told}")):
                status = await aim.status(request)
                aim.expect(status in (200, 400, None), f"the Last-Event-ID {told[:20]!r} was answered {status}")
        repeated = await aim.status(_get(aim, path, *["Last-Event-ID: 1"] * 20))
        aim.expect(repeated in (200, 400), f"a Last-Event-ID that is told 20 times was answered {repeated}")
        async with http.get(aim.url.with_path(path), headers={"Last-Event-ID": "9" * 15}) as response:
            await line.say(SPEECH)
            aim.expect(await _next_event(response) is not None, "who asks for what is far away hears nothing any more")
        await line.say({"type": "marker", "id": 4})
        aim.expect(await line.hear("marker", within_s=20) is not None, "the session of absurd viewers fell behind")


@asynccontextmanager
async def _watched(aim: Aim, http: aiohttp.ClientSession) -> AsyncIterator[Line]:
    """A session that has been spoken in, which the attack then watches; it is stopped at the end."""
    async with aim.socket(http) as line:
        started = await line.start()
        if started is None:
            raise SystemExit("the attack got no session")
        await line.say(SPEECH)
        await line.say({"type": "marker", "id": 1})
        await line.hear("marker", within_s=20)
        yield line
        await line.say({"type": "stop_session"})
        await line.hear("session_stopped", within_s=20)


async def _spoken(aim: Aim, line: Line) -> None:
    """Three seconds of speech in the session that is watched, which must be taken as if nobody watched."""
    await line.say(SPEECH)
    aim.expect(await line.hear("progress", within_s=20) is not None, "a session that is watched was not answered")


def _path(line: Line) -> str:
    session = next(event["session_id"] for event in line.events if event["type"] == "session_started")
    return f"/v1/sessions/{session}/events"


async def _findings(line: Line) -> list[str]:
    """Ids to edit, of what is found in a talk."""
    for chunk in speech(TALK_S):
        await line.say(chunk)
    told = await line.hear("extraction", within_s=FOUND_S)
    return [op["finding"]["id"] for op in told["ops"] if op["op"] == "add"] if told is not None else []


def _get(aim: Aim, path: str, *headers: str) -> bytes:
    lines = (f"GET {path} HTTP/1.1", f"Host: {aim.url.host}:{aim.url.port}", *headers, "", "")
    return "\r\n".join(lines).encode()


@asynccontextmanager
async def _deaf(aim: Aim, path: str, address: str) -> AsyncIterator[None]:
    """A viewer that leaves everything unread, in a window of a few kilobytes."""
    line = socket.socket()
    line.setblocking(False)
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    line.bind((address, 0))
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(QUIET_S):
            await loop.sock_connect(line, (aim.url.host or "", aim.url.port or 0))
            await loop.sock_sendall(line, _get(aim, path))
        yield
    finally:
        line.close()


async def _asked(aim: Aim, stack: AsyncExitStack, path: str, number: int) -> int | None:
    """The status of one of a crowd, which stays if it is let in."""
    try:
        async with asyncio.timeout(QUIET_S):
            reader, writer = await stack.enter_async_context(aim.raw(f"127.0.7.{1 + number % 50}"))
            writer.write(_get(aim, path))
            line = await reader.readline()
    except (OSError, TimeoutError):
        line = b""
    found = line.split(b" ")
    status = int(found[1]) if len(found) > 1 else None
    aim.count(str(status or "closed"))
    return status


async def _next_event(response: aiohttp.ClientResponse) -> bytes | None:
    with suppress(TimeoutError):
        async with asyncio.timeout(20):
            async for line in response.content:
                if line.startswith(b"id: "):
                    return line
    return None


async def _metric(aim: Aim, http: aiohttp.ClientSession, name: str) -> float:
    async with http.get(aim.url / "metrics") as response:
        lines = (await response.text()).splitlines()
    return sum(float(line.removeprefix(f"{name} ")) for line in lines if line.startswith(f"{name} "))
