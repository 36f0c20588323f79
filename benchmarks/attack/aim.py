"""What an attack is given, and what it has to say afterwards. It runs in a process of its own: see assault.py."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from yarl import URL

ATTACKER = "127.0.0.2"
"""The address that attacks come from. The good session has another one, as it would have in a clinic."""

MARK = "Qzxmarked"
"""Stands in all that an attack says about a patient: no log may hold it."""

START: Mapping[str, Any] = {
    "type": "start_session",
    "consent": True,
    "patient": {"name": f"{MARK} Patient", "history": f"{MARK} history"},
}
QUIET_S = 5.0
"""An answer that takes longer than this is no answer."""


@dataclass(slots=True)
class Aim:
    """A server to attack until `deadline`, with at most `seconds`; all counts of an attack are bounded as well."""

    url: URL
    pid: int
    seconds: float
    seed: int
    port: int
    """Free, for an attack that is a server itself."""
    codes: Counter[str] = field(default_factory=Counter)
    """What the server answered: HTTP statuses, close codes with the last error's code."""
    faults: list[str] = field(default_factory=list)
    """What the attack saw that must not be."""
    figures: dict[str, Any] = field(default_factory=dict)
    secrets: set[str] = field(default_factory=lambda: {MARK})
    """Words, ids and tokens that no log may hold."""
    forgotten: set[bytes] = field(default_factory=set)
    """What must not stand in the server's memory any more when the attack is over."""
    _began: float = field(default_factory=time.monotonic)

    @property
    def left_s(self) -> float:
        return max(0.0, self._began + self.seconds - time.monotonic())

    def count(self, answer: str) -> str:
        """Counts what the server answered, and returns it."""
        self.codes[answer] += 1
        return answer

    def expect(self, holds: bool, fault: str) -> None:
        """Notes a fault, once for each wording."""
        if not holds and fault not in self.faults:
            self.faults.append(fault)

    @asynccontextmanager
    async def http(self, address: str = ATTACKER) -> AsyncIterator[aiohttp.ClientSession]:
        connector = aiohttp.TCPConnector(local_addr=(address, 0), limit=0, force_close=True)
        timeout = aiohttp.ClientTimeout(total=60)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as http:
            yield http

    @asynccontextmanager
    async def socket(self, http: aiohttp.ClientSession, **options: Any) -> AsyncIterator["Line"]:
        """A WebSocket that does not wait for the close handshake when the attack leaves it."""
        ws = await http.ws_connect(
            self.url / "ws", protocols=["drtranscribe.v1"], max_msg_size=0, compress=0, autoping=True, **options
        )
        try:
            yield Line(self, ws)
        finally:
            with suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await ws.close()

    @asynccontextmanager
    async def raw(
        self, address: str = ATTACKER, **options: Any
    ) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """A plain connection."""
        host, port = self.url.host, self.url.port
        async with asyncio.timeout(QUIET_S):
            reader, writer = await asyncio.open_connection(host, port, local_addr=(address, 0), **options)
        try:
            yield reader, writer
        finally:
            writer.transport.abort()

    def upgrade(self, *headers: str, host: str | None = None) -> bytes:
        """The request that asks for a WebSocket, with more header lines; to the server's own host, or to another."""
        lines = (
            "GET /ws HTTP/1.1",
            f"Host: {self.url.host}:{self.url.port}" if host is None else f"Host: {host}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Protocol: drtranscribe.v1",
            *headers,
        )
        return "".join(f"{line}\r\n" for line in (*lines, "")).encode()

    async def upgraded(self, writer: asyncio.StreamWriter, reader: asyncio.StreamReader) -> None:
        """Makes a plain connection a WebSocket, for frames that no library would send."""
        writer.write(self.upgrade())
        async with asyncio.timeout(QUIET_S):
            status = (await reader.readuntil(b"\r\n\r\n")).split(b" ", 2)[1].decode()
        self.codes[f"upgrade {status}"] += 1
        if status != "101":
            raise ConnectionError(f"no upgrade: {status}")

    async def status(self, request: bytes, address: str = ATTACKER) -> int | None:
        """The status of the answer to a raw request; None where the server closes or says nothing."""
        try:
            async with self.raw(address) as (reader, writer):
                writer.write(request)
                async with asyncio.timeout(QUIET_S):
                    line = await reader.readline()
        except (OSError, TimeoutError, ValueError):
            line = b""
        parts = line.split(b" ")
        found = int(parts[1]) if len(parts) > 1 and parts[1].isdigit() else None
        self.codes[str(found or "closed")] += 1
        return found

    def found(self) -> dict[str, Any]:
        return {
            "codes": dict(sorted(self.codes.items())),
            "faults": self.faults,
            "figures": self.figures,
            "secrets": sorted(self.secrets),
            "forgotten": sorted(word.hex() for word in self.forgotten),
        }


@dataclass(slots=True)
class Line:
    """One WebSocket of an attack, and every event that came over it."""

    aim: Aim
    ws: aiohttp.ClientWebSocketResponse
    events: list[dict[str, Any]] = field(default_factory=list)

    async def say(self, message: Mapping[str, Any] | str | bytes) -> None:
        if isinstance(message, bytes):
            await self.ws.send_bytes(message)
        else:
            await self.ws.send_str(message if isinstance(message, str) else json.dumps(message))

    async def start(self, **fields: Any) -> dict[str, Any] | None:
        """The session_started event, or None where the server refuses."""
        await self.say({**START, **fields})
        event = await self.hear("session_started")
        if event is not None:
            self.aim.secrets |= {event["session_id"], event["resume_token"]}
        return event

    async def hear(self, *types: str, within_s: float = QUIET_S) -> dict[str, Any] | None:
        """The next event of one of these types; None where the line ends or stays silent before it comes."""
        try:
            async with asyncio.timeout(within_s):
                while True:
                    message = await self.ws.receive()
                    if message.type is not aiohttp.WSMsgType.TEXT:
                        return None
                    event: dict[str, Any] = json.loads(message.data)
                    self.events.append(event)
                    if event["type"] in types:
                        return event
        except TimeoutError:
            return None

    async def end(self, within_s: float = QUIET_S) -> int | None:
        """Reads to the end and counts how it ended: the close code with the code of the last error."""
        await self.hear(within_s=within_s)
        said = next((event["code"] for event in reversed(self.events) if event["type"] == "error"), "")
        close = self.ws.close_code
        self.aim.codes[f"{close or 'open'} {said}".strip()] += 1
        return close
