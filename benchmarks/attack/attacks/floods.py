"""Attacks by volume: messages, frames and connections that cost the server more than they cost their sender."""

import asyncio
import json
import resource
import time
from contextlib import AsyncExitStack, suppress

import aiohttp

from benchmarks.attack.aim import QUIET_S, START, Aim

REFUSED = (1006, 1008, 1009, 1013)
"""Who still sends when the server closes may see a reset, which is 1006, in place of the server's code."""

SILENT = 1100
MANY_NAMES = 322_000
BIG_BYTES = 3_900_000
UNFINISHED = 200


async def big_first_message(aim: Aim) -> None:
    """First messages of 4 MB with 322,000 unknown names of attributes, without any session."""
    await _first_messages(aim, _many_names())


def _many_names() -> str:
    """3.5 MB: under the most that the server's WebSocket takes."""
    fields = {"attributes": {f"{number:05x}": 0 for number in range(MANY_NAMES)}}
    return json.dumps({"type": "edit_finding", "finding_id": "f1", "fields": fields}, separators=(",", ":"))


async def wide_and_deep_first_message(aim: Aim) -> None:
    """First messages of 4 MB that hold a list of a million, an object in an object 100,000 deep, or one long word."""
    wide = json.dumps({**START, "vocabulary": [""] * 900_000}, separators=(",", ":"))
    depth = 100_000
    deep = '{"type":"start_session","consent":true,"patient":' + '{"a":' * depth + "1" + "}" * (depth + 1)
    long = json.dumps({**START, "patient": {"history": "x" * BIG_BYTES}})
    await _first_messages(aim, wide, deep, long)


async def _first_messages(aim: Aim, *texts: str) -> None:
    sent = 0
    async with aim.http() as http:
        while aim.left_s and sent < 12:
            for text in texts:
                with suppress(aiohttp.ClientError, ConnectionError):
                    async with aim.socket(http) as line:
                        began = time.monotonic()
                        with suppress(ConnectionError):  # refused while it still comes in
                            await line.say(text)
                        close = await line.end(within_s=20)
                        aim.expect(close in REFUSED, f"a first message of {len(text)} bytes ended with {close}")
                        aim.figures["slowest_answer_s"] = round(
                            max(time.monotonic() - began, aim.figures.get("slowest_answer_s", 0)), 2
                        )
                sent += 1
            await asyncio.sleep(0.2)
    aim.figures["messages"] = sent


async def big_later_messages(aim: Aim) -> None:
    """The same inside a session: edits with 322,000 attributes, objects 100,000 deep, a text of 3.9 MB."""
    edit = {"type": "edit_finding", "finding_id": "f1"}
    deep = json.dumps(edit)[:-1] + ',"fields":' + "[" * 100_000 + "]" * 100_000 + "}"
    long = json.dumps({**edit, "fields": {"text": "x" * BIG_BYTES}})
    sent = 0
    async with aim.http() as http:
        while aim.left_s and sent < 12:
            for text in (_many_names(), deep, long):
                async with aim.socket(http) as line:
                    if await line.start() is None:
                        aim.codes["no session"] += 1
                        continue
                    with suppress(ConnectionError):
                        await line.say(text)
                    answer = await line.hear("error", within_s=20)
                    said = answer["code"] if answer else f"closed {line.ws.close_code}"
                    aim.codes[said] += 1
                    aim.expect(said != "internal", "a big message ended a session with internal")
                    with suppress(ConnectionError):
                        await line.say({"type": "stop_session"})
                sent += 1
    aim.figures["messages"] = sent


async def unfinished_frames(aim: Aim) -> None:
    """200 connections that each send all of a frame of 3.9 MB but its last byte, before anybody is known."""
    header = b"\x81\xff" + BIG_BYTES.to_bytes(8, "big") + bytes(4)
    held = 0
    async with AsyncExitStack() as lines:
        for number in range(UNFINISHED):
            with suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
                reader, writer = await lines.enter_async_context(aim.raw(f"127.0.0.{2 + number % 20}"))
                await aim.upgraded(writer, reader)
                writer.write(header)
                for _ in range(BIG_BYTES // 100_000):
                    writer.write(bytes(100_000))
                    async with asyncio.timeout(1):
                        await writer.drain()
                held += 1
            if not aim.left_s:
                break
        aim.figures["frames_taken"] = held
        await asyncio.sleep(min(2.0, aim.left_s))


async def silent_connections(aim: Aim) -> None:
    """1,100 connections from 50 addresses that say nothing, at a server that may open 1,024 descriptors."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    opened = 0
    async with AsyncExitStack() as lines:
        for number in range(SILENT):
            with suppress(OSError, TimeoutError):
                await lines.enter_async_context(aim.raw(f"127.0.1.{1 + number % 50}"))
                opened += 1
        aim.figures["connections"] = opened
        await asyncio.sleep(aim.left_s)


async def slow_request_line(aim: Aim) -> None:
    """100 connections that send their request one byte a second: the server must not wait for more than 10 s."""
    patience_s, began = 14.0, time.monotonic()
    cut: list[float] = []

    async def trickle(number: int) -> None:
        with suppress(OSError, TimeoutError):
            async with aim.raw(f"127.0.0.{2 + number % 5}") as (reader, writer):
                ended = asyncio.create_task(_ended(reader))
                for byte in b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Padding: ":
                    writer.write(bytes((byte,)))
                    done, _ = await asyncio.wait([ended], timeout=1.0)
                    if done or time.monotonic() - began > patience_s:
                        break
                if ended.done():
                    cut.append(round(time.monotonic() - began, 1))
                else:
                    ended.cancel()

    await asyncio.gather(*(trickle(number) for number in range(100)))
    aim.figures |= {"cut": len(cut), "last_cut_s": max(cut, default=None)}
    aim.expect(len(cut) == 100, f"{100 - len(cut)} of 100 slow requests were still open after {patience_s:.0f} s")


async def _ended(reader: asyncio.StreamReader) -> None:
    with suppress(OSError):
        while await reader.read(1000):
            pass


async def junk_messages(aim: Aim) -> None:
    """One client in a session that sends text frames of 12 bytes of junk as fast as it can."""
    sent = 0
    async with aim.http() as http:
        while aim.left_s and sent < 500_000:
            async with aim.socket(http) as line:
                if await line.start() is None:
                    aim.codes["no session"] += 1
                    await asyncio.sleep(0.5)
                    continue
                reading = asyncio.create_task(line.end(within_s=aim.left_s + QUIET_S))
                with suppress(ConnectionError):
                    while aim.left_s and not reading.done():
                        for _ in range(50):
                            await line.ws.send_str('{"type":"x"}')
                            sent += 1
                        await asyncio.sleep(0)
                _judge(aim, await reading)
                aim.figures["errors_read"] = aim.figures.get("errors_read", 0) + len(line.events)
                # The session waits to be resumed: a place that its client does not need any more.
    aim.figures["sent"] = sent


def _judge(aim: Aim, close: int | None) -> None:
    """Junk in a session ends with 1008, which a client that still sends may not see, at least once."""
    aim.expect(close in (1006, 1008), f"junk in a session ended with {close}, not with 1008")
    aim.expect(aim.left_s > 0 or aim.codes["1008 too_many_refusals"] > 0, "no junk was answered with too_many_refusals")


async def junk_audio(aim: Aim) -> None:
    """One client in a session that sends binary frames of one byte and of none, which are no whole samples."""
    sent = 0
    async with aim.http() as http:
        while aim.left_s and sent < 500_000:
            async with aim.socket(http) as line:
                if await line.start() is None:
                    await asyncio.sleep(0.5)
                    continue
                reading = asyncio.create_task(line.end(within_s=aim.left_s + QUIET_S))
                with suppress(ConnectionError):
                    while aim.left_s and not reading.done():
                        for size in (0, 1) * 25:
                            await line.ws.send_bytes(bytes(size))
                            sent += 1
                        await asyncio.sleep(0)
                _judge(aim, await reading)
    aim.figures["sent"] = sent


async def slow_reader(aim: Aim) -> None:
    """Clients that send speech as fast as they can and never read: events may not pile up, and they are cut off."""
    chunk = bytes(32_000)

    async def talk(number: int) -> int:
        sent = 0
        with suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
            async with aim.raw() as (reader, writer):
                await aim.upgraded(writer, reader)
                writer.write(masked(0x81, json.dumps(START).encode()))
                while aim.left_s and sent < 2000:
                    writer.write(masked(0x82, chunk))
                    async with asyncio.timeout(aim.left_s + 0.1):
                        await writer.drain()
                    sent += 1
                await asyncio.sleep(aim.left_s)
        return sent

    aim.figures["chunks_sent"] = sum(await asyncio.gather(*(talk(number) for number in range(4))))


def masked(first: int, data: bytes) -> bytes:
    """A client's frame with a mask of zeros."""
    size = len(data)
    if size < 126:
        head = bytes((first, 0x80 | size))
    elif size < 1 << 16:
        head = bytes((first, 0xFE)) + size.to_bytes(2, "big")
    else:
        head = bytes((first, 0xFF)) + size.to_bytes(8, "big")
    return head + bytes(4) + data
