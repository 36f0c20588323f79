"""Fuzzers on the wire: JSON messages, WebSocket frames and HTTP requests, drawn by chance from a seed."""

import asyncio
import json
import random
from contextlib import suppress
from typing import Any

import aiohttp
from hypothesis import strategies as st

from benchmarks.attack.aim import START, Aim, Line
from benchmarks.attack.attacks.drawing import drawn
from benchmarks.attack.attacks.floods import masked
from server.protocol import TYPES

BATCH = 100
IN_A_ROW = 10
"""Bad messages between two good ones: a server may close a connection that sends nothing but junk."""

numbers = st.one_of(st.integers(), st.integers(10**300, 10**320), st.floats(), st.just(-0.0))
leaves = st.one_of(st.none(), st.booleans(), numbers, st.text(max_size=40), st.just("\ud800"), st.just("x" * 3000))
anything = st.recursive(
    leaves,
    lambda inner: st.one_of(st.lists(inner, max_size=6), st.dictionaries(st.text(max_size=12), inner, max_size=6)),
    max_leaves=25,
)
ids = st.one_of(st.sampled_from(("f1", "f2", "f999", "", "__class__")), st.text(max_size=30))
edits = st.fixed_dictionaries(
    {},
    optional={
        "kind": st.sampled_from(("symptom", "vital", "x")) | anything,
        "text": st.text(max_size=600) | anything,
        "status": st.sampled_from(("present", "absent", "x")) | anything,
        "temporality": st.sampled_from(("past", "x")) | anything,
        "experiencer": st.sampled_from(("family", "x")) | anything,
        "attributes": st.dictionaries(st.sampled_from(("dose", "value", "onset", "x")), leaves, max_size=6) | anything,
    },
)
shaped = st.fixed_dictionaries(
    {"type": st.sampled_from([name for name in TYPES if name != "stop_session"])},
    optional={
        "audio": st.fixed_dictionaries({}, optional={"sample_rate": numbers, "channels": numbers}) | anything,
        "language": st.text(max_size=6) | anything,
        "mode": st.sampled_from(("ambient", "dual", "x")) | anything,
        "patient": st.fixed_dictionaries({}, optional={"name": leaves, "age": numbers, "history": leaves}) | anything,
        "vocabulary": st.lists(leaves, max_size=30) | anything,
        "consent": st.booleans() | anything,
        "session_id": ids | anything,
        "resume_token": st.text(max_size=60) | anything,
        "last_seq": numbers | anything,
        "id": numbers | anything,
        "finding_id": ids | anything,
        "fields": edits | anything,
        "unknown": anything,
    },
)


def text_of(value: Any, chance: random.Random) -> str:
    """The value as JSON; now and then cut off, doubled or with a sign changed."""
    text = json.dumps(value)
    at = chance.randrange(len(text) + 1)
    match chance.randrange(12):
        case 0:
            return text[:at]
        case 1:
            return text + text
        case 2:
            return text[:at] + chance.choice('{}[]",:\\\x00é') + text[at:]
    return text


async def random_messages(aim: Aim) -> None:
    """JSON messages by chance, of the protocol's shape and of none, as first messages and inside sessions."""
    chance, sent, round_ = random.Random(aim.seed), 0, 0
    async with aim.http() as http:
        while aim.left_s and sent < 50_000:
            round_ += 1
            values = drawn(st.one_of(shaped, shaped, anything), BATCH, aim.seed + round_)
            texts = [text_of(value, chance) for value in values]
            for text in texts[::10]:
                with suppress(aiohttp.ClientError, ConnectionError):
                    async with aim.socket(http) as line:
                        await line.say(text)
                        first = await line.hear("error", "session_started", "session_resumed")
                        if first is not None:
                            aim.codes[first.get("code", first["type"])] += 1
                            aim.expect(first.get("code") != "internal", "a first message was answered internal")
                sent += 1
            async with aim.socket(http) as line:
                if await line.start() is None:
                    aim.codes["no session"] += 1
                    await asyncio.sleep(0.5)
                    continue
                sent += await _converse(aim, line, texts)
    aim.figures["sent"] = sent


async def _converse(aim: Aim, line: Line, texts: list[str]) -> int:
    """Says them all in one session, which must answer its markers in between."""
    sent = 0
    for at in range(0, len(texts), IN_A_ROW):
        marker = 1_000_000 + at
        with suppress(ConnectionError):
            for text in texts[at : at + IN_A_ROW]:
                await line.say(text)
                sent += 1
            await line.say({"type": "continue_session"})
            await line.say({"type": "marker", "id": marker})
        while True:
            answer = await line.hear("marker", "session_stopped")
            if answer is None or answer.get("id") == marker:
                break
        if answer is None:
            close = line.ws.close_code
            aim.codes[f"closed {close}"] += 1
            aim.expect(close is not None, "a session answered no marker among random messages")
            break
    codes = [event["code"] for event in line.events if event["type"] == "error"]
    for code in codes:
        aim.codes[code] += 1
    aim.expect("internal" not in codes, "a message ended a session with internal")
    with suppress(ConnectionError):
        await line.say({"type": "stop_session"})
        await line.hear("session_stopped")
    return sent


async def random_frames(aim: Aim) -> None:
    """WebSocket frames by chance: reserved bits, unknown opcodes, wrong lengths, no mask, split messages."""
    chance, sent = random.Random(aim.seed), 0

    async def talk(number: int) -> None:
        nonlocal sent
        while aim.left_s and sent < 50_000:
            with suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
                async with aim.raw(f"127.0.0.{2 + number}") as (reader, writer):
                    await aim.upgraded(writer, reader)
                    if chance.random() < 0.5:
                        writer.write(masked(0x81, json.dumps(START).encode()))
                    for _ in range(chance.randrange(1, 30)):
                        writer.write(random_frame(chance))
                        sent += 1
                    async with asyncio.timeout(0.2):
                        await writer.drain()
                        while await reader.read(10_000):
                            pass

    await asyncio.gather(*(talk(number) for number in range(4)))
    aim.figures["sent"] = sent


def random_frame(chance: random.Random) -> bytes:
    first = chance.choice((0x81, 0x82, 0x01, 0x02, 0x00, 0x80, 0x88, 0x89, 0x8A, chance.randrange(256)))
    size = chance.choice((0, 1, 2, 12, 125, 126, 127, 640, 70_000))
    data = chance.randbytes(size)
    match chance.randrange(6):
        case 0:
            return bytes((first, size & 0x7F)) + data  # no mask
        case 1:
            return bytes((first, 0xFF)) + chance.randbytes(8)  # a length that never comes
        case 2:
            return chance.randbytes(size)
    return masked(first, data)


async def random_requests(aim: Aim) -> None:
    """HTTP by chance: methods, paths, queries of the record, headers, bodies and bytes that are none of these."""
    chance, sent = random.Random(aim.seed), 0
    async with aim.http() as http, aim.socket(http) as line:
        started = await line.start()
        session = started["session_id"] if started else "x"
        while aim.left_s and sent < 20_000:
            request = _request(chance, session, f"{aim.url.host}:{aim.url.port}")
            status = await aim.status(request, f"127.0.3.{1 + sent % 100}")
            shape = request.split(b"\r\n")[0].replace(session.encode(), b"ID")[:60]
            aim.expect(status is None or status < 500, f"{shape!r} was answered {status}")
            sent += 1
        with suppress(ConnectionError):
            await line.say({"type": "stop_session"})
    aim.figures["sent"] = sent


def _request(chance: random.Random, session: str, host: str) -> bytes:
    if chance.random() < 0.1:
        return chance.randbytes(chance.randrange(1, 300)) + b"\r\n\r\n"
    method = chance.choice(
        ("GET", "GET", "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "X" * 40)
    )
    record = f"/v1/sessions/{chance.choice((session, session, 'x', '%00', '..', '%ff', 'é'))}/record"
    path = chance.choice(
        (record, record, record, "/", "/ws", "/static/../settings.py", "/static/%2e%2e/app.py", "*", "//")
    )
    name = chance.choice(("format", "format", "Format", "%66ormat", "format[]", ""))
    kind = chance.choice(("json", "markdown", "fhir", "pdf", "PDF", "%00", "é", "../x", "json&format=pdf", "x" * 2000))
    query = chance.choice((f"?{name}={kind}", f"?{name}={kind}", "", "?", "?&&&", "?%", "#x"))
    headers = [f"Host: {host}", "Connection: close"]
    for _ in range(chance.randrange(4)):
        field = chance.choice(("Accept", "Range", "Origin", "Expect", "If-Modified-Since", "Content-Length", "X" * 200))
        headers.append(f"{field}: {chance.choice(('', '*/*', '-1', '0', 'é', 'bytes=5-1', 'x' * 500, '%s%n'))}")
    body = chance.randbytes(chance.choice((0, 0, 10, 5000)))
    return "\r\n".join((f"{method} {path}{query} HTTP/1.1", *headers, "", "")).encode() + body
