"""The server of the transport benchmark: one answer for every chunk, over a WebSocket or over SSE and POST."""

import asyncio
import json
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from aiohttp import web

TEXT = "I've had this chest pain since yesterday evening, it comes when I climb the stairs and goes when I sit down."


def answer(seq: int, chunk: bytes) -> str:
    """The work that all transports share: reads every byte, and writes an event of the size of a partial."""
    segment = {"id": "s1", "speaker": "unknown", "start": 1.0, "end": 4.0, "text": TEXT, "final": False, "words": []}
    timings = {"received_at": 1.7e9, "vad_ms": 1.5, "queue_ms": 2.5, "asr_ms": 150.5, "total_ms": 155.5}
    return json.dumps(
        {"type": "transcript", "seq": seq, "segment": segment, "timings": timings, "crc": zlib.crc32(chunk)}
    )


def application() -> web.Application:
    waiting: dict[str, asyncio.Queue[str]] = {}

    async def socket(request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse(max_msg_size=0, compress=False)
        await ws.prepare(request)
        seq = 0
        async for message in ws:
            await ws.send_str(answer(seq, message.data))
            seq += 1
        return ws

    async def audio(request: web.Request) -> web.Response:
        chunk = await request.read()
        waiting[request.match_info["id"]].put_nowait(answer(int(request.query["seq"]), chunk))
        return web.Response(status=204)

    async def events(request: web.Request) -> web.StreamResponse:
        queue = waiting[request.match_info["id"]] = asyncio.Queue()
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
        await response.prepare(request)
        with suppress(ConnectionError):
            while True:
                await response.write(f"data: {await queue.get()}\n\n".encode())
        return response

    app = web.Application()
    app.add_routes([web.get("/ws", socket), web.post("/audio/{id}", audio), web.get("/events/{id}", events)])
    return app


@asynccontextmanager
async def serving() -> AsyncIterator[tuple[int, Callable[[], object]]]:
    """The server's port."""
    runner = web.AppRunner(application(), access_log=None, handler_cancellation=True, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield runner.addresses[0][1], lambda: None
    finally:
        await runner.cleanup()
