"""Networks that are cut, connections that are open on one side only, and clients that read slowly or not at all."""

import asyncio
from contextlib import suppress

import aiohttp

from benchmarks.attack.target import Target
from benchmarks.chaos.lab import Lab, until
from benchmarks.chaos.outcome import Outcome
from benchmarks.chaos.proxy import Fault, Proxy
from benchmarks.common.server_process import FAKES
from benchmarks.load.consultation import Told, consult

AUDIO_S = 58.0
CUT_S = 3.0
SEND_TIMEOUT_S = 3.0
"""The server's limit for clients that do not read, so that it is reached within this run."""

SLOW_RATE = 2000.0
"""Bytes a second that a slow client takes: less than its events have in fast time."""

HALF_WAY = 700_000
"""Bytes of a consultation's audio after which its connection is broken."""

HEARTBEAT_LIMIT_S = 95.0
"""The Python client notices within this time that its server is gone without a close: a ping after 60 s, 30 s more."""

LEFT_TTL_S = 3.0


async def network(lab: Lab) -> Outcome:
    """Network cuts, half-open connections on either side, a client that reads slowly and one that stops reading."""
    outcome = Outcome()
    async with lab.server("--send-timeout-s", f"{SEND_TIMEOUT_S:g}") as server:
        port, url = server.url.port or 0, server.socket
        audio = lab.audio(4, AUDIO_S)
        undisturbed = await consult(url, audio, 2 * lab.speed)
        cases: list[tuple[str, Fault | None, float | None, int]] = [
            ("a cut of 3 s that ends", Fault("stall", HALF_WAY, hold_s=CUT_S), None, 0),
            ("a cut of 3 s that ends with RST", Fault("freeze", HALF_WAY, hold_s=CUT_S), None, 1),
            ("half-open at the server", Fault("server half-open", HALF_WAY), None, 1),
            ("a client that reads slowly", None, SLOW_RATE, 0),
            (
                "a client that stops reading",
                Fault("deaf", HALF_WAY // 200, downstream=True, hold_s=5 * SEND_TIMEOUT_S),
                None,
                1,
            ),
        ]
        if not lab.short:
            cases.append(("half-open at the client", Fault("client half-open", HALF_WAY), None, 1))
        before = await _unread(server)

        async def one(name: str, fault: Fault | None, rate: float | None, resumed: int) -> None:
            faults = [fault]
            async with Proxy(port, lambda: faults.pop() if faults else None, rate) as proxy:
                began = asyncio.get_running_loop().time()
                told: Told = await consult(proxy.url, audio, lab.speed)
                took_s = asyncio.get_running_loop().time() - began
            outcome.same(name, told, undisturbed)
            outcome.expect(fault is None or sum(proxy.happened.values()) == 1, f"{name}: it did not happen")
            outcome.expect(len(told.resumed_at) >= resumed, f"{name}: the client did not resume")
            outcome.figures[name] = {"resumed": len(told.resumed_at), "longest_gap_s": round(max(told.gaps_s), 1)}
            outcome.expect(took_s < HEARTBEAT_LIMIT_S + AUDIO_S, f"{name}: it took {took_s:.0f} s")

        await asyncio.gather(*(one(*case) for case in cases))
        cut = await _unread(server) - before
        outcome.figures["cut_since_unread"] = cut
        outcome.expect(cut >= 1, "the server did not cut the client that stopped reading")
        outcome.expect(server.alive, "the server ended")
    await _left_alone(lab, outcome)
    return outcome


async def _left_alone(lab: Lab, outcome: Outcome) -> None:
    """Clients that go without a word and never come back: the server finds out, and keeps nothing of them."""
    flags = ("--send-timeout-s", f"{SEND_TIMEOUT_S:g}", "--resume-ttl-s", f"{LEFT_TTL_S:g}", "--retention", "1")
    async with lab.server(*flags, model=FAKES) as server:
        idle = server.descriptors()
        async with Proxy(server.url.port or 0, lambda: Fault("server half-open", 100_000)) as proxy:
            for _ in range(8):
                async with aiohttp.ClientSession() as http:
                    ws = await http.ws_connect(proxy.url, protocols=["drtranscribe.v1"])
                    await ws.send_json({"type": "start_session", "consent": True})
                    await ws.receive()
                    with suppress(ConnectionError):
                        for _ in range(8):
                            await ws.send_bytes(bytes(32_000))
                    await ws.close()
            began = asyncio.get_running_loop().time()
            gone = await until(lambda: _none_left(server), 40.0)
            outcome.expect(bool(gone), "sessions of clients that are gone were open after 40 s")
            outcome.figures["forgotten_after_s"] = round(asyncio.get_running_loop().time() - began, 1)
        left = await until(lambda: _at_most(server, idle), 10.0)
        outcome.expect(bool(left), "the server keeps descriptors of clients that are gone")


async def _unread(server: Target) -> int:
    return int((await server.metrics()).get("drtranscribe_unread_total", 0))


async def _none_left(server: Target) -> bool:
    told = await server.metrics()
    return told.get("drtranscribe_sessions") == told.get("drtranscribe_connections") == 0


async def _at_most(server: Target, count: int) -> bool:
    return server.descriptors() <= count + 2  # the connection that just asked for the metrics may still close
