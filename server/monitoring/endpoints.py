"""What operators ask the server over HTTP: whether it lives, whether it takes sessions, and its metrics.

With `--metrics-port` the metrics and the reasons behind a state are told on that port alone; the public port then says
live or not and ready or not. A reason may name a model, an address inside the network or a fault of a device, which
is of no use to who speaks and of some to who attacks.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from aiohttp import web

from inference.pipeline import Pipeline
from server.monitoring.health import ExtractionHealth
from server.monitoring.metrics import Metrics


class Places(Protocol):
    """The sessions of a server, as far as its readiness needs them."""

    @property
    def capacity(self) -> int: ...

    @property
    def open_count(self) -> int: ...

    @property
    def store_problem(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Endpoints:
    """The handlers. `started` is the future of the warm-up; `audit_problem` says why the audit trail cannot be written.

    `apart`: a port of its own tells the metrics and the details.
    """

    pipeline: Pipeline
    places: Places
    metrics: Metrics
    extraction: ExtractionHealth
    started: Callable[[], "asyncio.Future[None]"]
    audit_problem: Callable[[], str | None]
    apart: bool

    def private(self) -> web.Application:
        """The application of the metrics port."""
        app = web.Application()
        app.add_routes(
            [
                web.get("/health/live", self.live_in_detail),
                web.get("/health/ready", self.ready_in_detail),
                web.get("/metrics", self.exposition),
            ]
        )
        return app

    async def live(self, request: web.Request) -> web.Response:
        """200 while the process can work; 503 once nothing but a new process can."""
        told = await self.live_in_detail(request)
        return self._bare(told, "live", "failed")

    async def ready(self, request: web.Request) -> web.Response:
        """200 while the server takes new sessions, otherwise 503."""
        told = await self.ready_in_detail(request)
        return self._bare(told, "ready", "not ready")

    async def live_in_detail(self, _: web.Request) -> web.Response:
        reason = self.pipeline.failed
        if reason is not None:
            return web.json_response({"status": "failed", "reason": reason}, status=503)
        return web.json_response({"status": "live"})

    async def ready_in_detail(self, _: web.Request) -> web.Response:
        """200 when the engines are warm, otherwise 503 with a `reason` that says what happens or what to do.

        The status `degraded` is also 200: transcripts and the findings of the rules continue, whether the extraction
        model or the store is away, so an orchestrator must not refuse sessions because of it.
        """
        unready = self._unready()
        if unready is not None:
            status, reason = unready
            return web.json_response({"status": status, "reason": reason}, status=503)
        problems = [problem for problem in (self.extraction.problem, self.places.store_problem) if problem is not None]
        return web.json_response(
            {
                "status": "degraded" if problems else "ready",
                **({"reason": "; ".join(problems)} if problems else {}),
                "models": self.pipeline.models,
                "capacity": self.places.capacity,
                "sessions": self.places.open_count,
            }
        )

    async def exposition(self, _: web.Request) -> web.Response:
        return web.Response(body=self.metrics.text(), headers={"Content-Type": "text/plain; version=0.0.4"})

    def _bare(self, told: web.Response, well: str, ill: str) -> web.Response:
        """The same HTTP status without the reason, the models and the numbers, where another port tells these."""
        if not self.apart:
            return told
        return web.json_response({"status": well if told.status == 200 else ill}, status=told.status)

    def _unready(self) -> tuple[str, str] | None:
        pipeline = self.pipeline
        if pipeline.ready:
            problem = self.audit_problem()
            return ("audit unavailable", problem) if problem is not None else None
        if pipeline.failed is not None:
            return "failed", pipeline.failed
        started = self.started()
        if started.done() and not started.cancelled() and (error := started.exception()) is not None:
            return "failed", f"warm-up failed ({type(error).__name__}): see the log"
        if pipeline.restarting:
            return "restarting", "an engine failed and is being started again; open sessions go on by themselves"
        return "warming up", "the models are loaded and measured"
