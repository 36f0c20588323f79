"""The routes of the server, and the start and end of what they share."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from aiohttp import web

from inference.pipeline import Pipeline
from server.access.access import ACCESS, Access, Denied
from server.access.doorkeeper import Doorkeeper
from server.access.entrance import access_of
from server.audit.trail import Audit
from server.compat.deepgram.listen import Listen
from server.compat.legacy.routes import SOCKETS, add_legacy, speaks_legacy
from server.compat.line import Site
from server.compat.openai.route import FILES, Transcriptions
from server.hardening import Hardening
from server.monitoring.endpoints import Endpoints
from server.monitoring.health import ExtractionHealth
from server.monitoring.metrics import Metrics
from server.record.rendering import Rendering
from server.record.route import Records
from server.record.templates.catalogue import Template, TemplatesError, catalogue
from server.sessions.presence import Limits
from server.sessions.registry import Sessions
from server.sessions.watch import watch
from server.settings import Settings, SettingsError
from server.socket.handshake import consultation
from server.store.opening import store_of
from server.viewers.route import Viewers

STATIC = Path(__file__).parent / "static"

SESSIONS = web.AppKey("sessions", Sessions)
SETTINGS = web.AppKey("settings", Settings)
PIPELINE = web.AppKey("pipeline", Pipeline)
METRICS = web.AppKey("metrics", Metrics)
EXTRACTION_HEALTH = web.AppKey("extraction_health", ExtractionHealth)
RENDERING = web.AppKey("rendering", Rendering)
STARTED = web.AppKey("started", asyncio.Future[None])
AUDIT = web.AppKey("audit", Audit)
ENDPOINTS = web.AppKey("endpoints", Endpoints)
DOORKEEPER = web.AppKey("doorkeeper", Doorkeeper)

FAILED_GRACE_S = 5.0
"""Seconds for sessions to end when the engine is gone: nothing more can be transcribed, but clients must be told."""


def create_app(
    pipeline: Pipeline,
    settings: Settings,
    metrics: Metrics | None = None,
    audit: Audit | None = None,
    access: Access | None = None,
) -> web.Application:
    """The aiohttp application around an engine.

    Once the application starts, the engines are warmed up in the background. Until they are warm, `/health/ready`
    returns 503 and new sessions are refused. Raises SettingsError where the settings name templates that cannot be
    used, or a file of doctors (`--legacy-users`), and, where `access` is not given, files of keys or secrets that
    cannot be used.
    """
    metrics, audit, access = metrics or Metrics(), audit or Audit(), access or access_of(settings)
    keeper = Doorkeeper(access, metrics, audit)
    hardening = Hardening(settings, keeper, () if settings.store == "memory" else settings.addresses)
    app = web.Application(middlewares=[hardening.guard])
    app[SETTINGS] = settings
    app[PIPELINE] = pipeline
    app[METRICS] = metrics
    app[AUDIT] = audit
    app[ACCESS] = access
    app[DOORKEEPER] = keeper
    limits = Limits(
        settings.queue_chunks,
        settings.idle_timeout_s,
        settings.max_session_s,
        settings.resume_ttl_s,
        settings.first_audio_timeout_s,
        settings.retention,
    )
    app[METRICS].batch_limit.set_function(lambda: pipeline.asr.queue.batch_limit)
    app[METRICS].watch_engines(lambda: pipeline.asr.second_tries, pipeline.extractors)
    store = store_of(settings, app[METRICS].observe_store)
    app[SESSIONS] = Sessions(pipeline, limits, app[METRICS], settings.max_sessions, app[AUDIT], store)
    if store is not None:
        app[SESSIONS].addresses = settings.addresses
        app.cleanup_ctx.append(_store)
    templates = templates_of(settings.templates)
    app[RENDERING] = Rendering(templates=settings.templates)
    app.cleanup_ctx.append(_engines)
    app.cleanup_ctx.append(_rendering)
    app[EXTRACTION_HEALTH] = ExtractionHealth(pipeline.extractors, app[METRICS].observe_extractor)
    app.cleanup_ctx.append(_watch)
    app.cleanup_ctx.append(_watch_extraction)
    app.cleanup_ctx.append(_decoding)
    app.on_shutdown.append(_stop_files)
    app.on_shutdown.append(_drain)
    app[ENDPOINTS] = endpoints = Endpoints(
        pipeline,
        app[SESSIONS],
        app[METRICS],
        app[EXTRACTION_HEALTH],
        lambda: app[STARTED],
        lambda: app[AUDIT].problem,
        settings.metrics_apart,
    )
    metrics_here = _metrics_elsewhere if settings.metrics_apart else endpoints.exposition
    app[FILES] = files = Transcriptions(app[SESSIONS], settings, app[METRICS], keeper)
    site = Site(app[SESSIONS], settings, keeper)
    legacy = add_legacy(app, site, hardening.expectation) if settings.legacy else []
    records = Records(app[SESSIONS], app[RENDERING], app[METRICS], keeper, templates)
    viewers = Viewers(app[SESSIONS], settings, app[METRICS], keeper)
    app.on_shutdown.append(viewers.close)
    app.add_routes(
        [
            web.get("/ws", _websocket, expect_handler=hardening.expectation),
            web.get("/v1/listen", Listen(site).get, expect_handler=hardening.expectation),
            *legacy,
            web.get("/health/live", endpoints.live, expect_handler=hardening.expectation),
            web.get("/health/ready", endpoints.ready, expect_handler=hardening.expectation),
            web.get("/metrics", keeper.asks("metrics", metrics_here), expect_handler=hardening.expectation),
            web.get("/v1/me", keeper.who, expect_handler=hardening.expectation),
            web.post("/v1/sign-in", keeper.sign_in, expect_handler=hardening.expectation),
            web.post("/v1/sign-out", keeper.sign_out, expect_handler=hardening.expectation),
            web.post("/v1/tickets", keeper.asks(None, keeper.ticket), expect_handler=hardening.expectation),
            web.get(
                "/v1/sessions/{session_id}/record",
                keeper.asks("read", records.get),
                expect_handler=hardening.expectation,
            ),
            web.get("/v1/templates", keeper.asks("read", records.templates), expect_handler=hardening.expectation),
            web.delete(
                "/v1/sessions/{session_id}", keeper.asks("speak", records.erase), expect_handler=hardening.expectation
            ),
            web.post("/v1/audio/transcriptions", files.post, expect_handler=hardening.expectation),
            *viewers.routes(expect_handler=hardening.expectation),
            web.get("/", _page, expect_handler=hardening.expectation),
            web.get("/watch", _watch_page, expect_handler=hardening.expectation),
            web.static("/static", STATIC, expect_handler=hardening.expectation),
            web.route("*", "/{path:.*}", _nothing, expect_handler=hardening.expectation),
        ]
    )
    app.on_response_prepare.append(hardening.harden)
    return app


def templates_of(folder: Path | None) -> dict[str, Template]:
    """The templates of notes. Raises SettingsError."""
    try:
        return catalogue(folder)
    except TemplatesError as error:
        raise SettingsError(error.faults) from None


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


async def _decoding(app: web.Application) -> AsyncIterator[None]:
    yield
    await app[SESSIONS].decoding.close()


async def _stop_files(app: web.Application) -> None:
    await app[FILES].close()


async def _watch(app: web.Application) -> AsyncIterator[None]:
    settings = app[SETTINGS]
    shortest_limit_s = max(
        0.1,
        min(
            settings.idle_timeout_s,
            settings.resume_ttl_s,
            settings.send_timeout_s,
            settings.first_audio_timeout_s,
            settings.retention or settings.resume_ttl_s,
        ),
    )
    watching = asyncio.create_task(watch(app[SESSIONS], shortest_limit_s))
    yield
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)


async def _watch_extraction(app: web.Application) -> AsyncIterator[None]:
    watching = asyncio.create_task(app[EXTRACTION_HEALTH].watch())
    yield
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)


async def _drain(app: web.Application) -> None:
    grace_s = app[SETTINGS].shutdown_grace_s
    if app[PIPELINE].failed is not None:
        grace_s = min(grace_s, FAILED_GRACE_S)
    await app[SESSIONS].close(grace_s)


async def _metrics_elsewhere(_: web.Request) -> web.StreamResponse:
    raise Denied(404, "metrics_elsewhere", "this server tells its metrics on --metrics-port: ask there")


async def _nothing(request: web.Request) -> web.StreamResponse:
    if request.method not in ("GET", "HEAD"):
        raise web.HTTPMethodNotAllowed(request.method, ("GET", "HEAD"))
    raise web.HTTPNotFound


async def _websocket(request: web.Request) -> web.StreamResponse:
    if speaks_legacy(request):
        return await request.app[SOCKETS].get(request)
    return await consultation(request, request.app[SESSIONS], request.app[SETTINGS], request.app[DOORKEEPER])


async def _page(request: web.Request) -> web.FileResponse:
    return web.FileResponse(STATIC / "index.html")


async def _watch_page(request: web.Request) -> web.FileResponse:
    return web.FileResponse(STATIC / "watch.html")
