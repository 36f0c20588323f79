"""The routes of the server, and the start and end of what they share."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from aiohttp import web

from inference.pipeline import Pipeline
from server.hosts import host_allowed, origin_allowed, own_origin, socket_origin
from server.monitoring.health import ExtractionHealth
from server.monitoring.metrics import Metrics
from server.record.rendering import Rendering
from server.record.route import Records
from server.sessions.registry import Sessions, use_store
from server.sessions.session import Limits
from server.settings import Settings
from server.socket.door import visitor_of
from server.socket.websocket import consultation

STATIC = Path(__file__).parent / "static"

SESSIONS = web.AppKey("sessions", Sessions)
SETTINGS = web.AppKey("settings", Settings)
PIPELINE = web.AppKey("pipeline", Pipeline)
METRICS = web.AppKey("metrics", Metrics)
EXTRACTION_HEALTH = web.AppKey("extraction_health", ExtractionHealth)
RENDERING = web.AppKey("rendering", Rendering)
STARTED = web.AppKey("started", asyncio.Future[None])

CONTENT_SECURITY_POLICY = (
    "default-src 'self'; connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
)
HOST_REFUSED = "the server does not go by this name: add it with --allowed-hosts"
ORIGIN_REFUSED = (
    "this page's origin is not the server's own: add it with --allowed-origins; behind a proxy with TLS, let the proxy "
    "set Host and X-Forwarded-Proto"
)
PROBES = ("/health/live", "/health/ready")
"""Answered under any host name: they show nothing about patients, and orchestrators use names of their own."""
FAILED_GRACE_S = 5.0
"""Seconds for sessions to end when the engine is gone: nothing more can be transcribed, but clients must be told."""


def create_app(pipeline: Pipeline, settings: Settings, metrics: Metrics | None = None) -> web.Application:
    """The aiohttp application around an engine.

    Once the application starts, the engines are warmed up in the background. Until they are warm, `/health/ready`
    returns 503 and new sessions are refused.
    """
    app = web.Application(middlewares=[_guard])
    app[SETTINGS] = settings
    app[PIPELINE] = pipeline
    app[METRICS] = metrics or Metrics()
    limits = Limits(
        settings.queue_chunks,
        settings.idle_timeout_s,
        settings.max_session_s,
        settings.resume_ttl_s,
        settings.first_audio_timeout_s,
    )
    app[METRICS].batch_limit.set_function(lambda: pipeline.asr.queue.batch_limit)
    app[SESSIONS] = Sessions(pipeline, limits, app[METRICS], settings.max_sessions)
    if settings.store != "memory":
        use_store(app[SESSIONS], settings, app[METRICS])
        app.cleanup_ctx.append(_store)
    app[RENDERING] = Rendering()
    app.cleanup_ctx.append(_engines)
    app.cleanup_ctx.append(_rendering)
    app[EXTRACTION_HEALTH] = ExtractionHealth(pipeline.extractors, app[METRICS].observe_extractor)
    app.cleanup_ctx.append(_watch)
    app.cleanup_ctx.append(_watch_extraction)
    app.on_shutdown.append(_drain)
    records = Records(app[SESSIONS], app[RENDERING], app[METRICS])
    app.add_routes(
        [
            web.get("/ws", _websocket, expect_handler=_expectation),
            web.get("/health/live", _live, expect_handler=_expectation),
            web.get("/health/ready", _ready, expect_handler=_expectation),
            web.get("/metrics", _metrics, expect_handler=_expectation),
            web.get("/v1/sessions/{session_id}/record", records.get, expect_handler=_expectation),
            web.get("/", _page, expect_handler=_expectation),
            web.static("/static", STATIC, expect_handler=_expectation),
            web.route("*", "/{path:.*}", _nothing, expect_handler=_expectation),
        ]
    )
    app.on_response_prepare.append(_harden)
    return app


async def _engines(app: web.Application) -> AsyncIterator[None]:
    app[STARTED] = started = asyncio.ensure_future(app[PIPELINE].start())
    yield
    started.cancel()
    await asyncio.gather(started, return_exceptions=True)
    await app[PIPELINE].close()


async def _store(app: web.Application) -> AsyncIterator[None]:
    yield
    store = app[SESSIONS].store
    if store is not None:
        await store.store.close()


async def _rendering(app: web.Application) -> AsyncIterator[None]:
    yield
    await app[RENDERING].close()


async def _watch(app: web.Application) -> AsyncIterator[None]:
    settings = app[SETTINGS]
    shortest_limit_s = max(
        0.1,
        min(
            settings.idle_timeout_s,
            settings.resume_ttl_s,
            settings.send_timeout_s,
            settings.first_audio_timeout_s,
        ),
    )
    watch = asyncio.create_task(app[SESSIONS].watch(shortest_limit_s))
    yield
    watch.cancel()
    await asyncio.gather(watch, return_exceptions=True)


async def _watch_extraction(app: web.Application) -> AsyncIterator[None]:
    watch = asyncio.create_task(app[EXTRACTION_HEALTH].watch())
    yield
    watch.cancel()
    await asyncio.gather(watch, return_exceptions=True)


async def _drain(app: web.Application) -> None:
    grace_s = app[SETTINGS].shutdown_grace_s
    if app[PIPELINE].failed is not None:
        grace_s = min(grace_s, FAILED_GRACE_S)
    await app[SESSIONS].close(grace_s)


@web.middleware
async def _guard(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Refuses requests with a foreign host name or from a foreign page before any handler runs."""
    visitor = visitor_of(request.transport)
    if visitor is not None:
        visitor.taken()
    if request.path in PROBES:
        return await handler(request)
    settings, host = request.app[SETTINGS], request.headers.get("Host")
    if not host_allowed(host, settings.allowed_hosts, settings.host):
        raise _refusal(request, web.HTTPMisdirectedRequest, "host_not_allowed", HOST_REFUSED)
    # Only the proxy knows whether the browser used TLS. A page cannot set this header, so it can be trusted.
    told = request.headers.get("X-Forwarded-Proto", "").partition(",")[0].strip().lower()
    own = own_origin(host, told if told in ("http", "https") else request.scheme)
    if not origin_allowed(request.headers.get("Origin"), own, settings.allowed_origins):
        raise _refusal(request, web.HTTPForbidden, "origin_not_allowed", ORIGIN_REFUSED)
    return await handler(request)


def _refusal(request: web.Request, kind: type[web.HTTPException], code: str, text: str) -> web.HTTPException:
    request.app[METRICS].refused.labels(code).inc()
    return kind(text=f"{code}: {text}\n")


async def _expectation(request: web.Request) -> None:
    """Replaces aiohttp's own handler, which repeats an unknown value in its answer and fails if it is not ASCII."""
    if request.headers.get("Expect", "").lower() != "100-continue":
        raise _refusal(
            request,
            web.HTTPExpectationFailed,
            "unknown_expectation",
            "leave the header Expect out, no request has a body",
        )
    await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    request.writer.output_size = 0  # so that aiohttp does not take this line for the beginning of the answer


async def _nothing(request: web.Request) -> web.StreamResponse:
    if request.method not in ("GET", "HEAD"):
        raise web.HTTPMethodNotAllowed(request.method, ("GET", "HEAD"))
    raise web.HTTPNotFound


async def _harden(request: web.Request, response: web.StreamResponse) -> None:
    elsewhere = " ".join(["connect-src 'self'", *map(socket_origin, request.app[SESSIONS].addresses)])
    response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY.replace("connect-src 'self'", elsewhere)
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers.setdefault("Cache-Control", "no-cache")  # or an upgrade would mix files of two versions


async def _websocket(request: web.Request) -> web.StreamResponse:
    return await consultation(request, request.app[SESSIONS], request.app[SETTINGS])


async def _live(request: web.Request) -> web.Response:
    """200 while the process can work; 503 once nothing but a new process can."""
    reason = request.app[PIPELINE].failed
    if reason is not None:
        return web.json_response({"status": "failed", "reason": reason}, status=503)
    return web.json_response({"status": "live"})


async def _ready(request: web.Request) -> web.Response:
    """200 when the engines are warm, otherwise 503 with a `reason` that says what happens or what to do.

    The status `degraded` is also 200: transcripts and the findings of the rules continue, so an orchestrator must not
    refuse sessions because of it.
    """
    pipeline, sessions = request.app[PIPELINE], request.app[SESSIONS]
    if pipeline.ready:
        problem = request.app[EXTRACTION_HEALTH].problem
        return web.json_response(
            {
                "status": "degraded" if problem else "ready",
                **({"reason": problem} if problem else {}),
                "models": pipeline.models,
                "capacity": sessions.capacity,
                "sessions": sessions.open_count,
            }
        )
    status, reason = _unready(pipeline, request.app[STARTED])
    return web.json_response({"status": status, "reason": reason}, status=503)


def _unready(pipeline: Pipeline, started: "asyncio.Future[None]") -> tuple[str, str]:
    if pipeline.failed is not None:
        return "failed", pipeline.failed
    if started.done() and not started.cancelled() and (error := started.exception()) is not None:
        return "failed", f"warm-up failed ({type(error).__name__}): see the log"
    if pipeline.restarting:
        return "restarting", "an engine failed and is being started again; open sessions go on by themselves"
    return "warming up", "the models are loaded and measured"


async def _metrics(request: web.Request) -> web.Response:
    return web.Response(body=request.app[METRICS].text(), headers={"Content-Type": "text/plain; version=0.0.4"})


async def _page(request: web.Request) -> web.FileResponse:
    return web.FileResponse(STATIC / "index.html")
