"""This project's server in the comparison: `drtranscribe serve` as anybody starts it, extraction by rules included."""

import asyncio
import json
import time

import aiohttp

from benchmarks.common.corpus import pcm
from benchmarks.common.server_process import ServerProcess
from benchmarks.peers.excerpt import Excerpt
from benchmarks.peers.session import DRAIN_S, SessionLog, speak


class DrTranscribe:
    name = "drtranscribe"

    def __init__(self, model: str, max_sessions: int, flags: list[str]) -> None:
        extra = ("--max-sessions", str(max_sessions), "--log-level", "warning", *flags)
        self._server = ServerProcess.serving(model, extra)
        self._errors = 0

    async def start(self, http: aiohttp.ClientSession) -> None:
        await self._server.ready(http)

    async def session(self, http: aiohttp.ClientSession, excerpt: Excerpt, frame_samples: int) -> SessionLog:
        heard = SessionLog()
        finals: list[str] = []
        try:
            async with http.ws_connect(f"{self._server.url}ws", protocols=["drtranscribe.v1"], max_msg_size=0) as ws:
                await ws.send_json({"type": "start_session", "consent": True})
                first = json.loads((await ws.receive(timeout=60)).data)
                if first["type"] != "session_started":
                    heard.fault = str(first.get("code", first["type"]))
                    return heard
                heard.began = time.monotonic()
                receiver = asyncio.create_task(self._receive(ws, heard, finals))
                await speak(ws.send_bytes, pcm(excerpt.audio), 2, frame_samples, heard)
                await ws.send_json({"type": "stop_session"})
                try:
                    stopped = await asyncio.wait_for(receiver, DRAIN_S)
                    heard.fault = None if stopped else f"closed with {ws.close_code}"
                except TimeoutError:
                    heard.fault = f"not done {DRAIN_S:.0f} s after the audio"
        except (aiohttp.ClientError, ConnectionError) as error:
            heard.fault = type(error).__name__
        heard.text = " ".join(finals)
        return heard

    async def _receive(self, ws: aiohttp.ClientWebSocketResponse, heard: SessionLog, finals: list[str]) -> bool:
        """Whether the session came to its last event."""
        async for message in ws:
            event = json.loads(message.data)
            if event["type"] == "transcript":
                segment = event["segment"]
                heard.report(segment["end"])
                if segment["final"]:
                    finals.append(segment["text"])
            elif event["type"] == "error":
                self._errors += 1
            elif event["type"] == "session_stopped":
                return True
        return False

    def cpu_s(self) -> float:
        return self._server.cpu_s()

    def errors(self) -> int:
        return self._errors

    def stop(self) -> None:
        self._server.stop()
