"""A small OpenAI-compatible server over real HTTP, which answers whatever a test tells it to."""

import asyncio
import json
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

MODELS = {"object": "list", "data": [{"id": "first", "max_model_len": 8192}, {"id": "second", "max_model_len": 8192}]}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def completion(content: object, finish_reason: str = "stop") -> dict[str, Any]:
    text = content if isinstance(content, str) or content is None else json.dumps(content)
    return {
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish_reason}]
    }


async def as_json(value: object, status: int = 200) -> web.Response:
    return web.json_response(value, status=status)


def answers(*operations: dict[str, Any]) -> Handler:
    return lambda _: as_json(completion({"operations": list(operations)}))


def addition(segment: str, quote: str, **fields: Any) -> dict[str, Any]:
    return {
        "op": "add",
        "evidence": [{"segment": segment, "quote": quote}],
        "kind": "symptom",
        "text": quote,
        "status": "present",
        "temporality": "current",
        "experiencer": "patient",
        "attributes": [],
        **fields,
    }


def retraction(finding_id: str, segment: str, quote: str) -> dict[str, Any]:
    return {"op": "retract", "finding_id": finding_id, "evidence": [{"segment": segment, "quote": quote}]}


async def silent(_: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError


def tokens(body: dict[str, Any]) -> int:
    """What a byte-pair vocabulary makes of the messages, roughly: words in pieces of eight letters, digits, signs."""
    text = "".join(message["content"] for message in body["messages"])
    return len(re.findall(r" ?[A-Za-z]{1,8}|[0-9]|[^\sA-Za-z0-9]{1,3}|\s", text)) + 20


class Server:
    """Answers /v1/models and hands each completion to `answer`; keeps the bodies that it was sent.

    The request of one token with which a client introduces itself is answered by `warm_up`, and kept apart.
    """

    def __init__(self, answer: Handler) -> None:
        self.answer = answer
        self.models: Handler = lambda _: as_json(MODELS)
        self.warm_up: Handler = self._count
        self.bodies: list[dict[str, Any]] = []
        self.warm_ups: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.url = ""

    async def list_models(self, request: web.Request) -> web.StreamResponse:
        return await self.models(request)

    async def complete(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.keys.append(request.headers.get("Authorization"))
        if body["max_tokens"] == 1:
            self.warm_ups.append(body)
            return await self.warm_up(request)
        self.bodies.append(body)
        return await self.answer(request)

    async def _count(self, request: web.Request) -> web.Response:
        usage = {"prompt_tokens": tokens(await request.json()), "completion_tokens": 1}
        return web.json_response(completion('{"', finish_reason="length") | {"usage": usage})


@asynccontextmanager
async def serving_model(answer: Handler, port: int = 0, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    server = Server(answer)
    app = web.Application()
    app.add_routes([web.get("/v1/models", server.list_models), web.post("/v1/chat/completions", server.complete)])
    # handler_cancellation: so that a handler sees its client go away.
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port, ssl_context=tls)
    await site.start()
    server.url = f"{'http' if tls is None else 'https'}://127.0.0.1:{runner.addresses[0][1]}/v1"
    try:
        yield server
    finally:
        await runner.cleanup()
