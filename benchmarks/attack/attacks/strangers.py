"""Attacks of clients without a key on a server that asks for one."""

import asyncio
import secrets
import ssl
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from benchmarks.attack.aim import QUIET_S, Aim

PER_S = 1000
AT_ONCE = 400
"""At most so many attempts wait for their answer. If the server answers too slowly, the rate falls below `PER_S`."""

TICK_S = 0.01


async def attempts_without_a_key(aim: Aim) -> None:
    """1,000 connections a second that ask for a session without a key, with a wrong one, or with a forged ticket."""
    requests = (
        aim.upgrade(),
        aim.upgrade(f"Authorization: Bearer drt_{secrets.token_hex(6)}_{secrets.token_urlsafe(32)}"),
        aim.upgrade(f"Sec-WebSocket-Protocol: bearer.{secrets.token_urlsafe(60)}.{secrets.token_urlsafe(32)}"),
        aim.upgrade(f"Cookie: drtranscribe={secrets.token_urlsafe(60)}.{secrets.token_urlsafe(32)}"),
    )
    sent = await _at_rate(aim, lambda number, address: _attempt(aim, requests[number % len(requests)], address))
    aim.expect(sum(aim.codes.values()) == sent, "an attempt was not counted")
    aim.expect(set(aim.codes) <= {"401", "101", "closed"}, f"strangers were answered {sorted(aim.codes)}")


async def handshakes(aim: Aim) -> None:
    """1,000 connections a second that begin a TLS handshake and never end it: the server signs for each of them.

    The attack computes nothing itself, since it sends the same hello each time.
    """
    hello = _hello()
    await _at_rate(aim, lambda _, address: _handshake(aim, hello, address))


async def _at_rate(aim: Aim, attempt: Callable[[int, str], Coroutine[Any, Any, None]]) -> int:
    """Makes `PER_S` attempts a second until the time is over, and returns how many it made.

    `attempt` is given a number and the address to come from: half of them come from one address, the others from 500.
    """
    attempts: set[asyncio.Task[None]] = set()
    began, sent = time.monotonic(), 0
    while aim.left_s:
        due = min(int((time.monotonic() - began) * PER_S) - sent, AT_ONCE - len(attempts))
        for _ in range(due):
            address = f"127.0.{3 + sent % 4}.{1 + sent // 4 % 250}" if sent % 2 else "127.0.0.2"
            task = asyncio.create_task(attempt(sent, address))
            attempts.add(task)
            task.add_done_callback(attempts.discard)
            sent += 1
        await asyncio.sleep(TICK_S)
    took_s = time.monotonic() - began
    await asyncio.gather(*attempts)
    aim.figures["attempts"] = sent
    aim.figures["attempts_per_s"] = round(sent / took_s)
    return sent


def _hello() -> bytes:
    """The first bytes of a TLS client."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    sent = ssl.MemoryBIO()
    with suppress(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), sent).do_handshake()
    return sent.read()


async def _handshake(aim: Aim, hello: bytes, address: str) -> None:
    answer = "closed"
    with suppress(OSError, TimeoutError):
        async with aim.raw(address) as (reader, writer):
            writer.write(hello)
            async with asyncio.timeout(QUIET_S):
                answer = "answered" if await reader.read(1 << 14) else "closed"
    aim.codes[answer] += 1


async def _attempt(aim: Aim, request: bytes, address: str) -> None:
    """One connection, to its end: 101 is the open socket on which a refusal is explained before it is closed."""
    status = "closed"
    with suppress(OSError, TimeoutError):
        async with aim.raw(address) as (reader, writer):
            writer.write(request)
            async with asyncio.timeout(QUIET_S):
                line = await reader.readline()
                status = line.split(b" ", 2)[1].decode() if line.startswith(b"HTTP/1.1 ") else "closed"
                rest = await reader.read(1 << 16)
            aim.expect(b"session_started" not in rest, "a stranger got a session")
    aim.codes[status] += 1
