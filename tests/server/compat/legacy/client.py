"""A client of the legacy contract, as raw as the extension's own, and engines that need no words."""

import base64
import io
import json
import wave
from contextlib import asynccontextmanager

import aiohttp

from tests.support.live import serving


def wav(samples: bytes) -> str:
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setparams((1, 2, 16_000, 0, "NONE", ""))
        written.writeframes(samples)
    return base64.b64encode(file.getvalue()).decode()


class Extension:
    """One socket; `told` are all messages so far."""

    def __init__(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        self.ws = ws
        self.told: list[dict] = []

    async def say(self, type_: str, **fields) -> None:
        await self.ws.send_str(json.dumps({"type": type_, **fields}))

    async def chunk(self, samples: bytes, source: str) -> None:
        await self.say("audio_chunk", audio_data=wav(samples), source=source)

    async def hear(self, *types: str) -> dict:
        while True:
            message = await self.ws.receive(timeout=60)
            assert message.type is aiohttp.WSMsgType.TEXT, (message.type, self.ws.close_code, self.told[-3:])
            self.told.append(json.loads(message.data))
            if self.told[-1]["type"] in types:
                return self.told[-1]

    async def start(self, appointment_id: str = "drt-1", **fields) -> dict:
        await self.say("start_session", appointment_id=appointment_id, **fields)
        return await self.hear("session_started")

    async def fails(self) -> dict:
        return await self.hear("error")

    async def end(self) -> int | None:
        async for message in self.ws:
            self.told.append(json.loads(message.data))
        return self.ws.close_code

    def texts(self) -> list[tuple[str, str]]:
        return [(told["source"], told["text"]) for told in self.told if told["type"] == "transcription_update"]


@asynccontextmanager
async def extension(server, **options):
    async with server.http.ws_connect(f"{server.url}/ws", **options) as ws:
        yield Extension(ws)


def legacy_serving(*engine, **settings):
    return serving(*engine, legacy=True, **settings)
