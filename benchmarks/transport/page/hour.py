"""An hour's visit in fast time: the page's memory after garbage collections, against a server that answers at once."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import WSMsgType, web
from playwright.async_api import Browser, CDPSession, Page

import server
from benchmarks.transport.page.browser import SAMPLE_RATE, visit

STATIC = Path(server.__file__).parent / "static"
MINUTES = (5, 10, 20, 30, 40, 50, 60)
FASTER = 60
WAIT_MS = 300_000
SENTENCE = "I have had this pain in my chest since yesterday evening and it is about seven out of ten"

REACHED = """(minute) => {
  const [, minutes, hours = 0] = document.getElementById("elapsed").textContent.split(":").reverse().map(Number);
  return hours * 60 + minutes >= minute;
}"""
MICROPHONE = """
const BLOCK = 2048;
globalThis.AudioWorkletNode = class {
  constructor() {
    const noise = new Int16Array(BLOCK).map(() => (Math.random() - 0.5) * 9000);
    const began = performance.now();
    let blocks = 0;
    this.port = { postMessage: () => this.port.onmessage({ data: { samples: new Int16Array(0), flushed: true } }) };
    this.timer = setInterval(() => {
      const due = (performance.now() - began) / 1000 * 16000 * FASTER / BLOCK;
      for (; blocks < due; blocks++) this.port.onmessage?.({ data: { samples: noise.slice(), flushed: false } });
    }, 20);
  }
};
AudioNode.prototype.connect = () => {};
""".replace("FASTER", str(FASTER))
"""JavaScript: in place of the audio thread, blocks of noise `FASTER` times as fast as a microphone gives them."""


class Answers:
    """Answers every chunk with `progress` and a partial, every second one with a final, every fourth with a finding."""

    def __init__(self) -> None:
        self.seq = self.received = self.chunks = 0

    def event(self, kind: str, **fields: Any) -> dict[str, Any]:
        self.seq += 1
        return {"type": kind, "seq": self.seq, **fields}

    def to_start(self) -> dict[str, Any]:
        limits = {"max_frame_bytes": 960_000, "resume_ttl_s": 120}
        return self.event("session_started", session_id="hour", resume_token="t", limits=limits, models={})

    def to_audio(self, samples: int) -> list[dict[str, Any]]:
        self.received += samples
        self.chunks += 1
        number, final = (self.chunks + 1) // 2, self.chunks % 2 == 0
        text = f"{SENTENCE}, said for the {number}th time."
        start = self.received / SAMPLE_RATE - 3
        segment = {
            "id": f"s{number}",
            "speaker": "unknown",
            "start": start,
            "end": start + 2,
            "text": text,
            "final": final,
        }
        mark = {"received_samples": self.received, "durable_samples": self.received - 3 * SAMPLE_RATE}
        events = [
            self.event("transcript", segment=segment, timings={}),
            self.event("progress", **mark, transcribed_s=start, lag_ms=100),
        ]
        if self.chunks % 4 == 0:
            events.append(self.event("extraction", revision=self.chunks, ops=[self._op(number, start)], timings={}))
        return events

    def _op(self, number: int, start: float) -> dict[str, Any]:
        quote = {
            "segment": f"s{number}",
            "quote": SENTENCE[:27],
            "start": 0,
            "end": 27,
            "from_s": start,
            "to_s": start + 1,
        }
        finding = {"id": f"f{number % 150}", "kind": "symptom", "text": "chest pain", "status": "present"}
        rest = {"temporality": "current", "experiencer": "patient", "attributes": {"onset": "yesterday evening"}}
        evidence = {"evidence": [{**quote, "speaker": "unknown"}], "source": "rules", "confidence": 1, "codes": []}
        return {"op": "add", "finding": {**finding, **rest, **evidence}}


async def _session(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse(protocols=["drtranscribe.v1"])
    await socket.prepare(request)
    answers = Answers()
    async for message in socket:
        if message.type is WSMsgType.BINARY:
            for event in answers.to_audio(len(message.data) // 2):
                await socket.send_json(event)
        elif json.loads(message.data)["type"] == "start_session":
            await socket.send_json(answers.to_start())
    return socket


async def _page(_request: web.Request) -> web.FileResponse:
    return web.FileResponse(STATIC / "index.html")


async def _me(_request: web.Request) -> web.Response:
    return web.json_response({"name": None, "scopes": [], "sign_in": "none"})


@asynccontextmanager
async def answering() -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_get("/", _page)
    app.router.add_get("/v1/me", _me)
    app.router.add_get("/ws", _session)
    app.router.add_static("/static", STATIC)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    await runner.cleanup()


async def memory(browser: Browser) -> list[dict[str, float]]:
    """After so many minutes of sound: megabytes of JavaScript in use, nodes of the page, megabytes of IndexedDB, and
    megabytes of the page's process that are in memory: all of them, and those that are its own (anonymous).
    """
    measured = []
    async with answering() as url, visit(browser, url, MICROPHONE) as (context, page):
        cdp, whole = await context.new_cdp_session(page), await browser.new_browser_cdp_session()
        await cdp.send("Performance.enable")
        await cdp.send("HeapProfiler.enable")
        for minute in MINUTES:
            await page.wait_for_function(f"({REACHED})({minute})", timeout=WAIT_MS)
            measured.append({"minute": minute, **await _figures(cdp, page), **await _process(whole)})
    return measured


async def _figures(cdp: CDPSession, page: Page) -> dict[str, float]:
    await cdp.send("HeapProfiler.collectGarbage")
    metrics = {each["name"]: each["value"] for each in (await cdp.send("Performance.getMetrics"))["metrics"]}
    stored = await page.evaluate("navigator.storage.estimate().then(({ usage }) => usage)")
    segments = await page.evaluate("document.querySelectorAll('#finals > .segment').length")
    return {
        "heap_mb": round(metrics["JSHeapUsedSize"] / 2**20, 2),
        "nodes": int(metrics["Nodes"]),
        "segments": segments,
        "indexeddb_mb": round(stored / 2**20, 2),
    }


async def _process(whole: CDPSession) -> dict[str, float]:
    """Of the renderer that has worked most: the browser keeps another one ready, which has done nothing."""
    processes = (await whole.send("SystemInfo.getProcessInfo"))["processInfo"]
    page = max((each for each in processes if each["type"] == "renderer"), key=lambda each: float(each["cpuTime"]))
    held = _held(page["id"])
    return {"renderer_rss_mb": held["VmRSS"], "renderer_own_mb": held["RssAnon"]}


def _held(pid: int) -> dict[str, float]:
    """Megabytes of a process by the names of Linux, such as VmRSS."""
    lines = [line.split() for line in Path(f"/proc/{pid}/status").read_text().splitlines()]
    fields = [line for line in lines if len(line) == 3]
    return {name.removesuffix(":"): round(int(value) / 1024, 1) for name, value, unit in fields if unit == "kB"}
