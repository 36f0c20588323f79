"""Routes, and the lifetime of what they share."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from aiohttp import web

from inference.pipeline import Pipeline
from server.extraction_health import ExtractionHealth
from server.metrics import Metrics
from server.record_route import Records
from server.registry import Sessions
from server.session import Limits
from server.settings import Settings
from server.websocket import consultation

STATIC = Path(__file__).parent / "static"

SESSIONS = web.AppKey("sessions", Sessions)
SETTINGS = web.AppKey("settings", Settings)
PIPELINE = web.AppKey("pipeline", Pipeline)
METRICS = web.AppKey("metrics", Metrics)
EXTRACTION_HEALTH = web.AppKey("extraction_health", ExtractionHealth)
STARTED = web.AppKey("started", asyncio.Future[None])

FAILED_GRACE_S = 5.0
"""For sessions to end when the engine is gone: nothing more can be transcribed, only told."""

CONTENT_SECURITY_POLICY = "default-src 'self'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'"


def create_app(pipeline: Pipeline, settings: Settings, metrics: Metrics | None = None) -> web.Application:
    """The server around an engine. It listens at once; `/health/ready` turns 200 when the engines are warm."""
    app = web.Application()
    app[SETTINGS] = settings
    app[PIPELINE] = pipeline
    app[METRICS] = metrics or Metrics()
    limits = Limits(settings.queue_chunks, settings.idle_timeout_s, settings.max_session_s, settings.resume_ttl_s)
    app[METRICS].batch_limit.set_function(lambda: pipeline.asr.queue.batch_limit)
    app[SESSIONS] = Sessions(pipeline, limits, app[METRICS], settings.max_sessions)
    app.cleanup_ctx.append(_engines)
    app[EXTRACTION_HEALTH] = ExtractionHealth(pipeline.extractors, app[METRICS].observe_extractor)
    app.cleanup_ctx.append(_watch)
    app.cleanup_ctx.append(_watch_extraction)
    app.on_shutdown.append(_drain)
    app.add_routes(
        [
            web.get("/ws", _websocket),
            web.get("/health/live", _live),
            web.get("/health/ready", _ready),
            web.get("/metrics", _metrics),
            web.get("/v1/sessions/{session_id}/record", Records(app[SESSIONS]).get),
            web.get("/", _page),
            web.static("/static", STATIC),
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


async def _watch(app: web.Application) -> AsyncIterator[None]:
    settings = app[SETTINGS]
    shortest_limit_s = max(0.1, min(settings.idle_timeout_s, settings.resume_ttl_s, settings.send_timeout_s))
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


async def _harden(request: web.Request, response: web.StreamResponse) -> None:
    response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers.setdefault("Cache-Control", "no-cache")  # a page of mixed versions after an upgrade would fail


async def _websocket(request: web.Request) -> web.StreamResponse:
    return await consultation(request, request.app[SESSIONS], request.app[SETTINGS])


async def _live(request: web.Request) -> web.Response:
    """Whether the process can work: 503 from the moment at which only another process can."""
    reason = request.app[PIPELINE].failed
    if reason is not None:
        return web.json_response({"status": "failed", "reason": reason}, status=503)
    return web.json_response({"status": "live"})


async def _ready(request: web.Request) -> web.Response:
    """Whether the engines are warm; where not, `reason` says what is going on or what to do.

    Degraded is ready, with transcripts and the rules' findings: an orchestrator must not turn speakers away for it.
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
