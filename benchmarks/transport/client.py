"""The clients of the transport benchmark: each sends chunks and receives events, by a way of its own."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial

import aiohttp

CONNECTIONS_A_HOST = 6
"""What browsers allow themselves over HTTP/1.1; the event stream takes one of them."""

BROWSER = {
    "User-Agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 "
    "Safari/537.36",
    "Accept-Encoding": "gzip, deflate, br, zstd",
    "Accept-Language": "en-GB,en;q=0.9",
    "Origin": "https://scribe.example.org",
    "Referer": "https://scribe.example.org/",
    "Sec-Fetch-Dest": "empty",
    "Sec-Fetch-Mode": "cors",
    "Sec-Fetch-Site": "same-origin",
    "sec-ch-ua": '"Chromium";v="140", "Not=A?Brand";v="24", "Google Chrome";v="140"',
    "sec-ch-ua-mobile": "?0",
    "sec-ch-ua-platform": '"Windows"',
}

Send = Callable[[int, bytes], Awaitable[None]]
Receive = Callable[[], Awaitable[str]]


@asynccontextmanager
async def websocket(url: str, name: str, headers: dict[str, str]) -> AsyncIterator[tuple[Send, Receive]]:
    async with aiohttp.ClientSession(headers=headers) as http, http.ws_connect(f"{url}ws", max_msg_size=0) as ws:

        async def send(seq: int, chunk: bytes) -> None:
            await ws.send_bytes(chunk)

        yield send, ws.receive_str


@asynccontextmanager
async def sse_post(
    url: str, name: str, headers: dict[str, str], *, fresh: bool = False
) -> AsyncIterator[tuple[Send, Receive]]:
    connector = aiohttp.TCPConnector(limit=CONNECTIONS_A_HOST, force_close=fresh)
    forever = aiohttp.ClientTimeout(total=None)
    async with (
        aiohttp.ClientSession(connector=connector, headers=headers, timeout=forever) as http,
        http.get(f"{url}events/{name}", headers={"Accept": "text/event-stream"}) as events,
    ):
        events.raise_for_status()

        async def send(seq: int, chunk: bytes) -> None:
            async with http.post(f"{url}audio/{name}?seq={seq}", data=chunk) as response:
                response.raise_for_status()

        async def receive() -> str:
            while not (line := await events.content.readline()).startswith(b"data: "):
                if not line:
                    raise ConnectionError("the event stream has ended")
            return line.removeprefix(b"data: ").decode()

        yield send, receive


Transport = Callable[[str, str, dict[str, str]], AbstractAsyncContextManager[tuple[Send, Receive]]]

TRANSPORTS: dict[str, Transport] = {
    "websocket": websocket,
    "sse_post": sse_post,
    "sse_post_new": partial(sse_post, fresh=True),
}
