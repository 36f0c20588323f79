"""WhisperLive (collabora/WhisperLive) with batching on: its server in its own environment, its wire, our pacing.

Its wire: one WebSocket; JSON options; float32 samples at 16 kHz; JSON {"segments": [{start, end, text, completed}]},
of which the last one may still be open. Text is put together as its own client does it.
"""

import asyncio
import json
import os
import socket
import subprocess
import tempfile
import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import psutil

from benchmarks.peers.excerpt import Excerpt
from benchmarks.peers.session import DRAIN_S, SessionLog, speak

SETTLED = 3
"""It never says that it is done. A session ends once the same text came so often in a row, or after `DRAIN_S`."""


class WhisperLive:
    """The peer's server. `threads`: OMP_NUM_THREADS, which its command leaves at 1 unless told."""

    name = "whisper_live"

    def __init__(
        self, python: Path, model: Path, max_clients: int, max_batch: int, window_ms: int, threads: int
    ) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        self._log = tempfile.NamedTemporaryFile(suffix=".log")  # noqa: SIM115 - as long as the server
        script = Path(__file__).with_name("whisper_live_server.py")
        options = {"port": self._port, "model": model, "max-clients": max_clients, "max-batch": max_batch}
        flags = [f"--{name}={value}" for name, value in {**options, "window-ms": window_ms}.items()]
        self._process = subprocess.Popen(
            [str(python), "-P", str(script), *flags],  # -P: this folder has a module of the name of theirs
            stdout=self._log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "OMP_NUM_THREADS": str(threads), "HF_HUB_OFFLINE": "1"},
        )

    async def start(self, http: aiohttp.ClientSession) -> None:
        while self._process.poll() is None:
            with suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", self._port)
                writer.close()
                return
            await asyncio.sleep(0.1)
        raise SystemExit(
            f"WhisperLive's server ended: run benchmarks/peers/setup.sh. It said:\n{self._logged()[-2000:]}"
        )

    async def session(self, http: aiohttp.ClientSession, excerpt: Excerpt, frame_samples: int) -> SessionLog:
        heard, told = SessionLog(), _Told()
        try:
            async with http.ws_connect(f"http://127.0.0.1:{self._port}/", max_msg_size=0) as ws:
                uid = str(uuid.uuid4())
                await ws.send_json(
                    {"uid": uid, "language": "en", "task": "transcribe", "model": "base", "use_vad": True}
                )
                first = json.loads((await ws.receive(timeout=60)).data)
                if first.get("message") != "SERVER_READY":
                    heard.fault = str(first.get("status", first))
                    return heard
                heard.began = time.monotonic()
                receiver = asyncio.create_task(self._receive(ws, heard, told))
                await speak(ws.send_bytes, excerpt.audio.astype("<f4").tobytes(), 4, frame_samples, heard)
                await told.settled()
                if receiver.done():
                    heard.fault = f"closed with {ws.close_code}"
                receiver.cancel()
                await ws.send_bytes(b"END_OF_AUDIO")
        except (aiohttp.ClientError, ConnectionError) as error:
            heard.fault = type(error).__name__
        heard.text = told.text()
        return heard

    async def _receive(self, ws: aiohttp.ClientWebSocketResponse, heard: SessionLog, told: "_Told") -> None:
        async for message in ws:
            segments = json.loads(message.data).get("segments")
            if segments:
                heard.report(max(float(segment["end"]) for segment in segments))
                told.take(segments)

    def cpu_s(self) -> float:
        times = psutil.Process(self._process.pid).cpu_times()
        return float(times.user + times.system)

    def errors(self) -> int:
        return self._logged().count("ERROR:")

    def _logged(self) -> str:
        return Path(self._log.name).read_text(errors="replace")

    def stop(self) -> None:
        self._process.kill()  # it has no shutdown of its own
        self._process.wait(timeout=30)
        self._log.close()


class _Told:
    """The text of a session: completed segments in order, and the open one at the end."""

    def __init__(self) -> None:
        self._completed: list[dict[str, Any]] = []
        self._open = ""
        self._same = 0
        self._settled = asyncio.Event()

    def take(self, segments: list[dict[str, Any]]) -> None:
        before = self.text()
        for segment in segments:
            past = not self._completed or float(segment["start"]) >= float(self._completed[-1]["end"])
            if segment.get("completed") and past:
                self._completed.append(segment)
        self._open = "" if segments[-1].get("completed") else segments[-1]["text"]
        self._same = self._same + 1 if self.text() == before else 0
        if self._same >= SETTLED:
            self._settled.set()

    async def settled(self) -> None:
        """Call it when the audio has ended."""
        self._same = 0
        self._settled.clear()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._settled.wait(), DRAIN_S)

    def text(self) -> str:
        return " ".join([*(segment["text"].strip() for segment in self._completed), self._open.strip()])
