"""A server on a real socket, and a client that shows every message and close code as it came."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from inference.pipeline import Pipeline
from server.access.tls import Certificate
from server.app import METRICS, STARTED, create_app
from server.audit.trail import Audit
from server.monitoring.metrics import Metrics
from server.runtime import bound
from server.sessions.session import Session
from server.settings import Settings
from server.socket.door import Door
from server.socket.listening import listening
from tests.support.fakes import ONE_PAUSE, EchoExtractor, LevelAsr, LoudnessVad

START = {"type": "start_session", "consent": True}
Event = dict[str, Any]


async def until(condition: Callable[[], bool]) -> None:
    """Polls: what the tests wait for here has no event of its own."""
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


def samples_of(patch: pytest.MonkeyPatch) -> dict[str, bytearray]:
    """What the sessions of servers receive from now on, by their ids: each frame that was taken, in order."""
    sessions: dict[str, bytearray] = {}
    receive = Session.receive_audio

    async def hear(session: Session, data: bytes, waited_s: float = 0.0) -> int:
        more = await receive(session, data, waited_s)
        sessions.setdefault(session.id, bytearray()).extend(data)
        return more

    patch.setattr(Session, "receive_audio", hear)
    return sessions


class Client:
    """One raw WebSocket; `events` are all that came so far."""

    def __init__(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        self.ws = ws
        self.events: list[Event] = []

    async def say(self, message: Event | str | bytes) -> None:
        if isinstance(message, bytes):
            await self.ws.send_bytes(message)
        else:
            await self.ws.send_str(message if isinstance(message, str) else json.dumps(message))

    async def hear(self, *types: str) -> Event:
        """The next event of one of the types; what comes before it is kept in `events`."""
        while True:
            message = await self.ws.receive(timeout=60)
            if message.type is not aiohttp.WSMsgType.TEXT:
                raise AssertionError(f"closed with {self.ws.close_code} before {types}: {self.events[-3:]}")
            event = json.loads(message.data)
            self.events.append(event)
            if not types or event["type"] in types:
                return event

    async def close_code(self) -> int | None:
        """Reads to the end."""
        async for message in self.ws:
            self.events.append(json.loads(message.data))
        return self.ws.close_code

    async def start(self, **fields: Any) -> Event:
        await self.say({**START, **fields})
        return await self.hear("session_started")

    async def finish(self) -> Event:
        await self.say({"type": "stop_session"})
        stopped = await self.hear("session_stopped")
        code = await self.close_code()
        assert code == 1000, code
        return stopped

    def finals(self) -> list[tuple[str, float, float, str]]:
        segments = [event["segment"] for event in self.events if event["type"] == "transcript"]
        return [(s["id"], s["start"], s["end"], s["text"]) for s in segments if s["final"]]


class Server:
    def __init__(self, http: aiohttp.ClientSession, url: str, app: web.Application, door: Door) -> None:
        self.door = door
        self.http = http
        self.url = url
        self.app = app

    @asynccontextmanager
    async def connect(self, **options: Any) -> AsyncIterator[Client]:
        options = {"protocols": ["drtranscribe.v1"], "max_msg_size": 0, **options}
        async with self.http.ws_connect(f"{self.url}/ws", **options) as ws:
            yield Client(ws)

    async def get(self, path: str) -> tuple[int, str]:
        async with self.http.get(self.url + path) as response:
            return response.status, await response.text()

    async def until_ready(self) -> None:
        await asyncio.wait_for(asyncio.shield(self.app[STARTED]), timeout=120)
        assert (await self.get("/health/ready"))[0] == 200


@asynccontextmanager
async def serving(
    pipeline: Pipeline | None = None, metrics: Metrics | None = None, audit_trail: Audit | None = None, **settings: Any
) -> AsyncIterator[Server]:
    """A server on a free port, on the given engines or on fakes; ready."""
    engine = pipeline or Pipeline(LoudnessVad(), LevelAsr(), [EchoExtractor()], ONE_PAUSE)
    chosen = Settings(**{"shutdown_grace_s": 5, **settings})
    certificate = Certificate(chosen.tls_cert, chosen.tls_key) if chosen.tls_cert and chosen.tls_key else None
    trusted = ssl.create_default_context(cafile=chosen.tls_cert) if certificate else True
    app = create_app(engine, chosen, metrics, audit_trail)
    listener = bound("127.0.0.1", 0)
    host, port = listener.getsockname()
    async with (
        listening(
            app, listener, chosen, app[METRICS], shutdown_timeout_s=1, audit=audit_trail, certificate=certificate
        ) as door,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trusted)) as http,
    ):
        server = Server(http, f"{'https' if certificate else 'http'}://{host}:{port}", app, door)
        await server.until_ready()
        yield server
